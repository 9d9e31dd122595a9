# SPDX-License-Identifier: Apache-2.0
"""Epochs of any content in front of the real Settlement, Examiner, YumaKernel, Rewards and Tao.

`contracts/mocks/Neighbours.vy` stands for Subnets, Neurons, Weights and Emission; a `Stage` puts
epochs into it, drives them through Settlement, and keeps the off-chain `History` beside it, fed
with the same events.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import count
from random import Random
from typing import Any

import boa

from offchain.protocol.rows import fold_row, pack_row, row_hash, row_sum
from offchain.settlement import challenge
from offchain.settlement.frozen import pack_generations
from offchain.settlement.history import History, Proposal
from offchain.settlement.result import EpochResult
from offchain.settlement.words import bitmap
from tests.contracts.deployment import MINIMAL, Preset, compiled, role_address

NETUID = 1
T, R, W = 12, 4, 3
MIN_BOND = MINIMAL.min_bond_rao
DEPOSIT = MINIMAL.deposit_rao
EMISSION_RAO = 3_000_000_007

_serials = count()


@dataclass(frozen=True, slots=True)
class Validator:
    """One seat of an epoch; `row` as masked, None: not revealed."""

    uid: int
    generation: int = 1
    stake_rao: int = 10**12
    row: tuple[int, ...] | None = None
    since_epoch: int = 0
    next_uid: int | None = None
    """Who sits there in the next epoch; None: the same."""

    def holder(self) -> int:
        return (NETUID << 64 | self.uid << 48 | self.generation) << 64 | self.since_epoch

    def record(self, order: int) -> int:
        assert self.row is not None
        return self.stake_rao << 40 | row_sum(pack_row(self.row)) << 8 | order


@dataclass(frozen=True, slots=True)
class Content:
    """What the neighbours say of one epoch; None among the seats: empty."""

    seats: tuple[Validator | None, ...]
    generations: tuple[int, ...]
    owner_uid: int | None = None
    replaced: tuple[int, ...] = ()
    accrued_rao: int = EMISSION_RAO

    def rows(self) -> list[int]:
        """What Weights.rows_of answers; the last seat was the first to reveal."""
        words, folded = [0] * len(self.seats), 0
        for number, seat in reversed(list(enumerate(self.seats))):
            if seat is not None and seat.row is not None:
                folded = fold_row(folded, row_hash(pack_row(seat.row)))
                words[number] = seat.record(folded & 255)
        return [*words, folded]


@dataclass
class Stage:
    """A Settlement with its neighbours, and the off-chain history of its one subnet."""

    max_uids: int
    settlement: Any
    examiner: Any
    rewards: Any
    tao: Any
    near: Any
    genesis_at: int
    history: History = field(default_factory=lambda: History(NETUID))
    drained: dict[int, int] = field(default_factory=dict)

    # time

    @property
    def tick(self) -> int:
        return boa.env.timestamp - self.genesis_at

    def warp_to(self, tick: int) -> None:
        assert tick >= self.tick
        boa.env.timestamp = self.genesis_at + tick

    def window(self, epoch: int) -> tuple[int, int, int, int, int]:
        return epoch, 100 + T * epoch, T, R, W

    def closable_from(self, epoch: int) -> int:
        return 100 + T * (epoch + 1) + R

    # the life of an epoch

    def put(self, epoch: int, content: Content) -> None:
        """Let the neighbours answer for an epoch, and for the seats of the next one."""
        for number in (epoch, epoch + 1):
            self.near.set_window(self.window(number))
        holders = [seat.holder() if seat else 0 for seat in content.seats]
        generations = list(pack_generations(content.generations))
        owner = 2**256 - 1 if content.owner_uid is None else content.owner_uid
        flags = [uid in content.replaced for uid in range(self.max_uids)]
        rows = content.rows()
        self.near.set_content(epoch, (holders, rows, generations, owner), list(bitmap(flags)))
        following = [
            0 if seat is None else self._next_holder(seat, epoch) for seat in content.seats
        ]
        self.near.set_content(epoch + 1, (following, [], [], 0), [0, 0, 0, 0])
        self.near.set_accrued(content.accrued_rao)
        for number, seat in enumerate(content.seats):
            if seat and seat.row is not None:
                self.history.weights_revealed(epoch, number, pack_row(seat.row))

    def _next_holder(self, seat: Validator, epoch: int) -> int:
        if seat.next_uid is None:
            return seat.holder()
        return replace(seat, uid=seat.next_uid, since_epoch=epoch + 1).holder()

    def close(self, epoch: int, content: Content | None = None) -> Any:
        """Put the content and close at the first tick possible."""
        if content is not None:
            self.put(epoch, content)
        self.warp_to(max(self.tick, self.closable_from(epoch)))
        pot = self.settlement.pot_rao(NETUID)
        self.settlement.close(NETUID, epoch)
        log = self._last("EpochClosed")
        record = self.history.epoch_closed(
            log.header, log.seats, log.generations, log.frozen_hash, boa.env.evm.patch.block_number
        )
        header = record.frozen.header
        total = header.rao_emission + header.owner_rao + header.proposer_rao
        self.drained[epoch] = total - pot
        return record

    def propose(
        self, epoch: int, trace: Any = None, proposer: str = "proposer", bond: int = 0
    ) -> int:
        """Post a trace, the true one by default; returns the proposal's id."""
        words = list(self.result(epoch).words if trace is None else trace)
        bond = bond or self.settlement.bond_rao(NETUID, epoch)
        parent_id = self.history.parent_id(epoch)
        assert parent_id is not None
        account = self.fund(proposer, bond)
        proposal_id = self.settlement.propose(NETUID, epoch, parent_id, bond, words, sender=account)
        log = self._last("EpochProposed")
        self.history.epoch_proposed(
            epoch,
            Proposal(proposal_id, log.parent_id, log.proposer, bond, tuple(log.trace), 0),
        )
        return proposal_id

    def finalize(self, epoch: int, *, wait: bool = True) -> Any:
        """Finalize the live proposal; its event."""
        record = self.history.epochs[epoch]
        proposal = record.live
        assert proposal is not None
        if wait:
            due = self.settlement.proposal_of(proposal.proposal_id).tick + W
            self.warp_to(max(self.tick, due))
        self.settlement.finalize(*self.finalize_arguments(epoch))
        log = self._last("EpochFinalized")
        self.history.epoch_finalized(epoch, proposal.proposal_id, log.cumulatives)
        return log

    def finalize_arguments(self, epoch: int) -> list[Any]:
        record = self.history.epochs[epoch]
        assert record.live is not None
        return [
            record.live.proposal_id,
            list(record.header),
            list(record.seats),
            list(record.generations),
            list(record.live.trace),
            list(self.history.base(epoch)),
            list(self.history.carried(epoch)),
        ]

    def void(self, epoch: int) -> None:
        record = self.history.epochs[epoch]
        arguments = challenge.void(record)
        self.settlement.void(*arguments)
        self._end_dropped()
        self.history.epoch_voided(epoch)

    def settle(self, epoch: int, content: Content) -> Any:
        """Close, propose the truth, wait, finalize; the event."""
        self.close(epoch, content)
        self.propose(epoch)
        return self.finalize(epoch)

    def result(self, epoch: int) -> EpochResult:
        return self.history.result(epoch)

    def challenge_block(self, epoch: int, block: int, sender: str = "challenger") -> Any:
        examination = challenge.examine(self.history, epoch)
        self.settlement.challenge_block(
            *challenge.challenge_block(examination, block), sender=role_address(sender)
        )
        return self._struck()

    def challenge_sum(self, epoch: int, sender: str = "challenger") -> Any:
        examination = challenge.examine(self.history, epoch)
        self.settlement.challenge_sum(*challenge.sums(examination), sender=role_address(sender))
        return self._struck()

    def strike(self, epoch: int) -> Any:
        """Find the fault of the live proposal off chain and challenge it; the event."""
        examination = challenge.examine(self.history, epoch)
        header = examination.frozen.header
        fault = challenge.find_fault(
            examination.result.words, examination.posted, header.blocks, header.seats
        )
        assert fault is not None, "the proposal is true"
        if isinstance(fault, challenge.BlockFault):
            return self.challenge_block(epoch, fault.block)
        return self.challenge_sum(epoch)

    def _struck(self) -> Any:
        log = self._last("ProposalStruck")
        self._end_dropped()
        self.history.proposal_ended(log.proposal_id, struck=True)
        return log

    def _end_dropped(self) -> None:
        for log in self.logs("ProposalDropped"):
            self.history.proposal_ended(log.proposal_id, struck=False)

    def prove(self, epoch: int, blocks: Any = None, *, sums: bool = True) -> None:
        """Prove blocks (all by default) and the sums."""
        examination = challenge.examine(self.history, epoch)
        chosen = range(self.max_uids // 16) if blocks is None else blocks
        if len(chosen):
            self.settlement.prove(*challenge.prove(examination, chosen))
        if sums:
            self.settlement.prove_sum(*challenge.sums(examination))

    # money

    def fund(self, role: str, amount: int, spender: Any = None) -> str:
        """Give an account tokens and let Settlement take them."""
        account = role_address(role)
        with boa.env.prank(self.near.address):
            self.tao.mint(account, amount)
        self.tao.approve(spender or self.settlement, 2**256 - 1, sender=account)
        return account

    def withdrawable(self, role: str) -> int:
        return self.settlement.withdrawable_rao(role_address(role))

    # events

    def logs(self, name: str) -> list[Any]:
        """Events of that name in the last call to Settlement."""
        return [log for log in self.settlement.get_logs() if type(log).__name__ == name]

    def _last(self, name: str) -> Any:
        (log,) = self.logs(name)
        return log


def open_stage(
    max_uids: int = 16,
    *,
    kappa: int = 32_767,
    penalty: int = 65_535,
    average_ppm: int = 900_000,
    preset: Preset = MINIMAL,
    **patched: Any,
) -> Stage:
    """Deploy everything for one subnet; `patched` replaces Settlement or Examiner."""
    genesis_at = boa.env.timestamp
    deployer = role_address("deployer")
    names = ("near", "tao", "kernel", "examiner", "rewards", "settlement")
    serial = next(
        _serials
    )  # a second stage at the same addresses would find the first one's storage
    at = {name: role_address(f"stage {serial} {name}") for name in names}
    near = compiled("Neighbours").deploy(at["tao"], override_address=at["near"])
    tao = compiled("Tao").deploy(at["near"], [deployer], [10**15], override_address=at["tao"])
    compiled("YumaKernel").deploy(override_address=at["kernel"])
    examiner = (patched.get("Examiner") or compiled("Examiner")).deploy(
        *[at[n] for n in ("near", "near", "near", "kernel", "rewards")],
        override_address=at["examiner"],
    )
    rewards = compiled("Rewards").deploy(
        *[at["tao"], role_address("Staking"), at["near"], at["settlement"]],
        override_address=at["rewards"],
    )
    settlement = (patched.get("Settlement") or compiled("Settlement")).deploy(
        *[at[n] for n in ("tao", "near", "near", "near", "examiner", "rewards")],
        *[role_address("Timelock"), genesis_at, 1, preset.min_bond_rao, preset.deposit_rao],
        override_address=at["settlement"],
    )
    near.set_subnet(
        max_uids,
        role_address("owner"),
        (kappa, penalty, average_ppm, role_address("owner hotkey"), True),
    )
    return Stage(max_uids, settlement, examiner, rewards, tao, near, genesis_at)


def random_row(
    random: Random, columns: int, own: int | None, density: float = 0.6
) -> tuple[int, ...]:
    """A masked row: zero at `own`."""
    row = [
        random.choice((1, 5, 100, 65_535, random.randrange(65_536)))
        if random.random() < density
        else 0
        for _ in range(columns)
    ]
    if own is not None:
        row[own] = 0
    return tuple(row)


def random_content(
    random: Random,
    epoch: int,
    max_uids: int,
    seats: int,
    *,
    taken: int | None = None,
    replaced: tuple[int, ...] = (),
    generations: tuple[int, ...] | None = None,
    silent: float = 0.15,
    since_epoch: int = 0,
) -> Content:
    """Rows, stakes and absences at random; the first seat always reveals."""
    taken = max_uids if taken is None else taken
    generations = generations or tuple(int(uid < taken) for uid in range(max_uids))
    uids = random.sample(range(taken), min(seats, taken))
    chosen: list[Validator | None] = [
        Validator(
            uid=uid,
            generation=generations[uid],
            stake_rao=random.choice((1, 10**9, 10**12, random.randrange(1, 10**15))),
            row=None
            if number and random.random() < silent
            else random_row(random, max_uids, uid, random.choice((0.0, 0.2, 0.9))),
            since_epoch=since_epoch,
            next_uid=(uid + 1) % taken if random.random() < 0.1 else None,
        )
        for number, uid in enumerate(uids)
    ]
    chosen += [None] * (seats - len(chosen))
    owner = random.choice((None, random.randrange(taken)))
    return Content(tuple(chosen), generations, owner, replaced)
