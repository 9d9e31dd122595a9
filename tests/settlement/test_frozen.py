# SPDX-License-Identifier: Apache-2.0
"""Frozen words: every field in its place, and back."""

from dataclasses import replace
from random import Random

import pytest

from offchain.protocol.errors import InvalidSubmission
from offchain.settlement.frozen import (
    pack_generations,
    pack_header,
    pack_seats,
    unpack_frozen,
    unpack_header,
)
from tests.settlement.epochs import EMPTY, frozen_epoch


def test_header__fields_lie_as_documented():
    header = replace(
        frozen_epoch(Random(1))[0].header,
        netuid=0xA1,
        epoch=0xB2,
        incarnation=0xC3,
        owner_uid=None,
        parent_epoch=None,
    )
    words = pack_header(header)
    assert words[0] >> 240 == 0xA1
    assert words[0] >> 176 & 2**64 - 1 == 0xB2
    assert words[0] >> 112 & 2**64 - 1 == 0xC3
    assert words[0] >> 96 & 65_535 == 32
    assert words[0] >> 64 & 65_535 == 0xFFFF
    assert words[0] & 2**32 - 1 == 900_000
    assert words[2] >> 192 == 2**64 - 1
    assert words[3] == header.closed_tick << 192


@pytest.mark.parametrize("seed", range(3))
def test_frozen__packs_and_unpacks(seed):
    random = Random(seed)
    frozen, _ = frozen_epoch(random, 7, parent=5, owner_uid=2, replaced=(0, 31))
    packed = (
        pack_header(frozen.header),
        pack_seats(frozen.seats, frozen.folded_rows),
        pack_generations(frozen.generations),
    )
    assert unpack_frozen(*packed) == frozen


def test_seats__empty_one_is_a_zero_word_and_rows_come_last():
    assert pack_seats([EMPTY], 7) == (0, 7)


def test_seats__another_number_of_words__refused():
    frozen, _ = frozen_epoch(Random(1))
    words = pack_seats(frozen.seats, frozen.folded_rows)
    with pytest.raises(InvalidSubmission, match="wanted one more"):
        unpack_frozen(pack_header(frozen.header), words[:-1], pack_generations(frozen.generations))


def test_header__wrong_number_of_words__refused():
    with pytest.raises(InvalidSubmission, match="9 words"):
        unpack_header([0] * 9)


def test_registration_id__none_for_an_empty_uid():
    frozen, _ = frozen_epoch(Random(1), generations=(2,) * 31 + (0,))
    assert frozen.registration_id(4) == 3 << 64 | 4 << 48 | 2
    assert frozen.registration_id(31) is None
