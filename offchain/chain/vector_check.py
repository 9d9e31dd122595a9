# SPDX-License-Identifier: Apache-2.0
"""Scenarios with known results, fed through a deployed kernel and the arithmetic of finalize.

The contracts come in as two functions, so that any chain will do: a test's EVM, ape's network.
What the contracts are given follows from a scenario by the protocol's definitions: seats are the
uids with a permit (or with bonds that decay), weights are masked, old bonds to miners that
registered since are `replaced`, the active stake is the expected one. Hints are the expected
consensus, so that a block is accepted only if its consensus is right, bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from offchain.settlement.frozen import (
    FrozenSeat,
    Header,
    pack_generations,
    pack_header,
    pack_seats,
)
from offchain.settlement.payouts import unpack_cumulatives
from offchain.settlement.trace import (
    BlockWords,
    Trace,
    bonds_words,
    pack_columns,
    pack_trace,
    partial_words,
    unpack_columns,
)
from offchain.settlement.words import bitmap, words_hash
from offchain.yuma.scenarios import Scenario, complete_input, expected_output
from offchain.yuma.specification import bonds as bond_rules
from offchain.yuma.specification import run_epoch, run_seat_epoch
from offchain.yuma.specification.fixed_point import FRACTION_BITS
from offchain.yuma.specification.stake import acting_permits
from offchain.yuma.specification.weights import counted_weights
from offchain.yuma.types import EpochInput, EpochOutput, SeatEpoch

COLUMNS = 16
MAX_SEATS = 64
MAX_UIDS = 1_024
PPM = 1_000_000

Block: TypeAlias = tuple[Any, ...]
"""The struct of IYumaKernel, in its order."""

Words: TypeAlias = tuple[Sequence[int], bytes, bytes]
"""Ranks (4 words), hash of the bonds, hash of the partial dividend totals."""

Recompute: TypeAlias = Callable[[Block], Words | None]
"""YumaKernel.recompute; None if it refuses the hints."""

Finalize: TypeAlias = Callable[
    [Sequence[int], Sequence[int], Sequence[int], Sequence[int]], Sequence[int]
]
"""Examiner.finalize of (header, seats, generations, trace) without a parent: the cumulatives."""


@dataclass(slots=True)
class Report:
    """What a check found. differences name scenario, epoch, field and uid or block; deviations are
    what the protocol does otherwise on purpose, and what it cannot hold; they are not counted.
    """

    fields: int = 0
    differences: list[str] = field(default_factory=list)
    deviations: list[str] = field(default_factory=list)

    def compare(self, where: str, got: object, wanted: object) -> None:
        self.fields += 1
        if got != wanted:
            self.differences.append(f"{where}: got {got}, wanted {wanted}")

    def __str__(self) -> str:
        return f"{self.fields} fields, {len(self.differences)} differences"


@dataclass(frozen=True, slots=True)
class Frozen:
    """One epoch of a scenario as the chain would have frozen it; `uids` says who has which seat."""

    uids: tuple[int, ...]
    epoch: SeatEpoch
    seats: tuple[FrozenSeat, ...]

    @property
    def blocks(self) -> int:
        return len(self.epoch.replaced) // COLUMNS


def check(scenarios: Sequence[Scenario], recompute: Recompute, finalize: Finalize) -> Report:
    """Every Yuma3 scenario without liquid alpha; consensus and incentive of the classic ones."""
    report = Report()
    for scenario in scenarios:
        parameters = scenario.parameters
        if parameters.yuma3 and parameters.liquid_alpha:
            continue  # a mode that no subnet can use on chain
        refusal = _cannot_hold(scenario)
        if refusal:
            report.deviations.append(f"{scenario.name}: {refusal}")
            continue
        for index, epoch in _inputs(scenario):
            _check_epoch(scenario, index, epoch, recompute, finalize, report)
    return report


def _cannot_hold(scenario: Scenario) -> str:
    """Why no subnet can have such an epoch; empty if one can."""
    parameters = scenario.parameters
    if parameters.n > MAX_UIDS:
        return f"{parameters.n} uids, a subnet has at most {MAX_UIDS}"
    if parameters.yuma3 and not 0 < parameters.bonds_moving_average < PPM:
        return f"bonds_moving_average {parameters.bonds_moving_average}, bounds are 1 to 999,999"
    for _, epoch in _inputs(scenario):
        seats = len(_seat_uids(scenario, epoch))
        if seats > MAX_SEATS:
            return f"{seats} validators, a subnet has at most {MAX_SEATS} seats"
    return ""


def _inputs(scenario: Scenario) -> Iterator[tuple[int, EpochInput]]:
    """Each epoch, started from the expected output of the one before."""
    before: EpochInput | None = None
    stored: EpochOutput | None = None
    for index in range(len(scenario.inputs)):
        before = complete_input(scenario, index, before, stored)
        yield index, before
        if index + 1 < len(scenario.inputs):
            expected = expected_output(scenario, index)
            stored = replace(
                run_epoch(scenario.parameters, before),
                bonds_u16=expected["bonds_u16"],
                new_validator_permits=expected["new_validator_permits"],
            )


def _seat_uids(scenario: Scenario, epoch: EpochInput) -> tuple[int, ...]:
    permits = acting_permits(scenario.parameters, epoch)
    return tuple(uid for uid, permit in enumerate(permits) if permit or epoch.bonds[uid])


def freeze(scenario: Scenario, index: int, epoch: EpochInput) -> Frozen:
    """A scenario's epoch in the shape of the chain, columns widened to a power of two."""
    parameters, expected = scenario.parameters, expected_output(scenario, index)
    permits = acting_permits(parameters, epoch)
    uids = _seat_uids(scenario, epoch)
    columns = max(COLUMNS, 1 << (parameters.n - 1).bit_length())
    weights = counted_weights(parameters, epoch, permits)
    old = bond_rules.old_bonds(parameters, epoch, lambda value: value)
    rows = [_dense(weights[uid], columns, FRACTION_BITS) for uid in uids]
    # A column without any old bond that counts may as well have been replaced.
    kept = {column for row in old for column in row}
    listed = {column for row in epoch.bonds for column, _ in row}
    seat_epoch = SeatEpoch(
        active_stake_bits=tuple(expected["active_stake_bits"][uid] for uid in uids),
        rows=tuple(rows),
        old_bonds=tuple(_dense(dict(epoch.bonds[uid]), columns) for uid in uids),
        replaced=tuple(column in listed - kept for column in range(columns)),
        keeps_seat=tuple(expected["new_validator_permits"][uid] for uid in uids),
        kappa=parameters.kappa,
        bonds_penalty=parameters.bonds_penalty,
        bonds_moving_average=min(max(parameters.bonds_moving_average, 1), PPM - 1),
        rao_emission=parameters.rao_emission,
    )
    seats = tuple(
        FrozenSeat(
            uid=uid,
            generation=1,
            active_stake_bits=seat_epoch.active_stake_bits[seat],
            row_sum=sum(rows[seat]),
            is_revealed=permits[uid],
            keeps_seat=seat_epoch.keeps_seat[seat],
            loads_bonds=True,
            reveal_order=0,  # neither kernel nor pay looks at it
        )
        for seat, uid in enumerate(uids)
    )
    return Frozen(uids, seat_epoch, seats)


