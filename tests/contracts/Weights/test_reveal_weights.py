# SPDX-License-Identifier: Apache-2.0
"""Weights.reveal_weights: open a commit in the first ticks of the next epoch."""

from __future__ import annotations

import re

import boa
import pytest
from eth.exceptions import Revert
from eth_abi import encode
from hypothesis import given, settings
from hypothesis import strategies as st

from offchain.protocol.domains import COMMIT_DOMAIN, keccak
from offchain.protocol.eras import EpochWindow
from offchain.protocol.errors import InvalidSubmission
from offchain.protocol.phases import Phase, phase_of
from offchain.protocol.rows import (
    blank_column,
    fold_row,
    pack_row,
    row_hash,
    row_sum,
    unpack_row,
)
from tests.contracts import life
from tests.contracts.deployment import MINIMAL, RAO, World, role_address
from tests.contracts.Weights.voting import (
    SALT,
    STAKE_RAO,
    Voting,
    open_voting,
    transaction_gas,
)

OWNER_SEAT = 2
BLOCK_GAS = 30_000_000


@pytest.fixture
def committed(voting: Voting) -> Voting:
    """Every validator has committed to row(seat) in epoch 0; it is the first tick of epoch 1."""
    for seat in range(3):
        voting.commit(seat, 0, voting.row(seat))
    voting.go(1)
    return voting


def test_reveal_weights__by_the_hotkey__stores_the_masked_row_and_logs(committed: Voting) -> None:
    committed.reveal(1, 0, committed.row(1))

    (event,) = committed.weights.get_logs()
    masked = blank_column(committed.row(1), 1)
    assert type(event).__name__ == "WeightsRevealed"
    assert (event.netuid, event.epoch, event.seat) == (committed.netuid, 0, 1)
    assert event.registration_id == committed.registration_id(1, 0)
    assert event.row == masked
    assert event.row_hash == row_hash(masked)
    assert event.row_sum == row_sum(masked)
    assert event.stake_rao == STAKE_RAO
    assert committed.weights.commit_of(committed.netuid, 0, 1) == bytes(32), "nothing left to open"
    kept = committed.weights.row_of(committed.netuid, 0, 1)
    assert kept == (row_sum(masked), STAKE_RAO, True)
    words = committed.weights.rows_of(committed.netuid, 0, 3)
    record = STAKE_RAO << 40 | row_sum(masked) << 8 | 1
    assert words == [0, record, 0, fold_row(0, row_hash(masked))]


def test_reveal_weights__several__are_folded_in_their_order(committed: Voting) -> None:
    folded, words = 0, [0, 0, 0]
    for order, seat in enumerate((2, 0, 1), 1):
        committed.reveal(seat, 0, committed.row(seat))
        own = committed.row(seat) if seat == OWNER_SEAT else blank_column(committed.row(seat), seat)
        folded = fold_row(folded, row_hash(own))
        words[seat] = STAKE_RAO << 40 | row_sum(own) << 8 | order
        assert committed.weights.rows_of(committed.netuid, 0, 3) == [*words, folded]


def test_rows_of__epochs_of_a_parity_share_words__an_overwritten_one_is_refused(
    voting: Voting,
) -> None:
    for epoch in range(3):
        voting.commit(0, epoch, voting.row())
        voting.go(epoch + 1)
        voting.reveal(0, epoch, voting.row())
        assert voting.weights.row_of(voting.netuid, epoch, 0).revealed
        assert not voting.weights.row_of(voting.netuid, epoch, 1).revealed, "the other of the pair"
        assert voting.weights.rows_of(voting.netuid, epoch + 2, 3) == [0] * 4
    for epoch, answers in ((0, False), (1, True), (2, True)):
        for ask in (voting.weights.row_of, voting.weights.rows_of, voting.weights.commit_of):
            if answers:
                ask(voting.netuid, epoch, 1)
            else:
                with boa.reverts("weights: epoch too old"):
                    ask(voting.netuid, epoch, 1)


def test_reveal_weights__by_the_owners_hotkey__keeps_its_own_column(committed: Voting) -> None:
    row = committed.row(OWNER_SEAT)
    committed.reveal(OWNER_SEAT, 0, row)
    (event,) = committed.weights.get_logs()
    assert (event.row, event.row_hash) == (row, row_hash(row))


