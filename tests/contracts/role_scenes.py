# SPDX-License-Identifier: Apache-2.0
"""For every function that changes state: a moment at which it can succeed, and its arguments.

`CALLS[contract][function]` prepares the moment in a scene and returns what to pass for a caller.
Two scenes: `Economy`, a running subnet in a whole world, and `Disputes`, a Settlement whose
neighbours are set by the test.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace
from random import Random
from typing import Any

import boa
from eth_account.messages import encode_typed_data
from eth_hash.auto import keccak

from offchain.protocol.hyperparameters import HYPERPARAMETERS
from offchain.settlement import challenge
from tests.contracts import life
from tests.contracts.deployment import RAO, World, deploy_world, role_address
from tests.contracts.Rewards.payroll import Pay, Payroll
from tests.contracts.Settlement.worlds import (
    DEPOSIT,
    NETUID,
    Stage,
    T,
    W,
    open_stage,
    random_content,
)
from tests.contracts.Staking.actions import stake
from tests.contracts.Tao.test_token import sign_permit
from tests.contracts.Weights.voting import Voting, open_voting

PEOPLE = (
    *("stranger", "miner", "validator", "coldkey"),
    *("owner", "timelock", "deployer", "guardian", "escrow"),
)
NO_DATA = b"\0" * 32
Arguments = Callable[[str], tuple[Any, ...]]


@dataclass(slots=True)
class Economy:
    """Epoch 2 of a subnet: a validator in seat 0, a registered miner without a seat."""

    world: World
    voting: Voting
    payroll: Payroll
    roles: dict[str, str]
    timestamp: int

    def contract(self, name: str) -> Any:
        return self.world.contracts[name]

    @property
    def netuid(self) -> int:
        return self.voting.netuid

    def give(self, account: str, amount_rao: int, spender: str) -> None:
        self.world.give(account, amount_rao, self.world.address[spender])


@dataclass(slots=True)
class Disputes:
    """A final epoch 0; epoch 1 can be closed, proposed and fought over."""

    stage: Stage
    roles: dict[str, str]
    timestamp: int

    def contract(self, name: str) -> Any:
        assert name == "Settlement"
        return self.stage.settlement

    def fork(self) -> Disputes:
        """The same scene with off-chain notes of its own."""
        return replace(self, stage=replace(self.stage, history=deepcopy(self.stage.history)))

    def close(self) -> None:
        self.stage.close(1, second_epoch(self.stage.max_uids))

    def propose(self, wrong_word: int | None = None) -> int:
        """Close epoch 1 and post its result, with one word changed if asked."""
        self.close()
        words = list(self.stage.result(1).words)
        if wrong_word is not None:
            words[wrong_word] ^= 1
        return self.stage.propose(1, words)


def open_economy(**patched: Any) -> Economy:
    world = deploy_world(**patched)
    voting = open_voting(world, 2)
    netuid = voting.netuid
    miner_id = life.register(world, netuid, "miner")
    life.stake(world, "miner", 500 * RAO)
    voting.go(1)
    voting.commit(0, 1, voting.row())
    voting.go(2)
    names = [*voting.names, "miner"]
    ids = [voting.registration_id(seat, 2) for seat in range(2)] + [miner_id]
    payroll = Payroll(world, netuid, names, ids, rewards=world.rewards)
    payroll.add_root(0, {uid: Pay(7, 5) for uid in range(3)})
    people = {
        "stranger": role_address("stranger"),
        "miner": str(life.key("miner").address),
        "validator": voting.hotkey(0),
        "coldkey": payroll.coldkey(0),
        "owner": role_address("owner"),
        "timelock": world.address["Timelock"],
        "deployer": world.address["deployer"],
        "guardian": role_address("guardian"),
        "escrow": role_address("escrow"),
    }
    contracts = {name: world.address[name] for name in world.contracts}
    return Economy(world, voting, payroll, people | contracts, boa.env.timestamp)


def second_epoch(max_uids: int) -> Any:
    return random_content(Random(2), 1, max_uids, 2, silent=0)


def open_disputes() -> Disputes:
    stage = open_stage(16)
    stage.settle(0, random_content(Random(1), 0, 16, 2, silent=0))
    people = {name: role_address(name) for name in PEOPLE} | {"timelock": role_address("Timelock")}
    near = dict.fromkeys(("Subnets", "Neurons", "Weights", "Emission"), stage.near.address)
    own = {"Tao": stage.tao.address, "Rewards": stage.rewards.address}
    roles = people | near | own | {"Settlement": stage.settlement.address}
    return Disputes(stage, roles, boa.env.timestamp)


# Tao


def tao_transfer(e: Economy) -> Arguments:
    def arguments(caller: str) -> tuple[Any, ...]:
        e.world.give(caller, 1)
        return e.roles["Emission"], 1

    return arguments


def tao_approve(e: Economy) -> Arguments:
    return lambda caller: (e.roles["Emission"], 1)


def tao_transfer_from(e: Economy) -> Arguments:
    faucet = e.world.address["faucet"]

    def arguments(caller: str) -> tuple[Any, ...]:
        e.world.tao.approve(caller, 1, sender=faucet)
        return faucet, caller, 1

    return arguments


def tao_burn(e: Economy) -> Arguments:
    def arguments(caller: str) -> tuple[Any, ...]:
        e.world.give(caller, 1)
        return (1,)

    return arguments


def tao_permit(e: Economy) -> Arguments:
    signer, spender = life.key("permit"), e.roles["stranger"]
    chain_id = boa.env.evm.patch.chain_id
    signature = sign_permit(e.world.tao, signer, chain_id, spender, 3)
    return lambda caller: (signer.address, spender, 3, 2**256 - 1, *signature)


def tao_mint(e: Economy) -> Arguments:
    return lambda caller: (caller, 1)


# Emission


def emission_recycle(e: Economy) -> Arguments:
    def arguments(caller: str) -> tuple[Any, ...]:
        e.give(caller, 1, "Emission")
        return (1,)

    return arguments


def emission_note_burn(e: Economy) -> Arguments:
    """Every caller has a fee to burn; the escrow is named."""
    e.world.emission.set_escrow(e.roles["escrow"], sender=e.roles["timelock"])

    def arguments(caller: str) -> tuple[Any, ...]:
        e.give(caller, 1, "Emission")
        return e.netuid, 1

    return arguments


def emission_netuid(e: Economy) -> Arguments:
    return lambda caller: (e.netuid,)


# Staking


def staking_unbonded(e: Economy) -> Arguments:
    """An unbonding of the caller that is ripe."""

    def arguments(caller: str) -> tuple[Any, ...]:
        hotkey = e.roles["validator"]
        shares = stake(e.world, hotkey, caller, RAO)
        number = e.world.staking.unbond(hotkey, shares, sender=caller)
        e.world.warp(e.world.preset.unbonding_ticks)
        return (number,)

    return arguments


def staking_add(e: Economy) -> Arguments:
    def arguments(caller: str) -> tuple[Any, ...]:
        e.give(caller, RAO, "Staking")
        return e.roles["validator"], RAO

    return arguments


def staking_unbond(e: Economy) -> Arguments:
    hotkey = e.roles["validator"]
    return lambda caller: (hotkey, stake(e.world, hotkey, caller, RAO))


def staking_move(e: Economy) -> Arguments:
    source, target = e.roles["validator"], e.roles["miner"]
    return lambda caller: (source, target, stake(e.world, source, caller, RAO))


def staking_transfer(e: Economy) -> Arguments:
    source = e.roles["validator"]
    return lambda caller: (source, role_address("heir"), stake(e.world, source, caller, RAO))


def staking_gather(e: Economy) -> Arguments:
    """The coldkey has taken another one's place, and had stake of its own."""
    hotkey, heir, old = e.roles["validator"], e.roles["coldkey"], role_address("old coldkey")
    stake(e.world, hotkey, heir, RAO)
    e.give(old, RAO, "Keys")
    e.world.keys.announce_coldkey_swap(heir, sender=old)
    e.world.warp(e.world.preset.unbonding_ticks)
    e.world.keys.swap_coldkey(old, sender=heir)
    return lambda caller: (hotkey,)


