# SPDX-License-Identifier: Apache-2.0
"""A text engine behind the message of subnet `text`."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress

from miners.errors import ModelError, RequestError
from miners.llm.engine import Piece, Prompt, TextEngine
from miners.llm.sampling import Sampling
from offchain.subnets.text import Complete
from offchain.wire import CallError, Code

Forward = Callable[[Complete], AsyncGenerator[Complete, None]]


def text_handler(engine: TextEngine) -> Forward:
    """The function that an axon attaches: one part per piece where the caller streams, and a last
    part with everything.
    """

    async def forward(synapse: Complete) -> AsyncGenerator[Complete, None]:
        prompts: list[Prompt] = [*synapse.prompts] or [synapse.turns]
        if bool(synapse.prompts) == bool(synapse.turns):
            raise CallError(Code.BAD_REQUEST, "wanted prompts or turns")
        synapse.finish = None  # whatever the question said
        pieces = [Piece("", 0, 0)] * len(prompts)
        texts = [""] * len(prompts)
        try:
            async with aclosing(_merged(engine, prompts, sampling_of(synapse))) as stream:
                async for number, piece in stream:
                    texts[number] += piece.text
                    pieces[number] = piece
                    if synapse.stream and piece.text:
                        news = ["" for _ in prompts]
                        news[number] = piece.text
                        yield _part(synapse, news, pieces)
        except RequestError as error:
            raise CallError(Code.BAD_REQUEST, str(error)) from error
        except ModelError as error:
            raise CallError(Code.INTERNAL, str(error)) from error
        synapse.finish = [piece.finish for piece in pieces]  # type: ignore[misc]
        yield _part(synapse, texts, pieces)

    forward.__annotations__["synapse"] = Complete
    return forward


def current_text_handler(engine: Callable[[], TextEngine]) -> Forward:
    """The same for an engine that may be exchanged: a question belongs to the one that answers when
    it is admitted, although its answer begins later.
    """

    def forward(synapse: Complete) -> AsyncGenerator[Complete, None]:
        return text_handler(engine())(synapse)

    forward.__annotations__["synapse"] = Complete
    return forward


def sampling_of(synapse: Complete) -> Sampling:
    """What the caller asked for; CallError for values that mean nothing."""
    try:
        return Sampling(
            synapse.max_tokens, synapse.temperature, synapse.top_p, synapse.seed, synapse.stop
        )
    except RequestError as error:
        raise CallError(Code.BAD_REQUEST, str(error)) from error


def _part(synapse: Complete, texts: list[str], pieces: list[Piece]) -> Complete:
    synapse.texts = texts
    synapse.prompt_tokens = sum(piece.prompt_tokens for piece in pieces)
    synapse.tokens = sum(piece.tokens for piece in pieces)
    return synapse


async def _merged(
    engine: TextEngine, prompts: list[Prompt], sampling: Sampling
) -> AsyncGenerator[tuple[int, Piece], None]:
    """(prompt, piece) of several answers that are written at once; the first failure ends all."""
    if len(prompts) == 1:
        async with aclosing(engine.generate(prompts[0], sampling)) as pieces:
            async for piece in pieces:
                yield 0, piece
        return
    # one place: a caller who does not read holds the answers back, not our memory
    queue: asyncio.Queue[tuple[int, Piece | Exception]] = asyncio.Queue(1)

    async def write(number: int) -> None:
        try:
            async with aclosing(engine.generate(prompts[number], sampling)) as pieces:
                async for piece in pieces:
                    await queue.put((number, piece))
        except Exception as error:  # handed to the reader below, who raises it
            await queue.put((number, error))

    writers = [asyncio.create_task(write(number)) for number in range(len(prompts))]
    try:
        open_ = len(prompts)
        while open_:
            number, news = await queue.get()
            if isinstance(news, Exception):
                raise news
            open_ -= bool(news.finish)
            yield number, news
    finally:
        for writer in writers:
            writer.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*writers, return_exceptions=True)
