# SPDX-License-Identifier: Apache-2.0
"""Random and extreme epochs: the kernel's words equal the specification's, bit for bit."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import boa
import pytest

from offchain.yuma.specification import run_seat_epoch, seat_shares
from offchain.yuma.types import SeatEpoch
from tests.contracts.deployment import seeded
from tests.contracts.YumaKernel.blocks import ONE, answer, blocks_of, in_group, words_of
from tests.yuma.worlds import KAPPAS, random_seat_epoch

U16 = 65_535
ALL_TAO_RAO = 21_000_000 * 10**9


def assert_equal(kernel: Any, epoch: SeatEpoch) -> None:
    result = run_seat_epoch(epoch)
    got = [answer(kernel, block) for block in blocks_of(epoch, result)]
    assert got == words_of(result)


def dense_world(seats: int, columns: int, seed: int = 0) -> SeatEpoch:
    """No weight and no old bond is zero."""
    rng = Random(seed)

    def rows() -> tuple[tuple[int, ...], ...]:
        return tuple(tuple(rng.randint(256, U16) for _ in range(columns)) for _ in range(seats))

    stakes = [rng.randint(1, 10**15) for _ in range(seats)]
    return SeatEpoch(
        active_stake_bits=seat_shares(stakes)[1],
        rows=rows(),
        old_bonds=rows(),
        replaced=tuple(rng.random() < 0.1 for _ in range(columns)),
        keeps_seat=tuple(rng.random() < 0.9 for _ in range(seats)),
        kappa=32_767,
        bonds_penalty=rng.choice((0, U16, 30_000)),
        bonds_moving_average=900_000,
        rao_emission=10**12,
    )


@pytest.mark.parametrize("first", range(0, 150, 10))
def test_recompute__150_random_worlds__equal_the_specification(kernel: Any, first: int) -> None:
    for seed in range(first, first + 10):
        assert_equal(kernel, random_seat_epoch(seed))


@pytest.mark.parametrize(("seats", "columns"), [(1, 16), (3, 64), (17, 32), (63, 16), (64, 48)])
def test_recompute__dense_worlds_of_every_size__equal_the_specification(
    kernel: Any, seats: int, columns: int
) -> None:
    assert_equal(kernel, dense_world(seats, columns, seed=seats))


@pytest.mark.parametrize("penalty", [0, 1, 32_767, 65_534, U16])
@pytest.mark.parametrize("average", [1, 500_000, 999_999])
@pytest.mark.parametrize("kappa", KAPPAS)
def test_recompute__parameters_at_their_edges__equal_the_specification(
    kernel: Any, kappa: int, average: int, penalty: int
) -> None:
    world = dense_world(5, 16, seed=kappa)
    assert_equal(
        kernel,
        replace(world, kappa=kappa, bonds_moving_average=average, bonds_penalty=penalty),
    )


WHALE = [ALL_TAO_RAO, 0, 0]
EXTREMES = {
    "one holds all the tao there is": WHALE,
    "all shares below 2**-32 but one": [ALL_TAO_RAO, 1, 1],
    "one bit each": [1, 1, 1],
    "nobody has any": [0, 0, 0],
}


@pytest.mark.parametrize("stakes", EXTREMES.values(), ids=EXTREMES)
@pytest.mark.parametrize("weight", [0, 1, U16])
@pytest.mark.parametrize("bond", [0, 1, 65_534, U16])
def test_E6_recompute__extremes_corpus__equal_and_no_revert(
    kernel: Any, stakes: list[int], weight: int, bond: int
) -> None:
    for kappa in (0, 32_767, U16):
        for penalty in (0, U16):
            assert_equal(
                kernel,
                SeatEpoch(
                    active_stake_bits=seat_shares(stakes)[1],
                    rows=((weight,) * 16, (weight, *(0,) * 15), (0,) * 16),
                    old_bonds=((bond,) * 16,) * 3,
                    replaced=(False, True) * 8,
                    keeps_seat=(True, False, True),
                    kappa=kappa,
                    bonds_penalty=penalty,
                    bonds_moving_average=1 if bond else 999_999,
                    rao_emission=10**9,
                ),
            )


def test_E6_recompute__64_equal_validators_and_ties_on_the_boundary__equal(kernel: Any) -> None:
    world = dense_world(64, 16)
    tied = tuple(
        tuple(U16 if (seat + column) % 3 == 0 else 1 for column in range(16)) for seat in range(64)
    )
    shares = seat_shares([10**12] * 64)[1]
    for kappa in KAPPAS:
        assert_equal(kernel, replace(world, active_stake_bits=shares, rows=tied, kappa=kappa))


def test_recompute__single_validator__takes_the_whole_share(kernel: Any) -> None:
    """A share of exactly 2**32: its rank is its score, for whatever it says."""
    world = dense_world(1, 16)
    assert world.active_stake_bits == (ONE,)
    result = run_seat_epoch(world)
    assert result.rank_bits == result.consensus_bits
    assert_equal(kernel, world)
    single = replace(world, rows=((0, U16, *(0,) * 14),))
    assert run_seat_epoch(single).rank_bits[1] == ONE
    assert_equal(kernel, single)


def test_recompute__no_seats__all_words_of_nothing(kernel: Any) -> None:
    assert_equal(kernel, replace(random_seat_epoch(0), **_without_seats(random_seat_epoch(0))))


def thin_world() -> SeatEpoch:
    """Shares far below 1 in sum: what is voted with is not what ranks are made of."""
    shares = (2**30 + 11, 2**29 + 7, 2**29 + 3)
    return replace(dense_world(3, 16), active_stake_bits=shares, kappa=32_767)


def test_recompute__shares_that_do_not_add_up_to_1__votes_do(kernel: Any) -> None:
    for kappa in (*KAPPAS, 32_000, 33_000):
        assert_equal(kernel, replace(thin_world(), kappa=kappa))


def _without_seats(epoch: SeatEpoch) -> dict[str, Any]:
    return {"active_stake_bits": (), "rows": (), "old_bonds": (), "keeps_seat": ()}


K = "YumaKernel.vy"
MAJORITY = "min(max((kappa_u16 << 32) // c.U16_MAX, 1), votes)"
PENALTY = "min((inputs.bonds_penalty_u16 << 32) // c.U16_MAX, U32_MAX)"
INVERSE = "unsafe_add(unsafe_div(2**74, (seat >> ROW_SUM_BIT) & U64_MAX), 1)"
TAKEN = "unsafe_add(unsafe_mul(excess, factors.penalty), LOW_32)"
KEPT = "(unsafe_mul(old, factors.kept) >> 32) & LOW_32"
# mutants that the worlds above have to notice; those in a group are in another one each
MUTANTS = {
    "penalty rounded down": in_group(0, TAKEN, "unsafe_mul(excess, factors.penalty)"),
    "penalty of 1 not cut": (K, PENALTY, PENALTY[4:].replace(", U32_MAX)", "")),
    "rates exchanged": (K, "factors.new = ONE - factors.kept", "factors.new = factors.kept"),
    "halves not cut apart": in_group(1, KEPT, "unsafe_mul(old, factors.kept) >> 32"),
    "bonds never load": in_group(3, "(parent >> 0) & LOW_16", "0"),
    "rank unclipped": in_group(
        2, "unsafe_mul(unsafe_sub(score, excess), share)", "unsafe_mul(score, share)"
    ),
    "rank by votes": in_group(
        3,
        "unsafe_mul(unsafe_sub(score, excess), share)",
        "unsafe_mul(unsafe_sub(score, excess), vote & U32_MAX)",
    ),
    "bonds of another group": in_group(1, "columns.bonds[1][i]", "columns.bonds[0][i]"),
    "stored in another group": in_group(2, "<< 16", "<< 32"),
    "full share lost": (K, "if factors.has_whole:", "if columns.votes == 0:"),
    "full share always": (K, "factors.has_whole = shares & ONE != 0", "factors.has_whole = True"),
    "votes not renormalised": (K, "unsafe_div(share << 32, factors.total_share)", "share"),
    "reciprocal rounded down": (K, INVERSE, INVERSE[11:].replace(", 1)", "")),
    "replaced columns kept": (K, "kept ^= c.U16_MAX << (240 - 16 * column)", "pass"),
    "replaced in reverse": (K, "(replaced >> (15 - column)) & 1", "(replaced >> column) & 1"),
    "lost seat keeps bonds": (K, "(seat & KEEPS_SEAT) // KEEPS_SEAT", "1"),
    "kappa 0 without a top score": (K, MAJORITY, MAJORITY.replace("max(", "").replace(", 1)", "")),
    "kappa above all votes": (K, MAJORITY, MAJORITY[4:].replace(", votes)", "")),
    "without votes as with them": (K, "if columns.votes == 0:", "if columns.votes == 1:"),
    "partials of 33 bits cut": (K, "word << 64 | part & U64_MAX", "word << 64 | part & U32_MAX"),
    "one seat's partial for all": (K, "i = unsafe_add(i, 1)", "i = unsafe_add(i, 0)"),
}


@pytest.mark.slow
@pytest.mark.soundness
@pytest.mark.parametrize("bug", MUTANTS.values(), ids=MUTANTS)
def test_recompute__mutant__is_noticed_by_the_worlds(bug: tuple[str, str, str]) -> None:
    mutant = seeded("YumaKernel", bug).deploy()
    assert any(_differs(mutant, epoch) for epoch in _hunting_ground())


def _hunting_ground() -> list[SeatEpoch]:
    worlds = [random_seat_epoch(seed) for seed in range(60)]
    worlds += [dense_world(seats, 16, seed) for seats in (1, 2, 5) for seed in range(6)]
    return [*worlds, thin_world()]


def _differs(kernel: Any, epoch: SeatEpoch) -> bool:
    result = run_seat_epoch(epoch)
    for block, words in zip(blocks_of(epoch, result), words_of(result), strict=True):
        try:
            if answer(kernel, block) != words:
                return True
        except boa.BoaError:
            return True
    return False
