# SPDX-License-Identifier: Apache-2.0
"""Every malformed shape of calldata of every public function is refused and changes nothing.

Each function gets a call that works in its state; then that call is spoiled: cut off, with lists
that are too long, offsets that point outside, dirty addresses, ether. Refusals of Vyper's own
decoder have no text; all others are named. Vyper reads what lies behind the end of the calldata as
zeros: a call that is cut in a list, or whose offset points behind the end, is the well-formed call
with those zeros, and is judged as that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import boa
import pytest

from offchain.settlement import challenge
from tests.contracts.deployment import role_address
from tests.contracts.Settlement.worlds import DEPOSIT, NETUID, T, W, open_stage, random_content

CUTS = 24
HUGE = (2**16, 2**64, 2**255, 2**256 - 1)
ERROR = bytes.fromhex("08c379a0")
Call = tuple[str, tuple[Any, ...], str]


def world(epochs: int) -> Any:
    """Epoch 0 final; epoch 1 closed if there are to be two."""
    random = Random(5)
    stage = open_stage(32)
    stage.settle(0, random_content(random, 0, 32, 5, silent=0))
    if epochs == 2:
        stage.close(1, random_content(random, 1, 32, 5, silent=0))
    return stage


def closing(stage: Any) -> Call:
    stage.put(2, random_content(Random(6), 2, 32, 5, silent=0))
    stage.warp_to(stage.closable_from(2))
    return "close", (NETUID, 2), "stranger"


def proposing(stage: Any) -> Call:
    bond = stage.settlement.bond_rao(NETUID, 1)
    stage.fund("proposer", bond)
    words = list(stage.result(1).words)
    return "propose", (NETUID, 1, stage.history.parent_id(1), bond, words), "proposer"


def lied(stage: Any, word: int) -> Any:
    words = list(stage.result(1).words)
    words[word] ^= 1
    stage.propose(1, words)
    return challenge.examine(stage.history, 1)


def challenging_block(stage: Any) -> Call:
    return "challenge_block", challenge.challenge_block(lied(stage, 5), 0), "challenger"


def challenging_sum(stage: Any) -> Call:
    return "challenge_sum", challenge.sums(lied(stage, 0)), "challenger"


def proving(stage: Any) -> Call:
    stage.propose(1)
    return "prove", challenge.prove(challenge.examine(stage.history, 1), [0, 1]), "stranger"


def proving_sum(stage: Any) -> Call:
    stage.propose(1)
    return "prove_sum", challenge.sums(challenge.examine(stage.history, 1)), "stranger"


def finalizing(stage: Any) -> Call:
    stage.propose(1)
    stage.warp_to(stage.tick + W)
    return "finalize", tuple(stage.finalize_arguments(1)), "stranger"


def voiding(stage: Any) -> Call:
    stage.warp_to(stage.tick + 3 * T)
    return "void", challenge.void(stage.history.epochs[1]), "stranger"


def demanding(stage: Any) -> Call:
    stage.fund("demander", DEPOSIT)
    return "demand", (NETUID, 0, 1), "demander"


def answering(stage: Any) -> Call:
    stage.settlement.demand(NETUID, 0, 1, sender=stage.fund("demander", DEPOSIT))
    record, bonds = stage.history.epochs[0], stage.result(0).bonds
    return "answer", challenge.answer(record, bonds, 1), "stranger"


def expiring(stage: Any) -> Call:
    answering(stage)
    stage.warp_to(stage.tick + W)
    return "expire", (NETUID, 0, 1), "stranger"


def releasing(stage: Any) -> Call:
    stage.warp_to(stage.tick + 3 * T)
    return "release", (NETUID, 0), "stranger"


def cancelling(stage: Any) -> Call:
    stage.settlement.set_guardian(role_address("guardian"), sender=role_address("Timelock"))
    return "cancel", (stage.propose(1),), "guardian"


def naming(_stage: Any) -> Call:
    return "set_guardian", (role_address("guardian"),), "Timelock"


def withdrawing(stage: Any) -> Call:
    stage.propose(1)
    stage.finalize(1)
    return "withdraw", (role_address("proposer"),), "stranger"


SCENES: dict[str, tuple[Callable[[Any], Call], int]] = {
    "close": (closing, 2),
    "propose": (proposing, 2),
    "challenge_block": (challenging_block, 2),
    "challenge_sum": (challenging_sum, 2),
    "prove": (proving, 2),
    "prove_sum": (proving_sum, 2),
    "finalize": (finalizing, 2),
    "void": (voiding, 2),
    "demand": (demanding, 2),
    "answer": (answering, 2),
    "expire": (expiring, 2),
    "release": (releasing, 1),
    "cancel": (cancelling, 2),
    "set_guardian": (naming, 1),
    "withdraw": (withdrawing, 2),
}


def places(inputs: list[dict[str, Any]], data: bytes, base: int) -> Iterator[tuple[str, int]]:
    """Where offsets, lengths and addresses are: (kind, position in the arguments)."""
    at = base
    for entry in inputs:
        kind = entry["type"]
        if kind.endswith("[]"):
            yield "offset", at
            yield "length", base + int.from_bytes(data[at : at + 32], "big")
        elif kind == "tuple":
            yield "offset", at
            inner = base + int.from_bytes(data[at : at + 32], "big")
            yield from places(entry["components"], data, inner)
        elif kind == "address":
            yield "address", at
        size = int(kind[kind.index("[") + 1 : -1]) if kind.endswith("]") and kind[-2] != "[" else 1
        at += 32 * size


def spoiled(inputs: list[dict[str, Any]], call: bytes) -> Iterator[tuple[str, bytes, int]]:
    """(what is wrong, calldata, wei)."""
    selector, data = call[:4], call[4:]
    yield "ether", call, 1
    yield "no arguments", selector, 0
    yield "unknown function", bytes([selector[0] ^ 0xFF]) + selector[1:] + data, 0
    yield "half a selector", selector[:3], 0
    step = max(1, len(data) // 32 // CUTS)
    for word in range(0, len(data) // 32, step):
        yield f"cut at word {word}", selector + data[: 32 * word], 0
    yield "cut in the last word", selector + data[:-1], 0
    for kind, at in places(inputs, data, 0):
        for value in (1 << 200,) if kind == "address" else HUGE:
            word = int.from_bytes(data[at : at + 32], "big") | value
            changed = data[:at] + word.to_bytes(32, "big") + data[at + 32 :]
            yield f"{kind} at {at} with {value:#x}", selector + changed, 0


def well_formed(what: str, wrong: bytes) -> bytes:
    """What a call means that is cut in a list or points behind its end: zeros are there."""
    if what.startswith("offset"):
        at = 4 + int(what.split()[2])
        wrong = wrong[:at] + (2**16).to_bytes(32, "big") + wrong[at + 32 :]
    return wrong.ljust(2**17, b"\0")


def send(stage: Any, data: bytes, sender: str, wei: int) -> Any:
    boa.env.set_balance(role_address(sender), 10**18)
    return boa.env.execute_code(
        to_address=stage.settlement.address, sender=role_address(sender), data=data, value=wei
    )


@pytest.mark.parametrize("name", SCENES)
def test_malformed_calldata__every_shape__refused_and_nothing_changed(name):
    prepare, epochs = SCENES[name]
    stage = world(epochs)
    function, arguments, sender = prepare(stage)
    data = getattr(stage.settlement, function).prepare_calldata(*arguments)
    (entry,) = [e for e in stage.settlement.abi if e.get("name") == function]
    shapes = 0
    for what, wrong, wei in spoiled(entry["inputs"], data):
        with boa.env.anchor():
            done = send(stage, wrong, sender, wei)
            logs = done.get_raw_log_entries() if not done.is_error else []
        output = bytes(done.output)
        if done.is_error:
            assert output == b"" or output[:4] == ERROR, what
        else:
            assert what.startswith(("cut", "offset")), what
            with boa.env.anchor():
                padded = send(stage, well_formed(what, wrong), sender, wei)
            assert not padded.is_error, what
            assert padded.get_raw_log_entries() == logs, what
        shapes += 1
    assert shapes >= 5
    done = send(stage, data, sender, 0)
    assert not done.is_error, done.error  # the call itself works, still


def test_malformed_calldata__every_function_that_changes_state__is_tried():
    stage = world(1)
    changing = {
        entry["name"]
        for entry in stage.settlement.abi
        if entry["type"] == "function" and entry["stateMutability"] == "nonpayable"
    }
    assert changing == set(SCENES)
