# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Hotkeys
@license AGPL-3.0-only
@notice Which hotkey a registration id belongs to, for ever, and which uids a hotkey had lately.
@custom:invariant The hotkey of a registration id changes only when its coldkey swaps it.
"""

from contracts.modules import registration_id as ids

# one registration of a hotkey: uid 10 | generation 32
_ENTRY_BITS: constant(uint256) = 42
_ENTRY_MASK: constant(uint256) = 2**42 - 1
_MASK_32: constant(uint256) = 2**32 - 1
# A hotkey registers at most once per boundary: four answer for the last two epochs, the running
# and the next.
HISTORY: constant(uint256) = 4
_ONE_LIFE: constant(uint256) = 2**128

_hotkeys: HashMap[uint256, address]
# the last four registrations of a hotkey in a subnet, newest in the lowest bits
_history: HashMap[uint256, HashMap[address, uint256]]
# lives of subnets that a hotkey registered in << 128 | nonce of the next consent
_nonces: HashMap[address, uint256]


@internal
def _enter(
    life: uint256, hotkey: address, uid: uint256, generation: uint256, registration_id: uint256
):
    """
    @notice A hotkey registered; its consent is used up.
    """
    history: uint256 = self._history[life][hotkey]
    kept: uint256 = history & (2 ** ((HISTORY - 1) * _ENTRY_BITS) - 1)

    self._hotkeys[registration_id] = hotkey
    self._history[life][hotkey] = kept << _ENTRY_BITS | uid << 32 | generation
    self._nonces[hotkey] += 1 if history != 0 else _ONE_LIFE + 1


@internal
def _swap(life: uint256, old_hotkey: address, new_hotkey: address):
    """
    @notice Give the registrations of a hotkey in a subnet to another one.
    """
    history: uint256 = self._history[life][old_hotkey]
    # SAFETY: it is emptied, so a subnet that is named twice counts once.
    assert history != 0, "neurons: not registered there"
    self._history[life][old_hotkey] = 0
    self._history[life][new_hotkey] = history
    self._nonces[old_hotkey] -= _ONE_LIFE
    self._nonces[new_hotkey] += _ONE_LIFE
    for steps: uint256 in range(HISTORY):
        entry: uint256 = (history >> steps * _ENTRY_BITS) & _ENTRY_MASK
        if entry != 0:
            self._hotkeys[ids._of(life, entry >> 32, entry & _MASK_32)] = new_hotkey


@internal
@view
def _nonce(hotkey: address) -> uint256:
    """
    @notice Nonce of a hotkey's next consent.
    """
    return self._nonces[hotkey] & (_ONE_LIFE - 1)


@internal
@view
def _lives(hotkey: address) -> uint256:
    """
    @notice Number of subnets' lives that a hotkey registered in.
    """
    return self._nonces[hotkey] >> 128


@internal
def _name(registration_id: uint256, hotkey: address):
    """
    @notice A registration id that a hotkey has without a uid of its own: a member of the root.
    """
    self._hotkeys[registration_id] = hotkey


@internal
@view
def _registration_back(life: uint256, hotkey: address, steps: uint256) -> (uint256, uint256):
    """
    @notice uid and generation of a hotkey's latest registration, or of one some steps before it.
    @return Generation 0: none.
    """
    entry: uint256 = (self._history[life][hotkey] >> steps * _ENTRY_BITS) & _ENTRY_MASK
    return entry >> 32, entry & _MASK_32


@internal
@view
def _hotkey_of(registration_id: uint256) -> address:
    """
    @notice Hotkey of a registration id; zero if it was never given out.
    """
    return self._hotkeys[registration_id]
