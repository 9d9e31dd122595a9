# SPDX-License-Identifier: Apache-2.0
"""Which token comes next. Same logits, same `Sampling`, same choice, on every machine."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from miners.errors import RequestError

MAX_STOPS = 8
MAX_STOP_CHARS = 64


@dataclass(frozen=True, slots=True)
class Sampling:
    """How an answer is chosen and where it ends.

    temperature 0 takes the likeliest token; above, tokens are drawn from the smallest set that
    holds `top_p` of the probability, by a generator seeded with `seed`. The answer ends after
    `max_tokens`, at the model's own end, or before the first of the `stop` texts. RequestError for
    values that mean nothing.
    """

    max_tokens: int = 64
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    stop: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        faults = {
            f"max_tokens is {self.max_tokens}, wanted at least 1": self.max_tokens < 1,
            f"temperature is {self.temperature}, wanted 0 to 2": not 0 <= self.temperature <= 2,
            f"top_p is {self.top_p}, wanted above 0 to 1": not 0 < self.top_p <= 1,
            f"seed is {self.seed}, wanted 0 to 2^53 - 1": not 0 <= self.seed < 2**53,
            f"{len(self.stop)} stop texts, wanted at most {MAX_STOPS}": len(self.stop) > MAX_STOPS,
            f"a stop text is empty or over {MAX_STOP_CHARS} characters": not all(
                0 < len(text) <= MAX_STOP_CHARS for text in self.stop
            ),
        }
        for sentence, is_fault in faults.items():
            if is_fault:
                raise RequestError(f"sampling: {sentence}")

    def generator(self) -> np.random.Generator:
        """The generator of one answer."""
        return np.random.Generator(np.random.PCG64(self.seed))


def pick(logits: Any, sampling: Sampling, rng: np.random.Generator) -> int:
    """The next token for logits (vocabulary,); among equals the lowest."""
    if sampling.temperature == 0:
        return int(np.argmax(logits))
    scaled = np.asarray(logits, dtype=np.float64) / sampling.temperature
    weights = np.exp(scaled - scaled.max())
    order = np.argsort(-weights, kind="stable")  # likeliest first
    sums = np.cumsum(weights[order])
    # the last token that is needed to reach top_p is part of the set
    kept = int(np.searchsorted(sums, sampling.top_p * sums[-1])) + 1
    kept = min(kept, len(order))
    drawn = rng.random() * sums[kept - 1]
    return int(order[min(int(np.searchsorted(sums[:kept], drawn, side="right")), kept - 1)])
