# SPDX-License-Identifier: Apache-2.0
"""A whole deployed economy, the people in it, and ghosts: what must be true of it, kept apart.

A `Network` knows who did what because it sent every call itself; the ghosts are fed from arguments
and receipts, never from the views that the invariants later compare them with. `actions.py` adds
what people do, `invariants.py` what has to hold afterwards.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random
from typing import Any

import boa
from eth_account.signers.local import LocalAccount

from offchain.protocol.commits import Commitment, commit_hash
from offchain.protocol.identifiers import Life, life_of
from offchain.protocol.rows import row_hash
from offchain.settlement.history import History
from tests.contracts import life
from tests.contracts.deployment import MINIMAL, RAO, Preset, World, deploy_world, role_address
from tests.contracts.Emission.model import EmissionModel

COLDKEYS = tuple(f"c{number}" for number in range(5))
SUMS = 1 << 255


class Unexpected(AssertionError):
    """A call went otherwise than the protocol says; the message begins with the invariant."""


@dataclass(frozen=True, slots=True)
class Registered:
    """One registration as its receipt said."""

    name: str
    uid: int
    tick: int
    from_epoch: int


@dataclass(slots=True)
class Commit:
    """A row that somebody committed to; `salt` opens it."""

    row: bytes
    salt: bytes
    registration_id: int
    is_revealed: bool = False


@dataclass(slots=True)
class Era:
    """Epochs of one length from `start_tick` on, the first of them `start_epoch`."""

    start_tick: int
    start_epoch: int
    tempo: int
    reveal_ticks: int
    window_ticks: int


@dataclass(slots=True)
class Subnet:
    """What the ghosts know of one netuid in its present incarnation."""

    netuid: int
    owner: str
    owner_name: str
    max_uids: int
    seats: int
    lock_rao: int
    created_tick: int
    history: History
    eras: list[Era] = field(default_factory=list)
    draft: tuple[int, int, int] | None = None
    parameters: dict[int, tuple[int, int, int]] = field(default_factory=dict)
    """(now, next, from_epoch)"""
    ids: dict[int, Registered] = field(default_factory=dict)
    latest: dict[int, int] = field(default_factory=dict)
    """uid -> registration id of whoever took it last"""
    commits: dict[tuple[int, int], Commit] = field(default_factory=dict)
    roots: dict[int, bytes] = field(default_factory=dict)
    lies: set[int] = field(default_factory=set)
    final_lies: set[int] = field(default_factory=set)
    demanded: dict[tuple[int, int], int] = field(default_factory=dict)
    asked: set[tuple[int, int]] = field(default_factory=set)
    askers: dict[tuple[int, int], str] = field(default_factory=dict)
    settled_bonds: set[int] = field(default_factory=set)
    """Proposals whose bond was given back or taken after they became final"""
    cancelled: set[int] = field(default_factory=set)

    @property
    def is_started(self) -> bool:
        return bool(self.eras)

    def epoch_at(self, tick: int) -> int | None:
        """The epoch that a tick lies in; None before the first."""
        for era in reversed(self.eras):
            if tick >= era.start_tick:
                return era.start_epoch + (tick - era.start_tick) // era.tempo
        return None

    def next_epoch(self, tick: int) -> int:
        running = self.epoch_at(tick)
        return self.eras[0].start_epoch if running is None else running + 1

    def era_of(self, epoch: int) -> Era:
        return next(era for era in reversed(self.eras) if epoch >= era.start_epoch)

    def begin(self, epoch: int) -> int:
        """First tick of an epoch."""
        era = self.era_of(epoch)
        return era.start_tick + (epoch - era.start_epoch) * era.tempo

    def end(self, epoch: int) -> int:
        return self.begin(epoch) + self.era_of(epoch).tempo

    def closable(self, epoch: int) -> tuple[int, int]:
        """First tick at which it can be closed, and the first at which it no longer can."""
        following = self.end(epoch) + self.era_of(epoch + 1).tempo
        first = self.end(epoch) + self.era_of(epoch).reveal_ticks
        return first, following + self.era_of(epoch + 1).reveal_ticks


@dataclass(slots=True)
class Purse:
    """What a member brought into a hotkey's pool and took out of it, in rao."""

    paid_in: int = 0
    taken_out: int = 0


