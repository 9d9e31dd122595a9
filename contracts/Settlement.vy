# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Settlement
@license AGPL-3.0-only
@notice Turns the revealed rows of an epoch into pay that nobody has to trust: anybody closes the epoch, proposes its result
        with a bond, strikes a wrong result in one transaction, or proves a right one final at once.
@custom:invariant drained + pot before == payouts + owner + proposer + recycled + pot after, for every final epoch, to the rao.
    A true proposal cannot be struck; a false one can always be struck in one transaction, whatever its proposer posted.
    A final or void epoch stays what it is. Every closed epoch becomes final or void, whatever anybody does.
    tao.balanceOf(self) covers the bonds, deposits, pots, open emission and everything that can be withdrawn.
@custom:trust The guardian, set once by Timelock, may cancel one unproven proposal per epoch, bond returned, and nothing else.
@custom:kill Nothing can be stopped; withdraw is open to everybody at any time.
"""

from ethereum.ercs import IERC20

from contracts.interfaces import IEmission
from contracts.interfaces import IExaminer
from contracts.interfaces import INeurons
from contracts.interfaces import IRewards
from contracts.interfaces import ISettlement
from contracts.interfaces import ISubnets
from contracts.modules import bonds_ledger
from contracts.modules import clock as ticks
from contracts.modules import constants as c
from contracts.modules import demands
from contracts.modules import frozen
from contracts.modules import payouts
from contracts.modules import phases
from contracts.modules import registration_id as ids
from contracts.modules import slots
from contracts.modules import trace as traces

implements: ISettlement

initializes: ticks
initializes: slots
initializes: bonds_ledger[slots := slots]
initializes: demands

exports: (
    # time (EIP-6372)
    ticks.clock,
    ticks.CLOCK_MODE,
    ticks.genesis_at,
    ticks.tick_seconds,
)

# an epoch is paid at most this many tempos' accrual
DRAIN_TEMPOS: constant(uint256) = 2
# Examiner's answer to finalize: an offset, ten words, two lists of at most 512 and 64 words with their lengths
MAX_PAY_BYTES: constant(uint256) = 32 * (11 + 513 + 65)

TAO: immutable(IERC20)
EMISSION: immutable(IEmission)
SUBNETS: immutable(ISubnets)
NEURONS: immutable(INeurons)
EXAMINER: immutable(IExaminer)
REWARDS: immutable(IRewards)
TIMELOCK: immutable(address)

MIN_BOND_RAO: immutable(uint256)
DEPOSIT_RAO: immutable(uint256)

_guardian: address


@deploy
def __init__(
    tao: IERC20,
    emission: IEmission,
    subnets: ISubnets,
    neurons: INeurons,
    examiner: IExaminer,
    rewards: IRewards,
    timelock: address,
    genesis_at: uint256,
    tick_seconds: uint256,
    min_bond_rao: uint256,
    deposit_rao: uint256,
):
    """
    @param tao The token.
    @param emission Drained at close; takes back what nobody earns.
    @param subnets Epochs, parameters, owners.
    @param neurons Replaced uids; gets the scores.
    @param examiner Reads what close freezes; recomputes what it is shown.
    @param rewards Gets payouts and roots.
    @param timelock May set the guardian, once.
    @param genesis_at Unix time of tick 0.
    @param tick_seconds Seconds of a tick.
    @param min_bond_rao Smallest bond of a proposal.
    @param deposit_rao What a demand for a bonds block costs, and pays to whoever answers.
    """
    ticks.__init__(genesis_at, tick_seconds)
    assert min_bond_rao <= c.MAX_SUPPLY_RAO and deposit_rao <= c.MAX_SUPPLY_RAO  # they are packed
    TAO = tao
    EMISSION = emission
    SUBNETS = subnets
    NEURONS = neurons
    EXAMINER = examiner
    REWARDS = rewards
    TIMELOCK = timelock
    MIN_BOND_RAO = min_bond_rao
    DEPOSIT_RAO = deposit_rao


@external
def close(netuid: uint256, epoch: uint256):
    """
    @notice Freeze an epoch: stake, rows, seats, uids, parameters and emission. Once, after its reveals, until the next
            epoch can be closed; an epoch that is not closed by then, or too few of whose seats revealed, is null.
    @dev Calls out before the store: what is replaced and what is drained is part of what is frozen.
    @param netuid Number of the subnet.
    @param epoch Number of the epoch.
    """
    key: uint256 = slots._key(netuid, epoch)
    assert slots._epochs[key] == 0, "settlement: already closed"

    subnet: slots.Subnet = slots._subnet(netuid)
    inherited_rao: uint256 = 0
    if subnet.incarnation != ids._incarnation(epoch):
        # what rounding left a predecessor is nobody's
        inherited_rao = subnet.pot_rao
        subnet.pot_rao = 0
    replaced: uint256[4] = extcall NEURONS.take_replaced(netuid, epoch)
    tempo: uint256 = (staticcall SUBNETS.window_of(netuid, epoch)).tempo
    drained_rao: uint256 = extcall EMISSION.drain(netuid, DRAIN_TEMPOS * tempo)
    total_rao: uint256 = subnet.pot_rao + drained_rao
    closing: IExaminer.Closing = staticcall EXAMINER.freeze(
        netuid, epoch, ticks._tick(), subnet.incarnation, subnet.last_closed, total_rao, replaced
    )

    record: ISettlement.Epoch = empty(ISettlement.Epoch)
    record.total_rao = total_rao
    record.closed_tick = ticks._tick()
    record.parent = closing.parent
    record.tempo = tempo
    record.window_ticks = closing.header[1] & frozen.U64
    record.depth = closing.depth
    record.seats = len(closing.seats) - 1
    record.state = slots.CLOSED
    slots._store(key, record)
    slots._frozen_hashes[key] = closing.frozen_hash
    if record.parent != 0:
        parent_key: uint256 = slots._kin(key, record.parent)
        parent: ISettlement.Epoch = slots._load(parent_key)
        parent.child = epoch + 1
        slots._store(parent_key, parent)
    subnet.pot_rao = 0
    subnet.incarnation = (closing.header[0] >> 112) & frozen.U64
    subnet.last_closed = epoch + 1
    slots._store_subnet(netuid, subnet)

    log ISettlement.EpochClosed(
        netuid=netuid,
        epoch=epoch,
        frozen_hash=closing.frozen_hash,
        header=closing.header,
        seats=closing.seats,
        generations=closing.generations,
    )

    self._recycle(inherited_rao)


@external
def propose(
    netuid: uint256,
    epoch: uint256,
    parent_id: uint256,
    bond_rao: uint256,
    trace: DynArray[uint256, traces.MAX_TRACE_WORDS],
) -> uint256:
    """
    @notice Post the result of a closed epoch. One live proposal per epoch; at most two unfinal epochs in a row.
    @param netuid Number of the subnet.
    @param epoch Number of the epoch.
    @param parent_id The parent's proposal, final or live; 0 if the parent is none or void.
    @param bond_rao Bond in rao, at least bond_rao(netuid, epoch); approved for this contract before.
    @param trace The result, docs/settlement.md.
    @return Id of the proposal.
    """
    key: uint256 = slots._key(netuid, epoch)
    record: ISettlement.Epoch = slots._load(key)
    assert record.state == slots.CLOSED, "settlement: not closed"
    assert not record.is_live, "settlement: already proposed"
    self._check_parent(key, record, parent_id)
    assert bond_rao >= self._bond_rao(record), "settlement: bond too small"
    assert bond_rao <= slots.MAX_RAO, "settlement: bond too large"
    blocks: uint256 = self._blocks(record)
    assert len(trace) == traces._length(blocks, record.seats), "settlement: wrong trace length"

    record.attempts += 1
    record.is_live = True
    proposal_id: uint256 = slots._id(key, record)
    slots._store(key, record)
    slots._trace_hashes[proposal_id] = traces._hash(trace, blocks)
    slots._store_proposal(
        proposal_id,
        ISettlement.Proposal(proposer=msg.sender, tick=ticks._tick(), bond_rao=bond_rao),
    )

    log ISettlement.EpochProposed(
        netuid=netuid,
        epoch=epoch,
        proposer=msg.sender,
        proposal_id=proposal_id,
        parent_id=parent_id,
        bond_rao=bond_rao,
        trace=trace,
    )

    self._pull(bond_rao)
    return proposal_id


@external
def challenge_block(
    proposal_id: uint256,
    column_block: uint256,
    frozen_words: ISettlement.Frozen,
    trace: DynArray[uint256, traces.MAX_TRACE_WORDS],
    opening: ISettlement.BlockOpening,
):
    """
    @notice Strike a proposal whose words for a block are not what its inputs give. Half of the bond goes to the caller.
    @param proposal_id A live proposal.
    @param column_block Number of the block.
    @param frozen_words What close froze.
    @param trace What was proposed.
    @param opening Inputs of the block.
    """
    record: ISettlement.Epoch = slots._live(proposal_id)
    assert self._wrong_blocks(proposal_id, record) != 0, "settlement: block is right"

    self._strike(proposal_id, record)


@external
def challenge_sum(
    proposal_id: uint256,
    blocks: uint256,
    seats: uint256,
    trace: DynArray[uint256, traces.MAX_TRACE_WORDS],
    partials: DynArray[uint256, traces.MAX_PARTIAL_WORDS],
):
    """
    @notice Strike a proposal whose total rank or dividend totals are not the sums of its blocks'.
    @param proposal_id A live proposal.
    @param blocks Blocks of the epoch: max_uids / 16.
    @param seats Seats of the epoch.
    @param trace What was proposed.
    @param partials Partial dividend totals of every block; may be empty if the total rank is wrong.
    """
    record: ISettlement.Epoch = slots._live(proposal_id)
    is_right: bool = self._are_sums(proposal_id, record, blocks, seats)
    assert not is_right, "settlement: sums are right"

    self._strike(proposal_id, record)


@external
def prove(
    proposal_id: uint256,
    blocks: uint256,
    frozen_words: ISettlement.Frozen,
    trace: DynArray[uint256, traces.MAX_TRACE_WORDS],
    opening: ISettlement.Opening,
):
    """
    @notice Prove blocks of a proposal. With every block and the sums proven it may be finalized without waiting.
    @param proposal_id A live proposal.
    @param blocks Bitmap, bit b for block b; in any order, over as many calls as wanted.
    @param frozen_words What close froze.
    @param trace What was proposed.
    @param opening Inputs of the blocks.
    """
    record: ISettlement.Epoch = slots._live(proposal_id)
    assert self._wrong_blocks(proposal_id, record) == 0, "settlement: block is wrong"

    slots._proven[proposal_id] |= blocks

    log ISettlement.BlocksProven(proposal_id=proposal_id, blocks=blocks)


@external
def prove_sum(
    proposal_id: uint256,
    blocks: uint256,
    seats: uint256,
    trace: DynArray[uint256, traces.MAX_TRACE_WORDS],
    partials: DynArray[uint256, traces.MAX_PARTIAL_WORDS],
):
    """
    @notice Prove the total rank and the dividend totals of a proposal.
    @param proposal_id A live proposal.
    @param blocks Blocks of the epoch: max_uids / 16.
    @param seats Seats of the epoch.
    @param trace What was proposed.
    @param partials Partial dividend totals of every block.
    """
    record: ISettlement.Epoch = slots._live(proposal_id)
    is_right: bool = self._are_sums(proposal_id, record, blocks, seats)
    assert is_right, "settlement: sums are wrong"

    slots._proven[proposal_id] |= slots.SUMS

    log ISettlement.SumsProven(proposal_id=proposal_id)


@external
def finalize(
    proposal_id: uint256,
    header: uint256[frozen.HEADER_WORDS],
    seats: DynArray[uint256, frozen.MAX_SEAT_WORDS],
    generations: DynArray[uint256, frozen.MAX_GENERATION_WORDS],
    trace: DynArray[uint256, traces.MAX_TRACE_WORDS],
    cumulatives: DynArray[uint256, payouts.MAX_PAIR_WORDS],
    carried: uint256[4],
):
    """
    @notice Make a proposal final: proven, or W ticks old. Pays Rewards, the owner, the proposer; recycles and keeps the rest.
    @param proposal_id A live proposal whose parent is none, final or void.
    @param header The frozen words, as are seats and generations.
    @param trace What was proposed.
    @param cumulatives Cumulative vector that this epoch adds to: of the last final epoch; empty before the first.
    @param carried Uids replaced in the void epochs since that vector, as in the header.
    """
    record: ISettlement.Epoch = slots._live(proposal_id)
    key: uint256 = proposal_id >> 64
    self._check_due(proposal_id, record)
    # SAFETY: Examiner is part of this deployment and has functions of the same names and arguments (tested), so it reads
    # from the calldata what is read here.
    pay: IExaminer.Pay = abi_decode(
        raw_call(EXAMINER.address, msg.data, max_outsize=MAX_PAY_BYTES, is_static_call=True), IExaminer.Pay
    )
    assert pay.frozen_hash == slots._frozen_hashes[key], "settlement: wrong frozen words"
    assert pay.trace_hash == slots._trace_hashes[proposal_id], "settlement: wrong trace"
    self._check_base(key, record, pay.base_hash, carried)

    netuid: uint256 = key >> 64
    rao_emission: uint256 = (header[2] >> 128) & frozen.U64
    owner_rao: uint256 = (header[2] >> 64) & frozen.U64
    proposer_rao: uint256 = header[2] & frozen.U64
    # SAFETY: payouts' invariant, and Examiner is part of this deployment.
    recycled_rao: uint256 = rao_emission - pay.paid_rao
    dust_rao: uint256 = recycled_rao - pay.recycled_rao
    owner: address = self._owner(netuid, (header[0] >> 112) & frozen.U64)
    # nobody earns, or the subnet is no more: it has neither an owner nor a next epoch
    if not pay.is_paid or owner == empty(address):
        dust_rao = 0
        recycled_rao += owner_rao
        owner_rao = 0
    recycled_rao -= dust_rao

    record.state = slots.FINAL
    slots._store(key, record)
    slots._bases[key] = pay.cumulatives_hash
    bonds_ledger._credit(slots._proposal(proposal_id).proposer, proposer_rao)
    if owner_rao != 0:
        bonds_ledger._credit(owner, owner_rao)
    self._release_parent(key, record)
    subnet: slots.Subnet = slots._subnet(netuid)
    subnet.pot_rao += dust_rao
    slots._store_subnet(netuid, subnet)

    log ISettlement.EpochFinalized(
        netuid=netuid,
        epoch=key & frozen.U64,
        proposal_id=proposal_id,
        root=pay.root,
        payouts_rao=pay.paid_rao,
        owner_rao=owner_rao,
        proposer_rao=proposer_rao,
        recycled_rao=recycled_rao,
        pot_rao=dust_rao,
        cumulatives=pay.cumulatives,
    )

    if pay.paid_rao != 0:
        self._push(REWARDS.address, pay.paid_rao)
    if netuid != c.ROOT_NETUID:
        extcall REWARDS.add_root(
            netuid, key & frozen.U64, pay.root, record.depth, pay.paid_rao
        )
    elif len(pay.scores) != 0:
        extcall EMISSION.set_shares(pay.scores)
    if owner != empty(address):
        extcall NEURONS.record_scores(netuid, key & frozen.U64, pay.scores)
    self._recycle(recycled_rao)


@external
def void(
    netuid: uint256,
    epoch: uint256,
    header: uint256[frozen.HEADER_WORDS],
    seats_hash: bytes32,
    generations_hash: bytes32,
):
    """
    @notice Make a closed epoch without a final result null, 3T ticks after its close: its emission is recycled, its bonds
            are zero, its cumulatives are those of the last final epoch.
    @param netuid Number of the subnet.
    @param epoch Number of the epoch; its parent is none, final or void.
    @param header The frozen header.
    @param seats_hash keccak256 over the frozen seat words.
    @param generations_hash keccak256 over the frozen generation words.
    """
    key: uint256 = slots._key(netuid, epoch)
    record: ISettlement.Epoch = slots._load(key)
    assert record.state == slots.CLOSED, "settlement: not closed"
    void_tick: uint256 = phases._void_from(record.closed_tick, record.tempo)
    assert ticks._tick() >= void_tick, "settlement: too early to void"
    assert slots._is_resolved(key, record.parent), "settlement: parent is open"
    self._check_frozen(key, header, seats_hash, generations_hash)

    self._drop(key, epoch + 1)
    record.is_live = False
    record.state = slots.VOID
    slots._store(key, record)
    self._carry(key, record, header)
    self._release_parent(key, record)

    log ISettlement.EpochVoided(netuid=netuid, epoch=epoch, recycled_rao=record.total_rao)

    self._recycle(record.total_rao)


@external
def demand(netuid: uint256, epoch: uint256, column_block: uint256):
    """
    @notice Ask to see a bonds block of the last final epoch. Until it is answered or expires, nothing is proposed or
            finalized on top of that epoch. The deposit pays whoever answers; approve it before.
    @param netuid Number of the subnet.
    @param epoch A final epoch of the subnet that has the number now, whose next closed epoch is neither final nor void.
    @param column_block Number of the block; each can be asked for once.
    """
    key: uint256 = slots._key(netuid, epoch)
    record: ISettlement.Epoch = slots._load(key)
    # what is no more has no next epoch: nobody has to keep its bonds
    is_alive: bool = staticcall SUBNETS.incarnation_of(netuid) == ids._incarnation(epoch)
    assert is_alive and self._is_last_final(key, record), "settlement: not the last final"
    assert column_block < self._blocks(record), "settlement: no such block"

    deadline_tick: uint256 = ticks._tick() + record.window_ticks
    demands._ask(
        key,
        column_block,
        demands.Demand(
            account=msg.sender, deadline_tick=deadline_tick, deposit_rao=DEPOSIT_RAO
        ),
    )

    log ISettlement.BlockDemanded(
        netuid=netuid, epoch=epoch, column_block=column_block, account=msg.sender, deadline_tick=deadline_tick
    )

    self._pull(DEPOSIT_RAO)


@external
def answer(
    netuid: uint256,
    epoch: uint256,
    column_block: uint256,
    bonds: DynArray[uint256, c.MAX_SEATS],
    bonds_hashes: DynArray[uint256, traces.MAX_BLOCKS],
    words_hash: bytes32,
):
    """
    @notice Show a bonds block that was asked for, and take the deposit.
    @param netuid Number of the subnet.
    @param epoch The final epoch.
    @param column_block Number of the block.
    @param bonds The block: one word of 16 u16 per seat.
    @param bonds_hashes Bonds hash of every block of the epoch.
    @param words_hash keccak256 over all words of the epoch's trace.
    """
    key: uint256 = slots._key(netuid, epoch)
    demand: demands.Demand = demands._open(key, column_block)
    assert ticks._tick() < demand.deadline_tick, "settlement: demand expired"
    record: ISettlement.Epoch = slots._load(key)
    proposal_id: uint256 = slots._id(key, record)
    joined: bytes32 = traces._join(frozen._words_hash(bonds_hashes), words_hash)
    assert joined == slots._trace_hashes[proposal_id], "settlement: wrong bonds hashes"
    # a false final proposal may name the hash of a list of any length; a block has one word per seat
    shown: uint256 = convert(frozen._words_hash(bonds), uint256)
    is_shown: bool = len(bonds) == record.seats and shown == bonds_hashes[column_block]
    assert is_shown, "settlement: wrong bonds"

    demands._end(key, column_block, False)
    bonds_ledger._credit(msg.sender, demand.deposit_rao)

    log ISettlement.BlockAnswered(netuid=netuid, epoch=epoch, column_block=column_block, bonds=bonds)


@external
def expire(netuid: uint256, epoch: uint256, column_block: uint256):
    """
    @notice End a demand that nobody answered in time: the block counts as zero, proposals that build on it end with their
            bonds returned, the bond of the final proposal is taken, the deposit goes back.
    @param netuid Number of the subnet.
    @param epoch The final epoch.
    @param column_block Number of the block.
    """
    key: uint256 = slots._key(netuid, epoch)
    demand: demands.Demand = demands._open(key, column_block)
    assert ticks._tick() >= demand.deadline_tick, "settlement: demand is open"

    record: ISettlement.Epoch = slots._load(key)
    demands._end(key, column_block, True)
    bonds_ledger._credit(demand.account, demand.deposit_rao)
    reward_rao: uint256 = 0
    recycled_rao: uint256 = 0
    reward_rao, recycled_rao = bonds_ledger._slash(slots._id(key, record), demand.account)
    self._drop(key, record.child)

    log ISettlement.BlockZeroed(
        netuid=netuid,
        epoch=epoch,
        column_block=column_block,
        reward_rao=reward_rao,
        recycled_rao=recycled_rao,
    )

    self._recycle(recycled_rao)


@external
def release(netuid: uint256, epoch: uint256):
    """
    @notice Give the bond of a final proposal back when no epoch follows: 3T ticks after its close and none closed since.
    @param netuid Number of the subnet.
    @param epoch A final epoch.
    """
    key: uint256 = slots._key(netuid, epoch)
    record: ISettlement.Epoch = slots._load(key)
    is_last: bool = record.state == slots.FINAL and record.child == 0
    assert is_last and not demands._is_open(key), "settlement: bond is needed"
    release_tick: uint256 = phases._void_from(record.closed_tick, record.tempo)
    assert ticks._tick() >= release_tick, "settlement: too early"

    bonds_ledger._return(slots._id(key, record))


@external
def cancel(proposal_id: uint256):
    """
    @notice The guardian cancels an unproven proposal, once per epoch. The bond is returned, the epoch is open again.
    @param proposal_id A live proposal.
    """
    assert msg.sender == self._guardian, "settlement: not the guardian"
    record: ISettlement.Epoch = slots._live(proposal_id)
    assert not record.is_cancelled, "settlement: already cancelled"
    assert not self._is_proven(proposal_id, record), "settlement: proven"

    key: uint256 = proposal_id >> 64
    record.is_live = False
    record.is_cancelled = True
    slots._store(key, record)
    bonds_ledger._return(proposal_id)
    self._drop(key, record.child)

    log ISettlement.ProposalCancelled(proposal_id=proposal_id)


@external
def set_guardian(guardian: address):
    """
    @notice Name the guardian. Only Timelock, once.
    @param guardian Who may cancel.
    """
    assert msg.sender == TIMELOCK, "settlement: not the timelock"
    assert self._guardian == empty(address), "settlement: guardian is set"

    self._guardian = guardian

    log ISettlement.GuardianSet(guardian=guardian)


@external
def withdraw(account: address):
    """
    @notice Pay an account what it may withdraw: bonds, rewards, the owner's cut, proposer's pay. Anybody may call.
    @param account Who is paid.
    """
    amount_rao: uint256 = bonds_ledger._debit_all(account)
    assert amount_rao != 0, "settlement: nothing to withdraw"

    log ISettlement.Withdrawn(account=account, amount_rao=amount_rao)

    self._push(account, amount_rao)


@external
@view
def epoch_of(netuid: uint256, epoch: uint256) -> ISettlement.Epoch:
    """
    @notice Where an epoch stands.
    @param netuid Number of the subnet.
    @param epoch Number of the epoch.
    @return Its record; state 0 if it was never closed.
    """
    return slots._load(slots._key(netuid, epoch))


@external
@view
def proposal_of(proposal_id: uint256) -> ISettlement.Proposal:
    """
    @notice A proposal.
    @param proposal_id Its id.
    @return Proposer, tick and the bond that is still locked.
    """
    return slots._proposal(proposal_id)


@external
@view
def proven_of(proposal_id: uint256) -> uint256:
    """
    @notice What has been proven of a proposal.
    @param proposal_id Its id.
    @return Bitmap: bit b for block b, bit 255 for the sums.
    """
    return slots._proven[proposal_id]


@external
@view
def bond_rao(netuid: uint256, epoch: uint256) -> uint256:
    """
    @notice Smallest bond of the next proposal of a closed epoch.
    @param netuid Number of the subnet.
    @param epoch Number of the epoch.
    @return Amount in rao.
    """
    return self._bond_rao(slots._load(slots._key(netuid, epoch)))


@external
@view
def min_bond_rao() -> uint256:
    """
    @notice Smallest bond of any proposal.
    @return Amount in rao.
    """
    return MIN_BOND_RAO


@external
@view
def deposit_rao() -> uint256:
    """
    @notice What a demand for a bonds block costs.
    @return Amount in rao.
    """
    return DEPOSIT_RAO


@external
@view
def pot_rao(netuid: uint256) -> uint256:
    """
    @notice What rounding has left, for the next close.
    @param netuid Number of the subnet.
    @return Amount in rao.
    """
    return slots._subnet(netuid).pot_rao


@external
@view
def withdrawable_rao(account: address) -> uint256:
    """
    @notice What `withdraw` would pay.
    @param account Who is paid.
    @return Amount in rao.
    """
    return bonds_ledger._withdrawable_rao[account]


@external
@view
def guardian() -> address:
    """
    @notice Who may cancel an unproven proposal.
    @return The guardian, zero before it is set.
    """
    return self._guardian


@internal
@view
def _check_parent(key: uint256, record: ISettlement.Epoch, parent_id: uint256):
    """
    @notice The parent is the right one and final, or live on a resolved parent; nobody waits for one of its blocks.
    """
    assert parent_id == slots._parent_id(key, record), "settlement: wrong parent"
    if parent_id == 0:
        return
    parent_key: uint256 = parent_id >> 64
    parent: ISettlement.Epoch = slots._load(parent_key)
    if parent.state == slots.CLOSED:
        assert parent.is_live, "settlement: parent not proposed"
        assert slots._is_resolved(parent_key, parent.parent), "settlement: two unfinal epochs"
    self._check_no_demand(key, record)


@internal
@view
def _check_no_demand(key: uint256, record: ISettlement.Epoch):
    if record.parent != 0:
        parent_key: uint256 = slots._kin(key, record.parent)
        assert not demands._is_open(parent_key), "settlement: demand is open"


@internal
@view
def _bond_rao(record: ISettlement.Epoch) -> uint256:
    """
    @notice The epoch's emission, at least the minimum, doubled for every strike.
    """
    # SAFETY: fewer than 57 strikes (slots._store), so this stays below 2**113.
    return max(MIN_BOND_RAO, record.total_rao) << record.strikes


@internal
@pure
def _blocks(record: ISettlement.Epoch) -> uint256:
    """
    @notice Blocks of 16 columns.
    """
    return 1 << (record.depth - 4)


@internal
@view
def _wrong_blocks(proposal_id: uint256, record: ISettlement.Epoch) -> uint256:
    """
    @notice Which of the blocks that the calldata opens are not what their inputs give, as a bitmap.
    """
    # SAFETY: as in finalize.
    findings: IExaminer.BlockFindings = abi_decode(
        raw_call(EXAMINER.address, msg.data, max_outsize=160, is_static_call=True),
        IExaminer.BlockFindings,
    )
    key: uint256 = proposal_id >> 64
    assert findings.frozen_hash == slots._frozen_hashes[key], "settlement: wrong frozen words"
    assert findings.trace_hash == slots._trace_hashes[proposal_id], "settlement: wrong trace"
    parent_id: uint256 = slots._parent_id(key, record)
    zeroed: uint256 = max_value(uint256)
    if parent_id != 0:
        zeroed = demands._zeroed(parent_id >> 64)
        parent_hash: bytes32 = slots._trace_hashes[parent_id]
        assert findings.parent_hash == parent_hash, "settlement: wrong parent bonds"
    assert findings.zeroed == zeroed, "settlement: wrong zeroed blocks"
    return findings.wrong


@internal
@view
def _are_sums(
    proposal_id: uint256, record: ISettlement.Epoch, blocks: uint256, seats: uint256
) -> bool:
    """
    @notice Whether the sums in the calldata's trace are right.
    """
    is_shaped: bool = blocks == self._blocks(record) and seats == record.seats
    assert is_shaped, "settlement: wrong shape"
    # SAFETY: as in finalize.
    findings: IExaminer.SumFindings = abi_decode(
        raw_call(EXAMINER.address, msg.data, max_outsize=64, is_static_call=True), IExaminer.SumFindings
    )
    assert findings.trace_hash == slots._trace_hashes[proposal_id], "settlement: wrong trace"
    return findings.is_right


@internal
@view
def _check_frozen(
    key: uint256,
    header: uint256[frozen.HEADER_WORDS],
    seats_hash: bytes32,
    generations_hash: bytes32,
):
    frozen_hash: bytes32 = frozen._hash(frozen._header_hash(header), seats_hash, generations_hash)
    assert frozen_hash == slots._frozen_hashes[key], "settlement: wrong frozen words"


@internal
@view
def _is_proven(proposal_id: uint256, record: ISettlement.Epoch) -> bool:
    """
    @notice Whether every block and the sums are proven.
    """
    all_blocks: uint256 = (1 << self._blocks(record)) - 1
    return slots._proven[proposal_id] == all_blocks | slots.SUMS


@internal
@view
def _check_due(proposal_id: uint256, record: ISettlement.Epoch):
    """
    @notice Old enough or proven; the parent resolved, and nobody waits for one of its blocks.
    """
    due_tick: uint256 = phases._final_from(
        slots._proposal(proposal_id).tick, record.window_ticks
    )
    is_due: bool = ticks._tick() >= due_tick or self._is_proven(proposal_id, record)
    assert is_due, "settlement: window is open"
    key: uint256 = proposal_id >> 64
    assert slots._is_resolved(key, record.parent), "settlement: parent is open"
    self._check_no_demand(key, record)


@internal
@view
def _check_base(
    key: uint256, record: ISettlement.Epoch, base_hash: bytes32, carried: uint256[4]
):
    """
    @notice The cumulative vector is the parent's, with the uids that void epochs replaced since.
    """
    expected_hash: bytes32 = empty(bytes32)
    if record.parent != 0:
        expected_hash = slots._bases[slots._kin(key, record.parent)]
    assert base_hash == expected_hash, "settlement: wrong cumulatives"
    expected: uint256[4] = self._carried(key, record)
    for w: uint256 in range(4):
        assert carried[w] == expected[w], "settlement: wrong carried"


@internal
@view
def _carried(key: uint256, record: ISettlement.Epoch) -> uint256[4]:
    """
    @notice Uids that the void epochs before this one replaced.
    """
    if record.parent != 0:
        parent_key: uint256 = slots._kin(key, record.parent)
        if slots._load(parent_key).state == slots.VOID:
            return slots._carried[parent_key]
    return empty(uint256[4])


@internal
@view
def _owner(netuid: uint256, incarnation: uint256) -> address:
    """
    @notice Coldkey that the owner's cut of an epoch belongs to; zero if its subnet is no more.
    """
    if not staticcall SUBNETS.exists(netuid):
        return empty(address)
    if incarnation != staticcall SUBNETS.incarnation_of(netuid):
        return empty(address)
    return staticcall SUBNETS.owner_of(netuid)


@internal
@view
def _is_last_final(key: uint256, record: ISettlement.Epoch) -> bool:
    """
    @notice Whether an epoch is final and what follows it is not resolved.
    """
    if record.state != slots.FINAL:
        return False
    if record.child == 0:
        return True
    return not slots._is_resolved(key, record.child)


@internal
def _carry(key: uint256, record: ISettlement.Epoch, header: uint256[frozen.HEADER_WORDS]):
    """
    @notice A void epoch hands its parent's cumulative vector on, and with it the uids that it has replaced.
    """
    if record.parent == 0:
        return
    base: bytes32 = slots._bases[slots._kin(key, record.parent)]
    if base == empty(bytes32):
        return  # nobody has earned anything yet
    carried: uint256[4] = self._carried(key, record)
    for w: uint256 in range(4):
        carried[w] |= header[4 + w]
    slots._bases[key] = base
    slots._carried[key] = carried


@internal
def _release_parent(key: uint256, record: ISettlement.Epoch):
    """
    @notice A final proposal's bond is locked until the next epoch is final or void.
    """
    if record.parent != 0:
        parent_key: uint256 = slots._kin(key, record.parent)
        parent: ISettlement.Epoch = slots._load(parent_key)
        if parent.state == slots.FINAL:
            bonds_ledger._return(slots._id(parent_key, parent))


@internal
def _strike(proposal_id: uint256, struck: ISettlement.Epoch):
    """
    @notice End a false proposal: half of the bond to the caller, half recycled, the epoch open again at a doubled bond.
    """
    key: uint256 = proposal_id >> 64
    record: ISettlement.Epoch = struck
    record.is_live = False
    record.strikes += 1
    slots._store(key, record)
    reward_rao: uint256 = 0
    recycled_rao: uint256 = 0
    reward_rao, recycled_rao = bonds_ledger._slash(proposal_id, msg.sender)
    self._drop(key, record.child)

    log ISettlement.ProposalStruck(
        proposal_id=proposal_id,
        challenger=msg.sender,
        reward_rao=reward_rao,
        recycled_rao=recycled_rao,
    )

    self._recycle(recycled_rao)


@internal
def _drop(key: uint256, epoch_plus_one: uint256):
    """
    @notice End the live proposal of an epoch, and the one that builds on it; their bonds are returned.
    @dev At most two epochs in a row are unfinal, so no third one has a live proposal.
    """
    following: uint256 = epoch_plus_one
    for _: uint256 in range(2):
        if following == 0:
            return
        following_key: uint256 = slots._kin(key, following)
        record: ISettlement.Epoch = slots._load(following_key)
        if record.state != slots.CLOSED or not record.is_live:
            return
        record.is_live = False
        slots._store(following_key, record)
        proposal_id: uint256 = slots._id(following_key, record)
        bonds_ledger._return(proposal_id)
        log ISettlement.ProposalDropped(proposal_id=proposal_id)
        following = record.child


@internal
def _pull(amount_rao: uint256):
    assert extcall TAO.transferFrom(msg.sender, self, amount_rao, default_return_value=True)


@internal
def _push(account: address, amount_rao: uint256):
    assert extcall TAO.transfer(account, amount_rao, default_return_value=True)


@internal
def _recycle(amount_rao: uint256):
    """
    @notice Give rao back through Emission.
    """
    if amount_rao == 0:
        return
    # once: the token does not lower an allowance without end
    if staticcall TAO.allowance(self, EMISSION.address) < amount_rao:
        assert extcall TAO.approve(
            EMISSION.address, max_value(uint256), default_return_value=True
        )
    extcall EMISSION.recycle(amount_rao)
