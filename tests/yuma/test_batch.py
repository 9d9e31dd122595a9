# SPDX-License-Identifier: Apache-2.0
"""Batches equal single epochs, whatever the number of threads and wherever they run."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from offchain.yuma import bench, fast, gpu, specification
from offchain.yuma.errors import InvalidEpoch
from offchain.yuma.fast.batch import EpochBatch
from offchain.yuma.types import EpochInput, EpochParameters, SeatEpoch

FIELDS = fast.BatchResult.__slots__
MODES: tuple[dict[str, bool], ...] = (
    {},
    {"yuma3": False},
    {"liquid_alpha": True},
)


def random_batch(seed: int, epochs: int, seats: int, n: int, **modes: bool) -> EpochBatch:
    """Epochs with extremes in the first three: no weights, one miner, no stake."""
    rng = np.random.default_rng(seed)
    stakes = rng.integers(0, 10**12, (epochs, seats))
    stakes[rng.random((epochs, seats)) < 0.2] = 0
    weights = rng.integers(0, 65536, (epochs, seats, n)).astype(np.uint16)
    weights[rng.random((epochs, seats, n)) < 0.3] = 0
    weights[0] = 0
    weights[1 % epochs, :, :] = 0
    weights[1 % epochs, :, 0] = 65535
    stakes[2 % epochs] = 0
    bonds = rng.integers(0, 65536, (epochs, seats, n)).astype(np.uint16)
    return EpochBatch(
        fast.active_shares(stakes),
        weights,
        bonds if seed % 2 else None,
        replaced=rng.random((epochs, n)) < 0.1,
        keeps_seat=rng.random((epochs, seats)) < 0.9,
        kappa=rng.choice([0, 1, 32767, 65535, 40000], epochs),
        bonds_penalty=rng.choice([0, 65535, 1, 65534, 30000], epochs),
        bonds_moving_average=rng.choice([0, 1, 900_000, 10**6], epochs),
        alpha_sigmoid_steepness=rng.choice([1000, -1000, 0, 32767, -32768, 200], epochs),
        **modes,
    )


def assert_equal(left: fast.BatchResult, right: fast.BatchResult, case: object) -> None:
    """Every array, bit for bit."""
    for field in FIELDS:
        assert np.array_equal(getattr(left, field), getattr(right, field)), (field, case)


def at(parameter: Any, epoch: int) -> int:
    """The epoch's own value of a parameter."""
    return int(
        np.broadcast_to(parameter, epoch + 1)[epoch]
        if np.ndim(parameter) == 0
        else parameter[epoch]
    )


@pytest.mark.parametrize("seats, n", ((0, 3), (1, 1), (3, 7), (8, 130)))
def test_run_batch__fixed_rate__equals_seat_epochs_of_the_specification(seats: int, n: int) -> None:
    for seed in (0, 1):
        batch = random_batch(seed, 6, seats, n)
        result = fast.run_batch(batch, store_bonds=True)
        assert result.bonds is not None
        assert batch.replaced is not None
        assert batch.keeps_seat is not None
        none = np.zeros((seats, n), np.uint16)
        for e in range(6):
            old = none if batch.bonds is None else batch.bonds[e]
            single = specification.run_seat_epoch(
                SeatEpoch(
                    active_stake_bits=tuple(batch.active_stake[e].tolist()),
                    rows=tuple(map(tuple, batch.weights[e].tolist())),
                    old_bonds=tuple(map(tuple, old.tolist())),
                    replaced=tuple(batch.replaced[e].tolist()),
                    keeps_seat=tuple(batch.keeps_seat[e].tolist()),
                    kappa=at(batch.kappa, e),
                    bonds_penalty=at(batch.bonds_penalty, e),
                    bonds_moving_average=at(batch.bonds_moving_average, e),
                    rao_emission=0,
                )
            )
            assert tuple(result.consensus[e].tolist()) == single.consensus_bits
            assert tuple(result.rank[e].tolist()) == single.rank_bits
            assert tuple(result.incentive[e].tolist()) == single.incentive_bits
            assert tuple(result.dividend_totals[e].tolist()) == single.dividend_totals
            assert tuple(result.dividends[e].tolist()) == single.dividends_bits
            assert tuple(map(tuple, result.bonds[e].tolist())) == single.bonds_u16


