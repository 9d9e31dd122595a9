# SPDX-License-Identifier: Apache-2.0
"""Arrays on the wire: dtype, shape and raw little-endian bytes, checked before anybody computes
with them.
"""

from math import prod
from typing import Annotated, Any

import msgspec
import numpy as np

from offchain.wire.errors import TensorError

DTYPES = frozenset(
    ("float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "bool")
)
MAX_DIMS = 8

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
        if array.dtype.name not in DTYPES:
            raise TensorError(f"tensor: dtype {array.dtype.name}, wanted one of {sorted(DTYPES)}")
        return cls(array.dtype.name, array.shape, memoryview(array.reshape(-1).view(np.uint8)))

    def numpy(
        self, *, dtype: str = "", shape: tuple[int | None, ...] | None = None, finite: bool = True
    ) -> np.ndarray[Any, Any]:
        """The array, without copying. Raises TensorError unless bytes, dtype, shape and values
        are as demanded.

        `shape` may hold None for an axis of any length; `finite` refuses NaN and infinities.
        """
        if self.dtype not in DTYPES or (dtype and dtype != self.dtype):
            raise TensorError(f"tensor: dtype {self.dtype!r}, wanted {dtype or sorted(DTYPES)}")
        if shape is not None and not _fits(self.shape, shape):
            raise TensorError(f"tensor: shape {self.shape}, wanted {shape}")
        kind = np.dtype(self.dtype)
        size = prod(self.shape) * kind.itemsize  # Python integers: no overflow to exploit
        data = memoryview(self.data)
        if data.nbytes != size:
            raise TensorError(f"tensor: {data.nbytes} bytes for shape {self.shape}, wanted {size}")
        array = np.frombuffer(data, dtype=kind).reshape(self.shape)
        if finite and kind.kind == "f" and not np.isfinite(array).all():
            raise TensorError("tensor: NaN or infinity, wanted finite numbers")
        return array


def _fits(got: tuple[int, ...], want: tuple[int | None, ...]) -> bool:
    return len(got) == len(want) and all(
        w is None or g == w for g, w in zip(got, want, strict=True)
    )
