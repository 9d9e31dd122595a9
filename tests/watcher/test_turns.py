# SPDX-License-Identifier: Apache-2.0
"""When a watcher sends: at another time than others, never too late, and nobody silences it."""

from hypothesis import given
from hypothesis import strategies as st

from offchain.watcher.turns import SPREAD_SECONDS, Turns

ADDRESSES = [f"0x{number:040x}" for number in range(200)]


def test_draw__many_watchers__spread_evenly_and_always_the_same():
    drawn = sorted(Turns(address).draw("lie") for address in ADDRESSES)
    assert drawn[0] < 0.05
    assert drawn[-1] > 0.95
    assert len(set(drawn)) == len(ADDRESSES)
    assert Turns(ADDRESSES[0]).draw("lie") == Turns(ADDRESSES[0].upper()).draw("lie")


@given(st.floats(0, 10_000), st.sampled_from(ADDRESSES))
def test_is_due__any_time_left__at_the_latest_when_half_of_it_is_over(left, address):
    turns = Turns(address)
    turns.is_due("lie", 100.0, left)
    assert turns.is_due("lie", 100.0 + left / 2, left)


def test_is_due__little_and_much_time__waits_within_a_block_or_over_many():
    short, long = Turns(ADDRESSES[1]), Turns(ADDRESSES[1])
    assert not short.is_due("lie", 0.0, 3.0)
    assert short.is_due("lie", SPREAD_SECONDS, 3.0)
    long.is_due("lie", 0.0, 1_800.0)
    # a mainnet window of 150 ticks: everybody has sent after one of 12 seconds
    assert not long.is_due("lie", 0.99 * 12 * long.draw("lie"), 1_800.0)
    assert long.is_due("lie", 1.01 * 12 * long.draw("lie"), 1_800.0)


def test_gives_way__a_transaction_that_never_ends__sends_with_the_next_block():
    turns = Turns(ADDRESSES[0])
    assert turns.gives_way("lie", 7)
    assert turns.gives_way("lie", 7)
    assert not turns.gives_way("lie", 8)
    turns.keep(set())
    assert not turns.is_waiting
