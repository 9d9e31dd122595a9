# SPDX-License-Identifier: Apache-2.0
"""Arrays on the wire: dtype, shape and raw little-endian bytes, checked before anybody computes
with them.
"""

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
        """Wrap an array without copying it, if it is contiguous; TensorError for a dtype that
        does not travel.
        """
        array = np.asarray(array, order="C")
        name = _NAMES.get(array.dtype)
        if name is None:
            raise TensorError(f"tensor: dtype {array.dtype.name}, wanted one of {sorted(DTYPES)}")
        # a view of no bytes has no other form, and costs more
        data = memoryview(array).cast("B") if array.size else memoryview(b"")
        return cls(name, array.shape, data)

    def numpy(
        self, *, dtype: str = "", shape: tuple[int | None, ...] | None = None, finite: bool = True
    ) -> np.ndarray[Any, Any]:
        """The array, without copying. Raises TensorError unless bytes, dtype, shape and values
        are as demanded.

        `shape` may hold None for an axis of any length; `finite` refuses NaN and infinities.
        """
        kind = _KINDS.get(self.dtype)
        if kind is None or (dtype and dtype != self.dtype):
            raise TensorError(f"tensor: dtype {self.dtype!r}, wanted {dtype or sorted(DTYPES)}")
        if shape is not None and not _fits(self.shape, shape):
            raise TensorError(f"tensor: shape {self.shape}, wanted {shape}")
        size = prod(self.shape) * kind.itemsize  # Python integers: no overflow to exploit
        data = memoryview(self.data)
        if data.nbytes != size:
            raise TensorError(f"tensor: {data.nbytes} bytes for shape {self.shape}, wanted {size}")
        flat = np.frombuffer(data, kind)
        if finite and kind.kind == "f" and not _is_finite(flat):
            raise TensorError("tensor: NaN or infinity, wanted finite numbers")
        return flat.reshape(self.shape)


def _is_finite(flat: np.ndarray[Any, Any]) -> bool:
    # A sum of squares is finite only if every number is; only large ones need the long way. Of
    # large arrays BLAS would compute it with threads of its own.
    short = flat.size <= _SHORT and isfinite(flat.dot(flat))
    return short or bool(np.isfinite(flat).all())


def _fits(got: tuple[int, ...], want: tuple[int | None, ...]) -> bool:
    if len(got) != len(want):
        return False
    for g, w in zip(got, want, strict=True):  # noqa: SIM110  # a generator costs half a microsecond
        if w is not None and g != w:
            return False
    return True
