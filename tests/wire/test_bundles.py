# SPDX-License-Identifier: Apache-2.0
"""How many messages carry what is asked in one turn of the loop."""

import asyncio

import pytest

from offchain.wire import Limits
from tests.wire.worlds import Double, Echo, in_loop, ones, world


@pytest.mark.parametrize(
    ("questions", "limits", "messages"),
    [
        (1, Limits(), 1),  # a lone question waits for nobody
        (8, Limits(), 1),
        (16, Limits(), 2),  # both sides work at once: one on each half
        (64, Limits(), 8),
        (64, Limits(bundle_frames=64), 1),
        (4, Limits(bundle_bytes=1_000), 4),
    ],
)
def test_bundle__questions_of_one_turn__travel_in_as_few_messages_as_keep_both_sides_at_work(
    questions: int, limits: Limits, messages: int
) -> None:
    @in_loop
    async def run() -> None:
        async with world(limits) as w:
            await w.dendrite.call(w.endpoint, Double(number=1), 30.0)
            (link,) = w.dendrite._links.values()
            before = link.session._sent
            asked = [(w.endpoint, Double(number=n, text="x" * 600)) for n in range(questions)]
            replies = await w.dendrite.query(asked, 30.0)
            assert [reply.synapse.result for reply in replies] == [2 * n for n in range(questions)]
            assert link.session._sent - before == messages

    run()


@in_loop
async def test_bundle__callers_each_with_one_question__the_first_waits_for_nobody() -> None:
    async with world() as w:
        await w.dendrite.call(w.endpoint, Echo(x=ones()), 30.0)
        (link,) = w.dendrite._links.values()
        (other,) = w.axon._door.all_links()
        asked, answered = link.session._sent, other.session._sent
        calls = [w.dendrite.call(w.endpoint, Echo(x=ones()), 30.0) for _ in range(9)]
        assert all(reply.ok for reply in await asyncio.gather(*calls))
        # one and eight; no empty message after one that was full
        assert link.session._sent - asked == other.session._sent - answered == 2


@in_loop
async def test_bundle__lone_question_and_its_answer__leave_in_the_turn_they_are_posted_in() -> None:
    async with world() as w:
        await w.dendrite.call(w.endpoint, Double(number=1), 30.0)
        (link,) = w.dendrite._links.values()
        sent = link.session._sent
        _, asked = link.ask("Double", b"\x81\xa6number\x01", 30.0, is_alone=True)
        assert link.session._sent == sent + 1
        await asked.future
        large = Echo(x=ones(100_000))
        reply = asyncio.create_task(w.dendrite.call(w.endpoint, large, 30.0))
        await asyncio.sleep(0)
        assert link._frames  # over the size of a bundle: it leaves in the next turn
        assert (await reply).ok
