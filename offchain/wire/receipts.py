# SPDX-License-Identifier: Apache-2.0
"""Receipts: one signature under many answers, so that each of them can be shown to a third party.

    request  = BLAKE3("request" | session | id | route | BLAKE3(body))
    answer   = BLAKE3(body), of a stream BLAKE3("stream" | BLAKE3(part) | ...)
    leaf     = SHA-256(0x00 | request | answer | model)
    node     = SHA-256(0x01 | left | right); an odd node moves up alone
    signed   = EIP-712 Receipt(caller, session, root, count, time), types as in `_TYPE`

SHA-256 because the EVM has it as a precompile and Python has it in hardware: a contract can check
a path cheaply. A request's number is unique in its session, and so is the session: an honest
miner never signs two answers to one request, whatever its model. Two such signatures are
therefore proof against it (`check_equivocation`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

import msgspec
from blake3 import blake3
from eth_hash.auto import keccak

from offchain.wire.errors import HandshakeError, ReceiptError
from offchain.wire.handshake import Bytes32, Seconds, Signature
from offchain.wire.identity import Domain, Hotkey, address_bytes, recover, word

NO_MODEL = bytes(32)
_TYPE = keccak(b"Receipt(address caller,bytes32 session,bytes32 root,uint32 count,uint64 time)")


def request_hash(session: bytes, number: int, route: str, body_hash: bytes) -> bytes:
    """Names one question of one session for ever."""
    return blake3(
        b"request" + session + number.to_bytes(8, "big") + body_hash + route.encode()
    ).digest()


def stream_hash(parts: Sequence[bytes]) -> bytes:
    """The answer hash of a streamed answer, from the hashes of its parts in order."""
    return blake3(b"stream" + b"".join(parts)).digest()


def leaf(request: bytes, answer: bytes, model: bytes) -> bytes:
    """One answered question."""
    return sha256(b"\0" + request + answer + model).digest()


def merkle_root(leaves: list[bytes]) -> bytes:
    """Root over leaves in the order given; at least one."""
    level = leaves
    while len(level) > 1:
        level = _parents(level)
    return level[0]


def merkle_path(leaves: list[bytes], index: int) -> list[tuple[bool, bytes]]:
    """From leaf to root: (sibling is on the right, sibling); an odd node has no entry on its
    level.
    """
    path, level = [], leaves
    while len(level) > 1:
        sibling = index ^ 1
        if sibling < len(level):
            path.append((sibling > index, level[sibling]))
        level, index = _parents(level), index // 2
    return path


def climb(start: bytes, path: list[tuple[bool, bytes]]) -> bytes:
    """The root that a leaf and its path lead to."""
    node = start
    for on_right, sibling in path:
        pair = node + sibling if on_right else sibling + node
        node = sha256(b"\1" + pair).digest()
    return node


def digest(
    domain: Domain, caller: str, session: bytes, root: bytes, count: int, time: int
) -> bytes:
    """What the answerer signs."""
    return domain.digest(
        keccak(_TYPE + word(address_bytes(caller)) + session + root + word(count) + word(time))
    )


def sign_root(
    hotkey: Hotkey, domain: Domain, caller: str, session: bytes, leaves: list[bytes], time: int
) -> tuple[bytes, bytes]:
    """(root, signature) over the leaves."""
    root = merkle_root(leaves)
    return root, hotkey.sign_digest(digest(domain, caller, session, root, len(leaves), time))


class Evidence(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that shows one answer to a stranger, except the two bodies themselves."""

    chain_id: int
    verifying_contract: str
    signer: str
    caller: str
    session: Bytes32
    request: Bytes32
    answer: Bytes32
    model: Bytes32
    path: list[tuple[bool, Bytes32]]
    count: int
    time: Seconds
    signature: Signature

    def to_json(self) -> bytes:
        """Byte strings become base64; `from_json` reads it back."""
        return msgspec.json.encode(self)

    @classmethod
    def from_json(cls, text: bytes) -> "Evidence":
        """ReceiptError for anything but evidence."""
        try:
            return msgspec.json.decode(text, type=cls)
        except (msgspec.MsgspecError, RecursionError) as error:
            raise ReceiptError(f"evidence: {error}") from error


@dataclass(frozen=True, slots=True)
class Batch:
    """One verified receipt, kept as long as somebody holds one of its answers."""

    domain: Domain
    signer: str
    caller: str
    session: bytes
    leaves: list[bytes]
    time: int
    signature: bytes

    def evidence(self, index: int, request: bytes, answer: bytes, model: bytes) -> Evidence:
        """Evidence of the answer at `index`."""
        return Evidence(
            chain_id=self.domain.chain_id,
            verifying_contract=self.domain.verifying_contract,
            signer=self.signer,
            caller=self.caller,
            session=self.session,
            request=request,
            answer=answer,
            model=model,
            path=merkle_path(self.leaves, index),
            count=len(self.leaves),
            time=self.time,
            signature=self.signature,
        )


def check_evidence(evidence: Evidence) -> None:
    """ReceiptError unless `signer` signed exactly this answer to exactly this request with this
    model.
    """
    root = climb(leaf(evidence.request, evidence.answer, evidence.model), evidence.path)
    domain = Domain(evidence.chain_id, evidence.verifying_contract)
    signed = digest(domain, evidence.caller, evidence.session, root, evidence.count, evidence.time)
    try:
        signer = recover(signed, evidence.signature)
    except HandshakeError as error:
        raise ReceiptError(f"evidence: {error}") from error
    if signer != evidence.signer:
        raise ReceiptError(f"evidence: signed by {signer}, wanted {evidence.signer}")


def check_equivocation(one: Evidence, other: Evidence) -> str:
    """The hotkey that signed two different answers to one request; ReceiptError if these do not
    show that.
    """
    check_evidence(one)
    check_evidence(other)
    if (one.signer, one.request) != (other.signer, other.request):
        raise ReceiptError("evidence: two signers or two requests, wanted one of each")
    if (one.chain_id, one.verifying_contract) != (other.chain_id, other.verifying_contract):
        raise ReceiptError("evidence: two deployments, wanted one")
    if (one.answer, one.model) == (other.answer, other.model):
        raise ReceiptError("evidence: twice the same answer, which is honest")
    return one.signer


def _parents(level: list[bytes]) -> list[bytes]:
    pairs = [sha256(b"\1" + level[i] + level[i + 1]).digest() for i in range(0, len(level) - 1, 2)]
    return pairs + level[-1:] if len(level) % 2 else pairs
