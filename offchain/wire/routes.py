# SPDX-License-Identifier: Apache-2.0
"""Attached messages: what a handler takes, and what it says to the questions it is asked."""

from collections.abc import Awaitable, Callable
from inspect import isasyncgenfunction, iscoroutinefunction, signature
from typing import Any, get_args, get_origin, get_type_hints

import structlog

from offchain.wire.errors import CallError, Code, WireConfigError
from offchain.wire.synapse import Codec, Synapse, codec

Forward = Callable[[Any], Any]
Blacklist = Callable[[Any], bool | tuple[bool, str] | Awaitable[bool | tuple[bool, str]]]
Priority = Callable[[Any], float]

log = structlog.get_logger("evmtensor.axon")


class Route:
    """One attached message. `takes_many`: its handler takes a list of questions, and returns one of
    whatever a handler returns for each, or an exception in its place.
    """

    __slots__ = ("blacklist", "codec", "forward", "priority", "takes_many")

    def __init__(
        self, forward: Forward, blacklist: Blacklist | None, priority: Priority | None
    ) -> None:
        self.forward, self.blacklist, self.priority = forward, blacklist, priority
        kind, self.takes_many = _message_of(forward)
        self.codec: Codec[Any] = codec(kind)

    def ask(self, questions: list[Synapse]) -> list[Any]:
        """What the handler returns for each, or the exception that concerns it."""
        if not self.takes_many:
            return [self._ask_one(question) for question in questions]
        try:
            results: list[Any] = self.forward(list(questions))  # its own: it may take things out
        except Exception as error:  # of the handler, not of one question: all of them share it
            return [error] * len(questions)
        if isinstance(results, list) and len(results) == len(questions):
            return results
        log.error("forward returned no list of as many", route=self.codec.route)
        return [CallError(Code.INTERNAL, "no list of as many")] * len(questions)

    def _ask_one(self, question: Synapse) -> Any:
        try:
            return self.forward(question)
        except Exception as error:  # one request's failure must not reach another's
            return error


def _message_of(forward: Forward) -> tuple[type[Synapse], bool]:
    """The message that a handler takes, and whether it takes a list of them."""
    parameters = list(signature(forward).parameters)
    kind = get_type_hints(forward).get(parameters[0]) if parameters else None
    takes_many = get_origin(kind) is list
    message = get_args(kind)[0] if takes_many else kind
    if not (isinstance(message, type) and issubclass(message, Synapse)):
        raise WireConfigError(
            f"axon: {forward!r} takes {kind!r}, wanted a Synapse class, or a list of one, as its "
            "first annotation"
        )
    if takes_many and (iscoroutinefunction(forward) or isasyncgenfunction(forward)):
        raise WireConfigError(
            f"axon: {forward!r} takes a list and is asynchronous",
            next_step="Return a list of coroutines, one for each question.",
        )
    return message, takes_many
