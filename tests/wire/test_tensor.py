# SPDX-License-Identifier: Apache-2.0
"""I7, FI-23: arrays that lie about themselves are refused before anybody computes with them."""

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from offchain.wire import Tensor, TensorError
from offchain.wire.tensor import joined

DECODER = msgspec.msgpack.Decoder(Tensor)


@pytest.mark.parametrize(
    "dtype", ["float16", "float32", "float64", "int8", "uint8", "int64", "bool"]
)
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 4), (2, 3, 4)])
def test_tensor__travels__unchanged(dtype: str, shape: tuple[int, ...]) -> None:
    array = np.arange(int(np.prod(shape))).reshape(shape).astype(dtype)
    got = DECODER.decode(msgspec.msgpack.encode(Tensor.of(array))).numpy()
    assert got.dtype == array.dtype
    assert got.shape == array.shape
    assert (got == array).all()


def test_tensor__not_contiguous__copied_into_order() -> None:
    array = np.arange(6, dtype=np.int32).reshape(2, 3).T
    assert (Tensor.of(array).numpy() == array).all()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_I7_tensor__not_finite__refused(value: float) -> None:
    tensor = Tensor.of(np.array([1.0, value], dtype=np.float32))
    with pytest.raises(TensorError, match="NaN"):
        tensor.numpy()
    assert len(tensor.numpy(finite=False)) == 2


@pytest.mark.parametrize(
    ("dtype", "shape", "data"),
    [
        ("float32", (2,), b"1234"),
        ("float32", (2**31 - 1,) * 8, b""),  # 2^251 bytes
        ("float32", (2**31 - 1, 0), b"x"),
        ("object", (1,), bytes(8)),
        ("<f4", (1,), bytes(4)),
        ("str", (1,), bytes(4)),
        ("", (0,), b""),
    ],
)
def test_FI_23_tensor__lies__refused(dtype: str, shape: tuple[int, ...], data: bytes) -> None:
    with pytest.raises(TensorError):
        Tensor(dtype, shape, memoryview(data)).numpy()


@pytest.mark.parametrize(
    "raw",
    [
        ["float32", [-1], b""],
        ["float32", [2**31], b""],
        ["float32", [1] * 9, b"1234"],
        ["float32", [1.5], b"1234"],
        ["float32" * 9, [1], b"1234"],
        ["float32", [1], "text"],
        ["float32", 4, b"1234"],
    ],
)
def test_FI_23_tensor__breaks_the_schema__not_decoded(raw: list[object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        DECODER.decode(msgspec.msgpack.encode(raw))


def test_tensor__other_dtype_or_shape_than_demanded__refused() -> None:
    tensor = Tensor.of(np.zeros((2, 3), dtype=np.float32))
    for demand in ({"dtype": "float64"}, {"shape": (2,)}, {"shape": (None, 4)}):
        with pytest.raises(TensorError):
            tensor.numpy(**demand)
    assert tensor.numpy(dtype="float32", shape=(None, 3)).shape == (2, 3)


def test_tensor__dtype_that_does_not_travel__refused_at_the_source() -> None:
    for array in (np.array(["a"]), np.array([object()]), np.array([1j])):
        with pytest.raises(TensorError):
            Tensor.of(array)


@given(
    arrays=st.lists(
        hnp.arrays(
            np.float32,
            st.tuples(st.integers(0, 5), st.just(3)),
            elements=st.floats(-1e9, 1e9, width=32),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_split_and_joined__any_rows__the_same_bits_in_order(arrays: list[np.ndarray]) -> None:
    whole = np.concatenate(arrays)
    parts = Tensor.split(whole, [len(array) for array in arrays])
    assert [part.shape for part in parts] == [array.shape for array in arrays]
    for part, array in zip(parts, arrays, strict=True):
        assert part.numpy().tobytes() == array.tobytes()
    assert joined(parts).tobytes() == whole.tobytes()
    assert joined(parts).shape == whole.shape


def test_joined__one_is_not_finite_or_of_another_kind__refused() -> None:
    good = Tensor.of(np.ones((2, 3), dtype=np.float32))
    for bad in (
        np.full((1, 3), np.nan, dtype=np.float32),
        np.full((1, 3), np.inf, dtype=np.float32),
        np.ones((1, 4), dtype=np.float32),
        np.ones((1, 3), dtype=np.float64),
    ):
        for both in ([good, Tensor.of(bad)], [Tensor.of(bad), good]):
            with pytest.raises(TensorError):
                joined(both)
    assert joined([good, good]).shape == (4, 3)


def test_check__demand_of_every_axis__as_numpy() -> None:
    tensor = Tensor.of(np.ones((2, 3), dtype=np.float32))
    tensor.check(dtype="float32", shape=(2, 3))
    tensor.check(shape=(None, None))
    for shape in ((), (2,), (3, 3), (None, 2), (2, None, None)):
        with pytest.raises(TensorError):
            tensor.check(shape=shape)
    with pytest.raises(TensorError):
        Tensor("float32", (2, 3), memoryview(bytes(23))).check()
    Tensor.of(np.float32(1)).check(shape=())
