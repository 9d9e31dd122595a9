# SPDX-License-Identifier: Apache-2.0
"""Does this answer come from that model? A validator's check of a published model.

The model runs in the sandbox. A model whose operators are all exact must give the same bytes on
every machine; of any other an answer may differ by what machines differ by.
"""

from collections.abc import Mapping
from types import ModuleType
from typing import Any

import structlog

from miners.errors import SandboxError
from miners.quantize import Exactness, agree
from miners.sandbox import SandboxLimits
from miners.untrusted import execute_untrusted
from offchain.subnets.base import ModelInterface
from offchain.subnets.text import Complete
from offchain.wire import TensorError

# Of the largest output, at least 1. Between CPUs 1e-6 was seen (`onnx-benchmarks.md`, section 4);
# GPUs multiply in TF32 by default, with 10 bits of mantissa, which softmax outputs feel as 1e-3.
# Whoever serves another model that is as close as this earns nothing by it.
TOLERANCE = 5e-3
# Of a logit: where two tokens are as close as this, either is the decoder's own. Another decoder's
# words were more than 1.0 below (`tests/miners/llm/test_verify.py`).
LOGIT_TOLERANCE = 0.05
log = structlog.get_logger("evmtensor.validator")


def reexecute(
    files: Mapping[str, bytes], subnet: ModuleType, question: Any, answer: Any
) -> bool | None:
    """Whether the model in these files (name -> content) gives this answer to this question; None
    if this machine could not find out. ModelError if the model is refused, fails or uses too much.
    """
    try:
        if isinstance(question, Complete):
            return _is_decoders(files, question, answer)
        (content,) = files.values()
        return _is_models(content, subnet.MODEL, question, answer)
    except SandboxError as error:
        log.warning("no sandbox", reason=str(error), next_step=error.next_step)
        return None


def agrees(
    content: bytes,
    interface: ModelInterface,
    feed: Mapping[str, Any],
    answer: Mapping[str, Any],
    limits: SandboxLimits | None = None,
) -> bool:
    """Whether a model of tensors gives this answer to this feed (name -> array), by its exactness
    class. Raises as `execute_untrusted`.
    """
    run = execute_untrusted(content, interface, [dict(feed)], limits)
    exactness = Exactness.EXACT if run.is_exact else Exactness.TOLERANCE
    return agree(exactness, run.answers[0], answer, TOLERANCE)


def _is_models(content: bytes, interface: ModelInterface, question: Any, answer: Any) -> bool:
    feed = {name: getattr(question, name).numpy() for name in interface.inputs}
    try:
        given = {
            name: getattr(answer, name).numpy(dtype=spec.dtype)
            for name, spec in interface.outputs.items()
        }
    except (TensorError, AttributeError):  # no answer of the subnet's form
        return False
    return agrees(content, interface, feed, given)


def _is_decoders(files: Mapping[str, bytes], question: Complete, answer: Complete) -> bool | None:
    from miners.llm.tokens import transcript
    from miners.llm.untrusted import judge_untrusted
    from miners.llm.verify import Claim

    if question.temperature > 0 or question.stop:
        return None  # chance, or an end that the decoder did not choose: not checked here
    prompts = question.prompts or (transcript(question.turns),)
    texts, ends = answer.texts or [], answer.finish or []
    if not len(prompts) == len(texts) == len(ends):
        return False
    claims = [
        Claim(prompt, text, end, question.max_tokens)
        for prompt, text, end in zip(prompts, texts, ends, strict=True)
    ]
    return all(judge_untrusted(files, claims, LOGIT_TOLERANCE))
