# SPDX-License-Identifier: Apache-2.0
"""The ordinary life of a subnet on real chains, in domain words."""

from __future__ import annotations

import secrets

import pytest

from offchain.chain.coldkey import Coldkey
from offchain.chain.hotkey import Hotkey, revealed_rows
from offchain.chain.transactions import Patience, Sender
from offchain.keys import Signer
from offchain.protocol.commits import Commitment, commit_hash
from offchain.protocol.identifiers import RAO_PER_TAO
from offchain.protocol.rows import pack_row, row_hash
from tests.chain.conftest import Localnet, give_ether

TAO = RAO_PER_TAO
MAX_UIDS = 16


@pytest.mark.chain
@pytest.mark.parametrize("kind", ["anvil", "ganache"])
def test_life__subnet_with_one_validator__commits_and_reveals(
    kind: str, request: pytest.FixtureRequest
) -> None:
    localnet: Localnet = request.getfixturevalue(kind)
    network = localnet.network
    owner = Coldkey(network, localnet.funded(10_000))
    hotkey = Signer.random()
    give_ether(network.connection, hotkey.address, 10)
    created = owner.create_subnet(hotkey.address, MAX_UIDS, 4, 1_000 * TAO)
    netuid = created.netuid
    assert (created.owner, created.max_uids) == (owner.address, MAX_UIDS)

    registered = owner.register(netuid, hotkey, 2 * TAO)
    assert (registered.uid, registered.coldkey) == (0, owner.address)
    staked = owner.add_stake(hotkey.address, 100 * TAO)
    assert network.staking.stake_of(hotkey.address) == staked.amount_rao == 100 * TAO

    clock = network.clock
    clock.wait_for(clock.tick() + 1)  # stake counts from the tick after it was added
    started = owner.start_subnet(netuid, clock.tick() + 8)
    sender = Sender(network.connection, hotkey, patience=Patience(poll_seconds=0.05))
    validator = Hotkey(network, sender, netuid)
    seat = validator.best_poke()
    assert seat == 0
    validator.poke(seat, validator.require_uid())
    assert validator.best_poke() is None

    clock.wait_for(started.start_tick)
    window = network.subnets.epoch_at(netuid, clock.tick())
    held = validator.require_seat(window.epoch)
    assert (held.seat, held.uid) == (0, 0)
    row = pack_row([0, 7] + [0] * (MAX_UIDS - 2))
    salt = secrets.token_bytes(32)
    commitment = Commitment(
        chain_id=network.deployment.chain_id,
        weights=network.weights.address,
        netuid=netuid,
        epoch=window.epoch,
        registration_id=held.registration_id,
    )
    committed = commit_hash(commitment, row_hash(row), salt)
    first = validator.commit(window, held.seat, committed)
    again = validator.commit(window, held.seat, committed)
    assert first.transaction_hash == again.transaction_hash
    assert network.weights.commit_of(netuid, window.epoch, held.seat) == committed

    clock.wait_for(window.end_tick)
    signed = sender.presign(validator.reveal_call(window, held.seat, row, salt))
    validator.reveal(window, signed)
    stored = network.weights.row_of(netuid, window.epoch, held.seat)
    assert stored.is_revealed
    assert stored.row_sum == 7
    assert stored.stake_rao == 100 * TAO
    (event,) = revealed_rows(network, netuid, window.epoch)
    assert event.row == row

    clock.wait_for(window.end_tick + window.reveal_ticks)
    closed = validator.close(window.epoch)
    assert (closed.netuid, closed.epoch) == (netuid, window.epoch)
