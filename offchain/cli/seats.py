# SPDX-License-Identifier: Apache-2.0
"""Seats are taken alike in a subnet and on the root."""

from __future__ import annotations

from typing import TYPE_CHECKING

from offchain.cli.output import progress, show

if TYPE_CHECKING:
    from offchain.chain.hotkey import Hotkey
    from offchain.cli.session import Session


def take_seat(session: Session, candidate: Hotkey, seat: int, place: str, look: str) -> None:
    """Poke for the candidate, and say so.

    Args:
        candidate: a hotkey in its subnet, or a member of the root.
        seat: below 0 the best one.
        place: whose seats they are, for people.
        look: what to read when there is none to take.

    Raises:
        NoSeat: nothing to take.
    """
    from offchain.chain.errors import NoSeat

    wanted = seat if seat >= 0 else candidate.best_poke()
    if wanted is None:
        raise NoSeat(
            f"hotkey {candidate.address} has a seat of {place}, or no stake that counts, or each "
            "holder has more",
            next_step=look,
        )
    with progress("taking the seat"):
        receipt = candidate.take_seat(wanted)
    done = {
        "transaction": receipt.transaction_hash,
        "netuid": candidate.netuid,
        "seat": wanted,
        "hotkey": candidate.address,
    }
    show(session.flags.json, done, f"seat {wanted} of {place}, from the next epoch on")
