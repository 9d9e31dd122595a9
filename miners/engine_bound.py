# SPDX-License-Identifier: Apache-2.0
"""Batches on a GPU without a copy too many: inputs and outputs stay where they are, for a few fixed
batch sizes, so that CUDA can record the kernels of a batch once and replay them.

A batch is padded to the next size; the rows of padding are computed and thrown away, which is
cheaper than launching the kernels one by one for a size of its own.
"""

from typing import Any

import numpy as np
import onnxruntime as ort
import structlog

from miners.checks import first_line
from miners.errors import ModelError
from miners.providers import CUDA, DEVICES, open_session

BUCKETS = (1, 8, 32, 128, 256)
_DTYPES = {
    "tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(float16)": np.float16,
    "tensor(int64)": np.int64, "tensor(int32)": np.int32, "tensor(int16)": np.int16,
    "tensor(int8)": np.int8, "tensor(uint8)": np.uint8, "tensor(uint16)": np.uint16,
    "tensor(bool)": np.bool_,
}  # fmt: skip

log = structlog.get_logger("evmtensor.miner")


class BoundModel:
    """Runs a session whose tensors have a batch axis and are fixed otherwise."""

    def __init__(
        self,
        session: Any,
        device: str,
        *,
        buckets: tuple[int, ...] = BUCKETS,
        capture: bool = False,
    ) -> None:
        """ModelError unless every tensor is of that kind."""
        self._session, self._device, self._capture = session, device, capture
        self._buckets = buckets
        self._inputs = [_row_of(value) for value in session.get_inputs()]
        self._outputs = [_row_of(value) for value in session.get_outputs()]
        self._bound: dict[int, tuple[Any, dict[str, Any], list[Any], Any]] = {}

    def run(self, feed: Any) -> list[Any]:
        """Outputs in the session's order, one row per row of `feed`."""
        rows, most = len(next(iter(feed.values()))), self._buckets[-1]
        parts = [
            self._run_part({n: a[start : start + most] for n, a in feed.items()})
            for start in range(0, rows, most)
        ]
        return (
            parts[0] if len(parts) == 1 else [np.concatenate(p) for p in zip(*parts, strict=True)]
        )

    def warm_up(self) -> None:
        """Run every batch size, so that no caller waits for a recording."""
        for bucket in self._buckets:
            zeros = {name: np.zeros((bucket, *row), dtype=kind) for name, row, kind in self._inputs}
            for _ in range(2):  # the first run allocates, the second records
                self._run_part(zeros)

    def _run_part(self, feed: Any) -> list[Any]:
        rows = len(next(iter(feed.values())))
        bucket = next(size for size in self._buckets if size >= rows)
        if bucket not in self._bound:
            self._bound[bucket] = self._bind(bucket)
        binding, inputs, outputs, options = self._bound[bucket]
        for name, row, kind in self._inputs:
            if feed[name].shape != (rows, *row) or feed[name].dtype != kind:
                raise ModelError(f"model: {name} is {feed[name].dtype} {feed[name].shape}")
            padded = np.zeros((bucket, *row), dtype=kind)
            padded[:rows] = feed[name]
            inputs[name].update_inplace(padded)
        self._session.run_with_iobinding(binding, options)
        return [
            value.numpy()[:rows].copy() for value in outputs
        ]  # the buffers serve the next batch

    def _bind(self, bucket: int) -> tuple[Any, dict[str, Any], list[Any], Any]:
        binding, inputs, outputs = self._session.io_binding(), {}, []
        for name, row, kind in self._inputs:
            inputs[name] = self._value(bucket, row, kind)
            binding.bind_ortvalue_input(name, inputs[name])
        for name, row, kind in self._outputs:
            outputs.append(self._value(bucket, row, kind))
            binding.bind_ortvalue_output(name, outputs[-1])
        options = ort.RunOptions()
        if self._capture:  # each batch size is a recording of its own
            options.add_run_config_entry("gpu_graph_id", str(bucket))
        return binding, inputs, outputs, options

    def _value(self, bucket: int, row: tuple[int, ...], kind: Any) -> Any:
        zeros = np.zeros((bucket, *row), dtype=kind)
        return ort.OrtValue.ortvalue_from_numpy(zeros, self._device, 0)


def open_bound(content: bytes, providers: list[str] | None = None) -> tuple[Any, str, Any]:
    """(session, provider, BoundModel or None): bound where there is a GPU, with recorded kernels
    where the model allows it. ModelError as `open_session`.
    """
    session, provider = open_session(content, providers)
    if provider not in DEVICES:
        return session, provider, None
    try:
        return _recorded(content, providers, provider)
    except Exception as error:  # onnxruntime's errors have no common base
        log.info("kernels are not recorded", reason=first_line(error))
    try:
        return session, provider, BoundModel(session, DEVICES[provider])
    except ModelError as error:
        log.info("tensors are not bound", reason=str(error))
        return session, provider, None


def _recorded(content: bytes, providers: list[str] | None, provider: str) -> tuple[Any, str, Any]:
    session, _ = open_session(content, providers, capture=True)
    bound = BoundModel(session, DEVICES[provider], capture=provider == CUDA)
    bound.warm_up()
    return session, provider, bound


def _row_of(value: Any) -> tuple[str, tuple[int, ...], Any]:
    """(name, shape of one row, dtype) of a session's tensor."""
    batch, *row = value.shape or [1]
    if isinstance(batch, int) or not all(isinstance(n, int) for n in row):
        raise ModelError(f"engine: {value.name} has shape {value.shape}, wanted one free axis")
    if value.type not in _DTYPES:
        raise ModelError(f"engine: {value.name} is {value.type}, which cannot be bound")
    return value.name, tuple(row), _DTYPES[value.type]
