# SPDX-License-Identifier: Apache-2.0
"""An era of much shorter epochs begins while the reveals of the last long one still run."""

import boa
import pytest

from tests.contracts.deployment import role_address

OWNER = role_address("owner")
LONG, SHORT = 5, 7  # of the same parity: their records share words
GUARD = '        assert pair & EPOCH_MASK <= epoch, "weights: epoch is null"\n'


def both_committed(voting):
    """Seats 0 and 1 have committed to both epochs, whose reveals are open in the same tick."""
    subnets = voting.world.subnets
    subnets.set_schedule(voting.netuid, 12, 6, 3, sender=OWNER)
    voting.go(4)
    # an owner alone could not: its challenge window would be too short
    subnets.set_schedule(voting.netuid, 2, 1, 1, sender=voting.world.address["Timelock"])
    for epoch in (LONG, SHORT):
        voting.go(epoch)
        for seat in (0, 1):
            voting.commit(seat, epoch, voting.row())
    voting.go(SHORT + 1)
    return voting


def reveal_both(voting, epoch):
    for seat in (0, 1):
        voting.reveal(seat, epoch, voting.row())


def close_short(voting):
    voting.world.warp(1)
    voting.world.settlement.close(voting.netuid, SHORT)


def test_reveal__of_an_epoch_that_is_null__erases_no_row_of_a_later_one(voting):
    """The first version let it, and nobody could close the later epoch any more."""
    both_committed(voting)
    reveal_both(voting, SHORT)
    for seat in (0, 1):
        with boa.reverts("weights: epoch is null"):
            voting.reveal(seat, LONG, voting.row())
    close_short(voting)


def test_reveal__over_a_row_of_an_epoch_that_is_null__counts(voting):
    both_committed(voting)
    reveal_both(voting, LONG)
    reveal_both(voting, SHORT)
    close_short(voting)


@pytest.mark.soundness
def test_reveal__seeded_without_the_guard__a_later_row_is_lost(voting):
    broken = both_committed(voting.with_bug(("Weights.vy", GUARD, "")))
    reveal_both(broken, SHORT)
    assert broken.weights.row_of(broken.netuid, SHORT, 0).revealed
    broken.reveal(0, LONG, broken.row())
    assert not broken.weights.row_of(broken.netuid, SHORT, 0).revealed
