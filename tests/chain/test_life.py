# SPDX-License-Identifier: Apache-2.0
"""The ordinary life of a subnet on real chains, in domain words, from purchase to payday."""

from __future__ import annotations

import secrets

import pytest

from offchain.chain.claims import last_final, open_claims
from offchain.chain.coldkey import Coldkey
from offchain.chain.hotkey import Hotkey, closed_epoch, proposals, revealed_rows
from offchain.chain.metagraph import read_metagraph
from offchain.chain.miner_port import MinerPort
from offchain.chain.settlement import NO_PROPOSAL, EpochState
from offchain.chain.subnet_history import SubnetHistory
from offchain.chain.transactions import Sender
from offchain.keys import Signer
from offchain.protocol.commits import Commitment, commit_hash
from offchain.protocol.identifiers import RAO_PER_TAO
from offchain.protocol.rows import pack_row, row_hash
from tests.chain.conftest import PATIENCE, Localnet, give_ether

TAO = RAO_PER_TAO
MAX_UIDS = 16
MODEL, PROFILE = b"\x07" * 32, b"\x08" * 32


def new_hotkey(localnet: Localnet) -> Sender:
    signer = Signer.random()
    give_ether(localnet.network.connection, signer.address, 10)
    return Sender(localnet.network.connection, signer, patience=PATIENCE)


@pytest.mark.chain
@pytest.mark.slow
@pytest.mark.parametrize("kind", ["anvil", "ganache"])
def test_J8_life__validator_and_miner__are_paid(kind: str, request: pytest.FixtureRequest) -> None:
    localnet: Localnet = request.getfixturevalue(kind)
    network, clock = localnet.network, localnet.network.clock
    owner = Coldkey(network, localnet.funded(10_000))
    someone = Coldkey(network, localnet.funded(100))
    validating, mining = new_hotkey(localnet), new_hotkey(localnet)

    created = owner.create_subnet(validating.signer, MAX_UIDS, 4, 1_000 * TAO)  # type: ignore[arg-type]
    netuid = created.netuid
    assert (created.owner, created.max_uids) == (owner.address, MAX_UIDS)
    registered = owner.register(netuid, validating.signer, 2 * TAO)  # type: ignore[arg-type]
    assert (registered.uid, registered.coldkey) == (0, owner.address)
    staked = owner.add_stake(validating.address, 100 * TAO)
    assert network.staking.stake_of(validating.address) == staked.amount_rao == 100 * TAO

    port = MinerPort(network, netuid, mining.signer, mining, "domain", someone)  # type: ignore[arg-type]
    assert port.uid_of(mining.address) is None
    assert port.register(3 * TAO) == 1 == port.uid_of(mining.address)
    assert port.committed_model() == (bytes(32), bytes(32))
    port.commit_model(MODEL, PROFILE)
    assert port.committed_model() == (MODEL, PROFILE)

    localnet.jump_to(clock.tick() + 1)  # stake counts from the tick after it was added
    started = owner.start_subnet(netuid, clock.tick() + 100)
    validator = Hotkey(network, validating, netuid)
    seat = validator.best_poke()
    assert seat is not None
    validator.poke(seat, validator.require_uid())
    assert validator.best_poke() is None
    localnet.jump_to(started.start_tick)
    port.serve_axon("127.0.0.2", 8_091)
    before = network.connection.nonce(mining.address)
    port.serve_axon("127.0.0.2", 8_091)
    assert network.connection.nonce(mining.address) == before
    port.refresh()
    assert port.has_seat(validating.address)
    assert port.stake_of(validating.address) == 100 * TAO
    assert not port.has_seat(mining.address)

    window = network.subnets.epoch_at(netuid, clock.tick())
    held = validator.require_seat(window.epoch)
    assert (held.seat, held.uid) == (seat, 0)
    row, salt = pack_row([0, 7] + [0] * (MAX_UIDS - 2)), secrets.token_bytes(32)
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

    in_advance = validator.reveal_call(window, held.seat, row, salt)
    signed = validating.presign(in_advance)
    localnet.jump_to(window.end_tick)
    assert validator.reveal_call(window, held.seat, row, salt) == in_advance
    validator.reveal(window, signed)
    stored = network.weights.row_of(netuid, window.epoch, held.seat)
    assert (stored.is_revealed, stored.row_sum, stored.stake_rao) == (True, 7, 100 * TAO)
    assert network.weights.rows_of(netuid, window.epoch, 4)[held.seat] == stored
    (event,) = revealed_rows(network, netuid, window.epoch)
    assert event.row == row

    localnet.jump_to(window.end_tick + window.reveal_ticks)
    closed = validator.close(window.epoch)
    assert closed_epoch(network, netuid, window.epoch) == closed
    follower = SubnetHistory(network, netuid)
    follower.poll()
    Coldkey(network, localnet.development(0)).transfer(validating.address, 1_000 * TAO)
    result = follower.history.result(window.epoch)
    proposed = validator.propose(window.epoch, NO_PROPOSAL, result.words)
    assert proposals(network, netuid, window.epoch) == [proposed]
    record = network.settlement.epoch_of(netuid, window.epoch)
    assert (record.state, record.is_live, record.parent) == (EpochState.CLOSED, True, None)
    assert record.proposal_id(netuid, window.epoch) == proposed.proposal_id
    made = network.settlement.proposal_of(proposed.proposal_id)
    localnet.jump_to(made.tick + window.window_ticks)
    final = validator.finalize(closed, proposed, ())
    assert last_final(network, netuid) == final
    assert network.settlement.epoch_of(netuid, window.epoch).state is EpochState.FINAL
    spent = final.payouts_rao + final.owner_rao + final.proposer_rao + final.recycled_rao
    assert spent + final.pot_rao == record.total_rao

    graph = read_metagraph(network, netuid)
    miner = graph.by_hotkey(mining.address)
    scorer = graph.by_hotkey(validating.address)
    assert miner is not None
    assert scorer is not None
    assert (graph.n, graph.final_epoch) == (2, window.epoch)
    assert (miner.incentive, miner.dividends, miner.model_hash) == (1.0, 0.0, MODEL)
    assert (scorer.incentive, scorer.dividends, scorer.coldkey) == (0.0, 1.0, owner.address)
    assert miner.axon is not None
    assert (miner.axon.ip, miner.axon.port) == ("127.0.0.2", 8_091)
    assert miner.server_rao + scorer.validator_rao == final.payouts_rao

    claims = open_claims(network, netuid)
    assert [claim.registration_id for claim in claims] == [
        scorer.registration_id,
        miner.registration_id,
    ]
    had = someone.balance_rao()
    owed_rao, gas_wei = port.pay_due()  # the miner's own pay only
    assert owed_rao == miner.server_rao > 0
    assert gas_wei > 100_000  # gas units, at 1 wei and more
    nonce = network.connection.nonce(mining.address)
    assert port.claim() == miner.server_rao
    assert someone.balance_rao() - had == miner.server_rao
    restarted = MinerPort(network, netuid, mining.signer, mining, "domain")  # type: ignore[arg-type]
    assert restarted.pay_due() == (0, 0)
    assert restarted.claim() == 0
    assert network.connection.nonce(mining.address) == nonce + 1
    paid = validator.claim(claims[:1])
    assert sum(p.server_rao + p.validator_rao for p in paid) == final.payouts_rao - owed_rao
    assert network.staking.stake_of(validating.address) == 100 * TAO + scorer.validator_rao
    assert open_claims(network, netuid) == []
    assert validator.withdraw() is not None
    assert validator.withdraw() is None


