# SPDX-License-Identifier: Apache-2.0
"""The phase function alone; the table against the contract is in tests/contracts/Subnets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offchain.protocol.eras import Era, window_of
from offchain.protocol.phases import Phase, final_from, is_closable, phase_of, void_from

WINDOW = window_of([Era(100, 0, 12, 4, 3)], 0)


@pytest.mark.parametrize(
    "tick, phase",
    [
        (99, Phase.FUTURE),
        (100, Phase.COMMIT),
        (111, Phase.COMMIT),
        (112, Phase.REVEAL),
        (115, Phase.REVEAL),
        (116, Phase.SETTLE),
    ],
)
def test_phase_of__both_sides_of_each_edge(tick, phase):
    assert phase_of(WINDOW, tick) is phase


@given(
    tempo=st.integers(2, 3_600),
    share=st.integers(1, 100),
    epoch=st.integers(0, 1_000),
    step=st.integers(-4_000, 12_000),
)
def test_closable__at_most_one_epoch_at_any_tick(tempo, share, epoch, step):
    """Two epochs of a subnet never wait for their close at once."""
    era = Era(7_200, 0, tempo, max(tempo * share // 200, 1), 1)
    windows = [window_of([era], epoch + i) for i in range(4)]
    tick = windows[1].start_tick + step
    closable = [is_closable(windows[i], windows[i + 1], tick) for i in range(3)]
    assert sum(closable) <= 1


def test_final_and_void__by_hand():
    assert final_from(200, 3) == 203
    assert void_from(200, 12) == 236
