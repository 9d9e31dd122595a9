# SPDX-License-Identifier: Apache-2.0
"""Malformed calldata of Weights, Rewards, Examiner, YumaKernel and of Keys' texts; Settlement has
its own file.

A call that works is spoiled as there: every refusal has a reason of ours, or none where Vyper's own
decoder refuses; what is not refused means the same as the well-formed call with zeros behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from random import Random
from typing import Any

import boa
import pytest

from offchain.settlement import challenge
from tests.contracts.deployment import World, compiled, role_address
from tests.contracts.Rewards.payroll import Pay, Payroll, open_payroll
from tests.contracts.Settlement import test_bad_calldata as settlements
from tests.contracts.Settlement.worlds import open_stage, random_content
from tests.contracts.Weights.voting import SALT, open_voting
from tests.contracts.YumaKernel.blocks import Block, filled, seat_word


@dataclass(frozen=True)
class Scene:
    """A call that works."""

    contract: Any
    function: str
    arguments: tuple[Any, ...]
    sender: str


def committing(world: World) -> Scene:
    voting = open_voting(world)
    arguments = (voting.netuid, 0, 0, voting.hash_of(0, 0, voting.row()))
    return Scene(world.weights, "commit_weights", arguments, voting.hotkey(0))


def revealing(world: World) -> Scene:
    voting = open_voting(world)
    voting.commit(0, 0, voting.row())
    voting.go(1)
    arguments = (voting.netuid, 0, 0, voting.row(), SALT, *voting.hints(0, 0))
    return Scene(world.weights, "reveal_weights", arguments, voting.hotkey(0))


def paying(world: World) -> Payroll:
    payroll = replace(open_payroll(world, ["miner", "other miner"]), trees={}, pays={})
    payroll.add_root(0, {0: Pay(7, 0), 1: Pay(9, 0)})
    return payroll


def claiming(world: World) -> Scene:
    payroll = paying(world)
    arguments = (payroll.netuid, payroll.claim(0, 0))
    return Scene(world.rewards, "claim", arguments, role_address("stranger"))


def claiming_many(world: World) -> Scene:
    payroll = paying(world)
    arguments = (payroll.netuid, [payroll.claim(0, uid) for uid in (0, 1)])
    return Scene(world.rewards, "claim_many", arguments, role_address("stranger"))


def adding_root(world: World) -> Scene:
    payroll = paying(world)
    arguments = (payroll.netuid, 1, b"\x07" * 32, 4, 0)
    return Scene(world.rewards, "add_root", arguments, payroll.settlement)


def recomputing(_world: World) -> Scene:
    seats = filled([seat_word(2**31, 30), seat_word(2**31, 30)])
    rows = filled([30 << 240, 30 << 240])
    block = Block(2, seats, rows, filled([]), [2**32 << 192, 0, 0, 0], 0, 32_767, 0, 900_000, 1)
    kernel = compiled("YumaKernel").deploy()
    return Scene(kernel, "recompute", (block,), role_address("stranger"))


def examining(function: str) -> Callable[[World], Scene]:
    """What Settlement forwards, asked of Examiner directly."""

    def prepare(_world: World) -> Scene:
        stage = open_stage(32)
        stage.settle(0, random_content(Random(5), 0, 32, 5, silent=0))
        stage.close(1, random_content(Random(6), 1, 32, 5, silent=0))
        stage.propose(1)
        examination = challenge.examine(stage.history, 1)
        arguments = {
            "challenge_block": lambda: challenge.challenge_block(examination, 0),
            "prove": lambda: challenge.prove(examination, [0, 1]),
            "challenge_sum": lambda: challenge.sums(examination),
            "prove_sum": lambda: challenge.sums(examination),
            "finalize": lambda: tuple(stage.finalize_arguments(1)),
        }[function]()
        return Scene(stage.examiner, function, arguments, role_address("stranger"))

    return prepare


def naming(world: World) -> Scene:
    coldkey, hotkey = role_address("coldkey"), role_address("hotkey")
    world.staking.open_pool(hotkey, coldkey, sender=world.address["Neurons"])
    said = ("name", "https://example.org", "", "", "", "x" * 1024, "")
    return Scene(world.keys, "set_identity", (hotkey, said), coldkey)


SCENES: dict[str, Callable[[World], Scene]] = {
    "Keys.set_identity": naming,
    "Weights.commit_weights": committing,
    "Weights.reveal_weights": revealing,
    "Rewards.claim": claiming,
    "Rewards.claim_many": claiming_many,
    "Rewards.add_root": adding_root,
    "YumaKernel.recompute": recomputing,
    **{
        f"Examiner.{name}": examining(name)
        for name in ("challenge_block", "prove", "challenge_sum", "prove_sum", "finalize")
    },
}


def is_static(entry: dict[str, Any]) -> bool:
    kind = entry["type"]
    if kind.startswith("tuple") and not all(is_static(part) for part in entry["components"]):
        return False
    return not kind.endswith("[]") and kind not in ("bytes", "string")


def as_list(entry: dict[str, Any]) -> dict[str, Any]:
    """A byte string or a text has an offset and a length as a list has."""
    if entry["type"] in ("bytes", "string"):
        return {**entry, "type": "uint256[]"}
    return entry | {"components": [as_list(part) for part in entry.get("components", ())]}


def spoiled(inputs: list[dict[str, Any]], call: bytes) -> Iterator[tuple[str, bytes, int]]:
    """As Settlement's; a struct of fixed size has neither an offset nor a length."""
    if all(is_static(entry) for entry in inputs):
        yield from settlements.spoiled([], call)
        return
    yield from settlements.spoiled([as_list(entry) for entry in inputs], call)


def send(scene: Scene, data: bytes, wei: int) -> Any:
    boa.env.set_balance(scene.sender, 10**18)
    return boa.env.execute_code(
        to_address=scene.contract.address, sender=scene.sender, data=data, value=wei
    )


@pytest.mark.parametrize("name", SCENES)
def test_malformed_calldata__every_shape__refused_or_means_the_same(
    world: World, name: str
) -> None:
    with boa.env.anchor():
        scene = SCENES[name](world)
        data = getattr(scene.contract, scene.function).prepare_calldata(*scene.arguments)
        (entry,) = [e for e in scene.contract.abi if e.get("name") == scene.function]
        refused = 0
        for what, wrong, wei in spoiled(entry["inputs"], data):
            with boa.env.anchor():
                done = send(scene, wrong, wei)
                logs = done.get_raw_log_entries() if not done.is_error else []
            output = bytes(done.output)
            if done.is_error:
                assert output == b"" or output[:4] == settlements.ERROR, what
                refused += 1
                continue
            assert what.startswith(("cut", "offset")), what
            with boa.env.anchor():
                padded = send(scene, settlements.well_formed(what, wrong), wei)
            assert not padded.is_error, what
            assert bytes(padded.output) == output, what
            assert padded.get_raw_log_entries() == logs, what
        assert refused >= 5
        done = send(scene, data, 0)
        assert not done.is_error, done.error  # the call itself works, still


@pytest.mark.parametrize("contract", ["Weights", "Rewards"])
def test_malformed_calldata__every_function_that_changes_state__is_tried(
    world: World, contract: str
) -> None:
    changing = {
        f"{contract}.{entry['name']}"
        for entry in world.contracts[contract].abi
        if entry["type"] == "function" and entry["stateMutability"] == "nonpayable"
    }
    assert changing == {name for name in SCENES if name.startswith(contract)}
