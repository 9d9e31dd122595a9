# SPDX-License-Identifier: Apache-2.0
"""The two implementations agree on random epochs, in every field. A failing seed is a test case."""

from __future__ import annotations

from dataclasses import fields, replace
from random import Random

import pytest

from offchain.yuma import fast, specification
from offchain.yuma.types import EpochInput, EpochOutput, EpochParameters
from tests.yuma.worlds import random_disordered_world, random_seat_epoch, random_world

SAMPLE = 300
FULL = 10_000
LARGE = 50


def _differing(parameters: EpochParameters, epoch: EpochInput) -> list[str]:
    """The fields that differ between the two."""
    left, right = specification.run_epoch(parameters, epoch), fast.run_epoch(parameters, epoch)
    return [
        field.name
        for field in fields(EpochOutput)
        if getattr(left, field.name) != getattr(right, field.name)
    ]


@pytest.mark.fuzz
def test_random_epochs__up_to_32_uids__agree(is_full_run: bool) -> None:
    count = FULL if is_full_run else SAMPLE
    wrong = {seed: names for seed in range(count) if (names := _differing(*random_world(seed)))}
    assert wrong == {}


@pytest.mark.fuzz
def test_random_epochs__liquid_alpha_out_of_order__agree(is_full_run: bool) -> None:
    count = 2_000 if is_full_run else SAMPLE
    worlds = ((seed, random_disordered_world(seed)) for seed in range(count))
    wrong = {seed: names for seed, world in worlds if (names := _differing(*world))}
    assert wrong == {}


@pytest.mark.fuzz
def test_random_epochs__large__agree(is_full_run: bool) -> None:
    count = LARGE if is_full_run else 4
    sizes = (64, 100, 129, 200, 256, 333)
    wrong = {
        seed: names
        for seed in range(count)
        if (names := _differing(*random_world(seed + 10**6, sizes[seed % len(sizes)])))
    }
    assert wrong == {}


def test_random_epochs__sample__reaches_every_branch_that_pays() -> None:
    """The comparison is worth something only if the drawn epochs are not all trivial."""
    seen: dict[str, int] = {}
    for seed in range(SAMPLE):
        parameters, epoch = random_world(seed)
        output = fast.run_epoch(parameters, epoch)
        earned = any(output.incentive_bits) and any(output.dividends_bits)
        kind = "classic"
        if parameters.yuma3:
            kind = "liquid" if parameters.liquid_alpha else "fixed"
        marks = {
            f"{kind} pays": earned,
            "fallback": not earned and any(output.validator_emission),
            "nothing": not any(output.combined_emission),
            "one uid": parameters.n == 1,
            "one voter": sum(share > 0 for share in output.active_stake_bits) == 1,
            "whole share": 2**32 in output.consensus_bits,
            "disordered": any(list(row) != sorted(row) for row in epoch.weights),
            "listed zero": any(value == 0 for row in epoch.weights for _, value in row),
        }
        for mark, is_set in marks.items():
            seen[mark] = seen.get(mark, 0) + is_set
    assert all(count >= 5 for count in seen.values()), seen


@pytest.mark.fuzz
def test_random_epochs__chained_through_u16__agree(is_full_run: bool) -> None:
    """Each implementation goes on from its own stored bonds and permits."""
    for seed in range(300 if is_full_run else 30):
        parameters, epoch = random_world(seed + 2 * 10**6)
        left, right = epoch, epoch
        for step in range(4):
            ours = specification.run_epoch(parameters, left)
            theirs = fast.run_epoch(parameters, right)
            assert ours == theirs, (seed, step)
            left, right = _next(left, ours), _next(right, theirs)


def _next(epoch: EpochInput, stored: EpochOutput) -> EpochInput:
    return replace(epoch, bonds=stored.bonds_u16, validator_permits=stored.new_validator_permits)


@pytest.mark.fuzz
def test_random_seat_epochs__agree(is_full_run: bool) -> None:
    for seed in range(2_000 if is_full_run else 150):
        epoch = random_seat_epoch(seed)
        assert specification.run_seat_epoch(epoch) == fast.run_seat_epoch(epoch), seed


def test_random_epochs__order_of_entries__changes_only_their_order() -> None:
    """Liquid alpha's lookup is the one exception, which the vectors call a quirk."""
    compared = 0
    for seed in range(150):
        parameters, epoch = random_world(seed)
        if parameters.liquid_alpha and parameters.yuma3:
            continue
        rng = Random(seed)
        shuffled = replace(
            epoch,
            weights=tuple(tuple(rng.sample(row, len(row))) for row in epoch.weights),
            bonds=tuple(tuple(rng.sample(row, len(row))) for row in epoch.bonds),
        )
        for run_epoch in (specification.run_epoch, fast.run_epoch):
            left, right = run_epoch(parameters, epoch), run_epoch(parameters, shuffled)
            for field in fields(EpochOutput):
                assert _in_order(left, field.name) == _in_order(right, field.name), seed
        compared += 1
    assert compared > 50


def _in_order(output: EpochOutput, field: str) -> object:
    value = getattr(output, field)
    if field in ("bonds_u16", "weights_normalized_bits", "weights_clipped_bits", "ema_bonds_bits"):
        return tuple(tuple(sorted(row)) for row in value)
    return value


def test_random_epochs__uids_renamed__results_follow_the_names() -> None:
    """Who somebody is must not matter. Permits among equal stakes go by uid, so there are enough
    for all.
    """
    for seed in range(100):
        parameters, epoch = random_world(seed)
        names = Random(seed).sample(range(parameters.n), parameters.n)
        parameters = replace(parameters, max_allowed_validators=parameters.n)
        owner = parameters.owner_uid
        renamed_parameters = replace(parameters, owner_uid=None if owner is None else names[owner])
        ordered = replace(epoch, weights=_sorted(epoch.weights), bonds=_sorted(epoch.bonds))
        output = fast.run_epoch(parameters, ordered)
        renamed = fast.run_epoch(renamed_parameters, _renamed(ordered, names))
        for field in ("incentive_bits", "dividends_bits", "consensus_bits", "combined_emission"):
            values = getattr(output, field)
            followed = tuple(getattr(renamed, field)[name] for name in names)
            assert followed == values, (seed, field)


def _sorted(
    rows: tuple[tuple[tuple[int, int], ...], ...],
) -> tuple[tuple[tuple[int, int], ...], ...]:
    return tuple(tuple(sorted(row)) for row in rows)


def _renamed(epoch: EpochInput, names: list[int]) -> EpochInput:
    """The same epoch where uid is called names[uid]."""
    old = [names.index(uid) for uid in range(len(names))]

    def rows(
        matrix: tuple[tuple[tuple[int, int], ...], ...],
    ) -> tuple[tuple[tuple[int, int], ...], ...]:
        return tuple(tuple(sorted((names[uid], v) for uid, v in matrix[i])) for i in old)

    return replace(
        epoch,
        stakes=tuple(epoch.stakes[i] for i in old),
        tao_stakes=tuple(epoch.tao_stakes[i] for i in old),
        last_update=tuple(epoch.last_update[i] for i in old),
        registered_block=tuple(epoch.registered_block[i] for i in old),
        validator_permits=tuple(epoch.validator_permits[i] for i in old),
        active_commit_blocks=tuple(epoch.active_commit_blocks[i] for i in old),
        weights=rows(epoch.weights),
        bonds=rows(epoch.bonds),
    )
