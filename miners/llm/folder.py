# SPDX-License-Identifier: Apache-2.0
"""A decoder's folder: what it holds, whether it is safe to load, and the hash that names it.

    model.onnx              the graph with its weights
    genai_config.json       layers, context, end tokens, names of the tensors
    tokenizer.json, ...     the tokenizer

This is the layout of onnxruntime-genai, which many published models come in. A folder that this
project exports also runs there, and the other way round if the graph is of plain operators.
"""

from dataclasses import dataclass
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec

from miners.errors import ModelError
from offchain.wire.errors import CallError
from offchain.wire.manifest import manifest_of, read_manifest

CONFIG = "genai_config.json"
MODEL_FILE = "model.onnx"
TOKENIZER_FILE = "tokenizer.json"
END_OF_TEXT = 256  # the token after the 256 bytes
MAX_CONFIG_BYTES = 64 * 2**20  # tokenizers of large vocabularies have tens of megabytes
_LAYOUT = "Lay it out as onnxruntime-genai's model builder does."

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
        tokenizer = path / TOKENIZER_FILE
        folder = cls.described(
            path, _content(path / CONFIG), _content(tokenizer) if tokenizer.is_file() else b""
        )
        if not folder.model_file.is_file():
            raise ModelError(
                f"{path}: has no {folder.model_file.name}", next_step="Export the decoder again."
            )
        return folder

    @classmethod
    def described(cls, path: Path, config_file: bytes, tokenizer_file: bytes) -> "DecoderFolder":
        """What these two files say about a folder, whose files need not lie on a disk. ModelError
        unless they describe one.
        """
        config = _decode(path / CONFIG, config_file, _Config).model
        graph = config.decoder
        model_file = path / graph.filename
        if model_file.parent != path:
            raise ModelError(
                f"{path / CONFIG}: names {graph.filename}, wanted a file beside it",
                next_step=_LAYOUT,
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
            is_bytes=_is_bytes(path / TOKENIZER_FILE, tokenizer_file),
        )


def is_decoder(path: Path) -> bool:
    """Whether a path is the folder of a decoder rather than a model's file."""
    return path.is_dir() and (path / CONFIG).is_file()


def folder_hash(path: Path) -> bytes:
    """What names a folder on chain: SHA-256 of its manifest (`offchain.wire.manifest`); hidden
    files and folders inside are left out.
    """
    return sha256(_manifest(path)).digest()


def published_files(path: Path, max_bytes: int) -> dict[bytes, bytes | Path]:
    """What a miner gives away of a folder, by hash: the manifest, and the files that it names.
    ModelError if validators could not fetch the decoder and run it again.
    """
    manifest = _manifest(path)
    try:
        names = read_manifest(manifest)
    except CallError as error:
        raise ModelError(f"{path}: {error}", next_step="Rename or remove files.") from error
    if not DecoderFolder.read(path).is_bytes:
        raise ModelError(
            f"{path}: validators re-execute decoders whose tokens are bytes, and its are not",
            next_step="Drop --publish.",
        )
    size = len(manifest) + sum((path / name).stat().st_size for name in names)
    if size > max_bytes:
        raise ModelError(
            f"{path}: {size} bytes, validators of this subnet fetch at most {max_bytes}",
            next_step="Drop --publish.",
        )
    files: dict[bytes, bytes | Path] = {digest: path / name for name, digest in names.items()}
    return files | {sha256(manifest).digest(): manifest}


def byte_vocabulary() -> dict[str, int]:
    """GPT-2's visible character for every byte -> the byte, as byte-level tokenizers write it."""
    visible = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in visible]
    characters = {byte: chr(byte) for byte in visible}
    characters |= {byte: chr(256 + place) for place, byte in enumerate(hidden)}
    return {characters[byte]: byte for byte in range(256)}


def _named(layers: int, key: str, value: str) -> tuple[str, ...]:
    return tuple(name.replace("%d", str(n)) for n in range(layers) for name in (key, value))


def _manifest(path: Path) -> bytes:
    return manifest_of(
        {
            file.name: _file_hash(file)
            for file in path.iterdir()
            if file.is_file() and not file.name.startswith(".")
        }
    )


def _file_hash(path: Path) -> bytes:
    with path.open("rb") as stream:
        return file_digest(stream, "sha256").digest()


def _is_bytes(path: Path, content: bytes) -> bool:
    if not content:
        return False
    model = _decode(path, content, _TokenizerFile).model
    if model.merges or not isinstance(model.vocab, dict):
        return False
    return byte_vocabulary().items() <= model.vocab.items()


def _content(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_CONFIG_BYTES:
            raise ModelError(f"{path}: over {MAX_CONFIG_BYTES} bytes", next_step=_LAYOUT)
        return path.read_bytes()
    except OSError as error:
        raise ModelError(
            f"{path}: cannot be read ({error.strerror})",
            next_step="Name the folder of a decoder: `python -m miners.llm.train --out decoder` "
            "makes one.",
        ) from error


def _decode(path: Path, content: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ModelError(f"{path}: {error}", next_step=_LAYOUT) from error
