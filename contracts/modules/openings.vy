# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Openings
@license AGPL-3.0-only
@notice Predicate P1: a block's words follow from the frozen words, the rows and the parent's bonds. Opens those and
        asks the kernel. Layout: docs/settlement.md. Twin: offchain/settlement/openings.py.
"""

from contracts.interfaces import ISettlement
from contracts.interfaces import IYumaKernel
from contracts.modules import constants as c
from contracts.modules import frozen
from contracts.modules import trace

# 16 blocks of 64 seats: a whole epoch of 256 uids in one transaction
MAX_OPENED_WORDS: constant(uint256) = 1024
MAX_CHUNKS: constant(uint256) = c.MAX_UIDS // 64
MAX_SIBLINGS: constant(uint256) = c.MAX_SEATS * (MAX_CHUNKS - 1)
# blocks in a full chunk of 64 columns
CHUNK_BLOCKS: constant(uint256) = 4


@internal
@view
def _wrong_blocks(
    kernel: IYumaKernel,
    selected: uint256,
    header: uint256[frozen.HEADER_WORDS],
    seats: DynArray[uint256, frozen.MAX_SEAT_WORDS],
    words: DynArray[uint256, trace.MAX_TRACE_WORDS],
    opening: ISettlement.Opening,
) -> uint256:
    """
    @notice Which of the selected blocks differ from what the kernel computes.
    @dev Loops over at most 64 blocks of 64 seats. Reverts only on what the caller supplies: selection, rows, bonds, hints.
    @param kernel Recomputes a inputs.
    @param selected Bitmap of blocks, bit b for block b.
    @param header The frozen words, as are seats.
    @param words The trace under examination.
    @param opening What the caller opens; its parent_bonds and zeroed are checked by Settlement.
    @return Bitmap of blocks.
    """
    max_uids: uint256 = (header[0] >> 96) & frozen.U16
    assert selected != 0 and selected >> (max_uids // 16) == 0, "openings: no such block"
    self._check_rows(selected, max_uids, seats, opening.rows, opening.siblings)

    wrong: uint256 = 0
    done: uint256 = 0  # blocks
    bonds_at: uint256 = 0
    chunks_before: uint256 = 0
    stride: uint256 = self._chunk_words(max_uids) * self._chunks_in(selected)
    inputs: IYumaKernel.Block = empty(IYumaKernel.Block)
    inputs.seat_count = len(seats) // 2
    inputs.kappa_u16 = (header[0] >> 48) & frozen.U16
    inputs.bonds_penalty_u16 = (header[0] >> 32) & frozen.U16
    inputs.bonds_moving_average_ppm = header[0] & frozen.U32
    inputs.total_rank = words[0]
    for i: uint256 in range(inputs.seat_count, bound=c.MAX_SEATS):
        inputs.seats[i] = seats[2 * i]

    for b: uint256 in range(max_uids // 16, bound=trace.MAX_BLOCKS):
        if b % CHUNK_BLOCKS == 0 and b != 0 and (selected >> (b - CHUNK_BLOCKS)) & 15 != 0:
            chunks_before += 1
        if (selected >> b) & 1 == 0:
            continue

        inputs.replaced = frozen._replaced_in(b, header[4 + b // 16])
        for g: uint256 in range(4):
            inputs.hints[g] = opening.hints[4 * done + g]
        at: uint256 = CHUNK_BLOCKS * chunks_before + b % CHUNK_BLOCKS
        for i: uint256 in range(inputs.seat_count, bound=c.MAX_SEATS):
            row_word: uint256 = 0
            if inputs.seats[i] & frozen.REVEALED != 0:
                row_word = opening.rows[at]
                at = unsafe_add(at, stride)
            inputs.rows[i] = row_word
        bonds: DynArray[uint256, c.MAX_SEATS] = []
        is_opened: bool = (opening.zeroed >> b) & 1 == 0
        for i: uint256 in range(inputs.seat_count, bound=c.MAX_SEATS):
            bonds_word: uint256 = 0
            if is_opened:
                bonds_word = opening.bonds[bonds_at + i]
                bonds.append(bonds_word)
            inputs.bonds[i] = bonds_word
        if is_opened:
            bonds_at += inputs.seat_count
            bonds_hash: uint256 = convert(frozen._words_hash(bonds), uint256)
            assert bonds_hash == opening.parent_bonds[b], "openings: wrong bonds"

        if not self._follows(b, words, staticcall kernel.recompute(inputs)):
            wrong |= 1 << b
        done += 1
    return wrong


@internal
@pure
def _follows(
    b: uint256, words: DynArray[uint256, trace.MAX_TRACE_WORDS], true_words: IYumaKernel.Words
) -> bool:
    """
    @notice Whether the six posted words of a block are the true ones.
    """
    at: uint256 = 1 + trace.BLOCK_WORDS * b
    return (
        words[at] == true_words.ranks[0]
        and words[at + 1] == true_words.ranks[1]
        and words[at + 2] == true_words.ranks[2]
        and words[at + 3] == true_words.ranks[3]
        and words[at + trace.BONDS_HASH] == convert(true_words.bonds_hash, uint256)
        and words[at + trace.PARTIAL_HASH] == convert(true_words.partial_hash, uint256)
    )


@internal
@pure
def _check_rows(
    selected: uint256,
    max_uids: uint256,
    seats: DynArray[uint256, frozen.MAX_SEAT_WORDS],
    rows: DynArray[uint256, MAX_OPENED_WORDS],
    siblings: DynArray[uint256, MAX_SIBLINGS],
):
    """
    @notice The opened chunks and the hashes of the others make the frozen row hash of every seat that revealed.
    """
    chunks: uint256 = max(max_uids // 64, 1)
    width: uint256 = self._chunk_words(max_uids)
    at: uint256 = 0
    sibling_at: uint256 = 0
    for i: uint256 in range(len(seats) // 2, bound=c.MAX_SEATS):
        if seats[2 * i] & frozen.REVEALED == 0:
            continue
        hashes: DynArray[uint256, MAX_CHUNKS] = []
        for k: uint256 in range(chunks, bound=MAX_CHUNKS):
            if (selected >> (CHUNK_BLOCKS * k)) & 15 == 0:
                hashes.append(siblings[sibling_at])
                sibling_at += 1
                continue
            chunk: bytes32 = empty(bytes32)
            if width == 4:
                chunk = keccak256(abi_encode(rows[at], rows[at + 1], rows[at + 2], rows[at + 3]))
            elif width == 2:
                chunk = keccak256(abi_encode(rows[at], rows[at + 1]))
            else:
                chunk = keccak256(abi_encode(rows[at]))
            hashes.append(convert(chunk, uint256))
            at += width
        row_hash: uint256 = convert(frozen._words_hash(hashes), uint256)
        assert row_hash == seats[2 * i + 1], "openings: wrong row"


@internal
@pure
def _chunk_words(max_uids: uint256) -> uint256:
    """
    @notice Words in a chunk of min(64, max_uids) columns.
    """
    return min(max_uids // 16, CHUNK_BLOCKS)


@internal
@pure
def _chunks_in(selected: uint256) -> uint256:
    """
    @notice Chunks that hold a selected inputs.
    """
    count: uint256 = 0
    for k: uint256 in range(MAX_CHUNKS):
        if (selected >> (CHUNK_BLOCKS * k)) & 15 != 0:
            count += 1
    return count