def as_epoch(batch: EpochBatch, e: int) -> tuple[EpochParameters, EpochInput]:
    """One epoch of a batch with seats as uids 0 to V - 1 and columns as the uids after them."""
    _, seats, n = batch.weights.shape
    uids = seats + n
    assert batch.replaced is not None

    def rows(matrix: Any) -> tuple[tuple[tuple[int, int], ...], ...]:
        listed = [[(seats + j, int(w)) for j, w in enumerate(row) if w] for row in matrix]
        return (*map(tuple, listed), *((),) * n)

    parameters = EpochParameters(
        n=uids,
        rao_emission=10**9,
        kappa=at(batch.kappa, e),
        bonds_penalty=at(batch.bonds_penalty, e),
        bonds_moving_average=at(batch.bonds_moving_average, e),
        alpha_sigmoid_steepness=at(batch.alpha_sigmoid_steepness, e),
        yuma3=batch.yuma3,
        liquid_alpha=batch.liquid_alpha,
    )
    return parameters, EpochInput(
        block=1000,
        last_step_block=500,
        stakes=(*batch.active_stake[e].tolist(), *(0,) * n),
        tao_stakes=(0,) * uids,
        last_update=(999,) * uids,
        registered_block=(*(0,) * seats, *(600 if r else 0 for r in batch.replaced[e])),
        validator_permits=(*(True,) * seats, *(False,) * n),
        weights=rows(batch.weights[e]),
        bonds=((),) * uids if batch.bonds is None else rows(batch.bonds[e]),
        active_commit_blocks=(None,) * uids,
    )


@pytest.mark.parametrize("modes", MODES, ids=("fixed", "classic", "liquid"))
def test_run_batch__every_kind_of_bonds__equals_run_epoch(modes: dict[str, bool]) -> None:
    for seed in (1, 2):
        batch = random_batch(seed, 5, 4, 9, **modes)
        result = fast.run_batch(batch)
        for e in range(5):
            parameters, epoch = as_epoch(batch, e)
            single = specification.run_epoch(parameters, epoch)
            if tuple(batch.active_stake[e].tolist()) != single.active_stake_bits[:4]:
                continue  # shares that truncation left below one are not normalised to themselves
            assert tuple(result.incentive[e].tolist()) == single.incentive_bits[4:]
            assert tuple(result.dividends[e].tolist()) == single.dividends_bits[:4]
            assert tuple(result.consensus[e].tolist()) == single.consensus_bits[4:]


@pytest.mark.parametrize("modes", MODES, ids=("fixed", "classic", "liquid"))
def test_run_batch__threads_and_torch__equal_one_thread(modes: dict[str, bool]) -> None:
    for seed, (seats, n) in enumerate(((1, 1), (3, 7), (8, 40), (20, 130))):
        batch = random_batch(seed, 5, seats, n, **modes)
        result = fast.run_batch(batch, store_bonds=True)
        assert_equal(fast.run_batch(batch, threads=3, store_bonds=True), result, (seed, modes))
        for memory in (1, 2**30):  # one epoch at a time, all at once
            there = gpu.run_batch(batch, "cpu", store_bonds=True, memory_bytes=memory)
            assert_equal(there, result, (seed, modes, memory))


@pytest.mark.parametrize("liquid_alpha", (False, True))
def test_run_arrays__any_number_of_threads__same_bits(liquid_alpha: bool) -> None:
    parameters, epoch = bench.dense_epoch(64, 2100, liquid_alpha)
    one = fast.run_arrays(parameters, epoch)
    for threads in (2, 3, 7):
        many = fast.run_arrays(parameters, epoch, threads)
        for field in fast.EpochResult.__slots__:
            assert np.array_equal(getattr(one, field), getattr(many, field)), (field, threads)


def test_shares__of_a_batch__split_emission_as_an_epoch_does() -> None:
    batch = random_batch(3, 4, 4, 9)
    servers, validators = fast.run_batch(batch).shares()
    for e in (1, 3):
        parameters, epoch = as_epoch(batch, e)
        single = specification.run_epoch(parameters, epoch)
        assert tuple(batch.active_stake[e].tolist()) == single.active_stake_bits[:4]
        assert tuple(servers[e].tolist()) == single.norm_server_emission_bits[4:]
        assert tuple(validators[e].tolist()) == single.norm_validator_emission_bits[:4]


@pytest.mark.parametrize(
    "change, field",
    (
        ({"kappa": 65536}, "kappa"),
        ({"kappa": np.array([1, 2])}, "kappa"),
        ({"bonds_moving_average": -1}, "bonds_moving_average"),
        ({"weights": np.zeros((5, 3), np.uint16)}, "weights"),
        ({"weights": np.zeros((5, 3, 7), np.int64)}, "weights"),
        ({"bonds": np.zeros((5, 3, 8), np.uint16)}, "bonds"),
        ({"active_stake": np.full((5, 3), 2**32)}, "active_stake"),
        ({"active_stake": np.full((5, 3), -1)}, "active_stake"),
        ({"replaced": np.zeros((5, 3), np.bool_)}, "replaced"),
    ),
)
def test_run_batch__arrays_that_do_not_fit__are_named(change: dict[str, Any], field: str) -> None:
    batch = replace(random_batch(1, 5, 3, 7), **change)
    with pytest.raises(InvalidEpoch) as caught:
        fast.run_batch(batch)
    assert caught.value.field == field


def test_gpu__device_that_is_not_there__is_named() -> None:
    with pytest.raises(InvalidEpoch, match="device"):
        gpu.run_batch(random_batch(1, 2, 1, 1), "abacus")
