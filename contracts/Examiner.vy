# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Examiner
@license AGPL-3.0-only
@notice The part of Settlement that only computes: recomputes blocks through the kernel, adds sums, works out pay. Settlement
        forwards its calldata as it came, so functions and arguments are the same, and compares the hashes that come back
        with what it has stored.
@custom:invariant The same calldata always gives the same findings. Nothing reverts because of what a proposer posted.
@custom:trust Nobody has any power here; there is no storage. What it says of words that Settlement has not stored is worth nothing.
@custom:kill Nothing can be stopped.
"""

from contracts.interfaces import IExaminer
from contracts.interfaces import INeurons
from contracts.interfaces import ISettlement
from contracts.interfaces import ISubnets
from contracts.interfaces import IWeights
from contracts.interfaces import IYumaKernel
from contracts.modules import constants as c
from contracts.modules import frozen
from contracts.modules import openings
from contracts.modules import payouts
from contracts.modules import phases
from contracts.modules import root_shares
from contracts.modules import trace as traces

implements: IExaminer

# the proposer of the final result earns one part in this
PROPOSER_PART: constant(uint256) = 1_000
# of the occupied seats, one in this many has to reveal
QUORUM_PART: constant(uint256) = 3
# header: the owner's hotkey is no neuron
NO_OWNER: constant(uint256) = 65_535

SUBNETS: immutable(ISubnets)
NEURONS: immutable(INeurons)
WEIGHTS: immutable(IWeights)
KERNEL: immutable(IYumaKernel)
REWARDS: immutable(address)


@deploy
def __init__(
    subnets: ISubnets,
    neurons: INeurons,
    weights: IWeights,
    kernel: IYumaKernel,
    rewards: address,
):
    """
    @param subnets Epochs and parameters.
    @param neurons Uids and seats.
    @param weights Revealed rows.
    @param kernel Recomputes a block.
    @param rewards Contract that pays, part of every leaf.
    """
    SUBNETS = subnets
    NEURONS = neurons
    WEIGHTS = weights
    KERNEL = kernel
    REWARDS = rewards


@external
@view
def freeze(
    netuid: uint256,
    epoch: uint256,
    tick: uint256,
    incarnation: uint256,
    last_closed: uint256,
    total_rao: uint256,
    replaced: uint256[4],
) -> IExaminer.Closing:
    """
    @notice Everything that close freezes.
    @dev Loops over at most 64 seats.
    @param netuid Number of the subnet.
    @param epoch Number of the epoch.
    @param tick The current tick.
    @param incarnation Incarnation of the subnet at its last close.
    @param last_closed Epoch + 1 of that close; 0: none.
    @param total_rao The epoch's emission: drained and pot.
    @param replaced Bitmap of the uids replaced since that close.
    @return The frozen words and their hash.
    """
    window: ISubnets.EpochWindow = staticcall SUBNETS.window_of(netuid, epoch)
    self._check_closable(netuid, window, tick)
    header: frozen.Header = self._header(netuid, window, total_rao)
    header.closed_tick = tick
    # nothing passes from one incarnation of a netuid to the next
    if incarnation == header.incarnation:
        header.parent = last_closed
    header.proposer_rao = total_rao // PROPOSER_PART  # rounds down
    header.rao_emission = total_rao - header.owner_rao - header.proposer_rao
    header.replaced = replaced

    closing: IExaminer.Closing = empty(IExaminer.Closing)
    closing.parent = header.parent
    closing.depth = self._log2(header.max_uids)
    standing: INeurons.Standing = staticcall NEURONS.standing_at(netuid, epoch)
    closing.seats = self._seats(netuid, epoch, header.parent, standing.seats)
    header.seats = len(closing.seats) - 1
    closing.header = frozen._pack(header)
    closing.generations = standing.generations
    closing.frozen_hash = frozen._hash(
        frozen._header_hash(closing.header),
        frozen._short_hash(closing.seats),
        frozen._short_hash(closing.generations),
    )
    return closing


@external
@view
def challenge_block(
    proposal_id: uint256,
    column_block: uint256,
    frozen_words: ISettlement.Frozen,
    trace: DynArray[uint256, traces.MAX_TRACE_WORDS],
    opening: ISettlement.BlockOpening,
) -> IExaminer.BlockFindings:
    """
    @notice Recompute one block.
    @dev Loops over at most 64 seats. The same steps as prove, for one block; SAFETY: the counters of words stay below the
         bounds of the lists, which are checked.
    @param proposal_id Not read here.
    @param column_block Number of the block.
    @param frozen_words What close froze.
    @param trace What was proposed.
    @param opening Inputs of the block.
    @return Which blocks are wrong, as a bitmap, and what was given.
    """
    findings: IExaminer.BlockFindings = self._given(
        frozen_words.header, frozen_words.seats, frozen_words.generations_hash, trace
    )
    findings.parent_hash = traces._join(
        frozen._short_hash(opening.parent_bonds), opening.parent_words_hash
    )
    findings.zeroed = opening.zeroed
    max_uids: uint256 = (frozen_words.header[0] >> 96) & frozen.U16
    assert column_block < max_uids // 16, "examiner: no such block"
    inputs: IYumaKernel.Block = openings._inputs(
        frozen_words.header, frozen_words.seats, trace[0]
    )

    width: uint256 = openings._chunk_words(max_uids)
    chunks: uint256 = openings._chunks(max_uids)
    at: uint256 = 0
    sibling_at: uint256 = 0
    row_hashes: bytes32[c.MAX_SEATS] = empty(bytes32[c.MAX_SEATS])
    revealed: uint256 = 0
    for i: uint256 in range(inputs.seat_count, bound=c.MAX_SEATS):
        if inputs.seats[i] & frozen.REVEALED == 0:
            continue
        hashes: uint256[openings.MAX_CHUNKS] = empty(uint256[openings.MAX_CHUNKS])
        for k: uint256 in range(chunks, bound=openings.MAX_CHUNKS):
            if k != column_block // openings.CHUNK_BLOCKS:
                hashes[k] = opening.siblings[sibling_at]
                sibling_at = unsafe_add(sibling_at, 1)
                continue
            chunk: bytes32 = empty(bytes32)
            if width == 4:
                chunk = keccak256(
                    abi_encode(
                        opening.rows[at],
                        opening.rows[at + 1],
                        opening.rows[at + 2],
                        opening.rows[at + 3],
                    )
                )
            elif width == 2:
                chunk = keccak256(abi_encode(opening.rows[at], opening.rows[at + 1]))
            else:
                chunk = keccak256(abi_encode(opening.rows[at]))
            hashes[k] = convert(chunk, uint256)
            inputs.rows[i] = opening.rows[at + column_block % openings.CHUNK_BLOCKS]
            at = unsafe_add(at, width)
        row_hashes[openings._place(inputs.seats[i])] = openings._row_hash(hashes, chunks)
        revealed = unsafe_add(revealed, 1)
    openings._check_rows(row_hashes, revealed, frozen_words.seats[inputs.seat_count])

    if (opening.zeroed >> column_block) & 1 == 0:
        for i: uint256 in range(inputs.seat_count, bound=c.MAX_SEATS):
            inputs.bonds[i] = opening.bonds[i]
        openings._check_bonds(inputs.bonds, inputs.seat_count, opening.parent_bonds[column_block])
    inputs.replaced = frozen._replaced_in(
        column_block, frozen_words.header[4 + column_block // 16]
    )
    inputs.hints = [opening.hints[0], opening.hints[1], opening.hints[2], opening.hints[3]]
    posted: uint256[traces.BLOCK_WORDS] = empty(uint256[traces.BLOCK_WORDS])
    for g: uint256 in range(traces.BLOCK_WORDS):
        posted[g] = trace[1 + traces.BLOCK_WORDS * column_block + g]
    if not openings._is_right(KERNEL, inputs, posted):
        findings.wrong = 1 << column_block
    return findings


@external
@view
def prove(
    proposal_id: uint256,
    blocks: uint256,
    frozen_words: ISettlement.Frozen,
    trace: DynArray[uint256, traces.MAX_TRACE_WORDS],
    opening: ISettlement.Opening,
) -> IExaminer.BlockFindings:
    """
    @notice Recompute blocks.
    @dev Loops over at most 64 blocks of 64 seats. SAFETY: the counters of words stay below the bounds of the lists, which
         are checked.
    @param proposal_id Not read here.
    @param blocks Bitmap, bit b for block b.
    @param frozen_words What close froze.
    @param trace What was proposed.
    @param opening Inputs of the blocks.
    @return Which blocks are wrong, as a bitmap, and what was given.
    """
    findings: IExaminer.BlockFindings = self._given(
        frozen_words.header, frozen_words.seats, frozen_words.generations_hash, trace
    )
    findings.parent_hash = traces._join(
        frozen._short_hash(opening.parent_bonds), opening.parent_words_hash
    )
    findings.zeroed = opening.zeroed
    max_uids: uint256 = (frozen_words.header[0] >> 96) & frozen.U16
    assert blocks != 0 and blocks >> (max_uids // 16) == 0, "examiner: no such block"
    inputs: IYumaKernel.Block = openings._inputs(
        frozen_words.header, frozen_words.seats, trace[0]
    )

    width: uint256 = openings._chunk_words(max_uids)
    chunks: uint256 = openings._chunks(max_uids)
    at: uint256 = 0
    sibling_at: uint256 = 0
    row_hashes: bytes32[c.MAX_SEATS] = empty(bytes32[c.MAX_SEATS])
    revealed: uint256 = 0
    for i: uint256 in range(inputs.seat_count, bound=c.MAX_SEATS):
        if inputs.seats[i] & frozen.REVEALED == 0:
            continue
        hashes: uint256[openings.MAX_CHUNKS] = empty(uint256[openings.MAX_CHUNKS])
        for k: uint256 in range(chunks, bound=openings.MAX_CHUNKS):
            if (blocks >> (openings.CHUNK_BLOCKS * k)) & 15 == 0:
                hashes[k] = opening.siblings[sibling_at]
                sibling_at = unsafe_add(sibling_at, 1)
                continue
            chunk: bytes32 = empty(bytes32)
            if width == 4:
                chunk = keccak256(
                    abi_encode(
                        opening.rows[at],
                        opening.rows[at + 1],
                        opening.rows[at + 2],
                        opening.rows[at + 3],
                    )
                )
            elif width == 2:
                chunk = keccak256(abi_encode(opening.rows[at], opening.rows[at + 1]))
            else:
                chunk = keccak256(abi_encode(opening.rows[at]))
            hashes[k] = convert(chunk, uint256)
            at = unsafe_add(at, width)
        row_hashes[openings._place(inputs.seats[i])] = openings._row_hash(hashes, chunks)
        revealed = unsafe_add(revealed, 1)
    openings._check_rows(row_hashes, revealed, frozen_words.seats[inputs.seat_count])

    stride: uint256 = width * openings._chunks_in(blocks)
    first: uint256 = 0  # where the block's chunk begins in the first row
    hint_at: uint256 = 0
    bonds_at: uint256 = 0
    for b: uint256 in range(max_uids // 16, bound=traces.MAX_BLOCKS):
        in_chunk: uint256 = b % openings.CHUNK_BLOCKS
        if in_chunk == 0 and b != 0 and (blocks >> (b - openings.CHUNK_BLOCKS)) & 15 != 0:
            first += width
        if (blocks >> b) & 1 == 0:
            continue

        at = first + in_chunk
        for i: uint256 in range(inputs.seat_count, bound=c.MAX_SEATS):
            if inputs.seats[i] & frozen.REVEALED != 0:
                inputs.rows[i] = opening.rows[at]
                at = unsafe_add(at, stride)
        if (opening.zeroed >> b) & 1 == 0:
            for i: uint256 in range(inputs.seat_count, bound=c.MAX_SEATS):
                inputs.bonds[i] = opening.bonds[unsafe_add(bonds_at, i)]
            bonds_at += inputs.seat_count
            openings._check_bonds(inputs.bonds, inputs.seat_count, opening.parent_bonds[b])
        else:
            inputs.bonds = empty(uint256[c.MAX_SEATS])
        inputs.replaced = frozen._replaced_in(b, frozen_words.header[4 + b // 16])
        posted: uint256[traces.BLOCK_WORDS] = empty(uint256[traces.BLOCK_WORDS])
        for g: uint256 in range(4):
            inputs.hints[g] = opening.hints[hint_at + g]
        for g: uint256 in range(traces.BLOCK_WORDS):
            posted[g] = trace[1 + traces.BLOCK_WORDS * b + g]
        hint_at += 4
        if not openings._is_right(KERNEL, inputs, posted):
            findings.wrong |= 1 << b
    return findings


@external
@view
def challenge_sum(
    proposal_id: uint256,
    blocks: uint256,
    seats: uint256,
    trace: DynArray[uint256, traces.MAX_TRACE_WORDS],
    partials: DynArray[uint256, traces.MAX_PARTIAL_WORDS],
) -> IExaminer.SumFindings:
    """
    @notice Add up the blocks.
    @param proposal_id Not read here.
    @param blocks Blocks of the epoch.
    @param seats Seats of the epoch.
    @param trace What was proposed.
    @param partials Partial dividend totals of every block; not read when the total rank is wrong.
    @return Whether the sums are right, and what was given.
    """
    return IExaminer.SumFindings(
        trace_hash=traces._hash(trace, blocks),
        is_right=traces._are_sums(trace, blocks, seats, partials),
    )


@external
@view
def prove_sum(
    proposal_id: uint256,
    blocks: uint256,
    seats: uint256,
    trace: DynArray[uint256, traces.MAX_TRACE_WORDS],
    partials: DynArray[uint256, traces.MAX_PARTIAL_WORDS],
) -> IExaminer.SumFindings:
    """
    @notice Add up the blocks.
    @param proposal_id Not read here.
    @param blocks Blocks of the epoch.
    @param seats Seats of the epoch.
    @param trace What was proposed.
    @param partials Partial dividend totals of every block; not read when the total rank is wrong.
    @return Whether the sums are right, and what was given.
    """
    return IExaminer.SumFindings(
        trace_hash=traces._hash(trace, blocks),
        is_right=traces._are_sums(trace, blocks, seats, partials),
    )


@external
@view
def finalize(
    proposal_id: uint256,
    header: uint256[frozen.HEADER_WORDS],
    seats: DynArray[uint256, frozen.MAX_SEAT_WORDS],
    generations: DynArray[uint256, frozen.MAX_GENERATION_WORDS],
    trace: DynArray[uint256, traces.MAX_TRACE_WORDS],
    cumulatives: DynArray[uint256, payouts.MAX_PAIR_WORDS],
    carried: uint256[4],
) -> IExaminer.Pay:
    """
    @notice Work out the pay of an epoch. The root pays nobody: it has no cumulative vector and no tree,
            and its scores are the subnets' shares, u128 lanes.
    @param proposal_id Not read here.
    @param header The frozen words, as are seats and generations.
    @param trace What was proposed.
    @param cumulatives Cumulative vector that the epoch adds to; empty before the first final one.
    @param carried Uids replaced in void epochs since that vector.
    @return Pay, cumulative vector, root, scores, and what was given.
    """
    max_uids: uint256 = (header[0] >> 96) & frozen.U16
    pay: IExaminer.Pay = empty(IExaminer.Pay)
    if header[0] >> 240 == c.ROOT_NETUID:
        # nothing of `cumulatives` is ever stored, so none are right
        pay.scores = root_shares._words(
            trace, generations, staticcall SUBNETS.incarnations_at(max_value(uint256))
        )
    else:
        replaced: uint256[4] = [
            header[4] | carried[0],
            header[5] | carried[1],
            header[6] | carried[2],
            header[7] | carried[3],
        ]
        pay = payouts._pay(
            REWARDS, header, seats, generations, trace, cumulatives, replaced
        )
        pay.cumulatives_hash = frozen._words_hash(pay.cumulatives)
    pay.frozen_hash = frozen._hash(
        frozen._header_hash(header), frozen._short_hash(seats), frozen._short_hash(generations)
    )
    pay.trace_hash = traces._hash(trace, max_uids // 16)
    if len(cumulatives) != 0:
        pay.base_hash = frozen._words_hash(cumulatives)
    return pay


@internal
@pure
def _given(
    header: uint256[frozen.HEADER_WORDS],
    seats: DynArray[uint256, frozen.MAX_SEAT_WORDS],
    generations_hash: bytes32,
    trace: DynArray[uint256, traces.MAX_TRACE_WORDS],
) -> IExaminer.BlockFindings:
    """
    @notice Hashes of what was given.
    """
    findings: IExaminer.BlockFindings = empty(IExaminer.BlockFindings)
    findings.frozen_hash = frozen._hash(
        frozen._header_hash(header), frozen._short_hash(seats), generations_hash
    )
    findings.trace_hash = traces._hash(trace, ((header[0] >> 96) & frozen.U16) // 16)
    return findings


@internal
@view
def _header(
    netuid: uint256, window: ISubnets.EpochWindow, total_rao: uint256
) -> frozen.Header:
    """
    @notice What Subnets and Neurons know of an epoch, and the owner's cut of its emission.
    """
    epoch: uint256 = window.epoch
    header: frozen.Header = empty(frozen.Header)
    header.netuid = netuid
    header.epoch = epoch
    header.incarnation = staticcall SUBNETS.incarnation_of(netuid)
    header.max_uids = staticcall SUBNETS.max_uids(netuid)
    parameters: ISubnets.ConsensusParameters = staticcall SUBNETS.consensus_parameters(
        netuid, epoch
    )
    # not a neuron: 2**256 - 1
    header.owner_uid = min(
        staticcall NEURONS.uid_of(netuid, parameters.owner_hotkey, epoch), NO_OWNER
    )
    if parameters.is_owner_cut_enabled:
        header.owner_rao = total_rao * c.OWNER_CUT_U16 // c.U16_MAX  # rounds down
    header.kappa_u16 = parameters.kappa_u16
    header.bonds_penalty_u16 = parameters.bonds_penalty_u16
    header.bonds_moving_average_ppm = parameters.bonds_moving_average_ppm
    header.start_tick = window.start_tick
    header.tempo = window.tempo
    header.reveal_ticks = window.reveal_ticks
    header.window_ticks = window.window_ticks
    return header


@internal
@view
def _seats(
    netuid: uint256, epoch: uint256, parent: uint256, holders: DynArray[uint256, c.MAX_SEATS]
) -> DynArray[uint256, frozen.MAX_SEAT_WORDS]:
    """
    @notice A word for every seat, then all rows folded; reverts if too few of the occupied ones revealed.
    """
    rows: DynArray[uint256, frozen.MAX_SEAT_WORDS] = staticcall WEIGHTS.rows_of(
        netuid, epoch, len(holders)
    )
    folded: uint256 = rows[len(holders)]
    words: DynArray[uint256, frozen.MAX_SEAT_WORDS] = []
    occupied: uint256 = 0
    revealed: uint256 = 0
    words, occupied, revealed = frozen._seats(holders, rows, parent)
    assert revealed != 0 and QUORUM_PART * revealed >= occupied, "examiner: epoch is null"
    # INVARIANT: every row that was folded has its seat, or no challenge could show the rows.
    assert folded & 255 == revealed, "examiner: row without a seat"
    words.append(folded)
    return words


@internal
@view
def _check_closable(netuid: uint256, window: ISubnets.EpochWindow, tick: uint256):
    """
    @notice From the end of the reveals until the next epoch can be closed.
    """
    successor: ISubnets.EpochWindow = staticcall SUBNETS.window_of(netuid, window.epoch + 1)
    is_closable: bool = phases._is_closable(window, successor, tick)
    assert is_closable, "examiner: not the time to close"


@internal
@pure
def _log2(max_uids: uint256) -> uint256:
    """
    @notice Depth of the tree over a power of two of at most 1,024 leaves.
    """
    depth: uint256 = 4
    for _: uint256 in range(6):
        if 1 << depth < max_uids:
            depth += 1
    return depth
