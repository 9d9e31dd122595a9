# SPDX-License-Identifier: Apache-2.0
"""Names of things: netuid, uid, epoch, tick, rao, and the registration id of a neuron.

A registration id is `netuid << 64 | uid << 48 | generation` (protocol.md, "Who counts"): it names
one neuron for ever, while a uid changes hands. Generation 0 means that a uid was never taken, so no
registration id is 0 in its lowest 48 bits and 0 can stand for "nobody".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NewType

from offchain.protocol.errors import InvalidSubmission

NetUid = NewType("NetUid", int)
Uid = NewType("Uid", int)
Epoch = NewType("Epoch", int)
Tick = NewType("Tick", int)
Rao = NewType("Rao", int)
RegistrationId = NewType("RegistrationId", int)
# one of the subnets that a netuid has had: contracts keep under it what must not reach the next
Life = NewType("Life", int)

RAO_PER_TAO = 10**9
# 1.0 in parts per million
PPM = 1_000_000

# A netuid can be used again: epochs and generations say which life of it they are of.
LIFE_EPOCH_BITS = 32
LIFE_GENERATION_BITS = 24
# 255 evictions of a netuid
MAX_LIVES = 256

NETUID_BITS = 16
UID_BITS = 16
GENERATION_BITS = 48

# Stands for "there is none" where the contracts return a number.
NONE = 2**256 - 1


@dataclass(frozen=True, slots=True)
class Registration:
    """The parts of a registration id.

    generation: in the first life of a netuid the neurons that a uid has had, from 1; life i counts
    from `i << 24` on (`generation_in_life`).
    """

    netuid: NetUid
    uid: Uid
    generation: int


def pack_registration_id(netuid: int, uid: int, generation: int) -> RegistrationId:
    """`netuid << 64 | uid << 48 | generation`.

    Raises `InvalidSubmission` when a part does not fit its field or the generation is 0.
    """
    _check_field("netuid", netuid, 0, NETUID_BITS)
    _check_field("uid", uid, 0, UID_BITS)
    _check_field("generation", generation, 1, GENERATION_BITS)
    return RegistrationId(netuid << 64 | uid << GENERATION_BITS | generation)


def unpack_registration_id(registration_id: int) -> Registration:
    """The parts of a registration id.

    Raises `InvalidSubmission` when it has more than 80 bits or generation 0.
    """
    if registration_id < 0:
        raise InvalidSubmission(f"registration id {registration_id}: negative")
    netuid = registration_id >> 64
    generation = registration_id & ((1 << GENERATION_BITS) - 1)
    uid = registration_id >> GENERATION_BITS & ((1 << UID_BITS) - 1)
    _check_field("netuid", netuid, 0, NETUID_BITS)
    _check_field("generation", generation, 1, GENERATION_BITS)
    return Registration(NetUid(netuid), Uid(uid), generation)


def first_epoch(incarnation: int) -> Epoch:
    """First epoch of the incarnation-th subnet that a netuid has, from 1."""
    return Epoch((incarnation - 1) << LIFE_EPOCH_BITS)


def incarnation_of_epoch(epoch: int) -> int:
    """Which subnet of a netuid an epoch belongs to, from 1."""
    return (epoch >> LIFE_EPOCH_BITS) + 1


def life_of(netuid: int, incarnation: int) -> Life:
    """The incarnation-th subnet of a netuid, as contracts key it; the netuid for the first."""
    return Life((incarnation - 1) << NETUID_BITS | netuid)


def life_in(netuid: int, epoch: int) -> Life:
    """The subnet that a netuid has in an epoch, as contracts key it."""
    return life_of(netuid, incarnation_of_epoch(epoch))


def generation_in_life(generation: int) -> tuple[int, int]:
    """The incarnation, from 1, and how many neurons the uid has had in it."""
    count = generation & ((1 << LIFE_GENERATION_BITS) - 1)
    return (generation >> LIFE_GENERATION_BITS) + 1, count


def _check_field(name: str, number: int, least: int, bits: int) -> None:
    if not least <= number < 1 << bits:
        raise InvalidSubmission(
            f"registration id: {name} is {number}, wanted {least} to {(1 << bits) - 1}"
        )
