# SPDX-License-Identifier: Apache-2.0
"""Sealed messages: nothing altered, repeated, reordered or cut is opened."""

import pytest
from blake3 import blake3
from hypothesis import given, settings
from hypothesis import strategies as st

from offchain.wire import FrameError
from offchain.wire.frames import decode_head
from offchain.wire.handshake import Keys
from offchain.wire.session import Session

ONE, TWO, ID = b"\1" * 32, b"\2" * 32, b"\3" * 32


def pair() -> tuple[Session, Session]:
    return Session(Keys(ID, ONE, TWO)), Session(Keys(ID, TWO, ONE))


def seal(session: Session, head: bytes, body: bytes) -> bytes:
    return session.seal(head, [body], blake3(body).digest())


@given(st.binary(max_size=200), st.binary(max_size=400))
@settings(max_examples=100)
def test_open__what_was_sealed__comes_out(head: bytes, body: bytes) -> None:
    a, b = pair()
    for _ in range(3):
        got_head, got_body, body_hash = b.open(seal(a, head, body), 1_000)
        assert (bytes(got_head), bytes(got_body)) == (head, body)
        assert body_hash == blake3(body).digest()


def test_I1_open__any_bit_altered__refused() -> None:
    a, _ = pair()
    message = seal(a, b"head", b"body")
    for position in range(len(message)):
        for bit in (1, 128):
            _, b = pair()
            broken = bytearray(message)
            broken[position] ^= bit
            with pytest.raises(FrameError):
                b.open(bytes(broken), 1_000)


def test_I1_open__repeated_skipped_or_reordered__refused() -> None:
    a, b = pair()
    first, second = seal(a, b"1", b""), seal(a, b"2", b"")
    with pytest.raises(FrameError, match="sequence"):
        b.open(second, 1_000)
    b.open(first, 1_000)
    with pytest.raises(FrameError, match="sequence"):
        b.open(first, 1_000)
    b.open(second, 1_000)


def test_FI_24_open__head_over_the_cap__refused_before_it_is_decoded() -> None:
    a, b = pair()
    with pytest.raises(FrameError, match="head of 1001 bytes"):
        b.open(seal(a, bytes(1_001), b""), 1_000)


def test_open__reflected_to_its_sender__refused() -> None:
    a, _ = pair()
    with pytest.raises(FrameError, match="MAC"):
        a.open(seal(a, b"1", b""), 1_000)


@pytest.mark.parametrize("size", range(33))
def test_open__cut__refused(size: int) -> None:
    a, b = pair()
    with pytest.raises(FrameError):
        b.open(seal(a, b"head", b"body")[:size], 1_000)


def test_open__head_over_the_cap__refused_before_decoding() -> None:
    a, b = pair()
    with pytest.raises(FrameError, match="head of"):
        b.open(seal(a, b"x" * 1_001, b""), 1_000)


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"\xc1",
        b"\x91" * 60_000,  # 60,000 nested arrays
        b"\xdd\xff\xff\xff\xff",  # an array of four billion
        b"\x91\x95\x01\xff\xa1x\x01\x01",  # a negative id
        b"\x91\x93\x02\x01\xcf" + b"\xff" * 8,  # a body of 2^64 - 1 bytes
        b"\x91\x93\x03\x01\x63",  # a code that does not exist
        b"\x91\x92\x09\x01",  # a frame that does not exist
    ],
)
def test_FI_24_head__hostile__refused(head: bytes) -> None:
    with pytest.raises(FrameError):
        decode_head(memoryview(head))
