# SPDX-License-Identifier: Apache-2.0
"""Arguments and options that several commands share, and what a user types for an amount."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Annotated

import typer

from offchain.protocol.errors import ConfigError
from offchain.protocol.halving import MAX_SUPPLY_RAO
from offchain.protocol.identifiers import RAO_PER_TAO

Netuid = Annotated[
    int, typer.Option("--netuid", "-n", metavar="N", min=0, help="Number of the subnet.")
]
NetuidArgument = Annotated[int, typer.Argument(min=0, help="Number of the subnet.")]
Key = Annotated[
    str,
    typer.Option(
        "--key",
        "-k",
        metavar="NAME",
        help="Coldkey: a name, or dev:N on localnet; else EVMTENSOR_KEY.",
    ),
]
HotkeyName = Annotated[
    str,
    typer.Option(
        "--hotkey", "-H", metavar="NAME", help="Hotkey: a name, or dev:N; else EVMTENSOR_HOTKEY."
    ),
]
HotkeyAddress = Annotated[
    str,
    typer.Option(
        "--hotkey",
        "-H",
        metavar="NAME",
        help="Hotkey: an address, a name, or dev:N; else EVMTENSOR_HOTKEY.",
    ),
]
Amount = Annotated[str, typer.Argument(help="In TAO, e.g. 12.5.")]


def rao(amount: str) -> int:
    """What a user types in TAO, exactly; raises `ConfigError`."""
    try:
        value = Decimal(amount) * RAO_PER_TAO
        exact = value == value.to_integral_value()
    except InvalidOperation:
        exact = False
    if not exact or value < 0 or not value.is_finite():
        raise ConfigError(
            f"{amount!r} is not an amount of TAO",
            next_step="Use a number with up to 9 decimals, like 12.5.",
        )
    if value > MAX_SUPPLY_RAO:
        raise ConfigError(
            f"{amount} TAO is more than there will ever be",
            next_step=f"Name at most {MAX_SUPPLY_RAO // RAO_PER_TAO:,}.",
        )
    return int(value)


def share_u16(share: str) -> int:
    """What a user types as a share of one, in 65,535ths, rounded down; raises `ConfigError`."""
    try:
        value = Decimal(share)
    except InvalidOperation:
        value = Decimal(-1)
    if not value.is_finite() or not 0 <= value <= 1:
        raise ConfigError(
            f"{share!r} is not a share", next_step="Use a number from 0 to 1, like 0.25."
        )
    return int(value * 65_535)


def wei(amount: str) -> int:
    """What a user types in the chain's own coin; raises `ConfigError`."""
    try:
        value = Decimal(amount) * 10**18
        exact = value == value.to_integral_value()
    except InvalidOperation:
        exact = False
    if not exact or not 0 < value < 2**128:
        raise ConfigError(
            f"{amount!r} is not a price in the chain's coin",
            next_step="Use a positive number, like 0.002.",
        )
    return int(value)


def check_text(option: str, text: str, most: int) -> None:
    """Raises `ConfigError` for what is no UTF-8 or has more bytes than the chain stores."""
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise ConfigError(
            f"what was typed for --{option} is no text", next_step="Type it in UTF-8."
        ) from None
    if size > most:
        raise ConfigError(
            f"the {option} has {size} bytes, at most {most} are stored",
            next_step=f"Shorten --{option}.",
        )


def tao(amount_rao: int) -> str:
    """Rao as TAO, exact."""
    whole, rest = divmod(amount_rao, RAO_PER_TAO)
    return f"{whole:,}.{rest:09d}".rstrip("0").rstrip(".")
