# SPDX-License-Identifier: Apache-2.0
"""Registration ids and ticks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offchain.protocol.errors import ConfigError, InvalidSubmission
from offchain.protocol.identifiers import pack_registration_id, unpack_registration_id
from offchain.protocol.ticks import TickClock


def test_pack__by_hand():
    assert pack_registration_id(1, 0, 1) == 0x1_0000_0000_0000_0001
    assert pack_registration_id(128, 255, 3) == 128 << 64 | 255 << 48 | 3


@given(
    netuid=st.integers(0, 65_535),
    uid=st.integers(0, 65_535),
    generation=st.integers(1, 2**48 - 1),
)
def test_unpack__gives_back_what_was_packed(netuid, uid, generation):
    parts = unpack_registration_id(pack_registration_id(netuid, uid, generation))
    assert (parts.netuid, parts.uid, parts.generation) == (netuid, uid, generation)


@pytest.mark.parametrize(
    "parts", [(65_536, 0, 1), (0, 65_536, 1), (0, 0, 0), (0, 0, 2**48), (-1, 0, 1), (0, -1, 1)]
)
def test_pack__part_that_does_not_fit__is_refused(parts):
    with pytest.raises(InvalidSubmission):
        pack_registration_id(*parts)


@pytest.mark.parametrize("registration_id", [0, 5 << 64, 1 << 80 | 1, -1])
def test_unpack__nobody_or_too_long__is_refused(registration_id):
    with pytest.raises(InvalidSubmission):
        unpack_registration_id(registration_id)


def test_tick_at__edges():
    clock = TickClock(genesis_at=1_000, tick_seconds=12)
    assert [clock.tick_at(t) for t in (1_000, 1_011, 1_012, 1_023, 1_024)] == [0, 0, 1, 1, 2]
    assert clock.starts_at(2) == 1_024
    with pytest.raises(InvalidSubmission, match="before genesis"):
        clock.tick_at(999)
    with pytest.raises(ConfigError):
        TickClock(genesis_at=0, tick_seconds=0)
