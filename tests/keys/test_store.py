# SPDX-License-Identifier: Apache-2.0
"""Keystores: what opens, what refuses, and what never shows."""

import json
import pickle
from pathlib import Path

import pytest
from eth_account import Account

from offchain.keys import (
    KeyDamaged,
    KeyExists,
    KeyExposed,
    KeyLocked,
    KeyMissing,
    KeysError,
    KeyStore,
    PasswordWeak,
    Signer,
)
from offchain.keys.development import development_signer
from offchain.keys.errors import DevKeyRefused
from offchain.keys.passwords import password_source

PASSWORD = "correct horse"
FAST = 2  # scrypt N: these files protect nothing


@pytest.fixture
def store(tmp_path: Path) -> KeyStore:
    return KeyStore(tmp_path / "keys", scrypt_n=FAST)


def never(name: str) -> str:
    raise AssertionError(f"asked for the password of {name}")


def test_create__coldkey__opens_with_its_password_only(store: KeyStore) -> None:
    info = store.create("alice", "coldkey", PASSWORD)
    assert store.load("alice", lambda _: PASSWORD).address == info.address
    with pytest.raises(KeyLocked, match="'alice' is wrong"):
        store.load("alice", lambda _: "correct mule")


def test_create__coldkey_file__is_what_other_tools_read(store: KeyStore) -> None:
    info = store.create("alice", "coldkey", PASSWORD)
    stored = json.loads(info.path.read_text())
    assert stored["version"] == 3
    assert Account.from_key(Account.decrypt(stored, PASSWORD)).address == info.address


def test_create__coldkey_without_password__is_refused_and_leaves_nothing(store: KeyStore) -> None:
    with pytest.raises(PasswordWeak):
        store.create("alice", "coldkey")
    assert store.list() == []


def test_create__hotkey_without_password__opens_unasked(store: KeyStore) -> None:
    info = store.create("alice-hot", "hotkey")
    assert not info.has_password
    assert store.load("alice-hot", never).address == info.address
    assert info.path.stat().st_mode & 0o777 == 0o600
    assert store.folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_load__open_hotkey_that_others_can_read__is_refused(store: KeyStore, mode: int) -> None:
    info = store.create("hot", "hotkey")
    info.path.chmod(mode)
    with pytest.raises(KeyExposed, match=f"{mode:o}"):
        store.load("hot", never)


def test_load__open_hotkey_in_open_folder__is_refused(store: KeyStore) -> None:
    store.create("hot", "hotkey")
    store.folder.chmod(0o755)
    with pytest.raises(KeyExposed):
        store.load("hot", never)


def test_create__name_taken__keeps_the_old_key(store: KeyStore) -> None:
    first = store.create("alice", "hotkey")
    with pytest.raises(KeyExists):
        store.create("alice", "hotkey")
    assert store.info("alice").address == first.address
    assert [p.name for p in store.folder.iterdir()] == ["alice.json"]


def test_load__missing__names_what_is_there(store: KeyStore) -> None:
    store.create("bob", "hotkey")
    with pytest.raises(KeyMissing, match=r"no key 'alice'.*bob") as caught:
        store.load("alice", never)
    assert "wallet create alice" in caught.value.next_step


@pytest.mark.parametrize("name", ["../alice", "a/b", "", ".hidden", "a b", "x" * 65])
def test_load__name_that_is_a_path__is_refused(store: KeyStore, name: str) -> None:
    with pytest.raises(KeysError, match="cannot be the name"):
        store.load(name, never)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"address": 7}', "\x00", '{"address": "12"}'])
def test_load__file_that_is_no_keystore__is_damaged(store: KeyStore, text: str) -> None:
    store.folder.mkdir(mode=0o700)
    (store.folder / "alice.json").write_text(text)
    with pytest.raises(KeyDamaged):
        store.load("alice", lambda _: PASSWORD)


def test_load__ciphertext_changed__is_not_opened(store: KeyStore) -> None:
    info = store.create("alice", "coldkey", PASSWORD)
    stored = json.loads(info.path.read_text())
    flipped = "0" if stored["crypto"]["ciphertext"][0] != "0" else "1"
    stored["crypto"]["ciphertext"] = flipped + stored["crypto"]["ciphertext"][1:]
    info.path.write_text(json.dumps(stored))
    with pytest.raises(KeyLocked):
        store.load("alice", lambda _: PASSWORD)


def test_load__file_of_another_user__is_locked(
    store: KeyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.create("alice", "hotkey")

    def refuse(path: Path, **_: object) -> str:  # root, who runs some of our tests, reads all
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_text", refuse)
    with pytest.raises(KeyLocked, match="may not be read by this user"):
        store.load("alice", never)


def test_I10_signer__never_shows_its_key(store: KeyStore) -> None:
    signer = Signer(b"\x11" * 32, "alice")
    assert "11" * 32 not in repr(signer) + str(signer)
    with pytest.raises(TypeError):
        pickle.dumps(signer)


def test_password__nobody_to_ask__is_locked_with_next_step() -> None:
    ask = password_source(file=None, value=None, can_prompt=lambda: False)
    with pytest.raises(KeyLocked) as caught:
        ask("alice")
    assert "EVMTENSOR_PASSWORD_FILE" in caught.value.next_step


def test_password__file_then_environment_then_prompt(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("from file\nsecond line\n")
    prompt = {"can_prompt": lambda: True, "prompt": lambda _: "from prompt"}
    assert password_source(file=file, value="from env", **prompt)("a") == "from file"
    assert password_source(file=None, value="from env", **prompt)("a") == "from env"
    assert password_source(file=None, value="", **prompt)("a") == "from prompt"


@pytest.mark.parametrize("content", [None, b"", b"\n", b"\xff\xfe"])
def test_password__unusable_file__is_locked(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "password"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(KeyLocked, match="password file"):
        password_source(file=file, value="unused")("alice")


def test_development__known_account_on_local_chains_only() -> None:
    first = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
    assert development_signer("dev:0", 31_337).address == first
    assert development_signer("dev:0", 1_337).address == first
    for chain_id in (1, 10, 11_155_111, 8453):
        with pytest.raises(DevKeyRefused):
            development_signer("dev:0", chain_id)
    for reference in ("dev:", "dev:-1", "dev:x", "dev:1000"):
        with pytest.raises(DevKeyRefused):
            development_signer(reference, 31_337)
