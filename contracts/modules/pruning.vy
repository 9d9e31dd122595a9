# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Pruning
@license AGPL-3.0-only
@notice Who makes room in a full subnet: the lowest score first, then the earliest registration,
        then the lowest uid (mechanics 5.3). Immune neurons go only when too few others are
        left. Every function is given the subnet's life (modules/registration_id.vy).
@custom:invariant The owner's neuron, and a neuron whose uid already changes hands, are never
        chosen.
"""

from contracts.modules import constants as c
from contracts.modules import generations

_SCORE_WORDS: constant(uint256) = c.MAX_UIDS // 16
_TICK_WORDS: constant(uint256) = c.MAX_UIDS // 8
_MASK_32: constant(uint256) = 2**32 - 1

# u16 lanes, 16 to a word, uid 0 on top
_scores: HashMap[uint256, uint256[_SCORE_WORDS]]
# tick of registration: u32 lanes, 8 to a word, uid 0 on top
_ticks: HashMap[uint256, uint256[_TICK_WORDS]]


@internal
def _admit(life: uint256, uid: uint256, tick: uint256):
    """
    @notice A neuron registered for a uid: immune from now, its score is 0.
    """
    # 2**32 ticks of one second are 136 years
    assert tick <= _MASK_32, "neurons: clock out of range"
    offset: uint256 = 32 * (7 - uid % 8)
    word: uint256 = self._ticks[life][uid // 8]
    self._ticks[life][uid // 8] = word & ~(_MASK_32 << offset) | tick << offset
    self._scores[life][uid // 16] &= ~(c.U16_MAX << 16 * (15 - uid % 16))


@internal
def _record(
    life: uint256,
    scores: DynArray[uint256, _SCORE_WORDS],
    changed: uint256[generations.BITMAP_WORDS],
):
    """
    @notice Keep the scores of an epoch, except those of uids that have changed hands since.
    @dev Loops over <= 64 words, one write each.
    """
    for word: uint256 in range(len(scores), bound=_SCORE_WORDS):
        sixteen: uint256 = (changed[word // 16] >> (240 - 16 * (word % 16))) & c.U16_MAX
        recorded: uint256 = scores[word]
        if sixteen != 0:
            kept: uint256 = self._lanes_of(sixteen)
            recorded = recorded & ~kept | self._scores[life][word] & kept
        self._scores[life][word] = recorded


@internal
@view
def _choose(
    life: uint256,
    count: uint256,
    tick: uint256,
    immunity_ticks: uint256,
    min_non_immune_uids: uint256,
    owner_uid: uint256,
    staged: uint256[generations.BITMAP_WORDS],
) -> uint256:
    """
    @notice The uid that makes room; NOT_FOUND if none can. With more than min_non_immune_uids
            outside immunity one of them, else an immune one.
    @dev Loops over count <= 1,024 uids, three reads for every 16 of them.
    """
    mature: uint256 = c.NOT_FOUND
    mature_count: uint256 = 0
    immune: uint256 = c.NOT_FOUND
    for word: uint256 in range((count + 7) // 8, bound=_TICK_WORDS):
        # the lanes of the next uid lie on top of these three
        registered: uint256 = self._ticks[life][word]
        scores: uint256 = self._scores[life][word // 2] << 128 * (word % 2)
        barred: uint256 = staged[word // 32] << 8 * (word % 32)
        for uid: uint256 in range(8 * word, 8 * word + 8, bound=8):
            since_tick: uint256 = registered >> 224
            # score, then earliest registration, then lowest uid
            order: uint256 = (scores >> 240) << 48 | since_tick << 16 | uid
            is_barred: bool = barred >> 255 == 1 or uid == owner_uid or uid >= count
            registered <<= 32
            scores <<= 16
            barred <<= 1
            if is_barred:
                continue
            if since_tick + immunity_ticks > tick:
                immune = min(immune, order)
            else:
                mature = min(mature, order)
                mature_count += 1
    chosen: uint256 = immune
    if mature_count > min_non_immune_uids:
        chosen = mature
    if chosen == c.NOT_FOUND:
        return c.NOT_FOUND
    return chosen & c.U16_MAX


@internal
@view
def _score(life: uint256, uid: uint256) -> uint256:
    """
    @notice Score of a uid's latest neuron, u16.
    """
    return (self._scores[life][uid // 16] >> 16 * (15 - uid % 16)) & c.U16_MAX


@internal
@view
def _registered_tick(life: uint256, uid: uint256) -> uint256:
    """
    @notice Tick at which a uid's latest neuron registered.
    """
    return (self._ticks[life][uid // 8] >> 32 * (7 - uid % 8)) & _MASK_32


@internal
@pure
def _lanes_of(sixteen: uint256) -> uint256:
    """
    @notice Sixteen bits as sixteen u16 lanes of ones, bit 15 on top.
    """
    lanes: uint256 = 0
    for bit: uint256 in range(16):
        if (sixteen >> bit) & 1 == 1:
            lanes |= c.U16_MAX << 16 * bit
    return lanes
