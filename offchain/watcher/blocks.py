# SPDX-License-Identifier: Apache-2.0
"""Which bonds blocks of a final epoch can be shown, and which have to be asked for."""

from __future__ import annotations

from offchain.settlement.history import ClosedEpoch, History, State
from offchain.settlement.trace import bonds_hashes, bonds_words
from offchain.settlement.words import words_hash


def knows(record: ClosedEpoch, history: History, block: int) -> bool:
    """Whether we can show what the proposal of an epoch names for a block."""
    if record.live is None:
        return False
    named = bonds_hashes(record.live.trace, record.frozen.header.blocks)[block]
    shown = bonds_words(history.bonds_after(record.epoch), block)
    return int.from_bytes(words_hash(shown), "big") == named


def unknown_blocks(record: ClosedEpoch, history: History) -> list[int]:
    """Blocks of a final epoch that cannot be opened and that nobody has been asked for yet."""
    asked = record.zeroed | set(record.shown) | set(record.demands)
    return [
        block
        for block in range(record.frozen.header.blocks)
        if block not in asked and not knows(record, history, block)
    ]


def can_be_demanded(record: ClosedEpoch, history: History) -> bool:
    """The contract takes demands for the last final epoch until what follows is resolved."""
    following = [r for r in history.epochs.values() if r.parent_epoch == record.epoch]
    return all(r.state is State.CLOSED for r in following)
