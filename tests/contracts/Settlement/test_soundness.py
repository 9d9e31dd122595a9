# SPDX-License-Identifier: Apache-2.0
"""Soundness and fairness in random worlds: every wrong word is struck by one transaction, and no
challenge of a true proposal succeeds.

A sample runs always; `make soundness` runs the full set: 12 worlds, more than 400 corruptions and
more than 400 wrong challenges, and the seeded bugs that each guard trips.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, replace
from random import Random

import boa
import pytest

from offchain.settlement import challenge
from offchain.settlement.trace import BLOCK_WORDS
from tests.contracts.deployment import role_address, seeded
from tests.contracts.Settlement.worlds import NETUID, Content, Stage, open_stage, random_content

TRANSACTION_GAS = 2**24


@dataclass(frozen=True, slots=True)
class Shape:
    """One world: its size, parameters and how many epochs are final before the one in dispute."""

    seed: int
    max_uids: int
    seats: int
    depth: int
    kappa: int = 32_767
    penalty: int = 65_535
    average_ppm: int = 900_000


SHAPES = [
    Shape(1, 16, 3, 1),
    Shape(2, 16, 8, 3, kappa=0),
    Shape(3, 32, 5, 2, kappa=65_535, penalty=0),
    Shape(4, 32, 64, 1, penalty=1),
    Shape(5, 64, 16, 1, average_ppm=1),
    Shape(6, 64, 4, 4, average_ppm=999_999),
    Shape(7, 128, 7, 2, penalty=32_768),
    Shape(8, 128, 32, 1, kappa=40_000),
    Shape(9, 256, 3, 2),
    Shape(10, 256, 12, 1, penalty=65_534),
    Shape(11, 256, 64, 1),
    Shape(12, 64, 64, 2, kappa=32_768, penalty=20_000),
]
SAMPLE = SHAPES[:3]


def play(shape: Shape, **patched) -> Stage:
    """Final epochs with re-registrations, lost seats, missing rows, ties; a closed one on top."""
    random = Random(shape.seed)
    stage = open_stage(
        shape.max_uids,
        kappa=shape.kappa,
        penalty=shape.penalty,
        average_ppm=shape.average_ppm,
        **patched,
    )
    generations = [1] * shape.max_uids
    for epoch in range(shape.depth + 1):
        renewed = random.sample(range(shape.max_uids), 2) if epoch else []
        for uid in renewed:
            generations[uid] += 1
        content = random_content(
            random,
            epoch,
            shape.max_uids,
            shape.seats,
            replaced=tuple(renewed),
            generations=tuple(generations),
        )
        content = with_ties(random, content)
        if epoch < shape.depth:
            stage.settle(epoch, content)
        else:
            stage.close(epoch, content)
    return stage


def with_ties(random: Random, content: Content) -> Content:
    """Some seats vote alike, with like stakes: scores and stake meet on the boundary."""
    seats = list(content.seats)
    first = next(seat for seat in seats if seat and seat.row is not None)
    for number, seat in enumerate(seats):
        if seat and seat.row is not None and random.random() < 0.3:
            row = list(first.row)
            row[seat.uid] = 0
            seats[number] = replace(seat, row=tuple(row), stake_rao=first.stake_rao)
    return replace(content, seats=tuple(seats))


def corruptions(random: Random, words: tuple[int, ...], blocks: int, count: int):
    """Traces with one wrong word, every kind of word in turn, wrong in different ways.

    And such with a bit of rank moved to another column of the same word: the sum is right.
    """
    kinds = ["total rank", "rank", "bonds hash", "partial hash", "dividend total", "moved"]
    while count:
        for kind in kinds:
            block = random.randrange(blocks)
            first = 1 + BLOCK_WORDS * block
            if kind == "moved":
                index = first + random.randrange(4)
                lanes = [words[index] >> 64 * lane & 2**64 - 1 for lane in range(4)]
                taken = next((lane for lane in range(4) if lanes[lane]), None)
                if taken is not None:
                    change = (1 << 64 * ((taken + 1) % 4)) - (1 << 64 * taken)
                    yield [*words[:index], words[index] + change, *words[index + 1 :]]
                    count -= 1
                if not count:
                    return
                continue
            index = {
                "total rank": 0,
                "rank": first + random.randrange(4),
                "bonds hash": first + 4,
                "partial hash": first + 5,
                "dividend total": random.randrange(1 + BLOCK_WORDS * blocks, len(words)),
            }[kind]
            right = words[index]
            wrong = random.choice(
                (
                    right ^ 1 << random.randrange(256),
                    (right + 1) % 2**256,
                    (right - 1) % 2**256,
                    0,
                    2**256 - 1,
                    random.randrange(2**256),
                )
            )
            if wrong == right:
                continue
            yield [*words[:index], wrong, *words[index + 1 :]]
            count -= 1
            if not count:
                return


def strike_all(stage: Stage, epoch: int, traces) -> int:
    """Propose each trace and strike it; how many were."""
    struck = 0
    for posted in traces:
        with boa.env.anchor():
            history = deepcopy(stage.history)
            stage.propose(epoch, posted)
            log = stage.strike(epoch)
            assert log.reward_rao > 0
            assert stage.settlement._computation.get_gas_used() < TRANSACTION_GAS
            struck += 1
        stage.history = history
    return struck


def wrong_challenges(random: Random, stage: Stage, epoch: int, count: int):
    """Calls that must fail against the true, live proposal: (function, arguments)."""
    examination = challenge.examine(stage.history, epoch)
    blocks = examination.frozen.header.blocks
    while True:
        block = random.randrange(blocks)
        opened = challenge.challenge_block(examination, block)
        summed = list(challenge.sums(examination))
        other = random.randrange(blocks)
        calls = [
            ("challenge_block", opened),
            ("challenge_sum", summed),
            ("challenge_block", (opened[0], other, *opened[2:4], _mutated(random, opened[4]))),
            ("challenge_block", (*opened[:4], _mutated(random, opened[4]))),
            ("challenge_block", (*opened[:3], _flipped(random, opened[3]), opened[4])),
            ("challenge_block", (opened[0] + 1, *opened[1:])),
            ("challenge_block", (opened[0] - (1 << 64), *opened[1:])),
            ("challenge_sum", [*summed[:3], _flipped(random, summed[3]), summed[4]]),
            ("challenge_sum", [*summed[:4], _flipped(random, summed[4])]),
            ("challenge_sum", [*summed[:4], summed[4][:-1]]),
        ]
        for call in calls:
            yield call
            count -= 1
            if not count:
                return


def _flipped(random: Random, words):
    changed = list(words)
    index = random.randrange(len(changed))
    changed[index] ^= 1 << random.randrange(256)
    return changed


def _mutated(random: Random, opening):
    """An Opening with one thing wrong, lengths included."""
    parts = [list(part) if isinstance(part, (list, tuple)) else part for part in opening]
    lists = [i for i in range(5) if parts[i]]
    where = random.choice(lists)
    if random.random() < 0.2:
        parts[where].pop()
    else:
        parts[where] = _flipped(random, parts[where])
    return parts


def refuse_all(stage: Stage, epoch: int, calls) -> int:
    """Send each call; how many reverted."""
    refused = 0
    for name, arguments in calls:
        with boa.env.anchor():
            try:
                getattr(stage.settlement, name)(*arguments, sender=role_address("griefer"))
            except boa.BoaError:
                refused += 1
            else:
                raise AssertionError(f"{name} struck a true proposal of epoch {epoch}")
    return refused


def examine_world(shape: Shape, corrupt: int, grief: int) -> tuple[int, int]:
    """(struck, refused) in one world."""
    random = Random(shape.seed + 1_000)
    stage = play(shape)
    words = stage.result(shape.depth).words
    traces = corruptions(random, words, shape.max_uids // 16, corrupt)
    struck = strike_all(stage, shape.depth, traces)
    stage.propose(shape.depth)
    refused = refuse_all(stage, shape.depth, wrong_challenges(random, stage, shape.depth, grief))
    stage.prove(shape.depth, range(min(16, shape.max_uids // 16)))
    return struck, refused


@pytest.mark.parametrize("shape", SAMPLE, ids=lambda shape: f"world {shape.seed}")
def test_sample__every_wrong_word_struck_no_wrong_challenge_succeeds(shape):
    assert examine_world(shape, corrupt=12, grief=20) == (12, 20)


@pytest.mark.soundness
@pytest.mark.slow
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: f"world {shape.seed}")
def test_full_set__every_wrong_word_struck_no_wrong_challenge_succeeds(shape):
    assert examine_world(shape, corrupt=36, grief=36) == (36, 36)


BUGS = {
    "a rank word is not compared": (
        "modules/openings.vy",
        "posted[2] == true_words.ranks[2]",
        "posted[2] == posted[2]",
    ),
    "the bonds hash is not compared": (
        "modules/openings.vy",
        "posted[trace.BONDS_HASH] == convert(true_words.bonds_hash, uint256)",
        "posted[trace.BONDS_HASH] == posted[4]",
    ),
    "the partial hash is not compared": (
        "modules/openings.vy",
        "posted[trace.PARTIAL_HASH] == convert(true_words.partial_hash, uint256)",
        "posted[trace.PARTIAL_HASH] == posted[5]",
    ),
    "the total rank is not checked": (
        "modules/trace.vy",
        "if words[0] != self._sum_of_ranks(words, blocks):",
        "if words[0] == max_value(uint256) - self._sum_of_ranks(words, blocks):",
    ),
    "the dividend totals are not compared": (
        "modules/trace.vy",
        "if totals[i] != words[1 + BLOCK_WORDS * blocks + i]:",
        "if totals[i] == max_value(uint256):",
    ),
}


@pytest.mark.soundness
@pytest.mark.slow
@pytest.mark.parametrize("bug", BUGS, ids=list(BUGS))
def test_seeded_bug__some_wrong_word_is_no_longer_struck(bug):
    shape = Shape(21, 16, 4, 1)
    stage = play(shape, Examiner=seeded("Examiner", BUGS[bug]))
    traces = corruptions(Random(5), stage.result(1).words, 1, 40)
    with pytest.raises(boa.BoaError, match=r"is right|are right"):
        strike_all(stage, 1, traces)


FAIRNESS_BUGS = {
    "rows are not checked": ("modules/openings.vy", "given == folded, ", "given != 0, "),
    "old bonds are not checked": ("modules/openings.vy", "== bonds_hash, ", "!= 0, "),
    "hashes of the parent are not checked": (
        "Settlement.vy",
        "findings.parent_hash == parent_hash",
        "findings.parent_hash != empty(bytes32)",
    ),
    "zeroed blocks are not checked": (
        "Settlement.vy",
        "findings.zeroed == zeroed",
        "findings.wrong == findings.wrong",
    ),
    "frozen words are not checked": (
        "Settlement.vy",
        "findings.frozen_hash == slots._frozen_hashes[key]",
        "findings.frozen_hash != empty(bytes32)",
    ),
}


def _forgeries(stage: Stage, bug: str):
    """Challenges of a true proposal that only the seeded contract takes, at least one of them."""
    examination = challenge.examine(stage.history, 1)
    number, block, words, trace, opening = challenge.challenge_block(examination, 0)
    for index in range(len(opening[0]) if bug == "rows are not checked" else 1):
        parts = [list(part) if isinstance(part, (list, tuple)) else part for part in opening]
        frozen = [list(part) if isinstance(part, (list, tuple)) else part for part in words]
        if bug == "rows are not checked":
            parts[0][index] ^= 2**256 - 1
        elif bug == "zeroed blocks are not checked":
            parts[6] = 1
        elif bug == "frozen words are not checked":
            frozen[1][0] ^= 2  # keeps_seat
        else:
            parts[2] = [2**256 - 1 - word for word in parts[2]]
        if bug == "hashes of the parent are not checked":
            shown = b"".join(word.to_bytes(32, "big") for word in parts[2])
            parts[4][0] = int.from_bytes(challenge.keccak(shown), "big")
        yield number, block, frozen, trace, parts


def _struck_by_forgery(stage: Stage, bug: str) -> bool:
    for forged in _forgeries(stage, bug):
        try:
            stage.settlement.challenge_block(*forged)
        except boa.BoaError:
            continue
        return True
    return False


@pytest.mark.soundness
@pytest.mark.slow
@pytest.mark.parametrize("bug", FAIRNESS_BUGS, ids=list(FAIRNESS_BUGS))
def test_seeded_bug__a_true_proposal_is_struck(bug):
    file, right, wrong = FAIRNESS_BUGS[bug]
    where = "Settlement" if file == "Settlement.vy" else "Examiner"
    for patched in ({}, {where: seeded(where, (file, right, wrong))}):
        with boa.env.anchor():
            stage = play(Shape(33, 16, 5, 1), **patched)
            stage.propose(1)
            assert _struck_by_forgery(stage, bug) == bool(patched)
            assert stage.settlement.epoch_of(NETUID, 1).strikes == len(patched)
