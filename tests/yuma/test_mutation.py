# SPDX-License-Identifier: Apache-2.0
"""Changes of the specification's arithmetic do not go unnoticed. All of them: `python -m
tests.yuma.mutate`.
"""

from __future__ import annotations

import pytest

from offchain.yuma import specification
from tests.yuma.equivalent_mutants import EQUIVALENT
from tests.yuma.mutate import WANTED_SHARE, Jury, judge, mutants, share_killed

SAMPLE_STEP = 11


@pytest.fixture(scope="module")
def jury() -> Jury:
    return Jury()


def test_jury__unchanged_specification__finds_nothing(jury: Jury) -> None:
    assert jury.verdict(specification) is None


@pytest.mark.fuzz
@pytest.mark.soundness
def test_mutants__every_eleventh_or_all__are_killed(jury: Jury, is_full_run: bool) -> None:
    chosen = [mutant for mutant in mutants() if mutant.name not in EQUIVALENT]
    verdicts = [judge(mutant, jury) for mutant in chosen[:: 1 if is_full_run else SAMPLE_STEP]]
    survivors = [verdict.name for verdict in verdicts if verdict.killed_by is None]
    assert len(verdicts) > 20
    assert share_killed(verdicts) >= WANTED_SHARE, survivors


def test_equivalent_mutants__all_listed__exist() -> None:
    """A reason without its mutant hides nothing, but it shows that the code has moved on."""
    names = {mutant.name for mutant in mutants()}
    assert len(names) > 300
    assert set(EQUIVALENT) <= names
