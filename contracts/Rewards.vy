# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Rewards
@license AGPL-3.0-only
@notice Holds the pay of final epochs; anybody may claim it for anybody, at any time, from any final
        root.
@custom:invariant paid_rao[life] <= received_rao[life], for every life of every subnet.
    A root is never zero and never overwritten: roots of a life come in the order of their epochs.
    What a registration id has been paid never falls, and it is paid to the same account for ever.
@custom:trust Settlement adds roots; whatever a root says, a subnet's claims take no more than was
    sent for it.
@custom:kill Nothing can be stopped: nobody can pause the claims of final roots.
"""

from ethereum.ercs import IERC20

from contracts.interfaces import INeurons
from contracts.interfaces import IRewards
from contracts.interfaces import IStaking
from contracts.modules import domains
from contracts.modules import merkle
from contracts.modules import registration_id as ids

implements: IRewards

MAX_CLAIMS: constant(uint256) = 32
U96_MAX: constant(uint256) = 2**96 - 1

TAO: immutable(IERC20)
STAKING: immutable(IStaking)
NEURONS: immutable(INeurons)
SETTLEMENT: immutable(address)

# life -> next epoch 64 | received_rao 96 | paid_rao 96; one slot, as a claim needs the last two
_books: HashMap[uint256, uint256]
# netuid -> epoch << 64 | depth -> root; a path of another length finds no root
_roots: HashMap[uint256, HashMap[uint256, bytes32]]
# registration id -> account that it is paid to 160 | server_rao already paid 96. An account outlives
# every swap of its coldkey (modules/names.vy), so that only the first claim asks whose the hotkey is.
_served: HashMap[uint256, uint256]
# registration id -> a hotkey that it has had 160 | validator_rao already paid 96. A hotkey leads to
# the same pool for ever, so that only the first claim asks Neurons. A miner's is never touched.
_validated: HashMap[uint256, uint256]


@deploy
def __init__(tao: IERC20, staking: IStaking, neurons: INeurons, settlement: address):
    """
    @param tao The token that pays; it answers true or reverts.
    @param staking Pools that validators' pay goes to, and owners of hotkeys.
    @param neurons Who holds a registration id.
    @param settlement The one that adds roots.
    """
    TAO = tao
    STAKING = staking
    NEURONS = neurons
    SETTLEMENT = settlement


@external
def add_root(netuid: uint256, epoch: uint256, root: bytes32, depth: uint256, payouts_rao: uint256):
    """
    @notice Make an epoch's cumulative payouts claimable. Only Settlement, which has sent
            payouts_rao here before.
    @param netuid Number of the subnet.
    @param epoch The epoch that has become final.
    @param root Merkle root over one leaf per uid.
    @param depth log2 of the number of leaves.
    @param payouts_rao What this epoch adds to the subnet's cap, in rao.
    """
    assert msg.sender == SETTLEMENT, "rewards: not settlement"
    assert root != empty(bytes32), "rewards: root is zero"
    assert depth <= merkle.MAX_DEPTH, "rewards: tree too deep"
    key: uint256 = epoch << 64 | depth
    # Each life has books of its own: the last roots of a subnet that was evicted may come after the
    # first ones of the next, and neither can be paid with what the other received.
    life: uint256 = ids._life(netuid, epoch)
    book: uint256 = self._books[life]
    assert epoch >= book >> 192, "rewards: not a later epoch"

    self._roots[netuid][key] = root
    # SAFETY: all that is ever sent is below 21e15 rao < 2**55, so no field reaches the next.
    self._books[life] = epoch + 1 << 192 | (book & (2**192 - 1)) + (payouts_rao << 96)

    log IRewards.RootAdded(netuid=netuid, epoch=epoch, root=root, payouts_rao=payouts_rao)


@external
def claim(netuid: uint256, claim: IRewards.Claim):
    """
    @notice Pay what a final root grants beyond what was paid: a miner's part to the coldkey, a
            validator's into its pool.
    @param netuid Number of the subnet.
    @param claim Epoch of the root, registration id, two cumulative amounts in rao, and the path.
    """
    self._pay(netuid, claim)


@external
def claim_many(netuid: uint256, claims: DynArray[IRewards.Claim, MAX_CLAIMS]):
    """
    @notice Claim for several registration ids of a subnet at once.
    @dev An outdated claim pays nothing and leaves the others alone; a wrong proof reverts and
         names its uid.
    @param netuid Number of the subnet.
    @param claims At most 32 claims, as in `claim`.
    """
    for i: uint256 in range(len(claims), bound=MAX_CLAIMS):
        self._pay(netuid, claims[i])


@external
@view
def root_of(netuid: uint256, epoch: uint256) -> bytes32:
    """
    @notice Root of a final epoch.
    @param netuid Number of the subnet.
    @param epoch Number of the epoch.
    @return The root, zero if the epoch has none.
    """
    return self._roots[netuid][epoch << 64 | self._depth_of(netuid, epoch)]


@external
@view
def depth_of(netuid: uint256, epoch: uint256) -> uint256:
    """
    @notice Length that a path to a root must have.
    @param netuid Number of the subnet.
    @param epoch Number of the epoch.
    @return log2 of the number of leaves; 0 if the epoch has no root.
    """
    return self._depth_of(netuid, epoch)


@external
@view
def claimed_of(registration_id: uint256) -> uint256:
    """
    @notice What a registration id has been paid.
    @param registration_id netuid << 64 | uid << 48 | generation.
    @return server_rao << 128 | validator_rao.
    """
    return (self._served[registration_id] & U96_MAX) << 128 | (
        self._validated[registration_id] & U96_MAX
    )


@external
@view
def received_rao(life: uint256) -> uint256:
    """
    @notice All that was ever sent for a subnet's claims.
    @param life Its life: the netuid in the first (registration_id.vy).
    @return Amount in rao.
    """
    return (self._books[life] >> 96) & U96_MAX


@external
@view
def paid_rao(life: uint256) -> uint256:
    """
    @notice All that a subnet's claims have taken.
    @param life Its life, as in received_rao.
    @return Amount in rao.
    """
    return self._books[life] & U96_MAX


@internal
def _pay(netuid: uint256, claim: IRewards.Claim):
    """
    @notice Check one claim, book it, pay it.
    """
    registration_id: uint256 = claim.registration_id
    self._check_proof(netuid, claim)

    life: uint256 = ids._life(netuid, claim.epoch)
    book: uint256 = self._books[life]
    # INVARIANT: never more than the subnet received; what a cap holds back stays claimable.
    # SAFETY: so what was paid is never more than what was received, nor a sum of both more than 2**56.
    available_rao: uint256 = unsafe_sub((book >> 96) & U96_MAX, book & U96_MAX)
    served: uint256 = 0
    server_rao: uint256 = 0
    if claim.server_cumulative_rao != 0:
        served = self._served[registration_id]
        server_rao = self._excess(claim.server_cumulative_rao, served & U96_MAX)
        server_rao = min(server_rao, available_rao)
    validated: uint256 = 0
    validator_rao: uint256 = 0
    if claim.validator_cumulative_rao != 0:
        validated = self._validated[registration_id]
        validator_rao = self._excess(claim.validator_cumulative_rao, validated & U96_MAX)
        validator_rao = min(validator_rao, unsafe_sub(available_rao, server_rao))
    paid_rao: uint256 = unsafe_add(server_rao, validator_rao)
    if paid_rao == 0:
        return  # outdated: a later root has paid it already
    # All hotkeys that an id ever has lead to the same pool and account for ever.
    hotkey: address = empty(address)
    account: address = convert(served >> 96, address)
    if account == empty(address) or validator_rao != 0:
        hotkey = convert(validated >> 96, address)
        if hotkey == empty(address):
            hotkey = staticcall NEURONS.hotkey_of(registration_id)
        if account == empty(address):
            account = staticcall STAKING.owner_account_of(hotkey)

    # SAFETY: all sums stay at or below what was received, < 2**55.
    if server_rao != 0:
        self._served[registration_id] = (
            convert(account, uint256) << 96 | unsafe_add(served & U96_MAX, server_rao)
        )
    if validator_rao != 0:
        self._validated[registration_id] = (
            convert(hotkey, uint256) << 96 | unsafe_add(validated & U96_MAX, validator_rao)
        )
    self._books[life] = unsafe_add(book, paid_rao)

    # Looked up now, so that a new coldkey is paid.
    coldkey: address = staticcall STAKING.coldkey_of(account)
    log IRewards.Claimed(
        registration_id=registration_id,
        coldkey=coldkey,
        server_rao=server_rao,
        validator_rao=validator_rao,
    )

    if server_rao != 0:
        assert extcall TAO.transfer(coldkey, server_rao)
    if validator_rao != 0:
        assert extcall TAO.transfer(STAKING.address, validator_rao)
        extcall STAKING.credit(hotkey, life, validator_rao)


@internal
@view
def _depth_of(netuid: uint256, epoch: uint256) -> uint256:
    """
    @notice Depth of an epoch's root; for reading only, a claim says it by the length of its path.
    """
    for depth: uint256 in range(merkle.MAX_DEPTH + 1):
        if self._roots[netuid][epoch << 64 | depth] != empty(bytes32):
            return depth
    return 0


@internal
@pure
def _excess(cumulative_rao: uint256, claimed_rao: uint256) -> uint256:
    """
    @notice What a cumulative amount grants beyond what was paid; a smaller one grants nothing.
    """
    # SAFETY: the larger one of two numbers less one of them.
    return unsafe_sub(max(cumulative_rao, claimed_rao), claimed_rao)


@internal
@view
def _check_proof(netuid: uint256, claim: IRewards.Claim):
    """
    @notice The claim is the leaf of its uid under the root that it cites.
    """
    registration_id: uint256 = claim.registration_id
    assert ids._netuid(registration_id) == netuid, "rewards: id of another subnet"
    depth: uint256 = len(claim.proof)
    root: bytes32 = self._roots[netuid][claim.epoch << 64 | depth]
    assert root != empty(bytes32), "rewards: no root of this depth"

    uid: uint256 = ids._uid(registration_id)
    leaf: bytes32 = domains._leaf(
        domains._leaf_prefix(self, netuid),
        registration_id,
        claim.server_cumulative_rao,
        claim.validator_cumulative_rao,
    )
    proven: bool = uid < 1 << depth and merkle._root_from(leaf, uid, claim.proof) == root
    assert proven, concat("rewards: wrong proof of uid ", uint2str(uid))
