# SPDX-License-Identifier: Apache-2.0
"""Messages: one class holds what is asked and what is answered, as Bittensor's users know it.

    class Classify(Synapse):
        ANSWERS: ClassVar = ("probabilities",)
        images: Tensor
        probabilities: Tensor | None = None

Only the fields named in ANSWERS travel back. The class name is the route.
"""

from collections.abc import Callable
from functools import cache
from operator import attrgetter
from typing import Any, ClassVar, Generic, TypeVar, get_type_hints

import msgspec

from offchain.wire.errors import WireConfigError

MAX_ROUTE_CHARS = 64


class Caller(msgspec.Struct, frozen=True, gc=False):
    """Who asked, as proved by the handshake."""

    hotkey: str
    stake: int  # rao, as the chain said when the connection was accepted


class Synapse(
    msgspec.Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, dict=True
):
    """Base of every message. On the miner's side `self.dendrite` is the `Caller`."""

    ANSWERS: ClassVar[tuple[str, ...]] = ()
    MAX_BYTES: ClassVar[int] = 4 * 2**20  # cap on the encoded question and on the encoded answer

    dendrite: ClassVar[Caller]


S = TypeVar("S", bound=Synapse)
_ENCODER = msgspec.msgpack.Encoder()


class Codec(Generic[S]):
    """Encoders and decoders of one message class, built once."""

    def __init__(self, kind: type[S]) -> None:
        names = set(kind.__struct_fields__)
        if not kind.ANSWERS or not names.issuperset(kind.ANSWERS):
            raise WireConfigError(
                f"{kind.__name__}: ANSWERS is {kind.ANSWERS}, wanted some of {sorted(names)}"
            )
        if len(kind.__name__) > MAX_ROUTE_CHARS:
            raise WireConfigError(
                f"{kind.__name__}: route longer than {MAX_ROUTE_CHARS} characters"
            )
        if _has_any(msgspec.inspect.type_info(kind)):
            raise WireConfigError(
                f"{kind.__name__}: a field of type Any could nest as deep as a stranger likes",
                next_step="Give every field, list and dict a type.",
            )
        hints = get_type_hints(kind, include_extras=True)
        self.kind = kind
        self.route = kind.__name__
        self.max_bytes = kind.MAX_BYTES
        self._answer = msgspec.defstruct(
            kind.__name__ + "Answer",
            [(name, hints[name], None) for name in kind.ANSWERS],
            omit_defaults=True,
            forbid_unknown_fields=True,
        )
        self._answers_of = _getter(kind.ANSWERS)
        self._question_decoder = msgspec.msgpack.Decoder(kind)
        self._answer_decoder: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(self._answer)

    def encode_question(self, synapse: S) -> bytes:
        """The question with its default fields left out."""
        return _ENCODER.encode(synapse)

    def decode_question(self, body: memoryview) -> S:
        """msgspec.ValidationError or DecodeError for anything that breaks the schema."""
        return self._question_decoder.decode(body)

    def encode_answer(self, synapse: S) -> bytes:
        """Only the ANSWERS fields of what `forward` returned."""
        return _ENCODER.encode(self._answer(*self._answers_of(synapse)))

    def decode_answer(self, question: S, body: memoryview) -> S:
        """A copy of the question with its ANSWERS fields filled in."""
        answer = self._answer_decoder.decode(body)
        answers = zip(self.kind.ANSWERS, self._answers_of(answer), strict=True)
        return msgspec.structs.replace(question, **dict(answers))


def _getter(names: tuple[str, ...]) -> Callable[[object], tuple[Any, ...]]:
    get = attrgetter(*names)
    return get if len(names) > 1 else lambda holder: (get(holder),)


def _has_any(info: Any, seen: frozenset[type] = frozenset()) -> bool:
    """Whether a type leaves anything open, or contains itself: both nest without an end."""
    if isinstance(info, msgspec.inspect.AnyType):
        return True
    if isinstance(info, msgspec.inspect.StructType):
        if info.cls in seen:
            return True
        seen |= {info.cls}
        return any(_has_any(f.type, seen) for f in info.fields)
    parts = [getattr(info, name, None) for name in ("item_type", "key_type", "value_type", "type")]
    parts += [*getattr(info, "types", ()), *getattr(info, "item_types", ())]
    return any(_has_any(part, seen) for part in parts if isinstance(part, msgspec.inspect.Type))


@cache
def codec(kind: type[S]) -> Codec[S]:
    """The codec of a message class."""
    return Codec(kind)