def test_D9_reveal_weights__by_a_stranger_with_the_opening__counts_the_same(
    committed: Voting,
) -> None:
    """Who is censored hands its opening to anybody."""
    committed.reveal(0, 0, committed.row(0), sender=role_address("stranger"))
    assert committed.weights.row_of(committed.netuid, 0, 0).revealed


def test_reveal_weights__blank_after_masking__still_counts_as_revealed(voting: Voting) -> None:
    row = pack_row([5] + [0] * 15)
    voting.commit(0, 0, row)
    voting.go(1)
    voting.reveal(0, 0, row)
    kept = voting.weights.row_of(voting.netuid, 0, 0)
    assert kept == (0, STAKE_RAO, True)


def test_D1_reveal_weights__copied_commit__cannot_be_opened(voting: Voting) -> None:
    """A copier posts the other's hash and waits for its opening, which opens only the other's."""
    stolen = voting.hash_of(0, 0, voting.row())
    voting.weights.commit_weights(voting.netuid, 0, 1, stolen, sender=voting.hotkey(1))
    voting.commit(0, 0, voting.row())
    voting.go(1)
    voting.reveal(0, 0, voting.row())
    with boa.reverts("weights: not the commit"):
        voting.reveal(1, 0, voting.row())


def test_D1_reveal_weights__replayed__reverts(committed: Voting) -> None:
    committed.reveal(0, 0, committed.row(0))
    with boa.reverts("weights: already revealed"):
        committed.reveal(0, 0, committed.row(0), sender=committed.hotkey(1))


def test_D1_reveal_weights__hash_of_an_earlier_epoch__cannot_be_opened(voting: Voting) -> None:
    old = voting.hash_of(0, 0, voting.row())
    voting.go(1)
    voting.weights.commit_weights(voting.netuid, 1, 0, old, sender=voting.hotkey(0))
    voting.go(2)
    with boa.reverts("weights: not the commit"):
        voting.reveal(0, 1, voting.row())


@pytest.mark.soundness
def test_D1_reveal_weights__commit_without_the_registration__is_caught(voting: Voting) -> None:
    """The seeded bug: a hash that does not say whose it is can be copied."""
    bug = (
        "modules/domains.vy",
        "epoch, registration_id, row_hash, salt\n",
        "epoch, row_hash, salt\n",
    )
    broken = voting.with_bug(bug)
    row = pack_row([0] * 3 + [9] * 13)
    chain_id, contract = boa.env.evm.chain.chain_id, str(broken.weights.address)
    types = ["bytes32", "uint256", "address", "uint256", "uint256", "bytes32", "bytes32"]
    parts = (COMMIT_DOMAIN, chain_id, contract, voting.netuid, 0, row_hash(row), SALT)
    for seat in (0, 1):
        copied = keccak(encode(types, parts))
        broken.weights.commit_weights(voting.netuid, 0, seat, copied, sender=voting.hotkey(seat))
    voting.go(1)
    for seat in (0, 1):
        broken.reveal(seat, 0, row)
    assert broken.weights.row_of(voting.netuid, 0, 1).revealed


@pytest.mark.parametrize("salt", [b"\x5b" * 32, b"\x5a" * 31 + b"\x5b"])
def test_reveal_weights__another_salt__reverts(committed: Voting, salt: bytes) -> None:
    with boa.reverts("weights: not the commit"):
        committed.reveal(0, 0, committed.row(0), salt)


def test_reveal_weights__another_row__reverts(committed: Voting) -> None:
    with boa.reverts("weights: not the commit"):
        committed.reveal(0, 0, committed.row(1))


def test_D2_reveal_weights__zero_salt__reverts(committed: Voting) -> None:
    with boa.reverts("weights: salt is zero"):
        committed.reveal(0, 0, committed.row(0), bytes(32))


def test_reveal_weights__without_a_commit__reverts(voting: Voting) -> None:
    voting.go(1)
    with boa.reverts("weights: not the commit"):
        voting.reveal(0, 0, voting.row())


def test_reveal_weights__empty_seat__reverts(committed: Voting) -> None:
    with boa.reverts("weights: seat is empty"):
        committed.weights.reveal_weights(committed.netuid, 0, 3, committed.row(), SALT, 0, 0)


