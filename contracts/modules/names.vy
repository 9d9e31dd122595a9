# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Names
@license AGPL-3.0-only
@notice Keys are names that can be changed, pools and accounts stay. A hotkey speaks for a pool, a
        coldkey for an account (the first coldkey's address), and everything else is kept by pool
        and account, so that a swap is a few words whatever hangs on the key.
@custom:invariant A hotkey leads to the same pool for ever, and a pool has one hotkey at a time.
        An account has one coldkey at a time; a retired key speaks for nothing, and never again.
"""


# "retired" in the place of an account, which no key has as its address
RETIRED_ACCOUNT: constant(address) = 0x0000000000000000000000000000000000000001
# a hotkey's word: account of the pool's owner 160 | zero 60 | pool id 28 | flags 8
OWNER_SHIFT: constant(uint256) = 96
ID_SHIFT: constant(uint256) = 8
ID_MASK: constant(uint256) = 2**28 - 1
# another hotkey speaks for the pool now
RETIRED: constant(uint256) = 1
# stake was lent to or by the pool, in some subnet, some time
RELATED: constant(uint256) = 2

_hotkeys: HashMap[address, uint256]
# pool id -> the hotkey that speaks for it
_speakers: HashMap[uint256, address]
_pool_count: uint256
# coldkey -> account it speaks for; zero: its own
_accounts: HashMap[address, address]
# account -> coldkey that speaks for it; zero: its own
_coldkeys: HashMap[address, address]


@internal
def _open(hotkey: address, account: address) -> uint256:
    """
    @notice Give a hotkey a new pool.
    @return Its id, from 1.
    """
    id: uint256 = self._pool_count + 1
    # SAFETY: each costs a registration, 2^28 of them more than there is gas for.
    assert id <= ID_MASK, "staking: no pool left"
    self._pool_count = id
    self._hotkeys[hotkey] = convert(account, uint256) << OWNER_SHIFT | id << ID_SHIFT
    self._speakers[id] = hotkey
    return id


@internal
def _relate(id: uint256):
    """
    @notice Note that stake is lent to or by a pool.
    """
    self._hotkeys[self._speakers[id]] |= RELATED


@internal
def _swap_hotkey(old_hotkey: address, new_hotkey: address):
    """
    @notice Make another hotkey speak for a pool.
    """
    word: uint256 = self._hotkeys[old_hotkey]
    assert self._hotkeys[new_hotkey] == 0, "staking: hotkey is taken"
    self._hotkeys[new_hotkey] = word
    self._hotkeys[old_hotkey] = word | RETIRED
    self._speakers[self._id_in(word)] = new_hotkey


@internal
def _swap_coldkey(account: address, old_coldkey: address, new_coldkey: address):
    """
    @notice Make another coldkey speak for an account.
    """
    assert new_coldkey != old_coldkey, "staking: same coldkey"
    assert self._accounts[new_coldkey] == empty(address), "staking: coldkey is taken"
    self._accounts[old_coldkey] = RETIRED_ACCOUNT
    self._accounts[new_coldkey] = account
    self._coldkeys[account] = new_coldkey


@internal
@view
def _speaker_of(hotkey: address, word: uint256) -> address:
    """
    @notice The hotkey that speaks for the pool that a hotkey leads to.
    """
    return hotkey if word & RETIRED == 0 else self._speakers[self._id_in(word)]


@internal
@view
def _account_of(coldkey: address) -> address:
    """
    @notice The account that a coldkey speaks for; zero if it is retired.
    """
    account: address = self._accounts[coldkey]
    if account == empty(address):
        return coldkey
    return empty(address) if account == RETIRED_ACCOUNT else account


@internal
@view
def _coldkey_of(account: address) -> address:
    """
    @notice The coldkey that speaks for an account.
    """
    coldkey: address = self._coldkeys[account]
    return account if coldkey == empty(address) else coldkey


@internal
@pure
def _id_in(word: uint256) -> uint256:
    """
    @notice Id of the pool in a hotkey's word; 0 if it has none.
    """
    return (word >> ID_SHIFT) & ID_MASK


@internal
@pure
def _owner_in(word: uint256) -> address:
    """
    @notice Account of the owner in a hotkey's word.
    """
    return convert(word >> OWNER_SHIFT, address)


@internal
@view
def _live_id(hotkey: address) -> uint256:
    """
    @notice Id of the pool that a hotkey speaks for now; 0 if it is unknown or retired.
    """
    word: uint256 = self._hotkeys[hotkey]
    return 0 if word & RETIRED != 0 else self._id_in(word)
