# SPDX-License-Identifier: Apache-2.0
"""A decoder's graph on ONNX Runtime: many answers in one batch, caches that stay on the device.

Answers of different lengths share a batch by padding on the left: all of them end at the same
place, where the next token goes, and the mask hides the padding. The caches that a step returns
are the input of the next one by IO binding, without a copy through Python; only when an answer
joins or leaves are they rearranged.
"""

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort

from miners.checks import check_safety, first_line
from miners.errors import ModelError
from miners.llm.folder import DecoderFolder
from miners.providers import DEVICES, open_session

MAX_FILE_BYTES = 2**31 - 1  # of a protobuf


class CachedDecoder:
    """Backend of an engine: `join` a prompt, `step` all answers by a token, `drop` the finished.

    Each returns or takes logits (vocabulary,) and tokens by slot, a number that the caller
    chooses.
    """

    def __init__(
        self,
        folder: DecoderFolder,
        *,
        content: bytes | None = None,
        threads: int = 1,
        providers: list[str] | None = None,
    ) -> None:
        """ModelError if the graph is unsafe or not what the folder describes. It is read from the
        folder's file unless its `content` is given.
        """
        content = _read(folder.model_file) if content is None else content
        check_safety(content, str(folder.model_file))
        self._session, self.provider = open_session(content, providers, threads=threads)
        self._folder = folder
        self._device = DEVICES.get(self.provider, "cpu")
        self._slots: list[int] = []
        self._lengths: list[int] = []  # tokens in the cache, padding not counted
        self._mask = np.zeros((0, 0), dtype=np.int64)  # (batch, past)
        self._caches: list[Any] = []  # per name of `past`: (batch, heads, past, head)
        self._joining: list[tuple[int, int, list[Any]]] = []  # slot, length, caches
        self._leaving: set[int] = set()
        self._check_names()

    def join(self, slot: int, tokens: list[int]) -> Any:
        """Read a prompt; logits (vocabulary,) of what follows it."""
        length = len(tokens)
        mask = np.ones((1, length), dtype=np.int64)
        positions = np.arange(length, dtype=np.int64)[None]
        logits, caches = self._run(np.array([tokens]), mask, positions, self._empty())
        self._joining.append((slot, length, caches))
        return logits.numpy()[0, -1].copy()

    def step(self, tokens: dict[int, int]) -> dict[int, Any]:
        """Append one token to every answer that has joined and not been dropped; logits of each."""
        self._rearrange()
        ids = np.array([[tokens[slot]] for slot in self._slots])
        positions = np.array(self._lengths, dtype=np.int64)[:, None]
        self._mask = np.pad(self._mask, ((0, 0), (0, 1)), constant_values=1)
        logits, self._caches = self._run(ids, self._mask, positions, self._caches)
        self._lengths = [length + 1 for length in self._lengths]
        last = logits.numpy()[:, -1].copy()  # (batch, vocabulary)
        return {slot: last[row] for row, slot in enumerate(self._slots)}

    def drop(self, slot: int) -> None:
        """Forget an answer."""
        before = len(self._joining)
        self._joining = [item for item in self._joining if item[0] != slot]
        if len(self._joining) == before:
            self._leaving.add(slot)

    def reset(self) -> None:
        """Forget all answers."""
        self._slots, self._lengths, self._caches, self._joining = [], [], [], []
        self._leaving.clear()
        self._mask = np.zeros((0, 0), dtype=np.int64)

    def logits_of(self, tokens: list[int]) -> Any:
        """Logits (len(tokens), vocabulary) after each token of one text, in one run."""
        length = len(tokens)
        mask = np.ones((1, length), dtype=np.int64)
        positions = np.arange(length, dtype=np.int64)[None]
        logits, _caches = self._run(np.array([tokens]), mask, positions, self._empty())
        return logits.numpy()[0].copy()

    def _run(self, ids: Any, mask: Any, positions: Any, past: list[Any]) -> tuple[Any, list[Any]]:
        folder, binding = self._folder, self._session.io_binding()
        binding.bind_cpu_input(folder.input_ids, ids.astype(np.int64))
        if folder.attention_mask:
            binding.bind_cpu_input(folder.attention_mask, mask)
        if folder.position_ids:
            binding.bind_cpu_input(folder.position_ids, positions)
        for name, cache in zip(folder.past, past, strict=True):
            binding.bind_ortvalue_input(name, cache)
        binding.bind_output(folder.logits, "cpu")
        for name in folder.present:
            binding.bind_output(name, self._device)
        try:
            self._session.run_with_iobinding(binding)
        except Exception as error:  # onnxruntime's errors have no common base
            raise ModelError(f"decoder: {first_line(error)}") from error
        logits, *present = binding.get_outputs()
        return logits, present

    def _empty(self) -> list[Any]:
        shape = (1, self._folder.heads, 0, self._folder.head)
        return [self._value(np.zeros(shape, dtype=self._kind)) for _ in self._folder.past]

    def _value(self, array: Any) -> Any:
        return ort.OrtValue.ortvalue_from_numpy(array, self._device, 0)

    def _rearrange(self) -> None:
        """Take out who leaves, put in who joins, and cut padding that nobody needs."""
        if not self._joining and not self._leaving:
            return
        stay = [row for row, slot in enumerate(self._slots) if slot not in self._leaving]
        lengths = [self._lengths[row] for row in stay] + [item[1] for item in self._joining]
        past = max(lengths, default=0)
        old = [cache.numpy() for cache in self._caches]
        found = []
        for number in range(len(self._folder.past)):
            rows = [old[number][row] for row in stay]
            rows += [caches[number].numpy()[0] for _, _, caches in self._joining]
            found.append(self._value(_padded(rows, past)) if rows else None)
        self._caches = found
        self._slots = [self._slots[row] for row in stay] + [item[0] for item in self._joining]
        self._lengths = lengths
        places = np.arange(past)[None, :]
        self._mask = (places >= past - np.array(lengths)[:, None]).astype(np.int64)
        self._joining = []
        self._leaving.clear()

    def _check_names(self) -> None:
        folder = self._folder
        inputs = {value.name: value for value in self._session.get_inputs()}
        wanted = {folder.input_ids, folder.attention_mask, folder.position_ids, *folder.past} - {""}
        outputs = {value.name for value in self._session.get_outputs()}
        if set(inputs) != wanted or not outputs >= {folder.logits, *folder.present}:
            raise ModelError(
                f"{folder.model_file}: its inputs are {sorted(inputs)[:6]}..., "
                f"{folder.path.name} describes {sorted(wanted)[:6]}...",
                next_step="Install `evmtensor[genai]`, which runs more kinds of graphs.",
            )
        kind = inputs[folder.past[0]].type
        self._kind = {"tensor(float)": np.float32, "tensor(float16)": np.float16}.get(kind)
        if self._kind is None:
            raise ModelError(f"{folder.model_file}: caches of {kind}, wanted float or float16")


def _padded(rows: list[Any], past: int) -> Any:
    """Rows (heads, length, head) with their last `past` places, padded on the left, as a batch."""
    heads, _, head = rows[0].shape
    batch = np.zeros((len(rows), heads, past, head), dtype=rows[0].dtype)
    for place, row in zip(batch, rows, strict=True):
        length = min(row.shape[1], past)
        place[:, past - length :] = row[:, row.shape[1] - length :]
    return batch


def _read(path: Path) -> bytes:
    size = path.stat().st_size
    if size > MAX_FILE_BYTES:
        raise ModelError(
            f"{path}: {size} bytes", next_step="Install `evmtensor[genai]` for large models."
        )
    return path.read_bytes()
