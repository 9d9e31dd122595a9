# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Keys
@license AGPL-3.0-only
@notice What a coldkey decides about keys. A lost or stolen hotkey is replaced at once, with the
        new one's consent; a coldkey is replaced after a notice, by the new one itself. A hotkey
        lends the weight of its own stake in a subnet to children, after a notice; their dividends
        are shared with it. Loans are the subnet's that has the number now: they end with it. A
        coldkey says who it is; whoever takes its place takes that over.
@custom:invariant Only a hotkey's coldkey swaps it, and only a key that consents takes a place.
        A coldkey's swap counts one unbonding period after its announcement, and not if it was
        taken back.
        Only own stake is lent: who borrows in a subnet lends nothing there. A set of children
        counts one unbonding period after it was announced, in the subnet that it was made in and
        in no successor.
        This contract holds no tokens between transactions.
@custom:trust Nobody has any power over others' keys.
@custom:kill There is no switch. A stolen coldkey can be taken back from for as long as the owner
        still has it: cancel_coldkey_swap.
"""

from ethereum.ercs import IERC20

from snekmate.utils import ecdsa
from snekmate.utils import eip712_domain_separator as eip712

from contracts.interfaces import IEmission
from contracts.interfaces import IKeys
from contracts.interfaces import INeurons
from contracts.interfaces import IStaking
from contracts.interfaces import ISubnets
from contracts.modules import clock as ticks
from contracts.modules import constants as c
from contracts.modules import loan_words as words
from contracts.modules import registration_id as ids
from contracts.modules import takes

implements: IKeys

initializes: ticks
initializes: eip712

exports: (
    # time
    ticks.clock,
    ticks.CLOCK_MODE,
    ticks.genesis_at,
    ticks.tick_seconds,
    # consent
    eip712.eip712Domain,
)


# 0.1 TAO: Bittensor's price of a swap, recycled
SWAP_COST_RAO: public(constant(uint256)) = c.RAO_PER_TAO // 10
# lives of subnets that one hotkey may have registered in
MAX_LIVES: constant(uint256) = 128

_CONSENT_TYPE: constant(bytes32) = keccak256(
    "TakePlace(address old_hotkey,address new_hotkey,address coldkey)"
)

TAO: immutable(IERC20)
EMISSION: immutable(IEmission)
STAKING: immutable(IStaking)
NEURONS: immutable(INeurons)
SUBNETS: immutable(ISubnets)

# account -> coldkey to come 160 | tick from which it can come 40
_announced: HashMap[address, uint256]
# pool id -> tick of its last swap, + 1
_swapped: HashMap[uint256, uint256]
# account -> what its coldkey says of itself
_identities: HashMap[address, IKeys.Identity]


@deploy
def __init__(
    tao: address,
    emission: address,
    staking: address,
    neurons: address,
    subnets: address,
    genesis_at: uint256,
    tick_seconds: uint256,
):
    """
    @param tao The token.
    @param emission Recycles what swaps pay.
    @param staking Knows pools and accounts, and keeps loans.
    @param neurons Knows who a hotkey is in the subnets.
    @param subnets Knows which life of a netuid it is, and the owners' hotkeys.
    @param genesis_at Unix time of tick 0.
    @param tick_seconds Seconds of a tick.
    """
    ticks.__init__(genesis_at, tick_seconds)
    eip712.__init__("evmtensor Keys", "1")
    TAO = IERC20(tao)
    EMISSION = IEmission(emission)
    STAKING = IStaking(staking)
    NEURONS = INeurons(neurons)
    SUBNETS = ISubnets(subnets)


@external
def set_children(
    hotkey: address,
    netuid: uint256,
    children: DynArray[address, words.MAX_CHILDREN],
    shares_u16: DynArray[uint256, words.MAX_CHILDREN],
):
    """
    @notice Lend shares of a hotkey's own stake to other hotkeys in a subnet, after one unbonding
            period; a set that was still to come is replaced. Votes and tokens stay.
    @dev Loops over <= 5 children.
    @param hotkey A hotkey of the caller; nobody may lend to it in the subnet.
    @param netuid Number of a subnet, not the root.
    @param children Hotkeys that belong to the caller or have admitted the hotkey, and lend nothing
            themselves in the subnet; none ends all loans.
    @param shares_u16 Share of 65,535 for each, together at most all.
    """
    id: uint256 = self._pool_of_owner(hotkey)
    life: uint256 = self._life_of(netuid)
    noted: IStaking.Loans = staticcall STAKING.loans_of(id, life)
    assert len(children) == len(shares_u16), "keys: a share for each child"
    # INVARIANT: only own stake is lent.
    assert noted.parents == 0, "keys: has parents"

    word: uint256 = 0
    sum_u16: uint256 = 0
    for i: uint256 in range(len(children), bound=words.MAX_CHILDREN):
        child: uint256 = self._pool_of(children[i])
        assert child != id, "keys: own child"
        assert words._share(word, child) == 0, "keys: child twice"
        assert shares_u16[i] > 0, "keys: share is zero"
        sum_u16 += shares_u16[i]
        assert sum_u16 <= c.U16_MAX, "keys: shares above one"
        word |= (child << 16 | shares_u16[i]) << i * words.CHILD_BITS
        self._lend_to(id, child, children[i], life)
    from_tick: uint256 = ticks._tick() + staticcall STAKING.unbonding_ticks()
    noted.sets = self._with_set(noted.sets, word, from_tick)

    log IKeys.ChildrenSet(
        hotkey=hotkey,
        netuid=netuid,
        children=children,
        shares_u16=shares_u16,
        from_tick=from_tick,
    )

    extcall STAKING.note_loans(id, life, noted)


@external
def set_child_take(hotkey: address, netuid: uint256, take_u16: uint256):
    """
    @notice Set the share of its parents' part of dividends that a hotkey keeps in a subnet. From
            0, with the rules of Staking.set_take.
    @param hotkey A hotkey of the caller.
    @param netuid Number of a subnet, not the root.
    @param take_u16 Share of 65,535, at most 11,796.
    """
    id: uint256 = self._pool_of_owner(hotkey)
    life: uint256 = self._life_of(netuid)
    noted: IStaking.Loans = staticcall STAKING.loans_of(id, life)
    notice_ticks: uint256 = staticcall STAKING.unbonding_ticks()

    from_tick: uint256 = 0
    noted.take, from_tick = takes._changed(noted.take, take_u16, ticks._tick(), notice_ticks)

    log IKeys.ChildTakeSet(hotkey=hotkey, netuid=netuid, take_u16=take_u16, from_tick=from_tick)

    extcall STAKING.note_loans(id, life, noted)


@external
def admit_parent(hotkey: address, netuid: uint256, parent: address):
    """
    @notice Let another owner's hotkey lend stake to one of the caller's in a subnet; five may.
    @param hotkey A hotkey of the caller that lends nothing in the subnet.
    @param netuid Number of a subnet, not the root.
    @param parent The hotkey that may lend.
    """
    id: uint256 = self._pool_of_owner(hotkey)
    life: uint256 = self._life_of(netuid)
    parent_id: uint256 = self._pool_of(parent)
    assert parent_id != id, "keys: own child"
    noted: IStaking.Loans = staticcall STAKING.loans_of(id, life)
    self._check_lends_nothing(noted)

    noted.parents = self._with_parent(noted.parents, parent_id)

    log IKeys.ParentAdmitted(hotkey=hotkey, netuid=netuid, parent=parent)

    extcall STAKING.note_loans(id, life, noted)


@external
def dismiss_parent(hotkey: address, netuid: uint256, parent: address):
    """
    @notice Free the place of a hotkey that has lent nothing for one unbonding period.
    @param hotkey A hotkey of the caller.
    @param netuid Number of a subnet, not the root.
    @param parent A hotkey that was admitted.
    """
    id: uint256 = self._pool_of_owner(hotkey)
    life: uint256 = self._life_of(netuid)
    parent_id: uint256 = self._pool_of(parent)
    lender: IStaking.Loans = staticcall STAKING.loans_of(parent_id, life)
    notice_ticks: uint256 = staticcall STAKING.unbonding_ticks()
    assert not self._lends_still(lender.sets, id, notice_ticks), "keys: lends still"
    noted: IStaking.Loans = staticcall STAKING.loans_of(id, life)

    noted.parents = self._without_parent(noted.parents, parent_id)

    log IKeys.ParentDismissed(hotkey=hotkey, netuid=netuid, parent=parent)

    extcall STAKING.note_loans(id, life, noted)


@external
def swap_hotkey(
    old_hotkey: address,
    new_hotkey: address,
    lives: DynArray[uint256, MAX_LIVES],
    signature: Bytes[65],
):
    """
    @notice Put a new hotkey in the place of one that is lost: its pool with all stake and its past,
            its uids, seats and unclaimed pay, and its place as a subnet owner's hotkey. The old key
            can do nothing any more. Costs SWAP_COST_RAO, and a pool waits one unbonding period
            between two swaps.
    @dev Loops over <= 128 lives of subnets.
    @param old_hotkey A hotkey of the caller.
    @param new_hotkey A key that was never a hotkey.
    @param lives All lives of subnets that the old hotkey ever registered in, see Neurons.
    @param signature The new hotkey's consent: EIP-712 TakePlace(old_hotkey, new_hotkey, coldkey).
    """
    id: uint256 = self._pool_of_owner(old_hotkey)
    self._check_consent(old_hotkey, new_hotkey, signature)
    tick: uint256 = ticks._tick()
    swapped: uint256 = self._swapped[id]
    wait_ticks: uint256 = staticcall STAKING.unbonding_ticks()
    assert swapped == 0 or tick + 1 >= swapped + wait_ticks, "keys: swapped lately"

    self._swapped[id] = tick + 1

    log IKeys.HotkeySwapPaid(
        coldkey=msg.sender,
        old_hotkey=old_hotkey,
        new_hotkey=new_hotkey,
        cost_rao=SWAP_COST_RAO,
    )

    extcall STAKING.swap_hotkey(old_hotkey, new_hotkey)
    extcall NEURONS.swap_hotkey(old_hotkey, new_hotkey, lives)
    extcall SUBNETS.swap_hotkey(old_hotkey, new_hotkey, lives)
    self._recycle_cost()


@external
def announce_coldkey_swap(new_coldkey: address):
    """
    @notice Say which coldkey is to take the caller's place in Staking after one unbonding period:
            all its stake, unbondings and hotkeys with their pay. Another announcement replaces this
            one and waits anew; the first costs SWAP_COST_RAO.
    @param new_coldkey The key to come; it has to call swap_coldkey itself.
    """
    account: address = self._account_of_caller()
    assert new_coldkey != empty(address), "keys: no coldkey"
    assert new_coldkey != msg.sender, "keys: same coldkey"
    ripe_tick: uint256 = ticks._tick() + staticcall STAKING.unbonding_ticks()
    is_first: bool = self._announced[account] == 0

    self._announced[account] = convert(new_coldkey, uint256) << 40 | ripe_tick

    log IKeys.ColdkeySwapAnnounced(
        coldkey=msg.sender, new_coldkey=new_coldkey, ripe_tick=ripe_tick
    )

    if is_first:
        self._recycle_cost()


@external
def cancel_coldkey_swap():
    """
    @notice Take the caller's announcement back.
    """
    account: address = self._account_of_caller()
    assert self._announced[account] != 0, "keys: not announced"

    self._announced[account] = 0

    log IKeys.ColdkeySwapCancelled(coldkey=msg.sender)


@external
def swap_coldkey(old_coldkey: address):
    """
    @notice Take the place of a coldkey that announced the caller one unbonding period ago. The
            old key speaks for nothing from now on.
    @param old_coldkey The key that is retired.
    """
    account: address = staticcall STAKING.account_of(old_coldkey)
    word: uint256 = self._announced[account]
    assert word >> 40 == convert(msg.sender, uint256), "keys: not announced"
    assert ticks._tick() >= word & (2**40 - 1), "keys: notice not over"

    self._announced[account] = 0

    extcall STAKING.swap_coldkey(old_coldkey, msg.sender)


@external
def set_identity(hotkey: address, identity: IKeys.Identity):
    """
    @notice Say who the caller is, in the place of all that it said before; all empty says nothing.
            It is shown for each of its hotkeys, and stays when the coldkey is swapped.
    @dev Costs gas by the 32 bytes; words of a longer text before stay behind, unread.
    @param hotkey Any hotkey of the caller: who never registered one is shown nowhere.
    @param identity Name, page, repository, picture, Discord, description, anything else.
    """
    self._pool_of_owner(hotkey)

    # INVARIANT: only the coldkey that speaks for an account changes what is said of it.
    self._identities[self._account_of_caller()] = identity

    log IKeys.IdentitySet(coldkey=msg.sender, identity=identity)


@external
@view
def coldkey_swap_of(coldkey: address) -> (address, uint256):
    """
    @notice The swap that a coldkey has announced.
    @param coldkey Any.
    @return The key to come and the tick from which it can; both 0 if there is none.
    """
    word: uint256 = self._announced[staticcall STAKING.account_of(coldkey)]
    return convert(word >> 40, address), word & (2**40 - 1)


@external
@view
def identity_of(coldkey: address) -> IKeys.Identity:
    """
    @notice What a coldkey says of itself. Nobody checked it.
    @param coldkey Any; one that took another's place has that one's.
    @return Its identity, all empty if it has none or is retired.
    """
    return self._identities[staticcall STAKING.account_of(coldkey)]


@external
@view
def name_of(coldkey: address) -> String[256]:
    """
    @notice What a coldkey calls itself, for tables. Nobody checked it.
    @param coldkey Any; one that took another's place has that one's name.
    @return Its name, empty if it has none or is retired.
    """
    return self._identities[staticcall STAKING.account_of(coldkey)].name


@external
@view
def child_take_of(hotkey: address, netuid: uint256) -> uint256:
    """
    @notice The share of its parents' part of dividends that a hotkey keeps in a subnet.
    @param hotkey A hotkey with a pool.
    @param netuid Number of a subnet, not the root.
    @return Share of 65,535, in force now.
    """
    noted: IStaking.Loans = staticcall STAKING.loans_of(
        self._pool_of(hotkey), self._life_of(netuid)
    )
    return takes._in_force(noted.take, ticks._tick())


@external
@view
def swapped_tick_of(hotkey: address) -> uint256:
    """
    @notice When a hotkey took another one's place.
    @param hotkey A hotkey with a pool.
    @return The tick; 2^256 - 1 if it is the pool's first.
    """
    swapped: uint256 = self._swapped[self._pool_of(hotkey)]
    return c.NOT_FOUND if swapped == 0 else swapped - 1


@internal
def _lend_to(id: uint256, child: uint256, child_hotkey: address, life: uint256):
    """
    @notice Check that a pool may lend to another; one of the same owner admits it at once.
    """
    noted: IStaking.Loans = staticcall STAKING.loans_of(child, life)
    # INVARIANT: only own stake is lent.
    self._check_lends_nothing(noted)
    for i: uint256 in range(words.MAX_PARENTS):
        if words._parent(noted.parents, i) == id:
            return
    assert staticcall STAKING.owner_of(child_hotkey) == msg.sender, "keys: not admitted"
    noted.parents = self._with_parent(noted.parents, id)
    extcall STAKING.note_loans(child, life, noted)


@internal
def _recycle_cost():
    """
    @notice The caller pays for a swap.
    """
    # INVARIANT: what is pulled is recycled in the same call.
    assert extcall TAO.transferFrom(msg.sender, self, SWAP_COST_RAO, default_return_value=True)
    assert extcall TAO.approve(EMISSION.address, SWAP_COST_RAO, default_return_value=True)
    extcall EMISSION.recycle(SWAP_COST_RAO)


@internal
@view
def _with_set(
    sets: uint256[words.SETS], children: uint256, from_tick: uint256
) -> uint256[words.SETS]:
    """
    @notice The sets with a new one, in the place of one that is still to come.
    """
    # SAFETY: 2^36 ticks of a second are 2,177 years.
    assert from_tick < 2**36, "keys: tick too large"
    newest: uint256 = from_tick << words.TICK_SHIFT | children
    if sets[0] >> words.TICK_SHIFT > ticks._tick():
        return [newest, sets[1], sets[2]]
    return [newest, sets[0], sets[1]]


@internal
@pure
def _with_parent(parents: uint256, parent: uint256) -> uint256:
    """
    @notice Parents with one more; the same again changes nothing.
    """
    free: uint256 = words.MAX_PARENTS
    for i: uint256 in range(words.MAX_PARENTS):
        id: uint256 = words._parent(parents, i)
        if id == parent:
            return parents
        if id == 0:
            free = i
    assert free < words.MAX_PARENTS, "keys: has five parents"
    return parents | parent << free * words.ID_BITS


@internal
@pure
def _without_parent(parents: uint256, parent: uint256) -> uint256:
    """
    @notice Parents less one.
    """
    for i: uint256 in range(words.MAX_PARENTS):
        if words._parent(parents, i) == parent:
            return parents ^ parent << i * words.ID_BITS
    raise "keys: not a parent"


@internal
@view
def _lends_still(
    sets: uint256[words.SETS], child: uint256, notice_ticks: uint256
) -> bool:
    """
    @notice Whether a set that counts, is to count, or counted less than a notice ago, has a child.
    """
    if words._share(sets[0], child) > 0:
        return True
    if (sets[0] >> words.TICK_SHIFT) + notice_ticks <= ticks._tick():
        return False
    return words._share(sets[1], child) > 0 or words._share(sets[2], child) > 0


@internal
@view
def _pool_of(hotkey: address) -> uint256:
    """
    @notice Pool that a hotkey speaks for.
    """
    id: uint256 = staticcall STAKING.pool_id_of(hotkey)
    assert id != 0, "keys: unknown or retired hotkey"
    return id


@internal
@view
def _pool_of_owner(hotkey: address) -> uint256:
    """
    @notice Pool of a hotkey of the caller.
    """
    id: uint256 = self._pool_of(hotkey)
    assert staticcall STAKING.owner_of(hotkey) == msg.sender, "keys: not the owner"
    return id


@internal
@view
def _life_of(netuid: uint256) -> uint256:
    """
    @notice Life of the subnet that has a number now, where loans are possible.
    """
    incarnation: uint256 = staticcall SUBNETS.incarnation_of(netuid)
    assert netuid != c.ROOT_NETUID and incarnation > 0, "keys: not a subnet"
    return ids._life_of(netuid, incarnation)


@internal
@view
def _account_of_caller() -> address:
    """
    @notice Account that the caller speaks for.
    """
    account: address = staticcall STAKING.account_of(msg.sender)
    assert account != empty(address), "keys: retired coldkey"
    return account


@internal
@view
def _check_consent(old_hotkey: address, new_hotkey: address, signature: Bytes[65]):
    """
    @notice The new hotkey signed for this chain, contract, place and coldkey. It can take one place
            only, so nothing can be replayed.
    """
    # SAFETY: a signature of odd length recovers to zero, which is nobody's key.
    assert new_hotkey != empty(address), "keys: no hotkey"
    digest: bytes32 = eip712._hash_typed_data_v4(
        keccak256(abi_encode(_CONSENT_TYPE, old_hotkey, new_hotkey, msg.sender))
    )
    assert ecdsa._recover_sig(digest, signature) == new_hotkey, "keys: no consent"


@internal
@pure
def _check_lends_nothing(noted: IStaking.Loans):
    assert noted.sets[0] & words.CHILDREN_MASK == 0, "keys: lends itself"
