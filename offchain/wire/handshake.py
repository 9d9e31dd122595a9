# SPDX-License-Identifier: Apache-2.0
"""One handshake per connection, inside the HTTP upgrade: nothing is read from a stranger but one
small header.

    dialer   -> GET /evmtensor/1 with header `x-evmtensor: Hello`
                (X25519 key, nonce, chain time; EIP-712 signature over both hotkeys)
    listener -> 101 with header `x-evmtensor: Accept`
                (X25519 key, nonce, chain time; signature over both halves),
                or 401, 403, 409, 429 with a body of three bytes
    both     -> two BLAKE3 keys from the shared secret and everything that was signed

Why it cannot be replayed: the session keys need the private half of the dialer's fresh X25519
key. A recorded Hello therefore opens nothing, before or after a restart; so that it cannot even
occupy a place, each Hello is accepted once (`HelloMemory`) and never one from before this process
started.
"""

from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from secrets import token_bytes
from typing import Annotated, TypeVar

import msgspec
from blake3 import blake3
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from eth_hash.auto import keccak

from offchain.wire.errors import Code, HandshakeError
from offchain.wire.identity import Domain, Hotkey, address_bytes, address_text, recover, word

T = TypeVar("T")
VERSION = 1
PATH = "/evmtensor/1"
HEADER = "x-evmtensor"
MAX_HEADER_CHARS = 512

_HELLO_TYPE = keccak(
    b"Hello(uint8 version,uint8 mode,address dialer,address listener,"
    b"bytes32 key,bytes32 nonce,uint64 time)"
)
_ACCEPT_TYPE = keccak(b"Accept(bytes32 hello,bytes32 key,bytes32 nonce,uint64 time)")
_CONTEXT = "evmtensor wire 1 2026-11 "


class Mode(IntEnum):
    """What the dialer is here for."""

    CALL = 0  # it asks, the listener answers
    SERVE = 1  # it is behind a firewall and offers to answer


Bytes20 = Annotated[bytes, msgspec.Meta(min_length=20, max_length=20)]
Bytes32 = Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
Signature = Annotated[bytes, msgspec.Meta(min_length=65, max_length=65)]
Seconds = Annotated[int, msgspec.Meta(ge=0, le=2**62)]