@settings(deadline=None, max_examples=60)
@given(row=st.one_of(st.binary(max_size=70), st.binary(min_size=32, max_size=32)))
def test_D7_reveal_weights__any_bytes__accepted_exactly_if_the_twin_packs_them(
    voting: Voting, row: bytes
) -> None:
    """Differential: a row of the subnet's length is valid whatever it says, nothing else is."""
    with boa.env.anchor():
        try:
            is_row = len(unpack_row(row)) == voting.max_uids
        except InvalidSubmission:
            is_row = False
        if not is_row:
            voting.go(1)
            with boa.reverts("weights: wrong row length"):
                voting.weights.reveal_weights(voting.netuid, 0, 0, row, SALT, 0, 0)
            return
        voting.commit(0, 0, row)
        voting.go(1)
        voting.reveal(0, 0, row)
        assert voting.weights.row_of(voting.netuid, 0, 0).row_sum == row_sum(blank_column(row, 0))


@pytest.mark.parametrize("size", [0, 31, 33, 34, 64, 2048])
def test_D7_reveal_weights__wrong_length__reverts(committed: Voting, size: int) -> None:
    with boa.reverts("weights: wrong row length"):
        committed.weights.reveal_weights(committed.netuid, 0, 0, b"\1" * size, SALT, 0, 0)


def test_D7_reveal_weights__longer_than_any_row__reverts(committed: Voting) -> None:
    data = committed.weights.reveal_weights.prepare_calldata(
        committed.netuid, 0, 0, bytes(2048), SALT, 0, 0
    )
    longer = data[: 4 + 7 * 32] + (2049).to_bytes(32, "big") + bytes(2080)
    with pytest.raises(Revert):
        boa.env.raw_call(committed.weights.address, data=longer)


def test_D5_phases__every_edge__contract_and_twin_accept_the_same(voting: Voting) -> None:
    """Commit and reveal of epoch 1 at each edge +-1 tick; every accepted commit is revealable."""
    row = voting.row()
    window = voting.world.subnets.window_of(voting.netuid, 1)
    twin = EpochWindow(*(int(part) for part in window))
    end = window.start_tick + window.tempo
    edges = (window.start_tick, end, end + window.reveal_ticks)
    seen = set()
    for tick in sorted({edge + step for edge in edges for step in (-1, 0, 1)}):
        with boa.env.anchor():
            phase = phase_of(twin, tick)
            if phase in (Phase.REVEAL, Phase.SETTLE):
                voting.go(1)
                voting.commit(0, 1, row)
            voting.world.warp_to(tick)
            seen.add((phase, _commits_for(voting, 1), _reveals(voting, 1, row)))
    assert seen == {
        (Phase.FUTURE, False, False),
        (Phase.COMMIT, True, False),
        (Phase.REVEAL, False, True),
        (Phase.SETTLE, False, False),
    }


def _commits_for(voting: Voting, epoch: int) -> bool:
    """Whether a commit for this epoch passes now; if not, then because of the epoch."""
    arguments = (voting.netuid, epoch, 1, b"\1" * 32)
    with boa.env.anchor():
        try:
            voting.weights.commit_weights(*arguments, sender=voting.hotkey(1))
        except boa.BoaError as error:
            if "weights: not the running epoch" not in str(error):
                raise
            return False
    return True


def _reveals(voting: Voting, epoch: int, row: bytes) -> bool:
    """Whether a reveal passes now; if not, then because of the phase."""
    arguments = (voting.netuid, epoch, 0, row, SALT, 0, 0)
    with boa.env.anchor():
        try:
            voting.weights.reveal_weights(*arguments)
        except boa.BoaError as error:
            if not re.search("weights: (epoch not over|reveal phase over)", str(error)):
                raise
            return False
    return True


def test_reveal_weights__stake_that_arrives_in_the_epoch__does_not_count(voting: Voting) -> None:
    voting.commit(0, 0, voting.row())
    life.stake(voting.world, voting.names[0], 7 * STAKE_RAO)
    voting.go(1)
    voting.reveal(0, 0, voting.row())
    assert voting.weights.row_of(voting.netuid, 0, 0).stake_rao == STAKE_RAO


