# SPDX-License-Identifier: Apache-2.0
"""close: when, what it freezes, what makes an epoch null."""

from dataclasses import replace
from random import Random

import boa
import pytest

from offchain.protocol.rows import fold_row, pack_row, row_hash
from offchain.settlement.frozen import frozen_hash
from offchain.yuma.specification import seat_shares
from tests.contracts.deployment import role_address
from tests.contracts.Settlement.worlds import (
    EMISSION_RAO,
    NETUID,
    Content,
    T,
    Validator,
    open_stage,
    random_content,
)

ROW = (0, *range(1, 16))


def voters(*stakes, silent=0, empty=0, **fields):
    """One seat per stake on uids 0, 1, ...; then silent ones, then empty seats."""
    seats = [Validator(uid, stake_rao=s, row=ROW, **fields) for uid, s in enumerate(stakes)]
    seats += [Validator(len(stakes) + i, row=None) for i in range(silent)]
    return Content((*seats, *(None,) * empty), (1,) * 16)


@pytest.mark.parametrize(
    "offset, is_open", [(-1, False), (0, True), (1, True), (T - 1, True), (T, False)]
)
def test_close__from_the_end_of_reveals_to_the_end_of_the_next__and_no_other_tick(offset, is_open):
    stage = open_stage()
    stage.put(0, voters(5))
    stage.warp_to(stage.closable_from(0) + offset)
    if is_open:
        stage.settlement.close(NETUID, 0)
    else:
        with boa.reverts("examiner: not the time to close"):
            stage.settlement.close(NETUID, 0)


def test_close__a_second_time__refused():
    stage = open_stage()
    stage.close(0, voters(5))
    with boa.reverts("settlement: already closed"):
        stage.settlement.close(NETUID, 0)


@pytest.mark.parametrize("revealed, silent, is_null", [(0, 3, True), (1, 2, False), (1, 3, True)])
def test_close__less_than_a_third_revealed__null(revealed, silent, is_null):
    stage = open_stage()
    stage.put(0, voters(*[7] * revealed, silent=silent, empty=2))
    stage.warp_to(stage.closable_from(0))
    if is_null:
        with boa.reverts("examiner: epoch is null"):
            stage.settlement.close(NETUID, 0)
    else:
        stage.settlement.close(NETUID, 0)


def test_close__freezes_what_the_neighbours_say():
    stage = open_stage(kappa=1, penalty=2, average_ppm=3)
    seats = (
        Validator(2, generation=9, stake_rao=3, row=ROW, next_uid=3),
        Validator(5, row=None),
        None,
        Validator(1, stake_rao=4, row=(65_535,) * 16),
    )
    content = Content(seats, tuple(range(16)), owner_uid=7, replaced=(0, 15))
    record = stage.close(0, content)

    frozen = record.frozen
    header = frozen.header
    assert (header.netuid, header.epoch, header.incarnation) == (NETUID, 0, 1)
    assert (header.max_uids, header.seats, header.owner_uid) == (16, 4, 7)
    assert (header.kappa_u16, header.bonds_penalty_u16) == (1, 2)
    assert header.bonds_moving_average_ppm == 3
    window = (header.start_tick, header.tempo, header.reveal_ticks, header.window_ticks)
    assert window == stage.window(0)[1:]
    assert header.parent_epoch is None
    assert header.closed_tick == stage.tick
    assert header.owner_rao == EMISSION_RAO * 11_796 // 65_535
    assert header.proposer_rao == EMISSION_RAO // 1_000
    assert header.rao_emission == EMISSION_RAO - header.owner_rao - header.proposer_rao
    assert [uid for uid, bit in enumerate(header.replaced) if bit] == [0, 15]
    assert frozen.generations == tuple(range(16))
    shares = seat_shares([3, 0, 0, 4])[1]
    assert tuple(seat.active_stake_bits for seat in frozen.seats) == shares
    assert [seat.is_revealed for seat in frozen.seats] == [True, False, False, True]
    assert [seat.keeps_seat for seat in frozen.seats] == [False, True, False, True]
    assert [seat.row_sum for seat in frozen.seats] == [sum(ROW), 0, 0, 16 * 65_535]
    assert [seat.reveal_order for seat in frozen.seats] == [2, 0, 0, 1]
    rows = (pack_row([65_535] * 16), pack_row(ROW))
    assert frozen.folded_rows == fold_row(fold_row(0, row_hash(rows[0])), row_hash(rows[1]))
    assert frozen.seats[0].generation == 9


def test_close__words_hash_as_off_chain():
    stage = open_stage(64)
    stage.close(0, random_content(Random(3), 0, 64, 6))
    (log,) = [log for log in stage.settlement.get_logs() if type(log).__name__ == "EpochClosed"]
    assert log.frozen_hash == frozen_hash(log.header, log.seats, log.generations)


def test_close__holder_since_the_parent__loads_bonds_a_newer_one_does_not():
    stage = open_stage()
    stage.settle(3, voters(5, 5))
    content = Content(
        (
            Validator(0, row=ROW, since_epoch=3),
            Validator(1, row=ROW, since_epoch=4),
            Validator(2, row=ROW, since_epoch=5),
        ),
        (1,) * 16,
    )
    record = stage.close(5, content)
    assert record.frozen.header.parent_epoch == 3
    assert [seat.loads_bonds for seat in record.frozen.seats] == [True, False, False]


def test_close__skipped_epochs__the_parent_is_the_last_closed():
    stage = open_stage()
    stage.settle(0, voters(5))
    record = stage.close(4, voters(5))
    assert record.frozen.header.parent_epoch == 0
    assert stage.settlement.epoch_of(NETUID, 0).child == 5


def test_close__new_incarnation__has_no_parent_and_no_bonds():
    stage = open_stage()
    stage.settle(0, voters(5))
    stage.near.set_incarnation(2, True)
    record = stage.close(1, voters(5))
    assert record.frozen.header.parent_epoch is None
    assert not any(seat.loads_bonds for seat in record.frozen.seats)


def test_close__pot_of_rounding__joins_the_next_epoch():
    stage = open_stage()
    log = stage.settle(0, random_content(Random(1), 0, 16, 3, silent=0))
    assert log.pot_rao == stage.settlement.pot_rao(NETUID) > 0
    record = stage.close(1, replace(voters(5), accrued_rao=1_000))
    header = record.frozen.header
    assert header.rao_emission + header.owner_rao + header.proposer_rao == 1_000 + log.pot_rao
    assert stage.settlement.pot_rao(NETUID) == 0


def test_close__unknown_epoch__refused():
    stage = open_stage()
    stage.put(0, voters(5))
    stage.warp_to(stage.closable_from(0))
    with boa.reverts("slots: unknown epoch"):
        stage.settlement.close(NETUID, 2**64)
    with boa.reverts():
        stage.settlement.close(NETUID, 77)


@pytest.mark.parametrize("stakes", [(0,), (0, 0), (1, 0), (10**15,) * 3, (1, 21 * 10**15)])
def test_close__any_stakes__shares_as_the_engine(stakes):
    stage = open_stage()
    record = stage.close(0, voters(*stakes))
    shares = tuple(seat.active_stake_bits for seat in record.frozen.seats)
    assert shares == seat_shares(stakes)[1]


def test_close__anybody_may(stranger):
    stage = open_stage()
    stage.put(0, voters(5))
    stage.warp_to(stage.closable_from(0))
    stage.settlement.close(NETUID, 0, sender=stranger)
    assert stage.settlement.epoch_of(NETUID, 0).state == 1
    assert role_address("stranger") == stranger
