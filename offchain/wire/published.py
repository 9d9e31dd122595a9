# SPDX-License-Identifier: Apache-2.0
"""Published models: a miner that wants its answers to be checkable gives its files away, in parts.

A model is one file, or a folder: then its hash is that of the folder's manifest, which is
published like a file and names the others. Whoever fetches one decides beforehand how large it may
be, and believes nothing but its hash.
"""

import asyncio
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from time import monotonic
from typing import Annotated, ClassVar

import msgspec

from offchain.wire.dendrite import Dendrite
from offchain.wire.egress import Endpoint
from offchain.wire.errors import CallError, Code
from offchain.wire.handshake import Bytes32
from offchain.wire.synapse import Synapse

PART_BYTES = 2**20
_PART_TIMEOUT_S = 10.0

_Count = Annotated[int, msgspec.Meta(ge=0, lt=2**53)]


class ModelPart(Synapse):
    """PART_BYTES of a model's file from `offset` on, fewer at its end. `size` is the whole file's;
    0: that file is not published here.
    """

    ANSWERS: ClassVar[tuple[str, ...]] = ("size", "content")
    MAX_BYTES: ClassVar[int] = PART_BYTES + 1_024

    model: Bytes32
    offset: _Count
    size: _Count | None = None
    content: bytes | None = None


def answer_part(synapse: ModelPart, published: Mapping[bytes, bytes | Path]) -> ModelPart:
    """Fill in the answer from what is published: by hash, in memory or on disk."""
    found = published.get(synapse.model, b"")
    if isinstance(found, Path):
        with found.open("rb") as stream:
            synapse.size = found.stat().st_size
            stream.seek(synapse.offset)
            synapse.content = stream.read(PART_BYTES)
    else:
        synapse.size = len(found)
        synapse.content = found[synapse.offset : synapse.offset + PART_BYTES]
    return synapse


async def fetch_file(
    dendrite: Dendrite, endpoint: Endpoint, digest: bytes, *, max_bytes: int, timeout_s: float
) -> bytes | None:
    """The file whose SHA-256 is `digest`; None if this miner does not publish it.

    CallError if it is larger than `max_bytes`, too slow, or another file.
    """
    until = monotonic() + timeout_s
    content, size = bytearray(), 1
    while (got := len(content)) < size:
        left = min(_PART_TIMEOUT_S, until - monotonic())
        if left <= 0:
            raise CallError(Code.LATE, f"{endpoint.hotkey}: its model took over {timeout_s:.0f} s")
        try:
            reply = await dendrite.call(endpoint, ModelPart(model=digest, offset=got), left)
        except CallError as error:
            if error.code is Code.NO_ROUTE:
                return None
            raise
        filled = reply.synapse
        if filled is None or not filled.size:
            return None
        if filled.size > max_bytes:
            raise CallError(
                Code.TOO_LARGE,
                f"{endpoint.hotkey}: model of {filled.size} bytes, wanted at most {max_bytes}",
            )
        if not filled.content or (got and filled.size != size):
            raise CallError(Code.BAD_ANSWER, f"{endpoint.hotkey}: its model has a hole at {got}")
        size = filled.size
        content += filled.content
    if len(content) != size or await asyncio.to_thread(_sha256, content) != digest:
        raise CallError(Code.BAD_ANSWER, f"{endpoint.hotkey}: its model has another hash")
    return bytes(content)


def _sha256(content: bytearray) -> bytes:
    return sha256(content).digest()
