# SPDX-License-Identifier: Apache-2.0
"""Sealed messages: a MAC and a sequence number on every WebSocket message of a session.

    mac 16 | sequence 8 | head length 4 | head (msgpack) | tail (the bodies, one after the other)

MAC = first 16 bytes of keyed BLAKE3(sequence | head length | head | BLAKE3(tail)). It is checked
before anything is decoded. The tail is hashed once: where a message holds one body, that hash
also names the body in receipts. WebSocket delivers in order, so the only acceptable sequence
number is the next one.
"""

from hmac import compare_digest
from struct import Struct as Layout

from blake3 import blake3

from offchain.wire.errors import FrameError
from offchain.wire.handshake import Keys

MAC_BYTES = 16
_FIXED = Layout(">QI")
_START = MAC_BYTES + _FIXED.size


class Session:
    """Both directions of one connection."""

    __slots__ = ("_receive", "_received", "_send", "_sent", "id")

    def __init__(self, keys: Keys) -> None:
        self.id = keys.session
        self._send, self._receive = keys.send, keys.receive
        self._sent = self._received = 0

    def seal(self, head: bytes, bodies: list[bytes], tail_hash: bytes) -> bytes:
        """One message; `tail_hash` is BLAKE3 of the bodies joined."""
        fixed = _FIXED.pack(self._sent, len(head))
        self._sent += 1
        mac = blake3(fixed + head + tail_hash, key=self._send).digest(MAC_BYTES)
        return b"".join((mac, fixed, head, *bodies))

    def open(self, message: bytes, max_head: int) -> tuple[memoryview, memoryview, bytes]:
        """(head, tail, BLAKE3 of the tail); FrameError for a wrong MAC, sequence number or
        length.
        """
        if len(message) < _START:
            raise FrameError(f"message: {len(message)} bytes, wanted at least {_START}")
        sequence, head_size = _FIXED.unpack_from(message, MAC_BYTES)
        if head_size > max_head or _START + head_size > len(message):
            raise FrameError(f"message: head of {head_size} bytes, wanted at most {max_head}")
        view = memoryview(message)
        tail = view[_START + head_size :]
        tail_hash = blake3(tail).digest()
        signed = message[MAC_BYTES : _START + head_size] + tail_hash
        mac = blake3(signed, key=self._receive).digest(MAC_BYTES)
        if not compare_digest(mac, message[:MAC_BYTES]):
            raise FrameError("message: wrong MAC")
        if sequence != self._received:
            raise FrameError(f"message: sequence {sequence}, wanted {self._received}")
        self._received += 1
        return view[_START : _START + head_size], tail, tail_hash
