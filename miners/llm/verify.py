# SPDX-License-Identifier: Apache-2.0
"""Was this text written by this decoder? Re-execution of a greedy answer in one run.

The prompt and the answer are read together, and every token of the answer is compared with the
likeliest one at its place. Reading at once and writing token by token round differently (exactness
class `tolerance`), so a token counts as right if its logit is within `tolerance` of the largest.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from miners.errors import RequestError
from miners.llm.cached import CachedDecoder
from miners.llm.folder import DecoderFolder
from miners.llm.tokens import ByteTokenizer, Tokenizer

TOLERANCE = 1e-3  # of a logit; `python -m miners.llm.bench` measures what rounding needs


@dataclass(frozen=True, slots=True)
class Verdict:
    """tokens: of the answer; right: those that the decoder would have chosen, or as good; worst:
    how far below the largest logit the worst token lies.
    """

    tokens: int
    right: int
    worst: float

    @property
    def is_authentic(self) -> bool:
        """Every token is one that this decoder would have chosen."""
        return self.right == self.tokens


class Verifier:
    """Re-executes answers of one decoder. The folder must be one that is trusted to be loaded, or
    this must run where `sandbox` runs models.
    """

    def __init__(self, path: Path, tokenizer: Tokenizer | None = None) -> None:
        self._folder = DecoderFolder.read(path)
        self._backend = CachedDecoder(self._folder)
        self._tokenizer = tokenizer or ByteTokenizer()

    def check(self, prompt: str, answer: str, tolerance: float = TOLERANCE) -> Verdict:
        """RequestError if they are empty or too long for the decoder."""
        head, tail = self._tokenizer.encode(prompt), self._tokenizer.encode(answer)
        if not head or not tail or len(head) + len(tail) > self._folder.context:
            raise RequestError(
                f"text: {len(head)} + {len(tail)} tokens, wanted at most {self._folder.context}"
            )
        return judge(self._backend.logits_of(head + tail), head, tail, tolerance)


def judge(logits: Any, head: list[int], tail: list[int], tolerance: float) -> Verdict:
    """The verdict from logits (head + tail, vocabulary) after each token."""
    before = logits[len(head) - 1 : -1]  # what was known when each token of the answer was chosen
    gaps = before.max(axis=1) - before[range(len(tail)), tail]
    return Verdict(len(tail), int((gaps <= tolerance).sum()), float(gaps.max()))
