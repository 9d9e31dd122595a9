# SPDX-License-Identifier: Apache-2.0
"""Duties that another duty's block has made pointless."""

from types import SimpleNamespace
from typing import Any

import pytest

from offchain.validator.office import Office
from offchain.validator.plan import Duty, Verb

EPOCH = 1


def perform(verb: Verb, history: Any) -> None:
    """By an office without chain, key or journal: whatever it tried to send would fail."""
    Office.__new__(Office).perform(Duty(verb, EPOCH), history)


def history(**record: Any) -> Any:
    epochs = {EPOCH: SimpleNamespace(epoch=EPOCH, **record)} if record else {}
    return SimpleNamespace(
        epochs=epochs, parent_of=lambda epoch: None, parent_id=lambda epoch: None
    )


@pytest.mark.parametrize("verb", [Verb.PROPOSE, Verb.FINALIZE])
def test_perform__proposal_struck_meanwhile__nothing(verb: Verb) -> None:
    """The watcher's strike came with the block that the duty before waited for."""
    perform(verb, history(live=None))


@pytest.mark.parametrize("verb", [Verb.FINALIZE, Verb.VOID])
def test_perform__epoch_lost_to_a_reorganisation__nothing(verb: Verb) -> None:
    perform(verb, history())
