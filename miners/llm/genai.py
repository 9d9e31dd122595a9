# SPDX-License-Identifier: Apache-2.0
"""The optional package onnxruntime-genai as a backend: its graphs, its tokenizers, its chat
templates. One generator per answer, stepped in turn; the next token is chosen here, so that the
same `Sampling` means the same everywhere.
"""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from miners.checks import first_line
from miners.errors import ModelError
from miners.llm.folder import DecoderFolder
from offchain.subnets.text import Turn


class GenaiDecoder:
    """A folder run by onnxruntime-genai; see `cached.CachedDecoder` for the methods."""

    def __init__(self, folder: DecoderFolder) -> None:
        """ModelError if the package is missing or refuses the folder."""
        self._og = _package()
        try:
            self._model = self._og.Model(str(folder.path))
            self.tokenizer = GenaiTokenizer(self._og.Tokenizer(self._model))
        except Exception as error:  # its errors have no common base
            raise ModelError(
                f"{folder.path}: onnxruntime-genai refuses it: {first_line(error)}",
                next_step="Name a folder as onnxruntime-genai's model builder writes it.",
            ) from error
        self.provider = f"onnxruntime-genai {self._og.__version__} ({self._model.device_type})"
        self._context = folder.context
        self._generators: dict[int, Any] = {}

    def join(self, slot: int, tokens: list[int]) -> Any:
        """Read a prompt; logits (vocabulary,) of what follows it."""
        try:
            parameters = self._og.GeneratorParams(self._model)
            parameters.set_search_options(max_length=self._context, do_sample=False)
            generator = self._og.Generator(self._model, parameters)
        except Exception as error:
            raise ModelError(f"decoder: {first_line(error)}") from error
        logits = self._append(generator, tokens)
        self._generators[slot] = generator
        return logits

    def step(self, tokens: dict[int, int]) -> dict[int, Any]:
        """Append one token to every answer; logits of each."""
        return {slot: self._append(self._generators[slot], [t]) for slot, t in tokens.items()}

    def drop(self, slot: int) -> None:
        """Forget an answer."""
        del self._generators[slot]

    def reset(self) -> None:
        """Forget all answers."""
        self._generators.clear()

    def _append(self, generator: Any, tokens: list[int]) -> Any:
        try:
            generator.append_tokens(np.array([tokens], dtype=np.int32))
            return np.asarray(generator.get_logits())[0, -1]
        except Exception as error:
            raise ModelError(f"decoder: {first_line(error)}") from error


class GenaiTokenizer:
    """The tokenizer of a folder."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer

    @classmethod
    def of(cls, folder: DecoderFolder) -> "GenaiTokenizer":
        """The tokenizer alone, for a graph that another backend runs."""
        return GenaiDecoder(folder).tokenizer

    def encode(self, text: str) -> list[int]:
        """Tokens of a text."""
        return [int(token) for token in self._tokenizer.encode(text)]

    def stream(self) -> "GenaiStream":
        """A new answer."""
        return GenaiStream(self._tokenizer.create_stream())

    def chat(self, turns: Sequence[Turn]) -> str:
        """The conversation in the model's own template; ModelError if it has none."""
        messages = [{"role": turn.role, "content": turn.content} for turn in turns]
        try:
            text: str = self._tokenizer.apply_chat_template(
                json.dumps(messages), add_generation_prompt=True
            )
        except Exception as error:
            raise ModelError(f"decoder: no chat template: {first_line(error)}") from error
        return text


class GenaiStream:
    """Tokens of one answer become text."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def push(self, token: int) -> str:
        """What can be said after one more token."""
        text: str = self._stream.decode(token)
        return text

    def end(self) -> str:
        """Nothing: the package keeps what is no character."""
        return ""


def _package() -> Any:
    try:
        import onnxruntime_genai
    except ImportError as error:
        raise ModelError(
            "decoder: this folder needs onnxruntime-genai, which is not installed",
            next_step="Run `pip install 'evmtensor[genai]'`.",
        ) from error
    onnxruntime_genai.disable_telemetry_events()  # a miner reports to nobody
    return onnxruntime_genai
