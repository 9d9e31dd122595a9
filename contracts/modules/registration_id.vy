# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Registration id
@license AGPL-3.0-only
@notice netuid << 64 | uid << 48 | generation: names one neuron for ever, while its uid changes
        hands. Generation 0 means that the uid was never taken. Twin:
        offchain/protocol/identifiers.py.

        A netuid can be used again, by a subnet of another life. Epochs of life i begin at
        i << 32 and generations at i << 24, so that both say which life they are of. What is kept
        of a subnet is kept under its life: life << 16 | netuid, which is the netuid in the first.
"""

# bits of an epoch, and of a generation, below the number of the life
LIFE_EPOCH_BITS: constant(uint256) = 32
LIFE_GENERATION_BITS: constant(uint256) = 24
# the rest of a 32-bit generation: 255 evictions of a netuid
MAX_LIVES: constant(uint256) = 2**8
# of a life: its number and the netuid
LIFE_BITS: constant(uint256) = 24

_NETUID_MASK: constant(uint256) = 2**16 - 1


@internal
@pure
def _life(netuid: uint256, epoch: uint256) -> uint256:
    """
    @notice Under what is kept the subnet that a netuid had in an epoch.
    """
    return (epoch >> LIFE_EPOCH_BITS) << 16 | netuid


@internal
@pure
def _life_of(netuid: uint256, incarnation: uint256) -> uint256:
    """
    @notice The same, by how many subnets the netuid has had then.
    """
    return incarnation - 1 << 16 | netuid


@internal
@pure
def _incarnation(epoch: uint256) -> uint256:
    """
    @notice How many subnets the netuid had had in an epoch, that one included.
    """
    return (epoch >> LIFE_EPOCH_BITS) + 1


@internal
@pure
def _of(life: uint256, uid: uint256, generation: uint256) -> uint256:
    """
    @notice Registration id in a life.
    """
    return self._pack(life & _NETUID_MASK, uid, generation)


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
