# SPDX-License-Identifier: Apache-2.0
"""One subnet's settlement, rebuilt from events alone: what was frozen, posted, struck, final.

Feed the events of a netuid in chain order; then ask for the true result of any closed epoch, for
what a proposal or a finalize must say, and for proofs. Whoever reads the chain keeps one `History`
per netuid and starts a new one after a reorganisation.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

from offchain.protocol.domains import keccak
from offchain.protocol.errors import ConsensusMismatch, InvalidSubmission
from offchain.protocol.identifiers import incarnation_of_epoch
from offchain.settlement.frozen import Frozen, frozen_hash, unpack_frozen
from offchain.settlement.payouts import Cumulative, unpack_cumulatives
from offchain.settlement.result import EpochResult, Matrix, compute
from offchain.settlement.trace import with_bonds_block
from offchain.settlement.words import bitmap

CACHED_RESULTS = 16  # a result needs its parent's; older ones are computed again on demand


class State(Enum):
    """Where a closed epoch stands."""

    CLOSED = "closed"
    FINAL = "final"
    VOID = "void"


@dataclass(frozen=True, slots=True)
class Proposal:
    """A posted result; `trace` is packed."""

    proposal_id: int
    parent_id: int
    proposer: str
    bond_rao: int
    trace: tuple[int, ...]
    block_number: int


@dataclass(frozen=True, slots=True)
class Demand:
    """Somebody paid to see a bonds block; from `deadline_tick` on it has expired."""

    account: str
    deadline_tick: int


@dataclass(slots=True)
class ClosedEpoch:
    """Everything that the chain said of one closed epoch."""

    frozen: Frozen
    header: tuple[int, ...]
    seats: tuple[int, ...]
    generations: tuple[int, ...]
    closed_block: int
    rows: dict[int, bytes]
    state: State = State.CLOSED
    live: Proposal | None = None
    final_id: int = 0
    cumulatives: tuple[int, ...] = ()
    """After it, packed; of the last final epoch at or before this one."""
    carried: tuple[bool, ...] = ()
    """Uids replaced in void epochs since `cumulatives`; empty unless this epoch is void."""
    zeroed: set[int] = field(default_factory=set)
    demands: dict[int, Demand] = field(default_factory=dict)
    """Open ones, by block."""
    shown: dict[int, tuple[int, ...]] = field(default_factory=dict)
    """Bonds blocks that answers have shown: what the final proposal named, true or not."""
    strikes: int = 0

    @property
    def netuid(self) -> int:
        return self.frozen.header.netuid

    @property
    def epoch(self) -> int:
        return self.frozen.header.epoch

    @property
    def parent_epoch(self) -> int | None:
        return self.frozen.header.parent_epoch


class History:
    """The settlement of one netuid.

    Every method named after an event takes what that event says; epochs appear with their close.
    """

    def __init__(self, netuid: int) -> None:
        self.netuid = netuid
        self.epochs: dict[int, ClosedEpoch] = {}
        self._rows: dict[int, dict[int, bytes]] = {}
        self._results: dict[int, EpochResult] = {}
        self._remembered: dict[int, Matrix] = {}
        self._origin: tuple[int, bytes] | None = None
        """Oldest epoch that is kept, and its fingerprint; None while nothing was forgotten."""

    # events, in chain order

    def weights_revealed(self, epoch: int, seat: int, row: bytes) -> None:
        """A masked row; arrives before the close of its epoch."""
        self._rows.setdefault(epoch, {})[seat] = row

    def epoch_closed(
        self,
        header: Sequence[int],
        seats: Sequence[int],
        generations: Sequence[int],
        stored_hash: bytes,
        block_number: int,
    ) -> ClosedEpoch:
        """Raises `ConsensusMismatch` if the words are not those whose hash the contract stored."""
        if frozen_hash(header, seats, generations) != stored_hash:
            raise ConsensusMismatch(
                f"netuid {self.netuid}: the frozen words hash to another value than was stored",
                next_step="Ask another node; this one serves logs of another chain.",
            )
        frozen = unpack_frozen(header, seats, generations)
        epoch = frozen.header.epoch
        self.epochs[epoch] = ClosedEpoch(
            frozen,
            tuple(header),
            tuple(seats),
            tuple(generations),
            block_number,
            self._rows.pop(epoch, {}),
        )
        self._rows = {e: rows for e, rows in self._rows.items() if e > epoch}
        return self.epochs[epoch]

    def epoch_proposed(self, epoch: int, proposal: Proposal) -> None:
        """A new live proposal."""
        self.epochs[epoch].live = proposal

    def proposal_ended(self, proposal_id: int, *, struck: bool) -> None:
        """Struck, cancelled or dropped with its parent: the epoch is open again."""
        record = self.epochs.get(epoch_of_id(proposal_id))
        if record is not None and record.live and record.live.proposal_id == proposal_id:
            record.live = None
            record.strikes += struck

    def epoch_finalized(self, epoch: int, proposal_id: int, cumulatives: Sequence[int]) -> None:
        """The proposal is final; `cumulatives` are the packed vector after it."""
        record = self.epochs[epoch]
        record.state, record.final_id = State.FINAL, proposal_id
        record.cumulatives = tuple(cumulatives)

    def epoch_voided(self, epoch: int) -> None:
        """The epoch is null: bonds zero, cumulatives handed on with what it replaced."""
        record = self.epochs[epoch]
        base, carried = self._base(record)
        record.state, record.live = State.VOID, None
        self._forget_after(epoch)  # what follows builds on no bonds now
        record.cumulatives = base
        replaced = record.frozen.header.replaced
        if base:
            record.carried = tuple(
                bit or (bool(carried) and carried[uid]) for uid, bit in enumerate(replaced)
            )

    def block_zeroed(self, epoch: int, column_block: int) -> None:
        """Nobody could show a bonds block of a final epoch: it counts as zero from now on."""
        if self._is_over(epoch):
            return
        self.epochs[epoch].zeroed.add(column_block)
        self.epochs[epoch].demands.pop(column_block, None)
        self._forget_after(epoch)

    def block_demanded(self, epoch: int, column_block: int, demand: Demand) -> None:
        """While a block is asked for, nothing is proposed or finalized on its final epoch."""
        if self._is_over(epoch):
            return
        self.epochs[epoch].demands[column_block] = demand

    def block_answered(self, epoch: int, column_block: int, bonds: Sequence[int]) -> None:
        """What a final proposal named was shown; the next epoch builds on it, true or not."""
        if self._is_over(epoch):
            return
        self.epochs[epoch].shown[column_block] = tuple(bonds)
        self.epochs[epoch].demands.pop(column_block, None)
        self._forget_after(epoch)

    def _is_over(self, epoch: int) -> bool:
        """Whether an epoch was forgotten, so that nothing can build on it: of a subnet that was
        evicted, whose last final epoch has no successor and can be spoken of for ever.
        """
        return self.origin is not None and epoch < self.origin

    def _forget_after(self, epoch: int) -> None:
        self._results = {e: r for e, r in self._results.items() if e <= epoch}
        self._remembered = {e: b for e, b in self._remembered.items() if e <= epoch}

    # questions

    @property
    def last_closed(self) -> int | None:
        """Newest closed epoch."""
        return max(self.epochs, default=None)

    @property
    def last_final(self) -> int | None:
        """Newest final epoch."""
        return max((e for e, r in self.epochs.items() if r.state is State.FINAL), default=None)

    def newest_of_lives(self, state: State | None = None) -> list[int]:
        """The newest epoch, or the newest in a state, of every subnet that the netuid has had."""
        newest: dict[int, int] = {}
        for epoch, record in sorted(self.epochs.items()):
            if state is None or record.state is state:
                newest[incarnation_of_epoch(epoch)] = epoch
        return list(newest.values())

    def parent_of(self, epoch: int) -> ClosedEpoch | None:
        """The record that an epoch builds on, void ones included; None if it was forgotten."""
        parent = self.epochs[epoch].parent_epoch
        if self.origin == epoch:
            return None
        return None if parent is None else self.epochs[parent]

    def result(self, epoch: int) -> EpochResult:
        """The true result of a closed epoch, on the true results of its ancestors.

        Raises `ConsensusMismatch` if a row is missing, `InvalidSubmission` if what it builds on was
        forgotten.
        """
        if epoch == self.origin and epoch not in self._results:
            raise InvalidSubmission(
                f"epoch {epoch} of netuid {self.netuid}: what it builds on was forgotten",
                next_step="Read the logs again from the subnet's start.",
            )
        chain: list[int] = []
        at: int | None = epoch
        while at is not None and at not in self._results:
            if chain and at in self._remembered:
                break
            chain.append(at)
            parent = self.parent_of(at)
            at = None if parent is None or parent.state is State.VOID else parent.epoch
        for one in reversed(chain):
            record = self.epochs[one]
            self._results[one] = compute(
                record.frozen, record.rows, self._parent_bonds(one), self._zeroed(one)
            )
        kept = self._results[epoch]
        for old in sorted(self._results)[:-CACHED_RESULTS]:
            del self._results[old]
        return kept

    def bonds_after(self, epoch: int) -> Matrix:
        """Bonds that the next epoch builds on: the true ones, and what answers showed instead."""
        bonds = self.true_bonds(epoch)
        for block, words in self.epochs[epoch].shown.items():
            if len(words) == len(bonds):  # others cannot be opened by anybody
                bonds = with_bonds_block(bonds, block, words)
        return bonds

    def true_bonds(self, epoch: int) -> Matrix:
        """Bonds of the epoch's true result."""
        if epoch in self._remembered and epoch not in self._results:
            return self._remembered[epoch]
        return self.result(epoch).bonds

    def revealed(self, epoch: int) -> int:
        """How many rows were revealed for an epoch that is not closed yet."""
        return len(self._rows.get(epoch, ()))

    def remember_bonds(self, epoch: int, fingerprint: bytes, bonds: Matrix) -> bool:
        """Take true bonds computed in an earlier run, so that older epochs need not be computed
        again; False if this is not the history that they belong to.
        """
        if epoch not in self.epochs or self.fingerprint(epoch) != fingerprint:
            return False
        self._remembered[epoch] = bonds
        return True

    @property
    def origin(self) -> int | None:
        """Oldest epoch that is kept; None while nothing was forgotten."""
        return None if self._origin is None else self._origin[0]

    def forget(self, keep: int) -> bool:
        """Drop what is older than the `keep` newest final epochs; whether there was anything.

        The oldest one that stays is final, so everything before it is resolved for good: its true
        bonds and its fingerprint stand for all that it followed from. Only an epoch of a subnet
        that was evicted may still be open then, and is waited for.
        """
        finals = sorted(e for e, r in self.epochs.items() if r.state is State.FINAL)
        if len(finals) <= keep or min(self.epochs) == finals[-keep]:
            return False
        first = finals[-keep]
        if any(e < first and r.state is State.CLOSED for e, r in self.epochs.items()):
            return False
        fingerprint, bonds = self.fingerprint(first), self.true_bonds(first)
        self.begin_at(first, fingerprint, bonds)
        return True

    def begin_at(self, epoch: int, fingerprint: bytes, bonds: Matrix) -> None:
        """Stand in for everything before an epoch that is final; its own events are still needed.

        fingerprint, bonds: as `fingerprint` and `true_bonds` gave them.
        """
        self.epochs = {e: r for e, r in self.epochs.items() if e >= epoch}
        self._results = {e: r for e, r in self._results.items() if e >= epoch}
        self._remembered = {e: b for e, b in self._remembered.items() if e >= epoch}
        self._origin = (epoch, fingerprint)
        self._remembered[epoch] = bonds

    def fingerprint(self, epoch: int) -> bytes:
        """32 bytes that stand for everything that an epoch's result follows from."""
        chain: list[ClosedEpoch] = []
        record: ClosedEpoch | None = self.epochs[epoch]
        digest = bytes(32)
        while record is not None and record.state is not State.VOID:
            if self._origin is not None and record.epoch == self._origin[0]:
                digest = self._origin[1]
                break
            chain.append(record)
            record = self.parent_of(record.epoch)
        for one in reversed(chain):
            own = frozen_hash(one.header, one.seats, one.generations)
            digest = keccak(digest + own + _blocks_hash(self.parent_of(one.epoch)))
        return digest

    def parent_id(self, epoch: int) -> int | None:
        """What `propose` must name: the parent's proposal, 0 for none, None while it has none.

        A parent without a live or final proposal has to be proposed first.
        """
        parent = self.parent_of(epoch)
        if parent is None or parent.state is State.VOID:
            return 0
        if parent.state is State.FINAL:
            return parent.final_id
        return parent.live.proposal_id if parent.live else None

    def may_propose(self, epoch: int) -> bool:
        """Closed, no live proposal, the parent proposed, at most one unfinal epoch before it."""
        record = self.epochs[epoch]
        if record.state is not State.CLOSED or record.live or self.parent_id(epoch) is None:
            return False
        parent = self.parent_of(epoch)
        if parent is None or parent.state is not State.CLOSED:
            return True
        return self.is_parent_resolved(parent.epoch)

    def is_parent_resolved(self, epoch: int) -> bool:
        """The parent is none, final or void."""
        parent = self.parent_of(epoch)
        return parent is None or parent.state is not State.CLOSED

    def base(self, epoch: int) -> tuple[int, ...]:
        """Packed cumulatives that `finalize` of an epoch starts from."""
        return self._base(self.epochs[epoch])[0]

    def carried(self, epoch: int) -> tuple[int, ...]:
        """Four words: uids that void epochs replaced since `base`."""
        carried = self._base(self.epochs[epoch])[1]
        return bitmap(carried) if carried else (0, 0, 0, 0)

    def carried_flags(self, epoch: int) -> tuple[bool, ...]:
        """`carried` as one flag per uid; empty for none."""
        return self._base(self.epochs[epoch])[1]

    def cumulatives(self, epoch: int) -> tuple[Cumulative, ...]:
        """What every uid had earned after a final epoch."""
        return unpack_cumulatives(self.epochs[epoch].cumulatives)

    def _base(self, record: ClosedEpoch) -> tuple[tuple[int, ...], tuple[bool, ...]]:
        if record.parent_epoch is None:
            return (), ()
        parent = self.epochs[record.parent_epoch]
        return parent.cumulatives, parent.carried

    def _parent_bonds(self, epoch: int) -> Matrix | None:
        parent = self.parent_of(epoch)
        if parent is None or parent.state is State.VOID:
            return None
        return self.bonds_after(parent.epoch)

    def _zeroed(self, epoch: int) -> set[int]:
        parent = self.parent_of(epoch)
        return set() if parent is None else parent.zeroed


def _blocks_hash(parent: ClosedEpoch | None) -> bytes:
    """Stands for the bonds blocks of the parent that are not its true ones."""
    if parent is None:
        return b""
    shown = [(block, *words) for block, words in sorted(parent.shown.items())]
    return keccak(repr((sorted(parent.zeroed), shown)).encode())


def epoch_of_id(proposal_id: int) -> int:
    """proposal_id = netuid << 128 | epoch << 64 | attempt."""
    return proposal_id >> 64 & (1 << 64) - 1


def netuid_of_id(proposal_id: int) -> int:
    """As `epoch_of_id`."""
    return proposal_id >> 128