def staking_loans(e: Economy) -> Arguments:
    loans = e.world.staking.loans_of(1, e.netuid)
    return lambda caller: (1, e.netuid, tuple(loans))


def staking_credit(e: Economy) -> Arguments:
    e.world.give(e.roles["Staking"], 5)
    return lambda caller: (e.roles["validator"], e.netuid, 5)


# Subnets


def subnets_create(e: Economy) -> Arguments:
    def arguments(caller: str) -> tuple[Any, ...]:
        e.give(caller, e.world.subnets.cost_rao(), "Subnets")
        return caller, 16, 4, 2**256 - 1, b""

    return arguments


def subnets_start(e: Economy) -> Arguments:
    netuid = life.create(e.world)
    return lambda caller: (netuid, e.world.tick + 5)


def subnets_offer(e: Economy) -> Arguments:
    return lambda caller: (e.netuid, e.roles["stranger"])


def subnets_accept(e: Economy) -> Arguments:
    e.world.subnets.offer_owner(e.netuid, e.roles["coldkey"], sender=e.roles["owner"])
    return lambda caller: (e.netuid,)


def subnets_owner_hotkey(e: Economy) -> Arguments:
    hotkey = life.key("new owner hotkey")
    return lambda caller: (e.netuid, hotkey.address, life.owning(e.world, hotkey, caller))


