# SPDX-License-Identifier: Apache-2.0
"""How many messages carry what is asked in one turn of the loop."""

import pytest

from offchain.wire import Limits
from tests.wire.worlds import Double, in_loop, world


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
