# SPDX-License-Identifier: Apache-2.0
"""Was this text written by this decoder? Re-execution of a greedy answer in one run.

The prompt and the answer are read together, and every token of the answer is compared with the
likeliest one at its place. Reading at once and writing token by token round differently (exactness
class `tolerance`), so a token counts as right if its logit is within `tolerance` of the largest.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

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


class Claim(msgspec.Struct, frozen=True):
    """One greedy answer as its miner gave it: `tokens` were asked for, `finish` is how it ended."""

    prompt: str
    text: str
    finish: str
    tokens: int


class Verifier:
    """Re-executes answers of one decoder. Nothing here protects from the model: a folder that is
    not trusted belongs into the sandbox (`untrusted`).
    """

    def __init__(self, folder: DecoderFolder, backend: CachedDecoder, tokenizer: Tokenizer) -> None:
        self._folder, self._backend, self._tokenizer = folder, backend, tokenizer

    @classmethod
    def open(cls, path: Path, tokenizer: Tokenizer | None = None) -> "Verifier":
        """A verifier for a folder; ModelError if it is no decoder's."""
        folder = DecoderFolder.read(path)
        return cls(folder, CachedDecoder(folder), tokenizer or ByteTokenizer())

    def check(self, prompt: str, answer: str, tolerance: float = TOLERANCE) -> Verdict:
        """RequestError if they are empty or too long for the decoder."""
        head, tail = self._tokenizer.encode(prompt), self._tokenizer.encode(answer)
        if not head or not tail or len(head) + len(tail) > self._folder.context:
            raise RequestError(
                f"text: {len(head)} + {len(tail)} tokens, wanted at most {self._folder.context}"
            )
        return judge(self._backend.logits_of(head + tail), head, tail, tolerance)

    def holds(self, claim: Claim, tolerance: float = TOLERANCE) -> bool:
        """Whether the decoder would have given this answer, and ended it there.

        A character that is none (U+FFFD) stands for bytes that the text no longer tells: what
        follows one is not looked at.
        """
        known, _, _ = claim.text.partition("\ufffd")
        head, tail = self._tokenizer.encode(claim.prompt), self._tokenizer.encode(known)
        room = min(claim.tokens, self._folder.context - len(head))
        if not head or len(tail) > room:
            return False
        logits = self._backend.logits_of(head + tail)
        if tail and not judge(logits, head, tail, tolerance).is_authentic:
            return False
        if known != claim.text:
            return True
        if claim.finish == "stop":
            return bool(logits[-1].max() - logits[-1][self._ends].max() <= tolerance)
        return len(tail) == room or self._may_be_silent

    @property
    def _ends(self) -> list[int]:
        return sorted(self._folder.ends)

    @property
    def _may_be_silent(self) -> bool:
        """There are tokens that leave nothing in the text, besides those that end it."""
        return self._folder.vocabulary > 256 + len(self._folder.ends)


def judge(logits: Any, head: list[int], tail: list[int], tolerance: float) -> Verdict:
    """The verdict from logits (head + tail, vocabulary) after each token."""
    before = logits[len(head) - 1 : -1]  # what was known when each token of the answer was chosen
    gaps = before.max(axis=1) - before[range(len(tail)), tail]
    return Verdict(len(tail), int((gaps <= tolerance).sum()), float(gaps.max()))
