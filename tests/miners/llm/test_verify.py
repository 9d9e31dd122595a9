# SPDX-License-Identifier: Apache-2.0
"""Re-execution of a greedy answer: the decoder's own words pass, anybody else's do not."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from miners.errors import RequestError
from miners.llm import Sampling, open_decoder
from miners.llm.verify import Verifier, judge
from offchain.subnets import text
from tests.wire.worlds import in_loop

PROMPTS = [task.synapse.prompts[0] for task in text.tasks(b"verify", range(8))]


async def answers(path: Path, **sampling: Any) -> list[str]:
    engine = open_decoder(path)
    found = []
    for prompt in PROMPTS:
        pieces = engine.generate(prompt, Sampling(max_tokens=60, **sampling))
        found.append("".join([piece.text async for piece in pieces]))
    engine.close()
    return found


@in_loop
async def test_verify__own_answers__are_authentic_to_a_small_part_of_the_tolerance(
    decoder: Path,
) -> None:
    verifier = Verifier.open(decoder)
    for prompt, answer in zip(PROMPTS, await answers(decoder), strict=True):
        verdict = verifier.check(prompt, answer)
        assert verdict.is_authentic
        assert verdict.tokens == 60
        assert verdict.worst < 1e-4


@in_loop
async def test_I8_verify__another_models_answers__are_caught(
    decoder: Path, small_decoder: Path
) -> None:
    """A cheater who commits to the good decoder and serves a cheaper one."""
    verifier = Verifier.open(decoder)
    found = await answers(small_decoder)
    verdicts = [verifier.check(p, a) for p, a in zip(PROMPTS, found, strict=True)]
    # where both would write a row of spaces they write the same
    assert sum(not verdict.is_authentic for verdict in verdicts) >= 6
    assert max(verdict.worst for verdict in verdicts) > 1.0


@in_loop
async def test_I8_verify__one_character_changed__is_caught(decoder: Path) -> None:
    verifier = Verifier.open(decoder)
    (answer, *_), prompt = await answers(decoder), PROMPTS[0]
    forged = answer[:30] + ("~" if answer[30] != "~" else "#") + answer[31:]
    assert verifier.check(prompt, forged).right < 60


@in_loop
async def test_verify__sampled_answer__is_not_greedy(decoder: Path) -> None:
    verifier = Verifier.open(decoder)
    (answer, *_), prompt = await answers(decoder, temperature=1.5, seed=2), PROMPTS[0]
    assert not verifier.check(prompt, answer).is_authentic


def test_judge__by_hand() -> None:
    logits = np.array([[9, 0, 0], [0, 5, 4.5], [0, 0, 1], [7, 0, 0]], dtype=np.float32)
    verdict = judge(logits, [0, 1], [2, 2], tolerance=0.4)
    assert (verdict.tokens, verdict.right, verdict.worst) == (2, 1, 0.5)
    assert judge(logits, [0, 1], [2, 2], tolerance=0.5).is_authentic


@pytest.mark.parametrize(("prompt", "answer"), [("", "x"), ("x", ""), ("x" * 400, "y" * 200)])
def test_verify__nothing_or_too_much__refused(decoder: Path, prompt: str, answer: str) -> None:
    with pytest.raises(RequestError, match="wanted at most"):
        Verifier.open(decoder).check(prompt, answer)
