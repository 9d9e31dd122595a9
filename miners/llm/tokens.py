# SPDX-License-Identifier: Apache-2.0
"""Text to tokens and back, piece by piece: bytes that form no character yet are held back, and so
is text that may turn out to begin a stop text.
"""

import codecs
from collections.abc import Sequence
from typing import Protocol

from offchain.subnets.text import Turn


class TokenStream(Protocol):
    """Tokens of one answer become text as soon as they form characters."""

    def push(self, token: int) -> str: ...

    def end(self) -> str: ...


class Tokenizer(Protocol):
    """What an engine needs of a model's tokenizer."""

    def encode(self, text: str) -> list[int]: ...

    def stream(self) -> TokenStream: ...

    def chat(self, turns: Sequence[Turn]) -> str: ...


class ByteTokenizer:
    """Every byte of UTF-8 is a token."""

    def encode(self, text: str) -> list[int]:
        """Byte values; what is no valid text (a lone surrogate) becomes a question mark."""
        return list(text.encode("utf-8", "replace"))

    def stream(self) -> "ByteStream":
        """A new answer."""
        return ByteStream()

    def chat(self, turns: Sequence[Turn]) -> str:
        """As `transcript`: a byte model has no template of its own."""
        return transcript(turns)


class ByteStream:
    """Bytes of one answer become characters; bytes that never will become U+FFFD."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def push(self, token: int) -> str:
        """What can be said after one more token; tokens that are no bytes say nothing."""
        return self._decoder.decode(bytes([token])) if token < 256 else ""

    def end(self) -> str:
        """What was held back."""
        return self._decoder.decode(b"", final=True)


class StopFinder:
    """Lets text through until a stop text appears, which may arrive in several pieces."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops, self._held = tuple(stops), ""
        self.found = False

    def push(self, text: str) -> str:
        """What can be shown now; once `found`, nothing more will be."""
        if self.found or not self._stops:
            return "" if self.found else text
        self._held += text
        places = [place for stop in self._stops if (place := self._held.find(stop)) >= 0]
        if places:
            self.found = True
            shown, self._held = self._held[: min(places)], ""
            return shown
        keep = max(_overlap(self._held, stop) for stop in self._stops)
        cut = len(self._held) - keep
        shown, self._held = self._held[:cut], self._held[cut:]
        return shown

    def end(self) -> str:
        """What was held back for nothing."""
        shown, self._held = self._held, ""
        return shown


def transcript(turns: Sequence[Turn]) -> str:
    """A conversation as plain text, for models without a template."""
    return "".join(f"{turn.role}: {turn.content}\n" for turn in turns) + "assistant:"


def _overlap(text: str, stop: str) -> int:
    """Length of the longest end of `text` that begins `stop`."""
    longest = min(len(text), len(stop) - 1)
    return next((n for n in range(longest, 0, -1) if stop.startswith(text[-n:])), 0)
