# SPDX-License-Identifier: Apache-2.0
"""From a trace to pay: payouts per uid, the cumulative vector, scores, root, proofs.

Twin: contracts/modules/payouts.vy, which computes the same from any trace whatever, true or false.
Rounding as in the vectors (steps 7, 11 and 13): every quotient rounds down; what is left stays in
the subnet's pot.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from offchain.protocol.leaves import leaf, leaf_prefix, levels, path
from offchain.settlement.frozen import Frozen
from offchain.settlement.trace import Trace
from offchain.settlement.words import pack_lanes, unpack_lanes

U16_MAX = 65_535


@dataclass(frozen=True, slots=True)
class Cumulative:
    """What a uid has earned since its registration, in rao, claimed or not."""

    server_rao: int
    validator_rao: int


@dataclass(frozen=True, slots=True)
class Pay:
    """What finalizing a trace pays.

    gains: of this epoch per uid, before anything is recycled. cumulatives: after it, per uid.
    is_paid: False if nobody has a rank or nobody has dividends. dust_rao: what rounding leaves.
    """

    is_paid: bool
    gains: tuple[Cumulative, ...]
    cumulatives: tuple[Cumulative, ...]
    paid_rao: int
    recycled_rao: int
    dust_rao: int
    scores_u16: tuple[int, ...]


def settle(
    frozen: Frozen,
    trace: Trace,
    base: Sequence[Cumulative] = (),
    carried: Sequence[bool] = (),
) -> Pay:
    """What `finalize` computes.

    Args:
        base: the last final epoch's cumulatives; empty before the first.
        carried: uids replaced in the void epochs since; empty for none.
    """
    header = frozen.header
    gains, is_paid = emissions(frozen, trace)
    paid = recycled = 0
    cumulatives = []
    for uid, gain in enumerate(gains):
        kept = gain
        if uid == header.owner_uid or frozen.generations[uid] == 0:
            recycled += gain.server_rao
            kept = Cumulative(0, gain.validator_rao)
        paid += kept.server_rao + kept.validator_rao
        begins_anew = header.replaced[uid] or (bool(carried) and carried[uid])
        before = base[uid] if base and not begins_anew else Cumulative(0, 0)
        cumulatives.append(
            Cumulative(
                before.server_rao + kept.server_rao, before.validator_rao + kept.validator_rao
            )
        )
    if not is_paid:
        recycled = header.rao_emission
    return Pay(
        is_paid=is_paid,
        gains=gains,
        cumulatives=tuple(cumulatives),
        paid_rao=paid,
        recycled_rao=recycled,
        dust_rao=header.rao_emission - paid - recycled,
        scores_u16=scores(gains),
    )


def emissions(frozen: Frozen, trace: Trace) -> tuple[tuple[Cumulative, ...], bool]:
    """Server and validator emission of every uid, and whether anybody is paid at all."""
    columns = frozen.header.max_uids
    ranks = [rank for block in trace.blocks for rank in block.ranks]
    weighted = [
        total * seat.active_stake_bits >> 32
        for total, seat in zip(trace.dividend_totals, frozen.seats, strict=True)
    ]
    if trace.total_rank == 0 or sum(weighted) == 0:
        return (Cumulative(0, 0),) * columns, False
    incentive = [(rank << 32) // trace.total_rank for rank in ranks]
    dividends = [(part << 32) // sum(weighted) for part in weighted]
    shares = sum(incentive) + sum(dividends)
    emission = frozen.header.rao_emission
    validator_rao = [0] * columns
    for share, seat in zip(dividends, frozen.seats, strict=True):
        validator_rao[seat.uid] += ((share << 32) // shares) * emission >> 32
    return tuple(
        Cumulative(((share << 32) // shares) * emission >> 32, validator_rao[uid])
        for uid, share in enumerate(incentive)
    ), True


def scores(gains: Sequence[Cumulative]) -> tuple[int, ...]:
    """Pruning scores: earnings scaled so that the largest is 65,535."""
    totals = [gain.server_rao + gain.validator_rao for gain in gains]
    most = max(totals)
    return tuple(total * U16_MAX // most if most else 0 for total in totals)


def pack_cumulatives(cumulatives: Sequence[Cumulative]) -> tuple[int, ...]:
    """Pairs of u64, two uids to a word."""
    return pack_lanes([x for c in cumulatives for x in (c.server_rao, c.validator_rao)], 64)


def unpack_cumulatives(words: Sequence[int]) -> tuple[Cumulative, ...]:
    """The reverse of `pack_cumulatives`: two uids a word."""
    flat = unpack_lanes(words, 64, 4 * len(words))
    return tuple(Cumulative(s, v) for s, v in zip(flat[::2], flat[1::2], strict=True))


class PayTree:
    """The Merkle tree over one final epoch's cumulatives.

    Args:
        rewards: address of the Rewards contract; `chain_id` and it are part of every leaf.
    """

    def __init__(
        self, frozen: Frozen, cumulatives: Sequence[Cumulative], chain_id: int, rewards: str
    ) -> None:
        netuid = frozen.header.netuid
        prefix = leaf_prefix(chain_id, rewards, netuid)
        self._levels = levels(
            [
                leaf(
                    prefix,
                    netuid << 64 | uid << 48 | frozen.generations[uid],
                    cumulative.server_rao,
                    cumulative.validator_rao,
                )
                for uid, cumulative in enumerate(cumulatives)
            ]
        )

    @property
    def root(self) -> bytes:
        """32 bytes, as `finalize` computes it."""
        return self._levels[-1][0]

    def proof(self, uid: int) -> list[bytes]:
        """Siblings from the leaf of a uid up to the root."""
        return path(self._levels, uid)
