# SPDX-License-Identifier: Apache-2.0
"""What all subnets share: seeds, averages, copies, rows, and the boundary around a score."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offchain.protocol.errors import ConfigError
from offchain.subnets.base import (
    Commitment,
    MovingAverage,
    Task,
    copied_or_missing,
    load,
    score_safely,
    scores_to_row,
    task_seed,
    uid_seed,
)

SECRET = b"s" * 32
A, B = b"a" * 32, b"b" * 32


def test_I4_seed__needs_epoch_secret_round_and_uid() -> None:
    seeds = {
        uid_seed(task_seed(epoch, secret, turn), uid)
        for epoch in (b"1", b"2")
        for secret in (SECRET, b"t" * 32)
        for turn in (0, 1)
        for uid in (0, 1, 255, 256)
    }
    assert len(seeds) == 32
    assert uid_seed(task_seed(b"1", SECRET), 7) == uid_seed(task_seed(b"1", SECRET), 7)


def test_I4_seed__concatenation__does_not_collide() -> None:
    assert task_seed(b"12", b"3" + SECRET) != task_seed(b"1", b"23" + SECRET)


def test_seed__short_secret__refused() -> None:
    with pytest.raises(ConfigError, match="secret"):
        task_seed(b"1", b"short")


def test_I3_copy__later_commit_of_the_same_hash__scores_zero() -> None:
    commitments = [Commitment(101, 1, A, tick=5), Commitment(102, 2, A, tick=6)]
    assert copied_or_missing(commitments, [1, 2]) == {2}
    assert copied_or_missing(reversed(commitments), [1, 2]) == {2}


def test_I3_copy__in_one_tick__the_lower_registration_counts_as_first() -> None:
    assert copied_or_missing([Commitment(102, 2, A, 5), Commitment(101, 1, A, 5)], [1, 2]) == {2}


def test_I3_copy__of_a_model_its_owner_has_left__still_a_copy() -> None:
    history = [Commitment(101, 1, A, 5), Commitment(101, 1, B, 6), Commitment(102, 2, A, 7)]
    assert copied_or_missing(history, [1, 2]) == {2}


def test_I3_copy__owner_returns_to_its_own_model__is_no_copy() -> None:
    history = [
        Commitment(101, 1, A, 5),
        Commitment(101, 1, B, 6),
        Commitment(102, 2, A, 7),
        Commitment(101, 1, A, 8),
    ]
    assert copied_or_missing(history, [1, 2]) == {2}


def test_copy__successor_on_the_same_uid__does_not_inherit_the_hash() -> None:
    history = [Commitment(101, 1, A, 5), Commitment(201, 1, A, 9)]
    assert copied_or_missing(history, [1]) == {1}


def test_missing__no_commitment_or_a_zero_one__scores_zero() -> None:
    assert copied_or_missing([Commitment(101, 1, bytes(32), 5)], [1, 2]) == {1, 2}


def test_average__new_registration__starts_from_nothing() -> None:
    average = MovingAverage(alpha=0.5)
    assert average.update(1, 101, 1.0) == 1.0
    assert average.update(1, 101, 0.0) == 0.5
    assert average.values({1: 201}) == {}  # replaced, not measured yet
    assert average.update(1, 201, 0.2) == 0.2
    assert average.values({1: 201}) == {1: 0.2}


@given(st.dictionaries(st.integers(0, 15), st.floats(0, 1), max_size=16))
def test_row__any_scores__keep_their_order_and_use_the_whole_range(scores: dict) -> None:
    row = scores_to_row(scores, 16)
    assert len(row) == 16
    assert all(0 <= weight <= 65_535 for weight in row)
    assert max(row) == (65_535 if any(scores.values()) else 0)
    for a, b in zip(scores, list(scores)[1:], strict=False):
        assert (scores[a] <= scores[b]) <= (row[a] <= row[b])
    assert all(row[uid] == 0 for uid in range(16) if not scores.get(uid))


def test_row__rounds_down() -> None:
    assert scores_to_row({0: 1.0, 1: 0.5, 2: 1e-9}, 4) == [65_535, 32_767, 0, 0]


@pytest.mark.parametrize("scores", [{16: 1.0}, {-1: 1.0}, {0: float("inf")}, {0: float("nan")}])
def test_row__uid_outside_or_not_finite__refused(scores: dict[int, float]) -> None:
    with pytest.raises(ValueError, match="row"):
        scores_to_row(scores, 16)


@pytest.mark.parametrize("result", [float("nan"), float("inf"), -0.1, 1.1, "text", None])
def test_I7_score__out_of_range__counts_as_zero(result: object) -> None:
    subnet = SimpleNamespace(score=lambda *_: result)
    assert score_safely(subnet, Task(0, None, None), SimpleNamespace(), 0.1) == 0.0


@pytest.mark.parametrize("error", [ValueError, RecursionError, MemoryError, ZeroDivisionError])
def test_I7_score__raises__counts_as_zero(error: type[Exception]) -> None:
    def score(*_: object) -> float:
        raise error

    assert score_safely(SimpleNamespace(score=score), Task(0, None, None), object(), 0.1) == 0.0


def test_load__unknown__one_sentence() -> None:
    with pytest.raises(ConfigError, match="does not exist"):
        load("nonsense")
    with pytest.raises(ConfigError, match="no module name"):
        load("../etc")
    assert load("vision").NAME == "vision"