class Network:
    """A world with ghosts. Everything random comes from the `Random` that an action is given."""

    def __init__(self, preset: Preset = MINIMAL, **patched: Any) -> None:
        self.preset = preset
        self.world: World = deploy_world(preset, **patched)
        self.coldkeys = [role_address(name) for name in COLDKEYS]
        self.people = {
            role_address(name): name for name in (*COLDKEYS, "liar", "watcher", "guardian", "thief")
        }
        faucet = self.world.address["faucet"]
        self.people[faucet] = "faucet"
        self.accounts = {*self.people, *self.world.address.values()}
        # the schedule
        self.model = EmissionModel(preset.genesis_rao)
        self.genesis = preset.genesis_rao
        self.minted = self.withheld = self.recycled = self.burned = 0
        self.burns = 0  # what registrations paid
        self.bonus = 0  # what came back of burned fees
        self.fees: dict[int, int] = defaultdict(int)
        self.escrow = ""
        self.donations: dict[str, int] = defaultdict(int)
        # stake
        self.owner_of_name: dict[str, str] = {}
        self.swaps: dict[str, int] = {}
        self.swapped_tick: dict[str, int] = {}
        self.has_loans = False
        self.identities: dict[str, tuple[str, ...]] = {}
        self.pools: dict[str, set[str]] = {}
        self.purses: dict[tuple[str, str], Purse] = defaultdict(Purse)
        self.dividends: dict[str, int] = defaultdict(int)
        self.prices: dict[str, tuple[int, int]] = {}
        self.worths: dict[tuple[str, str], tuple[int, int]] = {}
        self.gifts: dict[tuple[str, str], int] = defaultdict(int)
        self.unbondings: dict[int, tuple[str, str, int, int]] = {}
        # subnets
        self.subnets: dict[int, Subnet] = {}
        self.retired: list[Subnet] = []
        self.root_weights: dict[int, int] = {}
        # settlement and pay
        self.claimed: dict[int, tuple[int, int]] = {}
        self.withdrawable: dict[str, int] = defaultdict(int)
        # powers
        self.trespasses: list[str] = []
        self.operations: dict[bytes, list[Any]] = {}
        self.executions: list[tuple[int, int]] = []
        self.guardian: str = ""
        self.tried: dict[str, int] = defaultdict(int)
        self.done: dict[str, int] = defaultdict(int)

    # time

    @property
    def tick(self) -> int:
        return self.world.tick

    def warp(self, ticks: int) -> None:
        self.model.walk(ticks)
        self.world.warp(ticks)

    def warp_to(self, tick: int) -> None:
        if tick > self.tick:
            self.warp(tick - self.tick)

    # lives

    def lives(self) -> list[Life]:
        """Every subnet that there is or was, as the contracts key it."""
        netuids = sorted({s.netuid for s in (*self.subnets.values(), *self.retired)})
        return [
            life_of(netuid, number)
            for netuid in netuids
            for number in range(1, int(self.world.subnets.incarnation_of(netuid)) + 1)
        ]

    # calls

    def attempt(self, function: Any, *arguments: Any, sender: str, refuse: Iterable[str]) -> Any:
        """Call; None if it reverted with one of the named reasons. Any other revert is a fault."""
        done = self._run(function, arguments, sender)
        if done.is_error:
            said = reason_of(bytes(done.output))
            if any(reason in said for reason in refuse):
                return None
            raise Unexpected(f"{function.func_t.name} reverted: {said!r}")
        answer = function.contract.marshal_to_python(done, function.func_t.return_type)
        return True if answer is None else answer

    def refused(self, function: Any, *arguments: Any, sender: str) -> bool:
        """Whether a call reverts; nothing has happened afterwards either way."""
        with boa.env.anchor():
            return bool(self._run(function, arguments, sender).is_error)

    def _run(self, function: Any, arguments: tuple[Any, ...], sender: str) -> Any:
        """As titanoboa calls, without the stack trace that takes longer than the call."""
        data = function.prepare_calldata(*arguments)
        return boa.env.execute_code(function.contract.address, sender, data=data)

    # people

    def key(self, name: str) -> LocalAccount:
        """The key that speaks for a name now; a lost one has been replaced."""
        swaps = self.swaps.get(name, 0)
        return life.key(f"{name} after {swaps} swaps" if swaps else name)

    def hotkey(self, name: str) -> str:
        return str(self.key(name).address)

    def fund(self, account: str, amount_rao: int, contract: str) -> None:
        """Tokens from the faucet that a contract may take, if the account has too few."""
        tao, spender = self.world.tao, self.world.address[contract]
        held = tao.balanceOf(account)
        if held < amount_rao:
            self.world.give(account, amount_rao - held)
        tao.approve(spender, amount_rao, sender=account)

    def running(self) -> list[Subnet]:
        return [s for s in self.subnets.values() if s.epoch_at(self.tick) is not None]

    def pick(self, chance: Random, found: Iterable[Any]) -> Any:
        """One of them; None if there is none."""
        choices = list(found)
        return chance.choice(choices) if choices else None

    # rows

    def hash_of(self, subnet: Subnet, epoch: int, commit: Commit) -> bytes:
        opened = Commitment(
            boa.env.evm.chain.chain_id,
            str(self.world.weights.address),
            subnet.netuid,
            epoch,
            commit.registration_id,
        )
        return commit_hash(opened, row_hash(commit.row), commit.salt)

    def hints(self, subnet: Subnet, epoch: int, name: str) -> tuple[int, int]:
        """Checkpoint indices of a hotkey at the two ticks that its stake is read at."""
        index = self.world.staking.checkpoint_index
        ticks = (subnet.begin(epoch) - 1, subnet.end(epoch) - 1)
        before, after = (int(index(self.hotkey(name), tick)) for tick in ticks)
        return before, after

    # stake ghosts

    def bought(self, hotkey: str, member: str, amount_rao: int) -> None:
        self.purses[hotkey, member].paid_in += amount_rao
        self.pools.setdefault(hotkey, set()).add(member)
        self.worths.pop((hotkey, member), None)

    def sold(self, hotkey: str, member: str, amount_rao: int) -> None:
        self.purses[hotkey, member].taken_out += amount_rao
        self.worths.pop((hotkey, member), None)

    # events

    def logs(self, contract: str, name: str) -> list[Any]:
        """Events of that name in the last call to a contract."""
        found = self.world.contracts[contract].get_logs()
        return [log for log in found if type(log).__name__ == name]

    def log(self, contract: str, name: str) -> Any:
        (only,) = self.logs(contract, name)
        return only


def tao(amount: float) -> int:
    """Rao of some TAO, for numbers in scripts."""
    return int(amount * RAO)


def reason_of(output: bytes) -> str:
    """The text that a call reverted with; empty without one."""
    if output[:4] != bytes.fromhex("08c379a0"):
        return ""
    length = int.from_bytes(output[36:68], "big")
    return output[68 : 68 + length].decode()