@pytest.mark.chain
def test_stake__added_moved_unbonded_cancelled_removed__comes_back(anvil: Localnet) -> None:
    network = anvil.network
    owner = Coldkey(network, anvil.funded(5_000))
    created = owner.create_subnet(Signer.random(), MAX_UIDS, 4, 2_000 * TAO)
    one, other = Signer.random(), Signer.random()
    for hotkey in (one, other):
        owner.register(created.netuid, hotkey, 5 * TAO)
    delegator = Coldkey(network, anvil.funded(50))
    delegator.add_stake(one.address, 40 * TAO)
    assert delegator.balance_rao() == 10 * TAO
    delegator.move_stake(one.address, other.address)
    assert network.staking.stake_of(one.address) == 0
    value = network.staking.value_of(other.address, delegator.address)
    assert 40 * TAO - 1 <= value <= 40 * TAO

    begun = delegator.unbond(other.address, 15 * TAO)
    assert 15 * TAO <= begun.amount_rao <= 15 * TAO + 1
    assert network.staking.unbonding_of(begun.unbonding_id).coldkey == delegator.address
    delegator.cancel_unbonding(begun.unbonding_id)
    assert network.staking.value_of(other.address, delegator.address) >= value - 2
    rest = delegator.unbond(other.address)
    anvil.jump_to(rest.ripe_tick)
    delegator.remove_stake(rest.unbonding_id)
    assert 0 <= 50 * TAO - delegator.balance_rao() <= 3  # rounding stays in the pool


@pytest.mark.chain
def test_move_stake__mined_in_a_later_tick_than_estimated__has_gas_for_fresh_checkpoints(
    anvil: Localnet,
) -> None:
    network = anvil.network
    owner = Coldkey(network, anvil.funded(5_000))
    created = owner.create_subnet(Signer.random(), MAX_UIDS, 4, 3_000 * TAO)
    one, other = Signer.random(), Signer.random()
    for hotkey in (one, other):
        owner.register(created.netuid, hotkey, 5 * TAO)
        owner.add_stake(hotkey.address, 40 * TAO)
    delegator = Coldkey(network, anvil.funded(50))
    delegator.add_stake(one.address, 20 * TAO)
    delegator.move_stake(one.address, other.address, 10 * TAO)
    move = network.staking.move_stake(
        one.address, other.address, delegator.shares_worth(one.address, 5 * TAO)
    )
    with_gas = delegator.sender.rehearsed(move)
    anvil.jump_to(network.clock.tick() + 10)
    delegator.sender.send(with_gas)