def subnets_parameter(number: int, setting: int) -> Callable[[Economy], Arguments]:
    return lambda e: lambda caller: (e.netuid, number, setting)


# Keys


def keys_children(e: Economy) -> Arguments:
    return lambda caller: (e.roles["validator"], e.netuid, [], [])


def keys_admit(e: Economy) -> Arguments:
    return lambda caller: (e.roles["validator"], e.netuid, e.roles["miner"])


def keys_dismiss(e: Economy) -> Arguments:
    arguments = (e.roles["validator"], e.netuid, e.roles["miner"])
    e.world.keys.admit_parent(*arguments, sender=e.roles["coldkey"])
    return lambda caller: arguments


def lives_swap_hotkey(e: Economy) -> Arguments:
    arguments = (e.roles["validator"], role_address("new hotkey"), [e.netuid])
    return lambda caller: arguments


def keys_swap_hotkey(e: Economy) -> Arguments:
    old, new = e.roles["validator"], life.key("newcomer")

    def arguments(caller: str) -> tuple[Any, ...]:
        e.give(caller, RAO, "Keys")
        signature = place_consent(e.world, new, old, caller)
        return old, new.address, [e.netuid], signature

    return arguments


def place_consent(world: World, new: Any, old: str, coldkey: str) -> bytes:
    fields = {"old_hotkey": old, "new_hotkey": new.address, "coldkey": coldkey}
    domain = {
        "name": "evmtensor Keys",
        "version": "1",
        "chainId": boa.env.evm.patch.chain_id,
        "verifyingContract": world.address["Keys"],
    }
    types = {"TakePlace": [{"name": name, "type": "address"} for name in fields]}
    return bytes(new.sign_message(encode_typed_data(domain, types, fields)).signature)


def keys_announce(e: Economy) -> Arguments:
    def arguments(caller: str) -> tuple[Any, ...]:
        e.give(caller, RAO, "Keys")
        return (role_address("heir"),)

    return arguments


