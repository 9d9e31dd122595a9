# SPDX-License-Identifier: Apache-2.0
"""Subnet `text`: continue a text as it really goes on.

Data: Python's own reference (`pydoc_data.topics`, about 470 kB that every Python brings). Of its
longer paragraphs those whose hash is 0 modulo 8 are held out: validators cut passages from them at
places that a secret seed chooses, different ones for every miner, and ask for what follows.

Score of one question: for each passage the share of the next AHEAD characters that is right up to
the first wrong one; the mean over the passages. An answer after DEADLINE_S earns 0. Guessing earns
nothing, and so does answering each passage with the commonest word.

The text is public, so a miner that stores it can look the continuations up. This shows the
mechanism; a subnet with money in it asks from text that is newer than the models' commitments.

Consumers send the same message: one prompt or a conversation, sampled or greedy, streamed.
"""

from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from itertools import takewhile
from typing import Annotated, ClassVar, Literal

import msgspec
import numpy as np

from offchain.subnets.base import ModelInterface, Task, uid_seed
from offchain.wire import Synapse, TensorError

NAME = "text"
PASSAGES = 16  # per question
PROMPT_CHARS = (64, 192)  # from, to
AHEAD = 8  # characters asked for
HELD_OUT = 8  # one long paragraph in so many
DEADLINE_S = 2.0
TIMEOUT_S = 3.0
# A decoder has no fixed tensors: its folder describes them (`miners.llm.folder`). A larger one is
# served, but cannot be published: validators would fetch for longer than a minute.
MODEL = ModelInterface(inputs={}, outputs={}, max_bytes=2**28, is_folder=True)
REEXECUTION = "optional"  # who publishes its decoder is audited; nobody has to

Role = Literal["system", "user", "assistant"]
Finish = Literal["stop", "length"]


class Turn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One message of a conversation."""

    role: Role
    content: str


class Complete(Synapse):
    """prompts or turns in; texts (one per prompt) and why each ended out.

    With `stream`, every part carries what is new in `texts` and no `finish`; the last part carries
    the whole texts and `finish`, so that one signed part says everything, and so that a caller
    who does not read parts gets the whole answer.
    """

    ANSWERS: ClassVar[tuple[str, ...]] = ("texts", "finish", "prompt_tokens", "tokens")
    MAX_BYTES: ClassVar[int] = 256 * 2**10

    prompts: Annotated[tuple[str, ...], msgspec.Meta(max_length=PASSAGES)] = ()
    turns: Annotated[tuple[Turn, ...], msgspec.Meta(max_length=256)] = ()  # in the place of prompts
    max_tokens: Annotated[int, msgspec.Meta(ge=1, le=65_536)] = 64  # of each text
    temperature: Annotated[float, msgspec.Meta(ge=0, le=2)] = 0.0
    top_p: Annotated[float, msgspec.Meta(gt=0, le=1)] = 1.0
    seed: Annotated[int, msgspec.Meta(ge=0, lt=2**53)] = 0
    stop: Annotated[tuple[str, ...], msgspec.Meta(max_length=8)] = ()
    stream: bool = False
    texts: list[str] | None = None
    finish: list[Finish] | None = None
    prompt_tokens: int | None = None
    tokens: int | None = None  # made so far, all texts together


SYNAPSE = Complete


def tasks(seed: bytes, uids: Sequence[int]) -> list[Task]:
    """Held-out passages for every uid. Same seed and same Python, same tasks."""
    return [_task(uid, np.random.default_rng(uid_seed(seed, uid))) for uid in uids]


def score(task: Task, answer: Complete, latency_s: float) -> float:
    """In [0, 1]. TensorError unless there is a text for every passage."""
    truth: list[str] = task.truth
    if answer.texts is None or len(answer.texts) != len(truth):
        raise TensorError(f"text: wanted {len(truth)} texts")
    if latency_s > DEADLINE_S:
        return 0.0
    return quality(answer.texts, truth)


def quality(texts: Sequence[str], truth: Sequence[str]) -> float:
    """Mean share of the true continuation that is right up to the first wrong character."""
    right = [_agree(text, true) / len(true) for text, true in zip(texts, truth, strict=True)]
    return sum(right) / len(right)


@cache
def passages(held_out: bool) -> tuple[str, ...]:
    """The paragraphs for asking, or the text for training without them: topics repeat each other,
    so the line is drawn between paragraphs, wherever they stand.
    """
    from pydoc_data.topics import topics

    split = [topic.split("\n\n") for _, topic in sorted(topics.items())]
    if held_out:
        return tuple(dict.fromkeys(p for topic in split for p in topic if _is_held_out(p)))
    return tuple("\n\n".join(p for p in topic if not _is_held_out(p)) for topic in split)


def _is_held_out(paragraph: str) -> bool:
    is_long = len(paragraph) > PROMPT_CHARS[1] + AHEAD
    return is_long and sha256(paragraph.encode()).digest()[0] % HELD_OUT == 0


def _agree(one: str, other: str) -> int:
    """How many characters two texts have in common at their beginning."""
    pairs = zip(one, other, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _task(uid: int, rng: np.random.Generator) -> Task:
    pool = passages(held_out=True)
    sizes = np.array([len(text) for text in pool], dtype=np.float64)
    prompts, truth = [], []
    for number in rng.choice(len(pool), PASSAGES, p=sizes / sizes.sum()):
        text, length = pool[number], int(rng.integers(*PROMPT_CHARS))
        cut = int(rng.integers(length, len(text) - AHEAD))
        prompts.append(text[cut - length : cut])
        truth.append(text[cut : cut + AHEAD])
    return Task(uid, Complete(prompts=tuple(prompts), max_tokens=AHEAD), truth)
