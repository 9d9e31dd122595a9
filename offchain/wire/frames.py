# SPDX-License-Identifier: Apache-2.0
"""The frames inside a sealed message: small msgpack heads; the bodies follow in the message's
tail, in this order.
"""

from typing import Annotated

import msgspec

from offchain.wire.errors import Code, FrameError
from offchain.wire.handshake import Bytes32, Seconds, Signature
from offchain.wire.synapse import MAX_ROUTE_CHARS

Id = Annotated[int, msgspec.Meta(ge=0, lt=2**53)]
Size = Annotated[int, msgspec.Meta(ge=0, lt=2**32)]


class Request(msgspec.Struct, array_like=True, tag=1, gc=False, forbid_unknown_fields=True):
    """A question; its body is the encoded synapse."""

    id: Id  # strictly increasing per direction, so no number is ever answered twice
    route: Annotated[str, msgspec.Meta(max_length=MAX_ROUTE_CHARS)]
    timeout_ms: Annotated[int, msgspec.Meta(ge=0, lt=2**31)]
    size: Size


class Answer(msgspec.Struct, array_like=True, tag=2, gc=False, forbid_unknown_fields=True):
    """The answer to question `id`; its body is the encoded answer fields."""

    id: Id
    size: Size


class Failure(msgspec.Struct, array_like=True, tag=3, gc=False, forbid_unknown_fields=True):
    """No answer to question `id`, and why."""

    id: Id
    code: Code


class Receipt(msgspec.Struct, array_like=True, tag=4, gc=False, forbid_unknown_fields=True):
    """The answerer's signature under a Merkle root over the answers `ids`, in this order (see
    `receipts.py`).
    """

    ids: Annotated[list[Id], msgspec.Meta(min_length=1, max_length=4_096)]
    model: Bytes32
    root: Bytes32
    time: Seconds
    signature: Signature


class Part(msgspec.Struct, array_like=True, tag=5, gc=False, forbid_unknown_fields=True):
    """A part of a streamed answer, in order; an `Answer` without a body ends the stream."""

    id: Id
    size: Size


class Cancel(msgspec.Struct, array_like=True, tag=6, gc=False, forbid_unknown_fields=True):
    """The asker wants no more of question `id`; a `Failure` or `Answer` still ends it."""

    id: Id


Frame = Request | Answer | Failure | Receipt | Part | Cancel

_ENCODER = msgspec.msgpack.Encoder()
_DECODER: msgspec.msgpack.Decoder[list[Frame]] = msgspec.msgpack.Decoder(
    Annotated[list[Frame], msgspec.Meta(max_length=4_096)]
)


def encode_head(frames: list[Frame]) -> bytes:
    """The head of one message."""
    return _ENCODER.encode(frames)


def decode_head(head: memoryview) -> list[Frame]:
    """The frames of a head; FrameError for anything else."""
    try:
        return _DECODER.decode(head)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise FrameError("message: the head breaks its schema") from error
