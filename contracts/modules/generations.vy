# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Generations
@license AGPL-3.0-only
@notice Which neuron a uid holds in which epoch. The latest generation of every uid lies in a
        lane; a bitmap per boundary says which uids change hands there, so that the generation
        in an older epoch is the latest one less the bitmaps that contain the uid since.
        Every function is given the subnet's life (modules/registration_id.vy) instead of its
        netuid; ring and books count the epochs of that life from 0.
@custom:invariant
        No generation of one life of a netuid is one of another.
        A uid changes hands at most once per boundary.
        Every (boundary, uid) that changed is taken exactly once, by the first take at or after it.
"""

from contracts.modules import constants as c
from contracts.modules import registration_id as ids

# Boundaries that are kept: answers reach three back, a close two, late scores the rest.
RING: constant(uint256) = 8
# 256 uids to a word
BITMAP_WORDS: constant(uint256) = 4

_ALL_WORDS: constant(uint256) = RING * BITMAP_WORDS
_LANE_WORDS: constant(uint256) = c.MAX_UIDS // 8
_MASK_32: constant(uint256) = 2**32 - 1
# generations that a uid has in one life
_MASK_LIFE: constant(uint256) = 2**ids.LIFE_GENERATION_BITS - 1
# bit i of a byte, times this, lies at bit 32 * i: copies 31 bits apart never meet
_SPREAD: constant(uint256) = (
    1 | 1 << 31 | 1 << 62 | 1 << 93 | 1 << 124 | 1 << 155 | 1 << 186 | 1 << 217
)
_LOWEST_BITS: constant(uint256) = (
    1 | 1 << 32 | 1 << 64 | 1 << 96 | 1 << 128 | 1 << 160 | 1 << 192 | 1 << 224
)

# Latest generation of each uid: u32 lanes, 8 to a word, uid 0 on top.
_lanes: HashMap[uint256, uint256[_LANE_WORDS]]
# Bitmap of the boundary in ring entry r: words 4 * r to 4 * r + 3; uid u is bit 255 - u % 256
# of word u // 256.
_bitmaps: HashMap[uint256, uint256[_ALL_WORDS]]
# Boundary + 1 in ring entry r: u32 lane r from below; 0 = never used.
_tags: HashMap[uint256, uint256]
# Union of the bitmaps that fell out of the ring before they were taken.
_carry: HashMap[uint256, uint256[BITMAP_WORDS]]
# last epoch taken + 1, 64 bits | number of uids ever taken, 16 bits
_book: HashMap[uint256, uint256]


@internal
def _replace(life: uint256, uid: uint256, epoch: uint256) -> uint256:
    """
    @notice Let a uid change hands at an epoch's start; uid may be the first that was never taken.
    @return Its new generation.
    """
    boundary: uint256 = self._local(epoch)
    book: uint256 = self._book[life]
    count: uint256 = book & c.U16_MAX
    if uid == count:
        count += 1
        self._book[life] = book + 1
    self._open_entry(life, boundary, book >> 16, self._words(count))

    entry: uint256 = boundary % RING
    # INVARIANT: at most one change of hands per uid and boundary.
    assert not self._is_in(life, entry, uid), "neurons: uid already staged"
    # SAFETY: 4 * entry + word < 32, and a lane stays in its life, which is checked.
    self._bitmaps[life][BITMAP_WORDS * entry + uid // 256] |= 1 << (255 - uid % 256)
    generation: uint256 = self._latest(life, uid)
    if generation == 0:
        generation = life >> 16 << ids.LIFE_GENERATION_BITS
        self._lanes[life][uid // 8] += generation << 32 * (7 - uid % 8)
    # a uid that changes hands at every boundary of 24 ticks of 12 seconds lasts 150 years
    assert generation & _MASK_LIFE < _MASK_LIFE, "neurons: uid is worn out"
    self._lanes[life][uid // 8] += 1 << 32 * (7 - uid % 8)
    return generation + 1


@internal
def _take(life: uint256, epoch: uint256) -> uint256[BITMAP_WORDS]:
    """
    @notice Union of the bitmaps of every boundary after the last taken epoch, up to and
            including epoch.
    @dev Loops over RING entries of <= 4 words.
    """
    boundary: uint256 = self._local(epoch)
    book: uint256 = self._book[life]
    taken: uint256 = book >> 16
    assert boundary + 1 > taken, "neurons: already taken"
    words: uint256 = self._words(book & c.U16_MAX)
    union: uint256[BITMAP_WORDS] = empty(uint256[BITMAP_WORDS])
    for word: uint256 in range(words, bound=BITMAP_WORDS):
        union[word] = self._carry[life][word]
        if union[word] != 0:
            self._carry[life][word] = 0
    tags: uint256 = self._tags[life]
    for entry: uint256 in range(RING):
        tag: uint256 = (tags >> 32 * entry) & _MASK_32
        if tag > taken and tag <= boundary + 1:
            for word: uint256 in range(words, bound=BITMAP_WORDS):
                union[word] |= self._bitmaps[life][BITMAP_WORDS * entry + word]

    self._book[life] = (boundary + 1) << 16 | book & c.U16_MAX
    return union


@internal
@view
def _count(life: uint256) -> uint256:
    """
    @notice Number of uids that were ever taken.
    """
    return self._book[life] & c.U16_MAX


@internal
@view
def _latest(life: uint256, uid: uint256) -> uint256:
    """
    @notice Generation of a uid from the next boundary on; 0 if it was never taken.
    """
    return (self._lanes[life][uid // 8] >> 32 * (7 - uid % 8)) & _MASK_32


@internal
@view
def _later(life: uint256, epoch: uint256) -> uint256:
    """
    @notice Ring entries of the boundaries after an epoch: a list of entry + 1, 4 bits each.
    @dev Reverts when a boundary after the epoch has fallen out of the ring.
    """
    boundary: uint256 = self._local(epoch)
    tags: uint256 = self._tags[life]
    entries: uint256 = 0
    newest: uint256 = 0
    for entry: uint256 in range(RING):
        tag: uint256 = (tags >> 32 * entry) & _MASK_32
        newest = max(newest, tag)
        if tag > boundary + 1:
            entries = entries << 4 | (entry + 1)
    # A boundary falls out when one RING later comes in: those after the epoch are all here.
    assert newest <= boundary + 1 + RING, "neurons: epoch too old"
    return entries


@internal
@view
def _is_exact(life: uint256, epoch: uint256) -> bool:
    """
    @notice Whether every boundary after an epoch is still in the ring.
    """
    newest: uint256 = self._local(epoch) + 1 + RING
    tags: uint256 = self._tags[life]
    for entry: uint256 in range(RING):
        if (tags >> 32 * entry) & _MASK_32 > newest:
            return False
    return True


@internal
@view
def _before(life: uint256, uid: uint256, later: uint256) -> uint256:
    """
    @notice Generation of a uid before the boundaries that _later named.
    """
    generation: uint256 = self._latest(life, uid)
    entries: uint256 = later
    for _: uint256 in range(RING):
        if entries == 0:
            break
        if self._is_in(life, (entries & 15) - 1, uid):
            # SAFETY: each bitmap that contains the uid has added one generation.
            generation -= 1
        entries >>= 4
    return 0 if generation & _MASK_LIFE == 0 else generation


@internal
@view
def _at(life: uint256, uid: uint256, epoch: uint256) -> uint256:
    """
    @notice Generation of a uid in an epoch; 0 if it was empty.
    """
    return self._before(life, uid, self._later(life, epoch))


@internal
@view
def _lanes_at(life: uint256, epoch: uint256, max_uids: uint256) -> DynArray[uint256, _LANE_WORDS]:
    """
    @notice Generation of every uid in an epoch: u32 lanes, 8 to a word, uid 0 on top.
    @dev Loops over max_uids / 8 words; one read for each that was ever taken.
    """
    flags: DynArray[uint256, _ALL_WORDS] = self._flags(life, self._later(life, epoch))
    used: uint256 = (self._count(life) + 7) // 8
    lanes: DynArray[uint256, _LANE_WORDS] = []
    for word: uint256 in range(max_uids // 8, bound=_LANE_WORDS):
        generations: uint256 = 0
        if word < used:
            generations = self._lanes[life][word]
            for bitmap: uint256 in range(len(flags) // BITMAP_WORDS, bound=RING):
                flag: uint256 = flags[BITMAP_WORDS * bitmap + word // 32]
                eight: uint256 = (flag >> (248 - 8 * (word % 32))) & 255
                # SAFETY: a flagged uid has a generation above 0, so no lane borrows.
                generations -= (eight * _SPREAD) & _LOWEST_BITS
            if life >> 16 != 0:
                generations &= self._taken_lanes(generations)
        lanes.append(generations)
    return lanes


@internal
@view
def _staged(life: uint256, epoch: uint256) -> uint256[BITMAP_WORDS]:
    """
    @notice Bitmap of the uids that change hands at an epoch's start.
    """
    boundary: uint256 = self._local(epoch)
    bitmap: uint256[BITMAP_WORDS] = empty(uint256[BITMAP_WORDS])
    entry: uint256 = boundary % RING
    if (self._tags[life] >> 32 * entry) & _MASK_32 == boundary + 1:
        for word: uint256 in range(self._words(self._count(life)), bound=BITMAP_WORDS):
            bitmap[word] = self._bitmaps[life][BITMAP_WORDS * entry + word]
    return bitmap


@internal
@view
def _changed_after(life: uint256, epoch: uint256) -> uint256[BITMAP_WORDS]:
    """
    @notice Union of the bitmaps of every boundary after an epoch.
    """
    union: uint256[BITMAP_WORDS] = empty(uint256[BITMAP_WORDS])
    flags: DynArray[uint256, _ALL_WORDS] = self._flags(life, self._later(life, epoch))
    for index: uint256 in range(len(flags), bound=_ALL_WORDS):
        union[index % BITMAP_WORDS] |= flags[index]
    return union


@internal
@view
def _flags(life: uint256, later: uint256) -> DynArray[uint256, _ALL_WORDS]:
    """
    @notice Bitmaps of the boundaries that _later named, four words each.
    """
    flags: DynArray[uint256, _ALL_WORDS] = []
    entries: uint256 = later
    words: uint256 = self._words(self._count(life))
    for _: uint256 in range(RING):
        if entries == 0:
            break
        for word: uint256 in range(BITMAP_WORDS):
            bitmap: uint256 = 0
            if word < words:
                bitmap = self._bitmaps[life][BITMAP_WORDS * ((entries & 15) - 1) + word]
            flags.append(bitmap)
        entries >>= 4
    return flags


@internal
def _open_entry(life: uint256, boundary: uint256, taken: uint256, words: uint256):
    """
    @notice Make the ring entry of a boundary its own; what it held and nobody took is carried.
    """
    entry: uint256 = boundary % RING
    tags: uint256 = self._tags[life]
    tag: uint256 = (tags >> 32 * entry) & _MASK_32
    if tag == boundary + 1:
        return
    for word: uint256 in range(words, bound=BITMAP_WORDS):
        bitmap: uint256 = self._bitmaps[life][BITMAP_WORDS * entry + word]
        if bitmap != 0:
            # INVARIANT: what was not taken is not lost.
            if tag > taken:
                self._carry[life][word] |= bitmap
            self._bitmaps[life][BITMAP_WORDS * entry + word] = 0
    self._tags[life] = tags ^ (tag ^ (boundary + 1)) << 32 * entry


@internal
@view
def _is_in(life: uint256, entry: uint256, uid: uint256) -> bool:
    """
    @notice Whether the bitmap in a ring entry contains a uid.
    """
    bitmap: uint256 = self._bitmaps[life][BITMAP_WORDS * entry + uid // 256]
    return (bitmap >> (255 - uid % 256)) & 1 == 1


@internal
@pure
def _words(count: uint256) -> uint256:
    """
    @notice Bitmap words that hold so many uids.
    """
    return (count + 255) // 256


@internal
@pure
def _local(epoch: uint256) -> uint256:
    """
    @notice Number of an epoch in its life.
    """
    return epoch & (2**ids.LIFE_EPOCH_BITS - 1)


@internal
@pure
def _taken_lanes(generations: uint256) -> uint256:
    """
    @notice Mask of the lanes that hold a generation; one that holds only its life is empty.
    """
    # bit 24 of a lane is set by the sum if its low 24 bits are not all 0
    low_bits: uint256 = _LOWEST_BITS * _MASK_LIFE
    taken: uint256 = (
        ((generations & low_bits) + low_bits) >> ids.LIFE_GENERATION_BITS
    ) & _LOWEST_BITS
    # SAFETY: a lane of 0 or 1 times 2**32 - 1 stays in its lane.
    return taken * _MASK_32
