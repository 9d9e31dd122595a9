# SPDX-License-Identifier: Apache-2.0
"""Arrays on the wire: dtype, shape and raw little-endian bytes, checked before anybody computes
with them.
"""

from collections.abc import Sequence
from math import isfinite, prod
from typing import Annotated, Any

import msgspec
import numpy as np

from offchain.wire.errors import TensorError

DTYPES = frozenset(
    ("float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "bool")
)
MAX_DIMS = 8
_SHORT = 4_096
_KINDS = {name: np.dtype(name) for name in DTYPES}
_NAMES = {kind: name for name, kind in _KINDS.items()}  # numpy spells a name out anew each time

_Dim = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]


class Tensor(msgspec.Struct, array_like=True, frozen=True, eq=False, gc=False):
    """An array in row-major order.

    `data` decodes as a view into the received message: it is not copied, and it is read-only.
    """

    dtype: Annotated[str, msgspec.Meta(max_length=8)]
    shape: Annotated[tuple[_Dim, ...], msgspec.Meta(max_length=MAX_DIMS)]
    data: memoryview

    @classmethod
    def of(cls, array: Any) -> "Tensor":
        """Wrap an array, a long one without copying it if it is contiguous; TensorError for a
        dtype that does not travel.
        """
        array = np.asarray(array, order="C")
        name = _NAMES.get(array.dtype)
        if name is None:
            raise TensorError(f"tensor: dtype {array.dtype.name}, wanted one of {sorted(DTYPES)}")
        if array.nbytes > _SHORT:
            return cls(name, array.shape, memoryview(array).cast("B"))
        return cls(name, array.shape, memoryview(array.tobytes()))  # cheaper than that view

    @classmethod
    def split(cls, array: Any, sizes: Sequence[int]) -> "list[Tensor]":
        """Consecutive rows of an array, as many in each as `sizes` says; TensorError as `of`, or
        if there are more rows or fewer.
        """
        whole = cls.of(array)
        if whole.shape[:1] != (sum(sizes),):
            raise TensorError(f"tensor: shape {whole.shape}, wanted {sum(sizes)} rows")
        rest = whole.shape[1:]
        row_bytes = prod(rest) * _KINDS[whole.dtype].itemsize
        tensors, start = [], 0
        for rows in sizes:
            end = start + rows * row_bytes
            tensors.append(cls(whole.dtype, (rows, *rest), whole.data[start:end]))
            start = end
        return tensors

    def check(self, *, dtype: str = "", shape: tuple[int | None, ...] | None = None) -> None:
        """TensorError unless dtype and shape are as demanded and the bytes are as many as they
        say. `shape` may hold None for an axis of any length.
        """
        kind = _KINDS.get(self.dtype)
        if kind is None or (dtype and dtype != self.dtype):
            raise TensorError(f"tensor: dtype {self.dtype!r}, wanted {dtype or sorted(DTYPES)}")
        if shape is not None and not _fits(self.shape, shape):
            raise TensorError(f"tensor: shape {self.shape}, wanted {shape}")
        size = prod(self.shape) * kind.itemsize  # Python integers: no overflow to exploit
        got = memoryview(self.data).nbytes
        if got != size:
            raise TensorError(f"tensor: {got} bytes for shape {self.shape}, wanted {size}")

    def numpy(
        self, *, dtype: str = "", shape: tuple[int | None, ...] | None = None, finite: bool = True
    ) -> np.ndarray[Any, Any]:
        """The array, without copying. Raises TensorError as `check`, and where `finite` for NaN
        and infinities.
        """
        self.check(dtype=dtype, shape=shape)
        return _array(self.data, self.dtype, self.shape, finite)


def joined(tensors: Sequence[Tensor]) -> np.ndarray[Any, Any]:
    """The rows of all, one after the other, in an array; of one tensor without copying. They have
    passed `check`. TensorError unless they go together and hold finite numbers.
    """
    first = tensors[0]
    if len(tensors) == 1:
        return _array(first.data, first.dtype, first.shape, True)
    dtype, rest = first.dtype, first.shape[1:]
    rows = 0
    for tensor in tensors:
        if tensor.dtype != dtype or tensor.shape[1:] != rest:
            raise TensorError(f"tensor: {tensor.dtype} {tensor.shape} beside {dtype} {first.shape}")
        rows += tensor.shape[0]
    data = b"".join([tensor.data for tensor in tensors])
    return _array(data, dtype, (rows, *rest), True)


def _array(
    data: bytes | memoryview, dtype: str, shape: tuple[int, ...], finite: bool
) -> np.ndarray[Any, Any]:
    kind = _KINDS[dtype]
    flat = np.frombuffer(data, kind)
    if finite and kind.kind == "f" and not _is_finite(flat):
        raise TensorError("tensor: NaN or infinity, wanted finite numbers")
    try:
        return flat.reshape(shape)
    except ValueError as error:  # no elements, and axes that numpy does not count
        raise TensorError(f"tensor: shape {shape}") from error


def _is_finite(flat: np.ndarray[Any, Any]) -> bool:
    # A sum of squares is finite only if every number is; only large ones need the long way. Of
    # large arrays BLAS would compute it with threads of its own.
    short = flat.size <= _SHORT and isfinite(flat.dot(flat))
    return short or bool(np.isfinite(flat).all())


def _fits(got: tuple[int, ...], want: tuple[int | None, ...]) -> bool:
    if len(got) != len(want):
        return False
    if want and want[0] is None and got[1:] == want[1:]:  # most are like that, and this costs least
        return True
    return all(w is None or g == w for g, w in zip(got, want, strict=True))
