# SPDX-License-Identifier: Apache-2.0
"""Eras and epochs by hand: the contract is compared with these functions in tests/contracts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offchain.protocol.eras import Era, check_schedule, epoch_at, window_of
from offchain.protocol.errors import InvalidSubmission

# epochs 0 to 4 of 12 ticks from tick 100, then epochs of 20
ERAS = [Era(100, 0, 12, 4, 3), Era(160, 5, 20, 5, 6)]


@pytest.mark.parametrize(
    "tick, epoch, start",
    [(100, 0, 100), (111, 0, 100), (112, 1, 112), (159, 4, 148), (160, 5, 160), (180, 6, 180)],
)
def test_epoch_at__by_hand(tick, epoch, start):
    window = epoch_at(ERAS, tick)
    assert (window.epoch, window.start_tick) == (epoch, start)


def test_window_of__phases_are_those_of_the_epochs_own_era():
    last_of_old, first_of_new = window_of(ERAS, 4), window_of(ERAS, 5)
    assert (last_of_old.end_tick, last_of_old.reveal_ticks, last_of_old.window_ticks) == (160, 4, 3)
    assert (first_of_new.start_tick, first_of_new.end_tick) == (160, 180)
    assert (first_of_new.reveal_ticks, first_of_new.window_ticks) == (5, 6)


def test_before_the_first_era__is_refused():
    with pytest.raises(InvalidSubmission, match="tick 99 is before"):
        epoch_at(ERAS, 99)
    with pytest.raises(InvalidSubmission, match="epoch 4 is before"):
        window_of([Era(160, 5, 20, 5, 6)], 4)


@given(tick=st.integers(100, 10**6))
def test_epoch_at__and_window_of__agree(tick):
    window = epoch_at(ERAS, tick)
    assert window.start_tick <= tick < window.end_tick
    assert window_of(ERAS, window.epoch) == window


@pytest.mark.parametrize(
    "schedule", [(2, 1, 1), (3_600, 1_800, 3_600), (13, 6, 13), (360, 100, 150)]
)
def test_check_schedule__inside__passes(schedule):
    check_schedule(*schedule)


@pytest.mark.parametrize(
    "schedule, word",
    [
        ((3_601, 1, 1), "tempo"),
        ((12, 0, 1), "reveal"),
        ((12, 7, 1), "reveal"),
        ((12, 6, 0), "window"),
        ((12, 6, 13), "window"),
        ((1, 1, 1), "reveal"),
    ],
)
def test_check_schedule__outside__says_what(schedule, word):
    with pytest.raises(InvalidSubmission, match=word):
        check_schedule(*schedule)
