# SPDX-License-Identifier: Apache-2.0
"""I-36: while a contract moves tokens, none of its functions can be entered, views included.

The token calls back whoever calls it, once, with the calldata of one function. The lock reverts
without a word; any other answer (a result, or a reason) means that the function ran.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy, deepcopy
from random import Random
from typing import Any

import boa
import pytest

from tests.contracts.deployment import compiled, seeded
from tests.contracts.economy.invariants import QUICK
from tests.contracts.economy.powers import Economy, open_economy

# they answer from the code or the block alone, so there is nothing of the contract's to see
TIMELESS = {"clock", "CLOCK_MODE", "genesis_at", "tick_seconds", "eip712Domain"}
# a view of one word that no call leaves half written, asked in every claim, where gas is short
UNLOCKED = {("Staking", "coldkey_of")}
ZEROS = "0x" + "11" * 20
# contract -> actions in which it calls the token
MOVES: dict[str, tuple[str, ...]] = {
    "Staking": ("join", "remove"),
    "Emission": ("recycle", "close"),
    "Subnets": ("create",),
    "Neurons": ("register",),
    "Settlement": ("propose", "finalize", "withdraw"),
    "Rewards": ("claim",),
}


def prepared() -> Economy:
    """Every one of the actions above can succeed now."""
    chance = Random(5)
    economy = open_economy(chance, crowd=1, Tao=compiled("ReenteringTao"))
    subnet = economy.subnets[1]
    assert economy.settle(chance, subnet)
    hotkey = economy.hotkey("n0")
    economy.unbond(hotkey, economy.owner_of_name["n0"], 10**15)
    assert economy.vote(chance)
    return economy


@pytest.fixture(scope="module")
def economy() -> Iterator[Economy]:
    with boa.env.anchor():
        yield prepared()


def functions(contract: Any) -> list[tuple[str, bytes]]:
    """Calldata that passes the decoder, for every function that reads or changes state."""
    found = []
    for entry in contract.abi:
        if entry["type"] == "function" and entry["stateMutability"] != "pure":
            if entry["name"] in TIMELESS or entry["name"].isupper():
                continue
            method = getattr(contract, entry["name"])
            arguments = [sample(part) for part in entry["inputs"]]
            found.append((entry["name"], method.prepare_calldata(*arguments)))
    return found


def sample(part: dict[str, Any]) -> Any:
    kind = part["type"]
    if kind.endswith("]"):
        length = kind[kind.rindex("[") + 1 : -1]
        return [sample(part | {"type": kind[: kind.rindex("[")]})] * int(length or 0)
    if kind == "tuple":
        return tuple(sample(field) for field in part["components"])
    if kind == "address":
        return ZEROS
    if kind == "string":
        return ""
    if kind == "bytes":
        return b""
    if kind.startswith("bytes"):
        return bytes(int(kind.removeprefix("bytes")))
    return False if kind == "bool" else 0


def act(economy: Economy, action: str) -> None:
    """Do the action for certain; the economy's subnet 1 waits for each of them."""
    chance, subnet = Random(3), economy.subnets[1]
    if action in ("propose", "finalize"):
        economy.warp_to(economy._next_close(subnet))
        assert economy.close(chance, subnet)
        assert economy.propose(chance, subnet, lie=False)
        assert action == "propose" or economy.finalize(chance, subnet, wait=True)
    elif action == "close":
        economy.warp_to(economy._next_close(subnet))
        assert economy.close(chance, subnet)
    elif action == "claim":
        assert economy.claim(chance, subnet, many=16)
    elif action == "remove":
        economy.warp(economy.preset.unbonding_ticks)
        assert economy.remove(chance)
    elif action == "register":
        assert economy.register(chance, subnet, "n9")
    elif action == "create":
        assert economy.create(chance, "c1")
    else:
        assert getattr(economy, action)(chance)


def entered(economy: Economy, contract: str, action: str) -> list[str]:
    """Functions that answered something while the action was under way."""
    tao, target = economy.world.tao, economy.world.contracts[contract]
    found = []
    for name, data in functions(target):
        with boa.env.anchor():
            tao.arm(target.address, data)
            copied = clone(economy)
            act(copied, action)
            assert tao.is_sprung(), f"{contract} calls no token in {action}"
            if tao.is_entered() or bytes(tao.output()):
                found.append(name)
            for one in QUICK:
                one(copied)
    return found


def clone(economy: Economy) -> Economy:
    """The same world with ghosts of its own."""
    twin = copy(economy)
    for name, ghost in vars(economy).items():
        if name != "world":
            setattr(twin, name, deepcopy(ghost))
    return twin


@pytest.mark.parametrize(
    ("contract", "action"), [(name, action) for name, some in MOVES.items() for action in some]
)
def test_I_36_token_calls_back__nothing_can_be_entered(
    economy: Economy, contract: str, action: str
) -> None:
    names = {(contract, name) for name in entered(economy, contract, action)}
    unlocked = {pair for pair in UNLOCKED if pair[0] == contract}
    assert names == unlocked, f"I-36 entered {contract} during {action}: {names}"


@pytest.mark.soundness
@pytest.mark.slow
def test_I_36_seeded_bug__a_contract_without_the_lock__is_entered() -> None:
    lock = "# pragma version 0.4.3\n# pragma nonreentrancy on"
    open_ = seeded("Subnets", ("Subnets.vy", lock, lock.replace(" on", " off")))
    with boa.env.anchor():
        chance = Random(5)
        economy = open_economy(chance, Tao=compiled("ReenteringTao"), Subnets=open_)
        assert entered(economy, "Subnets", "create") != []