class Hello(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    """The dialer's half."""

    version: Annotated[int, msgspec.Meta(ge=0, le=255)]
    mode: Mode
    dialer: Bytes20
    listener: Bytes20
    key: Bytes32
    nonce: Bytes32
    time: Seconds
    signature: Signature = bytes(65)

    def digest(self, domain: Domain) -> bytes:
        """What the dialer signs."""
        return domain.digest(
            keccak(
                _HELLO_TYPE
                + word(self.version)
                + word(self.mode)
                + word(self.dialer)
                + word(self.listener)
                + self.key
                + self.nonce
                + word(self.time)
            )
        )


class Accept(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    """The listener's half; its signature covers the dialer's."""

    key: Bytes32
    nonce: Bytes32
    time: Seconds
    signature: Signature = bytes(65)

    def digest(self, domain: Domain, hello: bytes) -> bytes:
        """What the listener signs; `hello` is the digest that the dialer signed."""
        return domain.digest(keccak(_ACCEPT_TYPE + hello + self.key + self.nonce + word(self.time)))


@dataclass(frozen=True, slots=True)
class Keys:
    """What both sides hold afterwards."""

    session: bytes  # 32 bytes, public: names the session in receipts
    send: bytes  # 32 bytes, BLAKE3 key
    receive: bytes


_ENCODER = msgspec.msgpack.Encoder()
_HELLO: msgspec.msgpack.Decoder[Hello] = msgspec.msgpack.Decoder(Hello)
_ACCEPT: msgspec.msgpack.Decoder[Accept] = msgspec.msgpack.Decoder(Accept)


class Dialer:
    """The side that connects. One object per attempt: its key is used once."""

    def __init__(
        self, hotkey: Hotkey, listener: str, domain: Domain, time: int, mode: Mode = Mode.CALL
    ) -> None:
        self._private = X25519PrivateKey.generate()
        self._domain = domain
        self._listener = listener
        hello = Hello(
            version=VERSION,
            mode=mode,
            dialer=address_bytes(hotkey.address),
            listener=address_bytes(listener),
            key=self._private.public_key().public_bytes_raw(),
            nonce=token_bytes(32),
            time=time,
        )
        self._digest = hello.digest(domain)
        self.hello = msgspec.structs.replace(hello, signature=hotkey.sign_digest(self._digest))

    def header(self) -> str:
        """Value of the request header."""
        return b64encode(_ENCODER.encode(self.hello)).decode()

    def finish(self, header: bytes, now: int, skew_s: int) -> Keys:
        """Session keys from the listener's header; HandshakeError unless it is the hotkey that we
        wanted.
        """
        accept = _decode(_ACCEPT, header)
        digest = accept.digest(self._domain, self._digest)
        signer = recover(digest, accept.signature)
        if address_bytes(signer) != self.hello.listener:
            raise HandshakeError(
                f"handshake: the endpoint is held by {signer}, wanted {self._listener}"
            )
        _check_time("listener", accept.time, now, skew_s)
        return _derive(self._private, accept.key, digest, dialer=True)


class HelloMemory:
    """Accepts each Hello once: by nonce inside the freshness window, by time before this process
    began.

    Bounded: only hellos with a valid signature of a permitted hotkey are remembered, and only for
    the window.
    """

    def __init__(self, chain_time: Callable[[], int], skew_s: int, capacity: int = 65_536) -> None:
        self._chain_time, self._skew_s, self._capacity = chain_time, skew_s, capacity
        self._born = chain_time()
        self._seen: dict[bytes, int] = {}  # nonce -> time, oldest first

    def admit(self, hello: Hello) -> None:
        """Remember it; HandshakeError for a second use or a full memory."""
        now = self._chain_time()
        while self._seen:
            nonce, time = next(iter(self._seen.items()))
            if time >= now - 2 * self._skew_s and len(self._seen) < self._capacity:
                break
            if time >= now - 2 * self._skew_s:
                raise HandshakeError("handshake: too many at once", Code.BUSY)
            del self._seen[nonce]
        if hello.time < self._born:  # what a former process of ours has seen, we cannot know
            raise HandshakeError("handshake: Hello from before our start", Code.CLOCK_SKEW)
        if hello.nonce in self._seen:
            raise HandshakeError("handshake: this Hello was used before")
        self._seen[hello.nonce] = now


def read_hello(header: bytes) -> Hello:
    """The Hello of a request header, unverified; HandshakeError for anything else."""
    hello = _decode(_HELLO, header)
    if hello.version != VERSION:
        raise HandshakeError(f"handshake: version {hello.version}, wanted {VERSION}")
    return hello


def accept(
    hello: Hello, hotkey: Hotkey, domain: Domain, now: int, skew_s: int
) -> tuple[str, Keys, str]:
    """Verify a Hello and answer it: (the dialer's hotkey, session keys, value of the response
    header).

    Raises HandshakeError for a wrong signature, receiver, deployment or time.
    """
    if hello.listener != address_bytes(hotkey.address):
        raise HandshakeError(
            f"handshake: meant for {address_text(hello.listener)}, this is {hotkey.address}"
        )
    _check_time("dialer", hello.time, now, skew_s)
    hello_digest = hello.digest(domain)
    signer = recover(hello_digest, hello.signature)
    if address_bytes(signer) != hello.dialer:
        raise HandshakeError(
            f"handshake: signed by {signer} in this deployment's domain, "
            f"wanted {address_text(hello.dialer)}"
        )
    private = X25519PrivateKey.generate()
    answer = Accept(key=private.public_key().public_bytes_raw(), nonce=token_bytes(32), time=now)
    digest = answer.digest(domain, hello_digest)
    answer = msgspec.structs.replace(answer, signature=hotkey.sign_digest(digest))
    keys = _derive(private, hello.key, digest, dialer=False)
    return signer, keys, b64encode(_ENCODER.encode(answer)).decode()


def _derive(private: X25519PrivateKey, public: bytes, digest: bytes, *, dialer: bool) -> Keys:
    try:
        shared = private.exchange(X25519PublicKey.from_public_bytes(public))
    except ValueError as error:  # a point of small order
        raise HandshakeError("handshake: degenerate X25519 key") from error
    secret = shared + digest
    forth = blake3(secret, derive_key_context=_CONTEXT + "dialer to listener").digest()
    back = blake3(secret, derive_key_context=_CONTEXT + "listener to dialer").digest()
    return Keys(digest, forth, back) if dialer else Keys(digest, back, forth)


def _check_time(who: str, got: int, now: int, skew_s: int) -> None:
    if abs(got - now) > skew_s:
        raise HandshakeError(
            f"handshake: the {who}'s chain time is {got}, ours {now}, "
            f"wanted at most {skew_s} s between them",
            Code.CLOCK_SKEW,
        )


def _decode(decoder: msgspec.msgpack.Decoder[T], header: bytes) -> T:
    if len(header) > MAX_HEADER_CHARS:
        raise HandshakeError(f"handshake: header of {len(header)} characters")
    try:
        return decoder.decode(b64decode(header, validate=True))
    except (Base64Error, ValueError, msgspec.MsgspecError) as error:
        raise HandshakeError("handshake: header is not one") from error
