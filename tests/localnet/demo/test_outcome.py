# SPDX-License-Identifier: Apache-2.0
"""The demo's verdicts: each is kept in an honest world and broken by the one thing it guards."""

from dataclasses import replace

import pytest

from offchain.localnet.demo.cast import PLAYERS, Role
from offchain.localnet.demo.outcome import Account, EpochBooks, Strike, judge

EARNED = {
    "miner-cnn": (900, 0),
    "miner-mlp": (800, 0),
    "miner-linear": (500, 0),
    "miner-random": (10, 0),
    "miner-relay": (0, 0),
    "miner-offline": (100, 0),
    "validator-1": (0, 1200),
    "validator-2": (0, 1000),
    "validator-3": (0, 800),
    "validator-cheat": (0, 90),
}
BOOKS = [
    EpochBooks(0, 1000, 0, 700, 179, 1, 100, 20),
    EpochBooks(1, 1000, 20, 800, 183, 1, 0, 36),
]


STRUCK = Strike(1, "0xliar", "0xwatcher", 20, 10, 10, stood_ticks=2)


def honest_world() -> dict[str, Account]:
    return {
        p.name: Account(p, uid, *EARNED[p.name], *EARNED[p.name]) for uid, p in enumerate(PLAYERS)
    }


def kept(accounts: dict[str, Account], books=BOOKS, strikes=(STRUCK,)) -> list[bool]:
    return [v.kept for v in judge(list(accounts.values()), books, strikes)]


def test_judge__honest_world__every_promise_is_kept():
    assert kept(honest_world()) == [True] * 6


@pytest.mark.parametrize(
    ("name", "change", "broken"),
    [
        ("miner-linear", {"server_rao": 800, "claimed_server_rao": 800}, 0),
        ("miner-mlp", {"server_rao": 901, "claimed_server_rao": 901}, 0),
        ("miner-random", {"server_rao": 250, "claimed_server_rao": 250}, 1),
        ("miner-relay", {"server_rao": 400, "claimed_server_rao": 400}, 1),
        ("miner-offline", {"server_rao": 251, "claimed_server_rao": 251}, 1),
        ("validator-cheat", {"validator_rao": 500, "claimed_validator_rao": 500}, 2),
        ("miner-cnn", {"claimed_server_rao": 899}, 5),
        ("validator-3", {"claimed_validator_rao": 801}, 5),
    ],
)
def test_judge__one_thing_wrong__only_its_promise_breaks(name, change, broken):
    accounts = honest_world()
    accounts[name] = replace(accounts[name], **change)
    assert [i for i, is_kept in enumerate(kept(accounts)) if not is_kept] == [broken]


def test_judge__one_rao_missing__books_do_not_balance():
    short = [replace(BOOKS[0], payouts_rao=699), BOOKS[1]]
    assert kept(honest_world(), short)[4] is False
    kept_back = [BOOKS[0], replace(BOOKS[1], pot_before_rao=21)]
    assert kept(honest_world(), kept_back)[4] is False


@pytest.mark.parametrize(
    "strikes",
    [[], [replace(STRUCK, stood_ticks=3)], [replace(STRUCK, recycled_rao=9)], [STRUCK, STRUCK]],
)
def test_judge__lie_stands_too_long_or_is_cheap__promise_is_broken(strikes):
    assert kept(honest_world(), BOOKS, strikes)[3] is False


def test_judge__nothing_happened__no_promise_is_kept():
    idle = {
        name: replace(
            a, server_rao=0, validator_rao=0, claimed_server_rao=0, claimed_validator_rao=0
        )
        for name, a in honest_world().items()
    }
    assert kept(idle, [], []) == [False] * 6


def test_cast__keys_are_distinct_and_the_cheat_is_a_minority():
    keys = [key for p in PLAYERS for key in (p.coldkey, p.hotkey)]
    assert len(set(keys)) == len(keys)
    cheating = sum(p.stake_rao for p in PLAYERS if p.role is Role.CHEATING_VALIDATOR)
    assert 2 * cheating < sum(p.stake_rao for p in PLAYERS)
