# SPDX-License-Identifier: Apache-2.0
"""Every refusal of a contract has a next step, and no next step outlives its refusal."""

import re
from pathlib import Path

from offchain.chain.errors import Reverted
from offchain.chain.reasons import BY_CONTRACT, NEXT_STEP, next_step_for

CONTRACTS = Path(__file__).resolve().parents[2] / "contracts"
_REASON = re.compile(r'"([a-z_0-9]+: [^"\n]{3,40})"')


def reasons() -> set[str]:
    files = [*CONTRACTS.glob("*.vy"), *CONTRACTS.glob("modules/*.vy")]
    return {r for file in files for r in _REASON.findall(file.read_text(encoding="utf-8"))}


def test_reasons__of_every_contract__have_a_next_step() -> None:
    found = reasons()
    assert len(found) > 100
    missing = {r for r in found if r not in NEXT_STEP and r.partition(":")[0] not in BY_CONTRACT}
    assert missing == set()


def test_next_steps__all__belong_to_a_reason() -> None:
    assert set(NEXT_STEP) - reasons() == set()


def test_next_steps__all__are_sentences() -> None:
    for text in [*NEXT_STEP.values(), *BY_CONTRACT.values()]:
        assert text[0].isupper() or text[0] == "`", text
        assert text.endswith("."), text


def test_next_step__unforeseen_reason__says_how_to_learn_more() -> None:
    assert "-v" in next_step_for("")
    assert "-v" in next_step_for("somebody: something")
    assert Reverted("weights: already revealed").next_step == "Nothing is left to do."
