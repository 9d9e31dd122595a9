# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Rows
@license AGPL-3.0-only
@notice Weight rows: dense big-endian u16, 16 columns to a word, position = uid, 0 = no weight.
        Chunked hash, own-column mask, sum. Every byte string of the right length is a row.
        Twin: offchain/protocol/rows.py.
"""

MAX_ROW_BYTES: constant(uint256) = 2_048  # 1,024 columns of 2 bytes
MAX_WORDS: constant(uint256) = 64
MAX_CHUNKS: constant(uint256) = 16
CHUNK_BYTES: constant(uint256) = 128  # 64 columns: a dispute carries one chunk of each row

# 8 lanes of 32 bits, the low half of each: the odd columns of a word
ODD_COLUMNS: constant(uint256) = max_value(uint256) // 65_537
LANE_SUM: constant(uint256) = 2**32 - 1
COUNT_MASK: constant(uint256) = 255


@internal
@pure
def _hash(row: Bytes[MAX_ROW_BYTES]) -> bytes32:
    """
    @notice keccak over the hashes of the row's chunks of min(64, columns) columns.
    @dev A row has 2 * max_uids bytes, max_uids a power of two from 16: one shorter chunk, or full
         ones only.
    """
    chunks: uint256 = len(row) // CHUNK_BYTES
    if chunks == 0:
        return keccak256(keccak256(row))

    hashes: bytes32[MAX_CHUNKS] = empty(bytes32[MAX_CHUNKS])
    for i: uint256 in range(chunks, bound=MAX_CHUNKS):
        hashes[i] = keccak256(slice(row, i * CHUNK_BYTES, CHUNK_BYTES))
    return keccak256(slice(abi_encode(hashes), 0, chunks * 32))


@internal
@pure
def _fold(folded: uint256, row_hash: bytes32) -> uint256:
    """
    @notice Add a row to what stands for all rows of an epoch, in the order of their reveals.
    @param folded 0 before the first row.
    @return Upper 31 bytes of keccak256(folded . row_hash), then the number of rows in the last.
    """
    # SAFETY: an epoch has at most 64 rows, so the count stays in its byte.
    count: uint256 = unsafe_add(folded & COUNT_MASK, 1)
    return convert(keccak256(abi_encode(folded, row_hash)), uint256) & ~COUNT_MASK | count


@internal
@pure
def _blank(row: Bytes[MAX_ROW_BYTES], column: uint256) -> Bytes[MAX_ROW_BYTES]:
    """
    @notice The row without its weight in one column.
    """
    start: uint256 = 2 * column
    blanked: Bytes[2 * MAX_ROW_BYTES + 2] = concat(
        slice(row, 0, start), x"0000", slice(row, start + 2, len(row) - start - 2)
    )
    return convert(blanked, Bytes[MAX_ROW_BYTES])


@internal
@pure
def _sum(row: Bytes[MAX_ROW_BYTES]) -> uint256:
    """
    @notice Sum of a row's weights; at most 1,024 * 65,535 < 2**26.
    """
    lanes: uint256 = 0
    for i: uint256 in range(len(row) // 32, bound=MAX_WORDS):
        word: uint256 = extract32(row, 32 * i, output_type=uint256)
        # SAFETY: 8 lanes of 32 bits; each gains at most 2 * 65,535 from each of 64 words: < 2**23.
        lanes = unsafe_add(lanes, (word & ODD_COLUMNS) + ((word >> 16) & ODD_COLUMNS))
    # 2**32 = 1 modulo 2**32 - 1, so the remainder is the sum of the lanes, which is smaller.
    return lanes % LANE_SUM