def test_reveal_weights__stake_that_leaves_before_the_end__does_not_count(voting: Voting) -> None:
    voting.commit(0, 0, voting.row())
    staking, hotkey = voting.world.staking, voting.hotkey(0)
    coldkey = staking.owner_of(hotkey)
    staking.unbond(hotkey, staking.shares_of(hotkey, coldkey) // 2, sender=coldkey)
    voting.go(1)
    voting.reveal(0, 0, voting.row())
    counted = voting.weights.row_of(voting.netuid, 0, 0).stake_rao
    assert 0 < STAKE_RAO // 2 - counted < RAO or counted == STAKE_RAO // 2
    assert counted == staking.stake_of(hotkey)


def test_reveal_weights__stake_in_the_tick_of_the_boundary__counts_from_the_next_epoch(
    voting: Voting,
) -> None:
    voting.go(1)
    life.stake(voting.world, voting.names[0], STAKE_RAO)
    voting.commit(0, 1, voting.row())
    voting.go(2)
    voting.commit(0, 2, voting.row())
    voting.reveal(0, 1, voting.row())
    voting.go(3)
    voting.reveal(0, 2, voting.row())
    stakes = [voting.weights.row_of(voting.netuid, e, 0).stake_rao for e in (1, 2)]
    assert stakes == [STAKE_RAO, 2 * STAKE_RAO]


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("off", [-1, 1])
def test_reveal_weights__wrong_checkpoint_hint__reverts(
    voting: Voting, which: int, off: int
) -> None:
    voting.commit(0, 0, voting.row())
    life.stake(voting.world, voting.names[0], STAKE_RAO)
    voting.go(1)
    # the last checkpoint needs no hint: both of these are older
    life.stake(voting.world, voting.names[0], STAKE_RAO)
    hints = list(voting.hints(0, 0))
    hints[which] = (hints[which] + off) % 2**256
    with pytest.raises(boa.BoaError, match="checkpoints: hint too"):
        voting.weights.reveal_weights(voting.netuid, 0, 0, voting.row(), SALT, *hints)


@pytest.mark.soundness
@pytest.mark.parametrize(
    "bug",
    [
        (
            "Weights.vy",
            "stake_rao = min(stake_rao, stake_after_rao)",
            "stake_rao = max(stake_rao, stake_after_rao)",
        ),
        ("Weights.vy", "return rows._blank(row, ids._uid(registration_id))", "return row"),
        (
            "Weights.vy",
            "row_hash: bytes32 = rows._hash(masked)",
            "row_hash: bytes32 = rows._hash(row)",
        ),
        ("Weights.vy", "row_sum: uint256 = rows._sum(masked)", "row_sum: uint256 = rows._sum(row)"),
    ],
)
def test_reveal_weights__seeded_bug__leaves_another_record(
    voting: Voting, bug: tuple[str, str, str]
) -> None:
    """What the tests above compare would differ: they are able to fail."""
    records = []
    for subject in (voting, voting.with_bug(bug)):
        with boa.env.anchor():
            subject.commit(0, 0, subject.row())
            life.stake(subject.world, subject.names[0], STAKE_RAO)
            subject.go(1)
            subject.reveal(0, 0, subject.row())
            records.append(subject.weights.rows_of(subject.netuid, 0, 1))
    assert records[0] != records[1]


def test_reveal_weights__256_uids__at_most_130k(world: World) -> None:
    wide = open_voting(world, 2, max_uids=256)
    wide.commit(0, 0, wide.row())
    wide.go(1)
    wide.reveal(0, 0, wide.row())
    arguments = (wide.netuid, 0, 0, wide.row(), SALT, *wide.hints(0, 0))
    gas = transaction_gas(wide.weights, "reveal_weights", *arguments)
    assert 80_000 < gas <= 130_000


def test_D10_reveal_weights__1024_uids__all_seats_fit_a_quarter_of_the_window(
    world: World,
) -> None:
    wide = open_voting(world, 2, max_uids=1024)
    wide.commit(0, 0, wide.row())
    wide.go(1)
    wide.reveal(0, 0, wide.row())
    arguments = (wide.netuid, 0, 0, wide.row(), SALT, *wide.hints(0, 0))
    gas = transaction_gas(wide.weights, "reveal_weights", *arguments)
    assert gas <= BLOCK_GAS // 20
    assert 64 * gas <= BLOCK_GAS * MINIMAL.profile.reveal_ticks // 4
