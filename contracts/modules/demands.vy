# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Demands
@license AGPL-3.0-only
@notice Who asked to see which bonds block of a final epoch, until when, and which blocks nobody could show.
@custom:invariant A block is asked for once in its epoch; a demand ends answered or expired, never both.
"""

MAX_40: constant(uint256) = 2**40 - 1
MAX_RAO: constant(uint256) = 2**56 - 1
U64: constant(uint256) = 2**64 - 1


struct Demand:
    account: address
    deadline_tick: uint256  # first tick in which it has expired
    deposit_rao: uint256


# key of the epoch -> asked 64 | open 64 | zeroed 64, bitmaps of blocks
_blocks: HashMap[uint256, uint256]
# key of the epoch << 64 | block -> account 160 | deadline 40 | deposit 56
_demands: HashMap[uint256, uint256]


@internal
@view
def _is_open(key: uint256) -> bool:
    """
    @notice Whether any block of an epoch is being asked for.
    """
    return (self._blocks[key] >> 64) & U64 != 0


@internal
@view
def _zeroed(key: uint256) -> uint256:
    """
    @notice Bitmap of the blocks that count as zero, bit b for block b.
    """
    return self._blocks[key] & U64


@internal
def _ask(key: uint256, column_block: uint256, demand: Demand):
    """
    @notice Open a demand; column_block < 64.
    """
    bits: uint256 = self._blocks[key]
    assert (bits >> (128 + column_block)) & 1 == 0, "demands: already demanded"
    self._blocks[key] = bits | 1 << (128 + column_block) | 1 << (64 + column_block)
    self._demands[key << 64 | column_block] = (
        convert(demand.account, uint256) << 96 | demand.deadline_tick << 56 | demand.deposit_rao
    )


@internal
@view
def _open(key: uint256, column_block: uint256) -> Demand:
    """
    @notice An open demand.
    """
    is_open: bool = column_block < 64  # beyond, the bits of another bitmap begin
    if is_open:
        is_open = (self._blocks[key] >> (64 + column_block)) & 1 == 1
    assert is_open, "demands: no such demand"
    word: uint256 = self._demands[key << 64 | column_block]
    return Demand(
        account=convert(word >> 96, address),
        deadline_tick=(word >> 56) & MAX_40,
        deposit_rao=word & MAX_RAO,
    )


@internal
def _end(key: uint256, column_block: uint256, is_zeroed: bool):
    """
    @notice End an open demand.
    """
    bits: uint256 = self._blocks[key] ^ (1 << (64 + column_block))
    if is_zeroed:
        bits |= 1 << column_block
    self._blocks[key] = bits
