# SPDX-License-Identifier: Apache-2.0
"""Keystores of version 3 in one folder, `~/.evmtensor/keys/<name>.json` by default.

A coldkey holds the money and always has a password. A hotkey works online and may have none: its
file then is encrypted with the empty password, which protects nothing, so it is used only while
folder and file are closed to every other user of the machine.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from eth_account import Account
from eth_utils.address import to_checksum_address

from offchain.keys.errors import (
    KeyDamaged,
    KeyExists,
    KeyExposed,
    KeyLocked,
    KeyMissing,
    KeysError,
    PasswordWeak,
)
from offchain.keys.signer import Signer

Kind = Literal["coldkey", "hotkey"]
AskPassword = Callable[[str], str]  # the name of a key -> its password, or raises KeyLocked

MIN_PASSWORD_CHARACTERS = 8
SCRYPT_N = 2**17  # about 0.4 s per guess
_OPEN_ITERATIONS = 1  # of PBKDF2, for a hotkey without password: there is nothing to slow down
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """What can be said about a key without opening it."""

    name: str
    kind: Kind
    address: str
    has_password: bool
    path: Path


class KeyStore:
    """The keys in one folder."""

    def __init__(self, folder: Path, *, scrypt_n: int = SCRYPT_N) -> None:
        self.folder = folder
        self._scrypt_n = scrypt_n

    def create(self, name: str, kind: Kind, password: str = "") -> KeyInfo:
        """A new random key; raises `KeyExists` or `PasswordWeak`."""
        return self.add(Signer.random(name), name, kind, password)

    def add(self, signer: Signer, name: str, kind: Kind, password: str = "") -> KeyInfo:
        """Store a key that exists already, e.g. one that is imported."""
        path = self._path(name)
        if kind == "coldkey" and len(password) < MIN_PASSWORD_CHARACTERS:
            raise PasswordWeak(
                f"coldkey {name!r} needs a password of {MIN_PASSWORD_CHARACTERS} characters or "
                f"more, got {len(password)}",
                next_step="Choose a longer one; a hotkey may have none.",
            )
        if password:
            stored = signer.to_keystore(password, "scrypt", self._scrypt_n)
        else:
            stored = signer.to_keystore("", "pbkdf2", _OPEN_ITERATIONS)
        stored["evmtensor"] = {"kind": kind, "has_password": bool(password)}
        self._write_once(path, stored)
        return self.info(name)

    def info(self, name: str) -> KeyInfo:
        """Kind and address of a key; raises `KeyMissing` or `KeyDamaged`."""
        path = self._path(name)
        stored = self._read(path, name)
        notes = stored.get("evmtensor", {})
        try:
            return KeyInfo(
                name=name,
                kind="hotkey" if notes.get("kind") == "hotkey" else "coldkey",
                address=to_checksum_address("0x" + str(stored["address"]).removeprefix("0x")),
                has_password=bool(notes.get("has_password", True)),
                path=path,
            )
        except (KeyError, ValueError, AttributeError) as error:
            raise _damaged(path) from error

    def list(self) -> list[KeyInfo]:
        """Every key, by name."""
        if not self.folder.is_dir():
            return []
        names = sorted(path.stem for path in self.folder.glob("*.json"))
        return [self.info(name) for name in names if _NAME.fullmatch(name)]

    def load(self, name: str, ask_password: AskPassword) -> Signer:
        """Open a key.

        Raises `KeyMissing`, `KeyLocked`, `KeyExposed` or `KeyDamaged`.
        """
        info = self.info(name)
        if info.has_password:
            password = ask_password(name)
        else:
            _check_private(info.path)
            _check_private(self.folder)
            password = ""
        stored = self._read(info.path, name)
        try:
            private_key = bytes(Account.decrypt(stored, password))
        except ValueError as error:
            if "MAC mismatch" in str(error):
                raise KeyLocked(
                    f"the password of key {name!r} is wrong", next_step="Try again."
                ) from None
            raise _damaged(info.path) from error
        except (KeyError, TypeError, NotImplementedError) as error:
            raise _damaged(info.path) from error
        return Signer(private_key, name)

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise KeysError(
                f"{name!r} cannot be the name of a key",
                next_step="Use up to 64 letters, digits, - and _.",
            )
        return self.folder / f"{name}.json"

    def _read(self, path: Path, name: str) -> dict[str, Any]:
        try:
            stored = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            known = ", ".join(sorted(p.stem for p in self.folder.glob("*.json"))) or "none"
            raise KeyMissing(
                f"there is no key {name!r} in {self.folder} (there: {known})",
                next_step=f"Run `evmtensor wallet create {name}`, or name another.",
            ) from None
        except PermissionError:
            raise KeyLocked(
                f"{path} may not be read by this user", next_step="Run as the user who owns it."
            ) from None
        except (ValueError, UnicodeDecodeError) as error:
            raise _damaged(path) from error
        if not isinstance(stored, dict):
            raise _damaged(path)
        return stored

    def _write_once(self, path: Path, stored: dict[str, Any]) -> None:
        """The file appears whole or not at all, closed to others from its first byte."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.folder.chmod(0o700)
        draft = path.with_suffix(f".{os.getpid()}.draft")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(stored, file, indent=1, sort_keys=True)
                file.flush()
                os.fsync(file.fileno())
            os.link(draft, path)  # unlike rename, refuses to replace
        except FileExistsError:
            raise KeyExists(
                f"key {path.stem!r} exists in {self.folder}",
                next_step="Choose another name; keys are never overwritten.",
            ) from None
        finally:
            draft.unlink(missing_ok=True)


def _check_private(path: Path) -> None:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise KeyExposed(
            f"{path} has mode {mode:o}, so other users can read a key without a password",
            next_step=f"Run `chmod go-rwx {path}`, and replace the key if others had access.",
        )


def _damaged(path: Path) -> KeyDamaged:
    return KeyDamaged(
        f"{path} is not a keystore of version 3", next_step="Restore it from your backup."
    )
