# SPDX-License-Identifier: Apache-2.0
"""The phase table at every edge, one tick before and after it: page, contract and Python agree."""

import pytest

from offchain.protocol.eras import EpochWindow
from offchain.protocol.phases import Phase, final_from, is_closable, phase_of, void_from
from tests.contracts.deployment import compiled, seeded

# epoch 7 begins at tick 100; the next epoch belongs to an era of another length
T, R, W = 12, 4, 3
WINDOW = EpochWindow(7, 100, T, R, W)
SUCCESSOR = EpochWindow(8, 112, 30, 9, 5)

# The table of protocol.md, "Epochs", written out: first tick, first tick after it.
COMMIT = (100, 112)
REVEAL = (112, 116)
CLOSE = (116, 112 + 30 + 9)  # "unclosed when its successor can be closed, is null"
EDGES = sorted({edge + step for edge in (100, 112, 116, 142, 151) for step in (-1, 0, 1)})


def as_tuple(window):
    return (
        window.epoch,
        window.start_tick,
        window.tempo,
        window.reveal_ticks,
        window.window_ticks,
    )


def allowed(tick):
    """What the page allows for epoch 7 at a tick: commit, reveal, close."""
    return tuple(first <= tick < end for first, end in (COMMIT, REVEAL, CLOSE))


def allowed_in_python(tick):
    phase = phase_of(WINDOW, tick)
    return (
        phase is Phase.COMMIT,
        phase is Phase.REVEAL,
        is_closable(WINDOW, SUCCESSOR, tick),
    )


def allowed_on_chain(harness, tick):
    window, successor = as_tuple(WINDOW), as_tuple(SUCCESSOR)
    phase = harness.phase(window, tick)
    return (phase == 1, phase == 2, harness.is_closable(window, successor, tick))


@pytest.fixture(scope="module")
def harness():
    return compiled("SubnetsHarness").deploy()


@pytest.mark.parametrize("tick", EDGES)
def test_D5_phase_table__at_each_edge__page_contract_and_python_agree(harness, tick):
    assert allowed_in_python(tick) == allowed(tick)
    assert allowed_on_chain(harness, tick) == allowed(tick)
    assert harness.phase(as_tuple(WINDOW), tick) == phase_of(WINDOW, tick)


def test_D5_phases__cover_every_tick_once_and_in_order(harness):
    phases = [harness.phase(as_tuple(WINDOW), tick) for tick in range(90, 160)]
    assert phases == sorted(phases)
    assert phases == [phase_of(WINDOW, tick) for tick in range(90, 160)]
    assert [phases.count(p) for p in Phase] == [10, T, R, 60 - T - R]


def test_D5_every_commit__is_revealable_for_R_ticks(harness):
    """A commit in the last tick of the epoch still has the whole reveal phase before it."""
    last = COMMIT[1] - 1
    assert harness.phase(as_tuple(WINDOW), last) == Phase.COMMIT
    reveals = [t for t in range(last, 200) if harness.phase(as_tuple(WINDOW), t) == Phase.REVEAL]
    assert len(reveals) == R


def test_phases__shortest_epoch__each_phase_has_a_tick(harness):
    window, successor = EpochWindow(0, 1, 2, 1, 1), EpochWindow(1, 3, 2, 1, 1)
    phases = [harness.phase(as_tuple(window), tick) for tick in range(6)]
    assert phases == [0, 1, 1, 2, 3, 3]
    closable = [
        harness.is_closable(as_tuple(window), as_tuple(successor), tick) for tick in range(8)
    ]
    assert closable == [False] * 4 + [True] * 2 + [False] * 2


def test_final_and_void__worked_numbers(harness):
    assert harness.final_from(200, W) == final_from(200, W) == 203
    assert harness.void_from(200, T) == void_from(200, T) == 236


@pytest.mark.soundness
@pytest.mark.parametrize(
    "right, wrong",
    [
        ("    if tick < window.start_tick:\n", "    if tick <= window.start_tick:\n"),
        ("    if tick < end_tick:\n", "    if tick <= end_tick:\n"),
        (
            "    if tick < end_tick + window.reveal_ticks:\n",
            "    if tick <= end_tick + window.reveal_ticks:\n",
        ),
        (
            "    if tick < end_tick + window.reveal_ticks:\n",
            "    if tick < end_tick + window.window_ticks:\n",
        ),
        (" and self._phase(successor, tick) != SETTLE", ""),
    ],
)
def test_D5_seeded__the_table_trips(right, wrong):
    harness = seeded("mocks/SubnetsHarness", ("modules/phases.vy", right, wrong)).deploy()
    assert any(allowed_on_chain(harness, tick) != allowed(tick) for tick in EDGES)