def keys_announced(e: Economy) -> Arguments:
    """The validator's coldkey has announced the stranger, long ago."""
    e.give(e.roles["coldkey"], RAO, "Keys")
    e.world.keys.announce_coldkey_swap(e.roles["stranger"], sender=e.roles["coldkey"])
    e.world.warp(e.world.preset.unbonding_ticks)
    return lambda caller: (e.roles["coldkey"],)


def keys_identity(e: Economy) -> Arguments:
    said = ("name", "https://example.org", "", "", "", "we validate", "")
    return lambda caller: (e.roles["validator"], said)


# Neurons


def neurons_register(e: Economy) -> Arguments:
    def arguments(caller: str) -> tuple[Any, ...]:
        e.give(caller, e.world.neurons.burn_rao(e.netuid), "Neurons")
        hotkey = life.key("newcomer")
        signature = life.consent(e.world, e.netuid, hotkey, caller)
        return e.netuid, hotkey.address, 2**256 - 1, signature

    return arguments


def neurons_poke_root(e: Economy) -> Arguments:
    """The root is started; a hotkey with stake can have an empty seat."""
    e.world.subnets.start(0, e.world.tick + 5, sender=e.roles["stranger"])
    return lambda caller: (5, e.roles["miner"])


# Weights


def weights_commit(e: Economy) -> Arguments:
    return lambda caller: (e.netuid, 2, 0, b"\5" * 32)


def weights_reveal(e: Economy) -> Arguments:
    row, salt = e.voting.row(), b"\x5a" * 32
    hints = e.voting.hints(0, 1)
    return lambda caller: (e.netuid, 1, 0, row, salt, *hints)


# Rewards


def rewards_add_root(e: Economy) -> Arguments:
    return lambda caller: (e.netuid, 9, b"\7" * 32, 4, 0)


# Timelock


def operation(e: Economy) -> tuple[Any, ...]:
    """Send 1 rao out of the treasury, which has it."""
    e.world.give(e.roles["Timelock"], 1)
    payload = e.world.tao.transfer.prepare_calldata(e.roles["stranger"], 1)
    return e.roles["Tao"], 0, payload, NO_DATA, NO_DATA


