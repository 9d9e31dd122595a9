# SPDX-License-Identifier: Apache-2.0
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Settlement checks
@license Apache-2.0
@notice Properties of the modules that Settlement is made of, for every input: halmos runs each check_ function on symbolic
        arguments and looks for a Panic(1). Reverts are no failures: they are the module's own refusals.
"""

from contracts.interfaces import ISettlement
from contracts.interfaces import ISubnets
from contracts.modules import bonds_ledger
from contracts.modules import demands
from contracts.modules import domains
from contracts.modules import merkle
from contracts.modules import phases
from contracts.modules import slots

initializes: slots
initializes: bonds_ledger[slots := slots]
initializes: demands

MAX_TICK: constant(uint256) = 2**40 - 1


@internal
@pure
def _holds(fact: bool):
    """
    @notice What halmos looks for.
    """
    if not fact:
        raw_revert(abi_encode(convert(1, uint256), method_id=method_id("Panic(uint256)")))


@external
def check_leaf__never_an_inner_node(
    prefix: bytes32, registration_id: uint256, server: uint256, validator: uint256, left: bytes32, right: bytes32
):
    self._holds(domains._leaf(prefix, registration_id, server, validator) != merkle._node(left, right))


@external
def check_leaf__binds_every_field(
    prefix: bytes32,
    registration_id: uint256,
    server: uint256,
    validator: uint256,
    other_prefix: bytes32,
    other_id: uint256,
    other_server: uint256,
    other_validator: uint256,
):
    first: bytes32 = domains._leaf(prefix, registration_id, server, validator)
    second: bytes32 = domains._leaf(other_prefix, other_id, other_server, other_validator)
    if first == second:
        self._holds(prefix == other_prefix)
        self._holds(registration_id == other_id)
        self._holds(server == other_server)
        self._holds(validator == other_validator)


@external
def check_node__binds_its_children_and_their_order(
    left: bytes32, right: bytes32, other_left: bytes32, other_right: bytes32
):
    if merkle._node(left, right) == merkle._node(other_left, other_right):
        self._holds(left == other_left)
        self._holds(right == other_right)


@external
def check_phase__one_of_four_and_half_open(start: uint256, tempo: uint256, reveal: uint256, window: uint256, tick: uint256):
    assert start <= MAX_TICK and tempo <= 3600 and reveal <= tempo // 2 and tick <= MAX_TICK
    epoch: ISubnets.EpochWindow = ISubnets.EpochWindow(
        epoch=0, start_tick=start, tempo=tempo, reveal_ticks=reveal, window_ticks=window
    )
    phase: uint256 = phases._phase(epoch, tick)
    self._holds((phase == phases.FUTURE) == (tick < start))
    self._holds((phase == phases.COMMIT) == (start <= tick and tick < start + tempo))
    self._holds((phase == phases.REVEAL) == (start + tempo <= tick and tick < start + tempo + reveal))
    self._holds((phase == phases.SETTLE) == (start + tempo + reveal <= tick))


@external
def check_phase__closable_in_one_interval_of_one_tempo(start: uint256, tempo: uint256, reveal: uint256, tick: uint256):
    assert start <= MAX_TICK and tempo <= 3600 and reveal <= tempo // 2 and tick <= MAX_TICK
    epoch: ISubnets.EpochWindow = ISubnets.EpochWindow(
        epoch=0, start_tick=start, tempo=tempo, reveal_ticks=reveal, window_ticks=1
    )
    following: ISubnets.EpochWindow = ISubnets.EpochWindow(
        epoch=1, start_tick=start + tempo, tempo=tempo, reveal_ticks=reveal, window_ticks=1
    )
    from_tick: uint256 = start + tempo + reveal
    self._holds(
        phases._is_closable(epoch, following, tick) == (from_tick <= tick and tick < from_tick + tempo)
    )


@external
def check_proposal__packed_word_gives_every_field_back(
    proposal_id: uint256, proposer: address, tick: uint256, bond_rao: uint256
):
    assert tick <= slots.MAX_40 and bond_rao <= slots.MAX_RAO
    slots._store_proposal(proposal_id, ISettlement.Proposal(proposer=proposer, tick=tick, bond_rao=bond_rao))
    stored: ISettlement.Proposal = slots._proposal(proposal_id)
    self._holds(stored.proposer == proposer and stored.tick == tick and stored.bond_rao == bond_rao)


@external
def check_bond__slashed_to_the_rao_and_once(
    proposal_id: uint256, proposer: address, tick: uint256, bond_rao: uint256, taker: address, had_rao: uint256
):
    assert tick <= slots.MAX_40 and bond_rao <= slots.MAX_RAO and had_rao <= slots.MAX_RAO
    bonds_ledger._credit(taker, had_rao)
    slots._store_proposal(proposal_id, ISettlement.Proposal(proposer=proposer, tick=tick, bond_rao=bond_rao))
    reward_rao: uint256 = 0
    recycled_rao: uint256 = 0
    reward_rao, recycled_rao = bonds_ledger._slash(proposal_id, taker)
    self._holds(reward_rao + recycled_rao == bond_rao)
    self._holds(recycled_rao == reward_rao or recycled_rao == reward_rao + 1)
    self._holds(bonds_ledger._withdrawable_rao[taker] == had_rao + reward_rao)
    # a second time there is nothing, whichever way it ends
    bonds_ledger._return(proposal_id)
    again_rao: uint256 = 0
    rest_rao: uint256 = 0
    again_rao, rest_rao = bonds_ledger._slash(proposal_id, taker)
    self._holds(again_rao == 0 and rest_rao == 0)
    self._holds(bonds_ledger._withdrawable_rao[taker] == had_rao + reward_rao)


@external
def check_bond__striking_oneself_loses_half(proposal_id: uint256, proposer: address, tick: uint256, bond_rao: uint256):
    assert tick <= slots.MAX_40 and 0 < bond_rao and bond_rao <= slots.MAX_RAO
    slots._store_proposal(proposal_id, ISettlement.Proposal(proposer=proposer, tick=tick, bond_rao=bond_rao))
    reward_rao: uint256 = 0
    recycled_rao: uint256 = 0
    reward_rao, recycled_rao = bonds_ledger._slash(proposal_id, proposer)
    self._holds(bonds_ledger._withdrawable_rao[proposer] * 2 <= bond_rao)


@external
def check_bond__returned_once(proposal_id: uint256, proposer: address, tick: uint256, bond_rao: uint256):
    assert tick <= slots.MAX_40 and bond_rao <= slots.MAX_RAO
    slots._store_proposal(proposal_id, ISettlement.Proposal(proposer=proposer, tick=tick, bond_rao=bond_rao))
    bonds_ledger._return(proposal_id)
    bonds_ledger._return(proposal_id)
    self._holds(bonds_ledger._withdrawable_rao[proposer] == bond_rao)
    self._holds(slots._proposal(proposal_id).bond_rao == 0)
    self._holds(bonds_ledger._debit_all(proposer) == bond_rao)
    self._holds(bonds_ledger._debit_all(proposer) == 0)


@external
def check_demand__asked_once_and_ends_once(
    key: uint256, column_block: uint256, account: address, deadline: uint256, deposit: uint256, is_zeroed: bool
):
    assert column_block < 64 and deadline <= MAX_TICK and deposit <= slots.MAX_RAO
    demands._ask(
        key, column_block, demands.Demand(account=account, deadline_tick=deadline, deposit_rao=deposit)
    )
    open_one: demands.Demand = demands._open(key, column_block)
    self._holds(open_one.account == account and open_one.deadline_tick == deadline)
    self._holds(open_one.deposit_rao == deposit and demands._is_open(key))
    demands._end(key, column_block, is_zeroed)
    self._holds(not demands._is_open(key))
    self._holds(demands._zeroed(key) == convert(is_zeroed, uint256) << column_block)


@external
def check_subnet__packed_word_gives_every_field_back(netuid: uint256, pot: uint256, incarnation: uint256, last: uint256):
    assert pot <= slots.MAX_RAO and incarnation < 2**64 and last <= slots.MAX_40
    slots._store_subnet(netuid, slots.Subnet(pot_rao=pot, incarnation=incarnation, last_closed=last))
    stored: slots.Subnet = slots._subnet(netuid)
    self._holds(stored.pot_rao == pot and stored.incarnation == incarnation and stored.last_closed == last)