def _dense(row: dict[int, int], columns: int, scale_bits: int = 0) -> tuple[int, ...]:
    return tuple(row.get(column, 0) >> scale_bits for column in range(columns))


def _check_epoch(
    scenario: Scenario,
    index: int,
    epoch: EpochInput,
    recompute: Recompute,
    finalize: Finalize,
    report: Report,
) -> None:
    where = f"{scenario.name}, epoch {index}"
    expected = expected_output(scenario, index)
    frozen = freeze(scenario, index, epoch)
    n = scenario.parameters.n
    ranks = _ranks(frozen, expected["consensus_bits"], recompute, where, report)
    if ranks is None:
        return
    total = sum(ranks)
    incentive = [(rank << 32) // total if total else 0 for rank in ranks]
    for uid in range(n):
        report.compare(
            f"{where}, incentive, uid {uid}", incentive[uid], expected["incentive_bits"][uid]
        )
    if scenario.parameters.yuma3:
        _check_bonds_and_pay(scenario, index, frozen, ranks, recompute, finalize, report)


def _ranks(
    frozen: Frozen,
    consensus: Sequence[int],
    recompute: Recompute,
    where: str,
    report: Report,
) -> list[int] | None:
    """Ranks by the kernel; None if it refuses the expected consensus somewhere."""
    ranks: list[int] = []
    refused = False
    for block in range(frozen.blocks):
        words = recompute(kernel_block(frozen, block, consensus, 0))
        for uid in range(COLUMNS * block, min(COLUMNS * (block + 1), len(consensus))):
            got = "refused" if words is None else consensus[uid]
            report.compare(f"{where}, consensus, uid {uid}", got, consensus[uid])
        if words is None:
            refused = True
        else:
            ranks += unpack_columns(words[0])
    return None if refused else ranks


def kernel_block(frozen: Frozen, block: int, consensus: Sequence[int], total_rank: int) -> Block:
    """What the kernel is given for one block of 16 columns."""
    epoch, first = frozen.epoch, COLUMNS * block
    hints = [*consensus, *(0,) * (len(epoch.replaced) - len(consensus))]
    replaced = bitmap(epoch.replaced[first : first + COLUMNS], 1)[0] >> 240
    return (
        len(frozen.seats),
        _filled(pack_seats(frozen.seats, 0)[:-1]),
        _filled(bonds_words(epoch.rows, block)),
        _filled(bonds_words(epoch.old_bonds, block)),
        list(pack_columns(hints[first : first + COLUMNS])),
        replaced,
        epoch.kappa,
        epoch.bonds_penalty,
        epoch.bonds_moving_average,
        total_rank,
    )


def _filled(words: Sequence[int]) -> list[int]:
    return [*words, *(0,) * (MAX_SEATS - len(words))]


def _check_bonds_and_pay(
    scenario: Scenario,
    index: int,
    frozen: Frozen,
    ranks: Sequence[int],
    recompute: Recompute,
    finalize: Finalize,
    report: Report,
) -> None:
    where = f"{scenario.name}, epoch {index}"
    expected = expected_output(scenario, index)
    n, total = scenario.parameters.n, sum(ranks)
    engine = run_seat_epoch(frozen.epoch)  # for the preimages of the partial hashes
    stored = [
        _dense(dict(expected["bonds_u16"][uid]), len(frozen.epoch.replaced)) for uid in frozen.uids
    ]
    blocks = []
    for block in range(frozen.blocks):
        words = recompute(kernel_block(frozen, block, expected["consensus_bits"], total))
        if words is None:
            report.compare(f"{where}, block {block} with its total rank", "refused", "accepted")
            return
        parts = words_hash(partial_words(engine.dividend_parts[block]))
        bonds = words_hash(bonds_words(stored, block))
        report.compare(f"{where}, bonds, block {block}", words[1].hex(), bonds.hex())
        report.compare(f"{where}, dividend parts, block {block}", words[2].hex(), parts.hex())
        own_ranks = tuple(ranks[COLUMNS * block : COLUMNS * (block + 1)])
        blocks.append(BlockWords(own_ranks, _number(words[1]), _number(words[2])))

    totals = engine.dividend_totals
    weighted = [
        (part * seat.active_stake_bits) >> 32
        for part, seat in zip(totals, frozen.seats, strict=True)
    ]
    for seat, uid in enumerate(frozen.uids):
        dividends = (weighted[seat] << 32) // sum(weighted) if sum(weighted) else 0
        report.compare(f"{where}, dividends, uid {uid}", dividends, expected["dividends_bits"][uid])
    if total == 0 or sum(weighted) == 0:
        report.deviations.append(
            f"{where}: nobody is paid without ranks or dividends; Bittensor pays by stake"
        )
        return

    trace = pack_trace(Trace(total, tuple(blocks), totals))
    header = pack_header(_header(frozen))
    generations = pack_generations((1,) * len(frozen.epoch.replaced))
    paid = unpack_cumulatives(finalize(header, pack_seats(frozen.seats, 0), generations, trace))
    for uid in range(n):
        pair = (expected["server_emission"][uid], expected["validator_emission"][uid])
        report.compare(f"{where}, server emission, uid {uid}", paid[uid].server_rao, pair[0])
        report.compare(f"{where}, validator emission, uid {uid}", paid[uid].validator_rao, pair[1])


def _header(frozen: Frozen) -> Header:
    """No owner and no parent: everything that the engine pays shows in the cumulatives."""
    epoch = frozen.epoch
    return Header(
        netuid=1,
        epoch=0,
        incarnation=1,
        max_uids=len(epoch.replaced),
        seats=len(frozen.seats),
        owner_uid=None,
        kappa_u16=epoch.kappa,
        bonds_penalty_u16=epoch.bonds_penalty,
        bonds_moving_average_ppm=epoch.bonds_moving_average,
        start_tick=0,
        tempo=0,
        reveal_ticks=0,
        window_ticks=0,
        parent_epoch=None,
        rao_emission=epoch.rao_emission,
        owner_rao=0,
        proposer_rao=0,
        closed_tick=0,
        replaced=epoch.replaced,
    )


def _number(word: bytes) -> int:
    return int.from_bytes(word, "big")
