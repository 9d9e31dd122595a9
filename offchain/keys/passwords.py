# SPDX-License-Identifier: Apache-2.0
"""Where a password may come from: a file, the environment, or a prompt; never an argument.

Arguments show in process lists and in the shell's history.
"""

from __future__ import annotations

import getpass
import sys
from collections.abc import Callable
from pathlib import Path

from offchain.keys.errors import KeyLocked


def password_source(
    *,
    file: Path | None,
    value: str | None,
    can_prompt: Callable[[], bool] = lambda: sys.stdin.isatty(),
    prompt: Callable[[str], str] = getpass.getpass,
) -> Callable[[str], str]:
    """A function from a key's name to its password.

    The file wins (its first line), then `value` (from the environment), then a prompt if somebody
    is there to answer. The function raises `KeyLocked` when none of them gives a password.
    """

    def ask(name: str) -> str:
        if file is not None:
            return _first_line(file, name)
        if value:
            return value
        if can_prompt():
            return prompt(f"Password of {name}: ")
        raise KeyLocked(
            f"key {name!r} is locked and nobody is here to type its password",
            next_step="Set EVMTENSOR_PASSWORD_FILE to a file with the password.",
        )

    return ask


def _first_line(file: Path, name: str) -> str:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise KeyLocked(
            f"key {name!r} is locked, and the password file {file} cannot be read",
            next_step="Correct EVMTENSOR_PASSWORD_FILE or --password-file.",
        ) from error
    if not lines or not lines[0]:
        raise KeyLocked(
            f"key {name!r} is locked, and the password file {file} is empty",
            next_step="Write the password into its first line.",
        )
    return lines[0]
