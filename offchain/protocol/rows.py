# SPDX-License-Identifier: Apache-2.0
"""Weight rows: dense big-endian u16, position = uid, 0 = no weight.

Twin: contracts/modules/rows.vy. A row has `max_uids` columns, a power of two from 16 to 1,024, and
so 2 * max_uids bytes. Every byte string of that length is a row.
"""

from collections.abc import Sequence
from typing import Final

from offchain.protocol.domains import keccak
from offchain.protocol.errors import InvalidSubmission

U16_MAX: Final = 65_535
MIN_COLUMNS: Final = 16
MAX_COLUMNS: Final = 1_024
CHUNK_COLUMNS: Final = 64
BLOCK_COLUMNS: Final = 16
BYTES_PER_WEIGHT: Final = 2


def check_columns(columns: int) -> int:
    """`columns` itself; raises `InvalidSubmission` unless it is a power of two in 16..1,024."""
    if not MIN_COLUMNS <= columns <= MAX_COLUMNS or columns & (columns - 1):
        raise InvalidSubmission(
            f"row with {columns} columns: want a power of two from {MIN_COLUMNS} to {MAX_COLUMNS}"
        )
    return columns


def pack_row(weights: Sequence[int]) -> bytes:
    """The bytes of a row, from one u16 per uid.

    Raises `InvalidSubmission` for a number of columns that no subnet has, or a weight outside u16.
    """
    check_columns(len(weights))
    for uid, weight in enumerate(weights):
        if not 0 <= weight <= U16_MAX:
            raise InvalidSubmission(f"weight of uid {uid}: got {weight}, want 0 to {U16_MAX}")
    return b"".join(weight.to_bytes(BYTES_PER_WEIGHT, "big") for weight in weights)


def unpack_row(row: bytes) -> list[int]:
    """One u16 per uid. Raises `InvalidSubmission` for a length that no row has."""
    check_row(row)
    return [int.from_bytes(row[i : i + 2], "big") for i in range(0, len(row), BYTES_PER_WEIGHT)]


def check_row(row: bytes) -> int:
    """Number of columns of a row; raises `InvalidSubmission` for a length that no row has."""
    if len(row) % BYTES_PER_WEIGHT:
        raise InvalidSubmission(f"row of {len(row)} bytes: want 2 bytes a column")
    return check_columns(len(row) // BYTES_PER_WEIGHT)


def blank_column(row: bytes, uid: int) -> bytes:
    """The row without its weight for one uid; raises `InvalidSubmission` for a uid beyond it."""
    columns = check_row(row)
    if not 0 <= uid < columns:
        raise InvalidSubmission(f"uid {uid} in a row with {columns} columns")
    start = BYTES_PER_WEIGHT * uid
    return row[:start] + bytes(BYTES_PER_WEIGHT) + row[start + BYTES_PER_WEIGHT :]


def row_sum(row: bytes) -> int:
    """Sum of the weights, below 2**26."""
    return sum(unpack_row(row))


def row_chunks(row: bytes) -> list[bytes]:
    """Pieces of min(64, columns) columns: what a dispute over one block has to carry."""
    size = BYTES_PER_WEIGHT * min(CHUNK_COLUMNS, check_row(row))
    return [row[i : i + size] for i in range(0, len(row), size)]


def row_hash(row: bytes) -> bytes:
    """keccak over the hashes of the chunks, 32 bytes."""
    return keccak(b"".join(keccak(chunk) for chunk in row_chunks(row)))


def fold_row(folded: int, hashed: bytes) -> int:
    """Add a row's hash to what stands for all rows of an epoch, in the order of their reveals.

    0 before the first; 31 bytes of keccak, then the number of rows. Twin: rows.vy.
    """
    digest = int.from_bytes(keccak(folded.to_bytes(32, "big") + hashed), "big")
    return digest & ~0xFF | (folded & 0xFF) + 1


def block_word(row: bytes, block: int) -> int:
    """The 16 weights of columns 16 * block .. 16 * block + 15 as one word, the first on top."""
    size = BYTES_PER_WEIGHT * BLOCK_COLUMNS
    if not 0 <= block < len(row) // size:
        raise InvalidSubmission(f"block {block} of a row with {check_row(row)} columns")
    return int.from_bytes(row[block * size : (block + 1) * size], "big")
