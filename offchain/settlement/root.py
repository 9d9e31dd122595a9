# SPDX-License-Identifier: Apache-2.0
"""From a final trace of the root (netuid 0) to the subnets' shares of the emission.

Twin: contracts/modules/root_shares.vy. Column c is netuid c + 1; its generation is the incarnation
of that subnet. The root pays nobody: it has no cumulative vector, no tree and no scores.
"""

from collections.abc import Sequence

from offchain.settlement.frozen import Frozen
from offchain.settlement.trace import Trace
from offchain.settlement.words import pack_lanes, unpack_lanes

ROOT_NETUID = 0
COLUMNS = 128
SHARE_BITS = 32
"""A share is the column's rank over all ranks, Q32, rounded down."""
MEMBER_UID = 1_023
"""Uid in every member's registration id; the generation is the member number."""


def shares(frozen: Frozen, trace: Trace, living: Sequence[int]) -> tuple[int, ...] | None:
    """What `finalize` gives to Emission: entry i is the share of netuid i + 1.

    living: incarnation of every subnet at that moment, 0 for none. A column whose subnet is no
    longer the one that was weighed has the share 0. None: no subnet has a share, and the shares
    stay as they were.
    """
    ranks = [rank for block in trace.blocks for rank in block.ranks]
    total = sum(ranks)
    if total == 0:
        return None
    found = tuple(
        (rank << SHARE_BITS) // total if weighed and weighed == now else 0
        for rank, weighed, now in zip(ranks, frozen.generations, living, strict=True)
    )
    return found if any(found) else None


def pack_shares(values: Sequence[int]) -> tuple[int, ...]:
    """As `Emission.set_shares` takes them: u128 lanes, two to a word."""
    return pack_lanes(values, 128)


def unpack_incarnations(words: Sequence[int]) -> tuple[int, ...]:
    """`Subnets.incarnations_at`: one number per netuid from 1 on."""
    return unpack_lanes(words, 32, COLUMNS)
