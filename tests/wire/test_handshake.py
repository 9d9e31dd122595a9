# SPDX-License-Identifier: Apache-2.0
"""Who may open a session: every altered, foreign, stale or repeated handshake is refused."""

from base64 import b64decode, b64encode

import msgspec
import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data

from offchain.wire import Domain, HandshakeError, LocalHotkey
from offchain.wire.errors import Code
from offchain.wire.handshake import Dialer, Hello, HelloMemory, Mode, accept, read_hello
from offchain.wire.identity import recover
from tests.wire.worlds import DOMAIN, START, new_hotkey

SKEW_S = 30


def meet(dialer: Dialer, listener: LocalHotkey, now: int = START, domain: Domain = DOMAIN):
    return accept(read_hello(dialer.header().encode()), listener, domain, now, SKEW_S)


def test_handshake__honest__both_derive_the_same_keys() -> None:
    client, server = new_hotkey(), new_hotkey()
    dialer = Dialer(client, server.address, DOMAIN, START)
    who, theirs, header = meet(dialer, server)
    ours = dialer.finish(header.encode(), START, SKEW_S)
    assert who == client.address
    assert (ours.send, ours.receive) == (theirs.receive, theirs.send)
    assert ours.send != ours.receive
    assert ours.session == theirs.session


def test_handshake__two_meetings__share_no_key() -> None:
    client, server = new_hotkey(), new_hotkey()
    keys = [meet(Dialer(client, server.address, DOMAIN, START), server)[1] for _ in range(2)]
    assert keys[0].send != keys[1].send
    assert keys[0].session != keys[1].session


def test_hello__signature__is_the_eip712_one_that_wallets_make() -> None:
    account = Account.create()
    hotkey = LocalHotkey.from_account(account)
    hello = Dialer(hotkey, "0x" + "ab" * 20, DOMAIN, START).hello
    typed = {
        "types": {
            "EIP712Domain": [
                {"name": "name", "type": "string"},
                {"name": "chainId", "type": "uint256"},
                {"name": "verifyingContract", "type": "address"},
            ],
            "Hello": [
                {"name": "version", "type": "uint8"},
                {"name": "mode", "type": "uint8"},
                {"name": "dialer", "type": "address"},
                {"name": "listener", "type": "address"},
                {"name": "key", "type": "bytes32"},
                {"name": "nonce", "type": "bytes32"},
                {"name": "time", "type": "uint64"},
            ],
        },
        "primaryType": "Hello",
        "domain": {
            "name": "evmtensor",
            "chainId": DOMAIN.chain_id,
            "verifyingContract": DOMAIN.verifying_contract,
        },
        "message": {
            "version": 1,
            "mode": 0,
            "dialer": account.address,
            "listener": "0x" + "ab" * 20,
            "key": hello.key,
            "nonce": hello.nonce,
            "time": START,
        },
    }
    message = encode_typed_data(full_message=typed)
    assert Account.recover_message(message, signature=hello.signature) == account.address


def _changed(hello: Hello, **changes: object) -> bytes:
    return b64encode(msgspec.msgpack.encode(msgspec.structs.replace(hello, **changes)))


