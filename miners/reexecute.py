# SPDX-License-Identifier: Apache-2.0
"""Does this answer come from that model? A validator's check of a published model.

The model runs in the sandbox. A model whose operators are all exact must give the same bytes on
every machine; of any other an answer may differ by what machines differ by.
"""

from collections.abc import Mapping
from typing import Any

import structlog

from miners.errors import SandboxError
from miners.quantize import Exactness, agree
from miners.sandbox import SandboxLimits, execute_untrusted
from offchain.subnets.base import ModelInterface

# Of the largest output, at least 1. Between CPUs 1e-6 was seen (`onnx-benchmarks.md`, section 4);
# GPUs multiply in TF32 by default, with 10 bits of mantissa, which softmax outputs feel as 1e-3.
# Whoever serves another model that is as close as this earns nothing by it.
TOLERANCE = 5e-3
log = structlog.get_logger("evmtensor.validator")


def reexecute(
    content: bytes,
    interface: ModelInterface,
    feed: Mapping[str, Any],
    answer: Mapping[str, Any],
    limits: SandboxLimits | None = None,
) -> bool | None:
    """Whether the model gives this answer to this feed (name -> array), by its exactness class;
    None if this machine could not find out. ModelError if the model is refused, fails or uses too
    much.
    """
    try:
        run = execute_untrusted(content, interface, [dict(feed)], limits)
    except SandboxError as error:
        log.warning("no sandbox", reason=str(error), next_step=error.next_step)
        return None
    exactness = Exactness.EXACT if run.is_exact else Exactness.TOLERANCE
    return agree(exactness, run.answers[0], answer, TOLERANCE)
