# SPDX-License-Identifier: Apache-2.0
"""A decoder's folder: what it holds, whether it is safe to load, and the hash that names it.

    model.onnx              the graph with its weights
    genai_config.json       layers, context, end tokens, names of the tensors
    tokenizer.json, ...     the tokenizer

This is the layout of onnxruntime-genai, which many published models come in. A folder that this
project exports also runs there, and the other way round if the graph is of plain operators.
"""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec

from miners.errors import ModelError

CONFIG = "genai_config.json"
MODEL_FILE = "model.onnx"
TOKENIZER_FILE = "tokenizer.json"
END_OF_TEXT = 256  # the token after the 256 bytes
MAX_CONFIG_BYTES = 64 * 2**20  # tokenizers of large vocabularies have tens of megabytes

T = TypeVar("T")
Count = Annotated[int, msgspec.Meta(ge=1, le=2**31)]
Token = Annotated[int, msgspec.Meta(ge=0, le=2**31)]


class _Names(msgspec.Struct):
    input_ids: str = "input_ids"
    attention_mask: str = "attention_mask"
    position_ids: str = ""
    past_key_names: str = "past_key_values.%d.key"
    past_value_names: str = "past_key_values.%d.value"


class _Outputs(msgspec.Struct):
    logits: str = "logits"
    present_key_names: str = "present.%d.key"
    present_value_names: str = "present.%d.value"


class _Graph(msgspec.Struct):
    filename: str
    num_hidden_layers: Count
    num_key_value_heads: Count
    head_size: Count
    inputs: _Names = msgspec.field(default_factory=_Names)
    outputs: _Outputs = msgspec.field(default_factory=_Outputs)


class _Model(msgspec.Struct):
    decoder: _Graph
    context_length: Count
    vocab_size: Count
    eos_token_id: Token | list[Token]


class _Config(msgspec.Struct):
    model: _Model


class _Bpe(msgspec.Struct):
    vocab: dict[str, int] | list[tuple[str, float]]
    merges: list[list[str] | str] = []


class _TokenizerFile(msgspec.Struct):
    model: _Bpe


@dataclass(frozen=True, slots=True)
class DecoderFolder:
    """What a folder says about its model. `past`, `present`: names in the order of the layers,
    key before value.
    """

    path: Path
    model_file: Path
    layers: int
    heads: int  # of keys and values
    head: int
    vocabulary: int
    context: int  # tokens, prompt and answer together
    ends: frozenset[int]
    input_ids: str
    attention_mask: str
    position_ids: str
    past: tuple[str, ...]
    logits: str
    present: tuple[str, ...]
    is_bytes: bool  # a token per byte: no tokenizer library is needed

    @classmethod
    def read(cls, path: Path) -> "DecoderFolder":
        """ModelError unless the folder is one."""
        config = _decode(path / CONFIG, _Config).model
        graph = config.decoder
        model_file = path / graph.filename
        if model_file.parent != path or not model_file.is_file():
            raise ModelError(
                f"{path}: has no {graph.filename}", next_step="Export the decoder again."
            )
        ends = config.eos_token_id
        names, outputs = graph.inputs, graph.outputs
        return cls(
            path=path,
            model_file=model_file,
            layers=graph.num_hidden_layers,
            heads=graph.num_key_value_heads,
            head=graph.head_size,
            vocabulary=config.vocab_size,
            context=config.context_length,
            ends=frozenset(ends if isinstance(ends, list) else [ends]),
            input_ids=names.input_ids,
            attention_mask=names.attention_mask,
            position_ids=names.position_ids,
            past=_named(graph.num_hidden_layers, names.past_key_names, names.past_value_names),
            logits=outputs.logits,
            present=_named(
                graph.num_hidden_layers, outputs.present_key_names, outputs.present_value_names
            ),
            is_bytes=_is_bytes(path / TOKENIZER_FILE),
        )


def is_decoder(path: Path) -> bool:
    """Whether a path is the folder of a decoder rather than a model's file."""
    return path.is_dir() and (path / CONFIG).is_file()


def folder_hash(path: Path) -> bytes:
    """What names a folder on chain: SHA-256 over the lines `sha256(file)  name` of its files,
    sorted by name; hidden files and folders inside are left out.
    """
    lines = []
    for file in sorted(path.iterdir(), key=lambda p: p.name):
        if file.is_file() and not file.name.startswith("."):
            with file.open("rb") as stream:
                digest = sha256()
                while block := stream.read(2**20):
                    digest.update(block)
            lines.append(f"{digest.hexdigest()}  {file.name}\n")
    return sha256("".join(lines).encode()).digest()


def byte_vocabulary() -> dict[str, int]:
    """GPT-2's visible character for every byte -> the byte, as byte-level tokenizers write it."""
    visible = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in visible]
    characters = {byte: chr(byte) for byte in visible}
    characters |= {byte: chr(256 + place) for place, byte in enumerate(hidden)}
    return {characters[byte]: byte for byte in range(256)}


def _named(layers: int, key: str, value: str) -> tuple[str, ...]:
    return tuple(name.replace("%d", str(n)) for n in range(layers) for name in (key, value))


def _is_bytes(path: Path) -> bool:
    if not path.is_file():
        return False
    model = _decode(path, _TokenizerFile).model
    if model.merges or not isinstance(model.vocab, dict):
        return False
    return byte_vocabulary().items() <= model.vocab.items()


def _decode(path: Path, kind: type[T]) -> T:
    try:
        if path.stat().st_size > MAX_CONFIG_BYTES:
            raise ModelError(f"{path}: over {MAX_CONFIG_BYTES} bytes")
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except OSError as error:
        raise ModelError(
            f"{path}: cannot be read ({error.strerror})",
            next_step="Name the folder of a decoder: `python -m miners.llm.train --out decoder` "
            "makes one.",
        ) from error
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ModelError(f"{path}: {error}") from error
