# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Tao
@license AGPL-3.0-only
@notice The token of the network: ERC-20 with EIP-2612 permits and 9 decimals. Its smallest unit
        is the rao; 1 TAO is 10^9 rao. Every amount in evmtensor is a whole number of rao.
@custom:invariant totalSupply never passes 21 million TAO and equals the sum of all balances.
        After the constructor only Emission mints, and it mints what the halving schedule has
        accrued.
@custom:trust Nobody owns the token. There is no pause, no list of blocked accounts, no second
        minter.
@custom:kill It cannot be stopped.
"""

from ethereum.ercs import IERC20
from ethereum.ercs import IERC20Detailed
from snekmate.auth import ownable
from snekmate.tokens import erc20

from contracts.interfaces import ITao
from contracts.modules import constants as c

implements: IERC20
implements: IERC20Detailed
implements: ITao

initializes: ownable
initializes: erc20[ownable := ownable]

exports: (
    # ERC-20
    erc20.name,
    erc20.symbol,
    erc20.decimals,
    erc20.totalSupply,
    erc20.balanceOf,
    erc20.allowance,
    erc20.transfer,
    erc20.approve,
    erc20.transferFrom,
    erc20.burn,
    # EIP-2612 and EIP-5267
    erc20.permit,
    erc20.nonces,
    erc20.DOMAIN_SEPARATOR,
    erc20.eip712Domain,
)


DECIMALS: constant(uint8) = 9
# a published genesis has few lines
MAX_ALLOCATIONS: constant(uint256) = 64

EMISSION: immutable(address)


@deploy
def __init__(
    emission_: address,
    holders: DynArray[address, MAX_ALLOCATIONS],
    amounts_rao: DynArray[uint256, MAX_ALLOCATIONS],
):
    """
    @param emission_ The only minter from now on.
    @param holders Who holds the genesis allocation, which counts as issuance.
    @param amounts_rao What each of them holds, in rao; Emission is deployed with the same sum.
    """
    assert emission_ != empty(address), "tao: no emission"
    assert len(holders) == len(amounts_rao), "tao: lengths differ"
    EMISSION = emission_

    ownable.__init__()
    erc20.__init__("Tao", "TAO", DECIMALS, "Tao", "1")
    # the deployer keeps nothing of what the two modules give to whoever calls them
    erc20.is_minter[msg.sender] = False
    log erc20.RoleMinterChanged(minter=msg.sender, status=False)
    ownable._transfer_ownership(empty(address))

    for i: uint256 in range(len(holders), bound=MAX_ALLOCATIONS):
        erc20._mint(holders[i], amounts_rao[i])
    assert erc20.totalSupply <= c.MAX_SUPPLY_RAO, "tao: above the cap"


@external
def mint(receiver: address, amount_rao: uint256):
    """
    @notice Make new tokens; only Emission.
    @param receiver Who gets them.
    @param amount_rao How many, in rao.
    """
    assert msg.sender == EMISSION, "tao: not emission"
    # INVARIANT: the cap holds whatever Emission says
    assert erc20.totalSupply + amount_rao <= c.MAX_SUPPLY_RAO, "tao: above the cap"

    erc20._mint(receiver, amount_rao)


@external
@view
def emission() -> address:
    """
    @notice The only minter.
    @return Its address.
    """
    return EMISSION