def as_batch(single: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple([part] for part in single[:3]) + single[3:]


def timelock_schedule(batch: bool) -> Callable[[Economy], Arguments]:
    def prepare(e: Economy) -> Arguments:
        call = as_batch(operation(e)) if batch else operation(e)
        return lambda caller: (*call, e.world.preset.timelock_seconds)

    return prepare


def timelock_execute(batch: bool) -> Callable[[Economy], Arguments]:
    def prepare(e: Economy) -> Arguments:
        call = as_batch(operation(e)) if batch else operation(e)
        schedule = e.world.timelock.schedule_batch if batch else e.world.timelock.schedule
        delay = e.world.preset.timelock_seconds
        schedule(*call, delay, sender=e.roles["deployer"])
        boa.env.timestamp += delay
        return lambda caller: call

    return prepare


def timelock_cancel(e: Economy) -> Arguments:
    call = operation(e)
    delay = e.world.preset.timelock_seconds
    e.world.timelock.schedule(*call, delay, sender=e.roles["deployer"])
    number = e.world.timelock.hash_operation(*call)
    return lambda caller: (number,)


def timelock_role(e: Economy) -> Arguments:
    role = e.world.timelock.PROPOSER_ROLE()
    return lambda caller: (role, caller)


# Governor


def draft(e: Economy) -> tuple[Any, ...]:
    """The content of a proposal: the voting delay becomes 5."""
    call = e.world.governor.setVotingDelay.prepare_calldata(5)
    return [e.roles["Governor"]], [0], [call]


def hashed(e: Economy) -> tuple[Any, ...]:
    return (*draft(e), keccak(b"why"))


def proposed(e: Economy, *, until: str = "") -> int:
    """A proposal of the validator's coldkey, brought up to a stage."""
    governor, coldkey = e.world.governor, e.roles["coldkey"]
    governor.set_hotkeys([e.roles["validator"]], sender=coldkey)
    number = int(governor.propose(*draft(e), "why", sender=coldkey))
    if until:
        e.world.warp_to(governor.proposalSnapshot(number) + 1)
    if until in ("succeeded", "queued"):
        governor.castVote(number, 1, sender=coldkey)
        e.world.warp_to(governor.proposalDeadline(number) + 1)
    if until == "queued":
        governor.queue(*hashed(e))
        boa.env.timestamp += e.world.preset.timelock_seconds
    return number


def governor_propose(e: Economy) -> Arguments:
    e.world.governor.set_hotkeys([e.roles["validator"]], sender=e.roles["coldkey"])
    return lambda caller: (*draft(e), "why")


def governor_vote(*extra: Any) -> Callable[[Economy], Arguments]:
    def prepare(e: Economy) -> Arguments:
        number = proposed(e, until="active")
        return lambda caller: (number, 1, *extra)

    return prepare


def governor_signed(extended: bool) -> Callable[[Economy], Arguments]:
    """The signature of a delegator; anybody may send it."""

    def prepare(e: Economy) -> Arguments:
        signer = life.key("delegator who signs")
        stake(e.world, e.roles["validator"], signer.address, RAO)
        e.world.governor.set_hotkeys([e.roles["validator"]], sender=signer.address)
        number = proposed(e, until="active")
        signature = sign_ballot(e.world.governor, signer, number, extended)
        parts = ("", b"", signature) if extended else (signature,)
        return lambda caller: (number, 1, signer.address, *parts)

    return prepare


def sign_ballot(governor: Any, signer: Any, number: int, extended: bool) -> bytes:
    fields = {"proposalId": "uint256", "support": "uint8", "voter": "address", "nonce": "uint256"}
    message = {"proposalId": number, "support": 1, "voter": signer.address, "nonce": 0}
    if extended:
        fields |= {"reason": "string", "params": "bytes"}
        message |= {"reason": "", "params": b""}
    domain = {
        "name": "evmtensor Governor",
        "version": "1",
        "chainId": boa.env.evm.patch.chain_id,
        "verifyingContract": governor.address,
    }
    kind = "ExtendedBallot" if extended else "Ballot"
    types = {kind: [{"name": name, "type": kind_} for name, kind_ in fields.items()]}
    return bytes(signer.sign_message(encode_typed_data(domain, types, message)).signature)


def governor_stage(until: str) -> Callable[[Economy], Arguments]:
    def prepare(e: Economy) -> Arguments:
        proposed(e, until=until)
        return lambda caller: hashed(e)

    return prepare


# Settlement


def settlement_close(d: Disputes) -> Arguments:
    d.stage.put(1, second_epoch(d.stage.max_uids))
    d.stage.warp_to(d.stage.closable_from(1))
    return lambda caller: (NETUID, 1)


def settlement_propose(d: Disputes) -> Arguments:
    d.close()
    words, bond = list(d.stage.result(1).words), d.stage.settlement.bond_rao(NETUID, 1)
    parent = d.stage.history.parent_id(1)

    def arguments(caller: str) -> tuple[Any, ...]:
        fund(d, caller, bond)
        return NETUID, 1, parent, bond, words

    return arguments


def fund(d: Disputes, account: str, amount_rao: int) -> None:
    """Give an account tokens, and let Settlement take them."""
    d.stage.tao.mint(account, amount_rao, sender=d.stage.near.address)
    d.stage.tao.approve(d.stage.settlement, amount_rao, sender=account)


def settlement_challenge_block(d: Disputes) -> Arguments:
    d.propose(wrong_word=1)
    call = challenge.challenge_block(challenge.examine(d.stage.history, 1), 0)
    return lambda caller: call


def settlement_sums(wrong_word: int | None) -> Callable[[Disputes], Arguments]:
    def prepare(d: Disputes) -> Arguments:
        d.propose(wrong_word)
        call = challenge.sums(challenge.examine(d.stage.history, 1))
        return lambda caller: call

    return prepare


def settlement_prove(d: Disputes) -> Arguments:
    d.propose()
    call = challenge.prove(challenge.examine(d.stage.history, 1), [0])
    return lambda caller: call


def settlement_finalize(d: Disputes) -> Arguments:
    d.propose()
    d.stage.warp_to(d.stage.tick + W)
    call = tuple(d.stage.finalize_arguments(1))
    return lambda caller: call


def settlement_void(d: Disputes) -> Arguments:
    d.close()
    d.stage.warp_to(d.stage.tick + 3 * T)
    call = challenge.void(d.stage.history.epochs[1])
    return lambda caller: call


def settlement_demand(d: Disputes) -> Arguments:
    def arguments(caller: str) -> tuple[Any, ...]:
        fund(d, caller, DEPOSIT)
        return NETUID, 0, 0

    return arguments


def demanded(d: Disputes) -> None:
    fund(d, role_address("asker"), DEPOSIT)
    d.stage.settlement.demand(NETUID, 0, 0, sender=role_address("asker"))


def settlement_answer(d: Disputes) -> Arguments:
    demanded(d)
    call = challenge.answer(d.stage.history.epochs[0], d.stage.result(0).bonds, 0)
    return lambda caller: call


def settlement_expire(d: Disputes) -> Arguments:
    demanded(d)
    d.stage.warp_to(d.stage.tick + W)
    return lambda caller: (NETUID, 0, 0)


def settlement_release(d: Disputes) -> Arguments:
    d.stage.warp_to(d.stage.tick + 3 * T)
    return lambda caller: (NETUID, 0)


def settlement_withdraw(d: Disputes) -> Arguments:
    return lambda caller: (d.roles["owner"],)


def settlement_cancel(d: Disputes) -> Arguments:
    d.stage.settlement.set_guardian(d.roles["guardian"], sender=d.roles["timelock"])
    proposal_id = d.propose()
    return lambda caller: (proposal_id,)


CALLS: dict[str, dict[str, Callable[[Any], Arguments]]] = {
    "Tao": {
        "transfer": tao_transfer,
        "approve": tao_approve,
        "transferFrom": tao_transfer_from,
        "burn": tao_burn,
        "permit": tao_permit,
        "mint": tao_mint,
    },
    "Emission": {
        "accrue": lambda e: lambda caller: (),
        "recycle": emission_recycle,
        "open": lambda e: lambda caller: (77,),
        "close": emission_netuid,
        "set_shares": lambda e: lambda caller: ([1],),
        "note_burn": emission_note_burn,
        "set_escrow": lambda e: lambda caller: (e.roles["escrow"],),
        "drain": lambda e: lambda caller: (e.netuid, 24),
    },
    "Staking": {
        "open_pool": lambda e: lambda caller: (role_address("new hotkey"), caller),
        "add_stake": staking_add,
        "unbond": staking_unbond,
        "cancel_unbonding": staking_unbonded,
        "remove_stake": staking_unbonded,
        "move_stake": staking_move,
        "transfer_stake": staking_transfer,
        "set_take": lambda e: lambda caller: (e.roles["validator"], 5),
        "gather_stake": staking_gather,
        "swap_hotkey": lambda e: lambda caller: (e.roles["validator"], role_address("new hotkey")),
        "swap_coldkey": lambda e: lambda caller: (e.roles["coldkey"], role_address("heir")),
        "note_loans": staking_loans,
        "credit": staking_credit,
    },
    "Subnets": {
        "create": subnets_create,
        "set_identity": lambda e: lambda caller: (e.netuid, "name", "https://example.org"),
        "offer_owner": subnets_offer,
        "accept_owner": subnets_accept,
        "set_owner_hotkey": subnets_owner_hotkey,
        "swap_hotkey": lives_swap_hotkey,
        "start": subnets_start,
        "set_schedule": lambda e: lambda caller: (e.netuid, 24, 6, 6),
        **{
            f"set_parameter/{row.name}": subnets_parameter(row.id, row.default)
            for row in HYPERPARAMETERS
        },
    },
    "Neurons": {
        "register": neurons_register,
        "poke": lambda e: lambda caller: (e.netuid, 3, 2),
        "poke_root": neurons_poke_root,
        "serve_axon": lambda e: lambda caller: (e.netuid, 2_130_706_434, 8_091, 4, 4, 1),
        "commit_model": lambda e: lambda caller: (e.netuid, b"\1" * 32, b"\2" * 32),
        "swap_hotkey": lives_swap_hotkey,
        "take_replaced": lambda e: lambda caller: (e.netuid, 1),
        "record_scores": lambda e: lambda caller: (e.netuid, 1, [0]),
    },
    "Keys": {
        "set_children": keys_children,
        "set_child_take": lambda e: lambda caller: (e.roles["validator"], e.netuid, 5),
        "admit_parent": keys_admit,
        "dismiss_parent": keys_dismiss,
        "swap_hotkey": keys_swap_hotkey,
        "announce_coldkey_swap": keys_announce,
        "cancel_coldkey_swap": lambda e: lambda caller: (keys_announced(e), ())[1],
        "swap_coldkey": keys_announced,
        "set_identity": keys_identity,
    },
    "Weights": {"commit_weights": weights_commit, "reveal_weights": weights_reveal},
    "Settlement": {
        "close": settlement_close,
        "propose": settlement_propose,
        "challenge_block": settlement_challenge_block,
        "challenge_sum": settlement_sums(wrong_word=0),
        "prove": settlement_prove,
        "prove_sum": settlement_sums(wrong_word=None),
        "finalize": settlement_finalize,
        "void": settlement_void,
        "demand": settlement_demand,
        "answer": settlement_answer,
        "expire": settlement_expire,
        "release": settlement_release,
        "withdraw": settlement_withdraw,
        "cancel": settlement_cancel,
        "set_guardian": lambda d: lambda caller: (d.roles["guardian"],),
    },
    "Rewards": {
        "add_root": rewards_add_root,
        "claim": lambda e: lambda caller: (e.netuid, e.payroll.claim(0, 0)),
        "claim_many": lambda e: lambda caller: (e.netuid, [e.payroll.claim(0, 0)]),
    },
    "Governor": {
        "set_hotkeys": lambda e: lambda caller: ([e.roles["validator"]],),
        "propose": governor_propose,
        "castVote": governor_vote(),
        "castVoteWithReason": governor_vote("why"),
        "castVoteWithReasonAndParams": governor_vote("why", b""),
        "castVoteBySig": governor_signed(extended=False),
        "castVoteWithReasonAndParamsBySig": governor_signed(extended=True),
        "queue": governor_stage("succeeded"),
        "execute": governor_stage("queued"),
        "cancel": governor_stage(""),
        "setVotingDelay": lambda e: lambda caller: (5,),
        "setVotingPeriod": lambda e: lambda caller: (25,),
        "setProposalThreshold": lambda e: lambda caller: (2_000,),
        "updateQuorumNumerator": lambda e: lambda caller: (200_000,),
    },
    "Timelock": {
        "schedule": timelock_schedule(batch=False),
        "schedule_batch": timelock_schedule(batch=True),
        "cancel": timelock_cancel,
        "execute": timelock_execute(batch=False),
        "execute_batch": timelock_execute(batch=True),
        "renounceRole": timelock_role,
        "grantRole": timelock_role,
        "revokeRole": timelock_role,
        "update_delay": lambda e: lambda caller: (11,),
    },
}
