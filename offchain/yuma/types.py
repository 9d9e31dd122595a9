# SPDX-License-Identifier: Apache-2.0
"""What goes into an epoch and what comes out: the only thing that the two implementations share.

Names are those of the vectors (`tests/vectors/README.md`). A field that ends in `_bits` holds the
raw integer of a number with 32 fractional bits (Q32: value = bits / 2**32), one that ends in
`_u16` its stored form (value = x / 65535). Stakes and emissions are in rao, blocks are ticks
(what Bittensor calls a block).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

Cell: TypeAlias = tuple[int, int]
"""A listed entry of a sparse row: (uid, value). A listed zero is not the same as an absent entry.
"""

Row: TypeAlias = tuple[Cell, ...]
"""One uid's entries, in the order in which they were stored; a uid appears at most once."""

Rows: TypeAlias = tuple[Row, ...]
"""One row per uid."""

LIQUID_ALPHA_OUTPUT_UIDS = 16
"""`liquid_alphas_bits` is a debugging aid of n x n numbers; larger epochs leave it out, as the
vectors do.
"""


@dataclass(frozen=True, slots=True)
class EpochParameters:
    """What stays the same from epoch to epoch of one subnet. Defaults are Bittensor's for a new
    subnet.
    """

    n: int
    """Number of uids, 0 to n - 1."""
    rao_emission: int
    """To distribute this epoch, u64."""
    tempo: int = 360
    """Only used for the "recently registered" rule while `last_step_block` is 0."""
    kappa: int = 32767
    """u16: the share of stake that has to support a weight."""
    bonds_moving_average: int = 900_000
    """Parts per million kept of old bonds; the EMA rate is 1 - x / 1e6."""
    bonds_penalty: int = 65535
    """u16: how far weights are clipped to consensus before they become bonds."""
    yuma3: bool = True
    """Yuma3 bonds; False means the classic ones."""
    liquid_alpha: bool = False
    """A rate of its own for each pair; no effect on classic bonds."""
    alpha_low: int = 45875
    alpha_high: int = 58982
    alpha_sigmoid_steepness: int = 1000
    """i16, divided by 100 in the sigmoid."""
    activity_cutoff: int = 5000
    """Blocks without an update after which a validator's stake stops counting."""
    max_allowed_validators: int = 64
    stake_threshold: int = 0
    """u64: below it a uid's stake counts as 0; the owner's always counts."""
    owner_uid: int | None = None
    tao_weight: int = 0
    """u64: the weight of `tao_stakes` is x / (2**64 - 1)."""
    commit_reveal: bool = False
    """Whether `active_commit_blocks` is honoured."""


@dataclass(frozen=True, slots=True)
class EpochInput:
    """What one epoch starts from; every tuple has one entry per uid."""

    block: int
    last_step_block: int
    stakes: tuple[int, ...]
    tao_stakes: tuple[int, ...]
    last_update: tuple[int, ...]
    registered_block: tuple[int, ...]
    validator_permits: tuple[bool, ...]
    weights: Rows
    """u16 values, not normalised."""
    bonds: Rows
    """u16 values, as the previous epoch stored them."""
    active_commit_blocks: tuple[int | None, ...]
    """Block of each uid's earliest commit that is not revealed yet."""


@dataclass(frozen=True, slots=True)
class EpochOutput:
    """Everything an epoch decides; vectors have one entry per uid, `Rows` one row per uid."""

    active: tuple[bool, ...]
    new_validator_permits: tuple[bool, ...]
    stake_bits: tuple[int, ...]
    active_stake_bits: tuple[int, ...]
    consensus_bits: tuple[int, ...]
    validator_trust_bits: tuple[int, ...]
    incentive_bits: tuple[int, ...]
    dividends_bits: tuple[int, ...]
    norm_server_emission_bits: tuple[int, ...]
    norm_validator_emission_bits: tuple[int, ...]
    norm_combined_emission_bits: tuple[int, ...]
    stake_weight_u16: tuple[int, ...]
    consensus_u16: tuple[int, ...]
    validator_trust_u16: tuple[int, ...]
    incentive_u16: tuple[int, ...]
    dividends_u16: tuple[int, ...]
    server_emission: tuple[int, ...]
    validator_emission: tuple[int, ...]
    combined_emission: tuple[int, ...]
    bonds_u16: Rows
    """As stored after the epoch; a row is empty unless its uid has a new permit."""
    weights_normalized_bits: Rows
    weights_clipped_bits: Rows
    ema_bonds_bits: Rows
    """Before they are scaled for storage."""
    liquid_alphas_bits: tuple[tuple[int, ...], ...] | None
    """The rate of each (validator, miner), n <= LIQUID_ALPHA_OUTPUT_UIDS; None where no liquid
    rate was used.
    """


SEAT_BLOCK_COLUMNS = 16
"""Columns that the chain recomputes at once; one word of a u16 row."""


@dataclass(frozen=True, slots=True)
class SeatEpoch:
    """One epoch as the chain freezes it at `close`: V seats in rows, N = max_uids columns,
    everything dense.

    Whoever builds it has applied the masks already: `rows` are the revealed rows without the
    validator's own column (the owner keeps its own) and all zeros for a seat that did not reveal;
    `old_bonds` are the parent's, all zeros for a seat whose registration changed. A zero weight
    is an absent one here.
    """

    active_stake_bits: tuple[int, ...]
    """V numbers from `seat_shares`: Q32 share of the seats that revealed, 0 for the others."""
    rows: tuple[tuple[int, ...], ...]
    """V x N, u16."""
    old_bonds: tuple[tuple[int, ...], ...]
    """V x N, u16."""
    replaced: tuple[bool, ...]
    """N flags: the uid was replaced since the parent, so nobody keeps a bond to it."""
    keeps_seat: tuple[bool, ...]
    """V flags: whether the seat is held on in the next epoch; if not, its new bonds row is stored
    empty.
    """
    kappa: int
    """u16"""
    bonds_penalty: int
    """u16"""
    bonds_moving_average: int
    """Parts per million, 1 to 999,999 on chain."""
    rao_emission: int
    """The epoch's emission less the owner's cut and the proposer's pay."""


@dataclass(frozen=True, slots=True)
class SeatResult:
    """What follows from a `SeatEpoch`; the bits are those of the Yuma3 path with the fixed rate."""

    consensus_bits: tuple[int, ...]
    """N; the unique hint that the kernel accepts."""
    rank_bits: tuple[int, ...]
    """N, not normalised: sum over seats of clipped weight x active stake."""
    total_rank: int
    incentive_bits: tuple[int, ...]
    """N: rank over total rank."""
    bonds_bits: tuple[tuple[int, ...], ...]
    """V x N, the moving average itself."""
    bonds_u16: tuple[tuple[int, ...], ...]
    """V x N as stored; all zeros for a seat that is not kept."""
    dividend_parts: tuple[tuple[int, ...], ...]
    """Per block of `SEAT_BLOCK_COLUMNS` columns the V partial sums of bond share x incentive."""
    dividend_totals: tuple[int, ...]
    """V: the sums of the parts, before the seat's own stake enters."""
    dividends_bits: tuple[int, ...]
    """V: dividend total x active stake, normalised."""
    pays: bool
    """False if the total rank or the total of dividends is 0: then nobody is paid and all
    emissions below are 0.
    """
    server_emission: tuple[int, ...]
    """N, rao. The owner's and an empty uid's are included; whether they are recycled is not the
    engine's business.
    """
    validator_emission: tuple[int, ...]
    """V, rao."""
