# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Registration id
@license AGPL-3.0-only
@notice netuid << 64 | uid << 48 | generation: names one neuron for ever, while its uid changes
        hands. Generation 0 means that the uid was never taken. Twin:
        offchain/protocol/identifiers.py.
"""


@internal
@pure
def _pack(netuid: uint256, uid: uint256, generation: uint256) -> uint256:
    """
    @notice Registration id of the neuron that is the uid's generation-th.
    """
    return netuid << 64 | uid << 48 | generation


@internal
@pure
def _netuid(registration_id: uint256) -> uint256:
    """
    @notice Subnet of a registration id.
    """
    return registration_id >> 64


@internal
@pure
def _uid(registration_id: uint256) -> uint256:
    """
    @notice Uid of a registration id.
    """
    return (registration_id >> 48) & (2**16 - 1)


@internal
@pure
def _generation(registration_id: uint256) -> uint256:
    """
    @notice Generation of a registration id.
    """
    return registration_id & (2**48 - 1)