@pytest.mark.parametrize(
    "changes",
    [
        {"signature": bytes(65)},
        {"signature": b"\xff" * 64 + b"\x1b"},
        {"key": b"\1" * 32},
        {"nonce": b"\1" * 32},
        {"time": START + 1},
        {"dialer": b"\1" * 20},
        {"mode": Mode.SERVE},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_I1_hello__altered_or_unsigned__refused(changes: dict[str, object]) -> None:
    client, server = new_hotkey(), new_hotkey()
    hello = Dialer(client, server.address, DOMAIN, START).hello
    with pytest.raises(HandshakeError):
        accept(read_hello(_changed(hello, **changes)), server, DOMAIN, START, SKEW_S)


def test_I1_hello__other_version__refused() -> None:
    hello = Dialer(new_hotkey(), new_hotkey().address, DOMAIN, START).hello
    for version in (0, 2, 255):
        with pytest.raises(HandshakeError, match="version"):
            read_hello(_changed(hello, version=version))


@pytest.mark.parametrize(
    "header",
    [b"", b"x", b"!!!!", b64encode(b""), b64encode(b"\xc0"), b64encode(b"\x91" * 300), b"A" * 513],
)
def test_I1_hello__not_one__refused(header: bytes) -> None:
    with pytest.raises(HandshakeError):
        read_hello(header)


def test_I1_hello__for_another_listener_or_deployment__refused() -> None:
    client, server, other = new_hotkey(), new_hotkey(), new_hotkey()
    with pytest.raises(HandshakeError, match="meant for"):
        meet(Dialer(client, other.address, DOMAIN, START), server)
    with pytest.raises(HandshakeError, match="domain"):
        meet(Dialer(client, server.address, Domain(1, "0x" + "11" * 20), START), server)


def test_hello__high_s_twin__refused() -> None:
    client, server = new_hotkey(), new_hotkey()
    hello = Dialer(client, server.address, DOMAIN, START).hello
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    s = order - int.from_bytes(hello.signature[32:64], "big")
    v = 55 - hello.signature[64]
    twin = hello.signature[:32] + s.to_bytes(32, "big") + bytes((v,))
    with pytest.raises(HandshakeError, match="upper half"):
        accept(read_hello(_changed(hello, signature=twin)), server, DOMAIN, START, SKEW_S)


@pytest.mark.parametrize(("apart", "fine"), [(30, True), (31, False), (-30, True), (-31, False)])
def test_FI_26_clock__apart__refused_beyond_the_skew(apart: int, fine: bool) -> None:
    client, server = new_hotkey(), new_hotkey()
    dialer = Dialer(client, server.address, DOMAIN, START)
    if fine:
        meet(dialer, server, START + apart)
        return
    with pytest.raises(HandshakeError) as caught:
        meet(dialer, server, START + apart)
    assert caught.value.code is Code.CLOCK_SKEW


def test_B7_accept__by_another_hotkey__refused_by_the_dialer() -> None:
    client, victim, thief = new_hotkey(), new_hotkey(), new_hotkey()
    dialer = Dialer(client, victim.address, DOMAIN, START)
    hello = msgspec.structs.replace(
        dialer.hello, listener=bytes.fromhex(thief.address[2:])
    )  # what a thief would need the client to have signed
    with pytest.raises(HandshakeError):
        accept(hello, thief, DOMAIN, START, SKEW_S)
    # Even a thief that skips every check cannot produce the victim's signature.
    _, _, header = meet(Dialer(client, thief.address, DOMAIN, START), thief)
    with pytest.raises(HandshakeError, match="wanted"):
        dialer.finish(header.encode(), START, SKEW_S)


def test_accept__small_order_key__refused() -> None:
    client, server = new_hotkey(), new_hotkey()
    dialer = Dialer(client, server.address, DOMAIN, START)
    hello = msgspec.structs.replace(dialer.hello, key=bytes(32))
    signed = msgspec.structs.replace(hello, signature=client.sign_digest(hello.digest(DOMAIN)))
    with pytest.raises(HandshakeError, match="degenerate"):
        accept(signed, server, DOMAIN, START, SKEW_S)


def test_FI_25_memory__second_use_or_before_our_start__refused() -> None:
    hello = Dialer(new_hotkey(), new_hotkey().address, DOMAIN, START).hello
    memory = HelloMemory(lambda: START, SKEW_S)
    memory.admit(hello)
    with pytest.raises(HandshakeError, match="used before"):
        memory.admit(hello)
    after_a_restart = HelloMemory(lambda: START + 1, SKEW_S)
    with pytest.raises(HandshakeError, match="before our start"):
        after_a_restart.admit(hello)


def test_I2_memory__flood__stays_bounded_and_recovers() -> None:
    now = [START]
    memory = HelloMemory(lambda: now[0], SKEW_S, capacity=1_000)
    hello = Dialer(new_hotkey(), new_hotkey().address, DOMAIN, START).hello

    def admit(number: int) -> None:
        memory.admit(msgspec.structs.replace(hello, nonce=number.to_bytes(32, "big"), time=now[0]))

    for number in range(1_000):
        admit(number)
    with pytest.raises(HandshakeError) as caught:
        admit(1_000)
    assert caught.value.code is Code.BUSY
    now[0] += 2 * SKEW_S + 1
    admit(1_001)
    assert len(memory._seen) == 1


def test_recover__garbage__never_an_address() -> None:
    for signature in (b"", bytes(65), bytes(64) + b"\x1b", b"\1" * 64 + b"\x1d", b"\1" * 66):
        with pytest.raises(HandshakeError):
            recover(bytes(32), signature)


def test_header__sizes__fit_the_cap() -> None:
    client, server = new_hotkey(), new_hotkey()
    dialer = Dialer(client, server.address, DOMAIN, START)
    _, _, header = meet(dialer, server)
    assert len(dialer.header()) < 400
    assert len(b64decode(header)) < 200
