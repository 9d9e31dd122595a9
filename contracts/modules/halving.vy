# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Halving
@license AGPL-3.0-only
@notice Bittensor's emission schedule. A tick pays 10^9 >> k rao, where k counts the halvings that
        issuance has passed; the k-th is passed at 21e15 * (1 - 2^-k) rao, and after the 30th
        nothing is paid.
        Source: subtensor block_emission.rs, get_block_emission_for_issuance; twin:
        offchain/protocol/halving.py.
@custom:invariant Advancing by a ticks and then by b gives what advancing by a + b gives, for all
        a and b.
        Issuance never passes MAX_SUPPLY_RAO.
"""

from contracts.modules import constants as c


FIRST_RATE_RAO: constant(uint256) = c.RAO_PER_TAO
# 10^9 >> 30 is 0
HALVINGS: constant(uint256) = 30


@internal
@pure
def _threshold(k: uint256) -> uint256:
    """
    @notice The least issuance in rao at which the k-th halving has happened.
    """
    # rounds up: 21e15 * 2^-k is rounded down before it is taken away
    return c.MAX_SUPPLY_RAO - (c.MAX_SUPPLY_RAO >> k)


@internal
@pure
def _rate(issuance_rao: uint256) -> uint256:
    """
    @notice What the next tick pays in rao, at an issuance in rao.
    """
    for k: uint256 in range(HALVINGS):
        if issuance_rao < self._threshold(k + 1):
            # rounds down, as Bittensor's table does
            return FIRST_RATE_RAO >> k
    return 0


@internal
@pure
def _advance(issuance_rao: uint256, elapsed_ticks: uint256) -> uint256:
    """
    @notice Issuance in rao after some ticks; each tick pays the rate of the issuance at its start.
    @dev At most HALVINGS rounds, whatever the number of ticks: one per threshold that lies on the
            way.
    """
    issuance: uint256 = issuance_rao
    left_ticks: uint256 = elapsed_ticks
    for k: uint256 in range(HALVINGS):
        threshold: uint256 = self._threshold(k + 1)
        if issuance >= threshold:
            continue
        rate: uint256 = FIRST_RATE_RAO >> k
        # rounds up: the tick that passes the threshold is still paid at the old rate
        ticks_here: uint256 = min(left_ticks, (threshold - issuance + rate - 1) // rate)
        issuance += ticks_here * rate
        left_ticks -= ticks_here
        if left_ticks == 0:
            break
    return issuance
