# SPDX-License-Identifier: Apache-2.0
"""What the majority agrees on, and who earns by it: consensus, clipping, trust, rank, incentive
(steps 6 and 7).
"""

from __future__ import annotations

from collections.abc import Sequence

from offchain.yuma.specification.fixed_point import normalize
from offchain.yuma.specification.matrix import Matrix, column_sums, row_sums, scale_rows


def consensus(weight: Matrix, active_stake: Sequence[int], kappa: int, n: int) -> tuple[int, ...]:
    """C_j: the largest weight of miner j that validators with a kappa share of the stake support.

    Stake is normalised once more among the validators that have any; a validator without an entry
    supports 0.
    """
    voters = [row for row, share in enumerate(active_stake) if share > 0]
    votes = normalize([active_stake[uid] for uid in voters])
    return tuple(
        weighted_median([weight[uid].get(column, 0) for uid in voters], votes, sum(votes) - kappa)
        for column in range(n)
    )


def weighted_median(scores: Sequence[int], votes: Sequence[int], minority: int) -> int:
    """The first score, walking upward, at which the votes so far are strictly more than
    `minority`; else the top one.
    """
    below = 0
    ascending = sorted(zip(scores, votes, strict=True))
    for score, vote in ascending:
        below += vote
        if below > minority:
            return score
    return ascending[-1][0] if ascending else 0


def clipped_weights(weight: Matrix, consensus_bits: Sequence[int]) -> Matrix:
    """W clipped to consensus; an entry above a consensus of 0 is removed, a listed zero stays."""
    return [
        {
            column: min(value, consensus_bits[column])
            for column, value in row.items()
            if value == 0 or consensus_bits[column] > 0
        }
        for row in weight
    ]


def validator_trust(clipped: Matrix) -> tuple[int, ...]:
    """T_i: how much of a validator's row survived the clipping."""
    return row_sums(clipped)


def ranks(clipped: Matrix, active_stake: Sequence[int], n: int) -> tuple[int, ...]:
    """R_j: the stake behind a miner, every product rounded down on its own."""
    return column_sums(scale_rows(clipped, active_stake), n)


def incentive(rank_bits: Sequence[int]) -> tuple[int, ...]:
    """I_j: the miner's share of all rank."""
    return normalize(rank_bits)
