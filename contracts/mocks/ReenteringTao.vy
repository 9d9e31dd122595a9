# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title Reentering TAO
@license AGPL-3.0-only
@notice Only for tests: the token, which once calls back whoever calls it, with calldata that a test has chosen.
"""

from snekmate.auth import ownable
from snekmate.tokens import erc20

initializes: ownable
initializes: erc20[ownable := ownable]

exports: (
    erc20.balanceOf,
    erc20.totalSupply,
    erc20.allowance,
    erc20.permit,
    erc20.decimals,
)

MAX_HOLDERS: constant(uint256) = 64
EMISSION: immutable(address)

# whom to call back, and with what
_target: address
_data: Bytes[1024]
# what came of it
is_sprung: public(bool)
is_entered: public(bool)
output: public(Bytes[128])


@deploy
def __init__(emission_: address, holders: DynArray[address, MAX_HOLDERS], amounts_rao: DynArray[uint256, MAX_HOLDERS]):
    ownable.__init__()
    erc20.__init__("TAO", "TAO", 9, "Tao", "1")
    EMISSION = emission_
    for i: uint256 in range(len(holders), bound=MAX_HOLDERS):
        erc20._mint(holders[i], amounts_rao[i])


@external
def arm(target: address, data: Bytes[1024]):
    self._target = target
    self._data = data
    self.is_sprung = False
    self.is_entered = False
    self.output = b""


@external
def mint(receiver: address, amount_rao: uint256):
    self._spring()
    assert msg.sender == EMISSION, "tao: not emission"
    erc20._mint(receiver, amount_rao)


@external
def burn(amount_rao: uint256):
    self._spring()
    erc20._burn(msg.sender, amount_rao)


@external
def transfer(to: address, amount: uint256) -> bool:
    self._spring()
    erc20._transfer(msg.sender, to, amount)
    return True


@external
def transferFrom(owner: address, to: address, amount: uint256) -> bool:
    self._spring()
    erc20._spend_allowance(owner, msg.sender, amount)
    erc20._transfer(owner, to, amount)
    return True


@external
def approve(spender: address, amount: uint256) -> bool:
    self._spring()
    erc20._approve(msg.sender, spender, amount)
    return True


@internal
def _spring():
    if msg.sender != self._target:
        return
    self._target = empty(address)
    self.is_sprung = True
    self.is_entered, self.output = raw_call(msg.sender, self._data, max_outsize=128, revert_on_failure=False)
