# SPDX-License-Identifier: Apache-2.0
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Share checks
@license Apache-2.0
@notice Properties of one share pool for every state of it; see SettlementChecks. Products of two unknowns are beyond the
        solvers, so what needs them is a fuzz_ function, for random numbers only.
"""

from contracts.modules import share_pool

initializes: share_pool

KEY: constant(address) = 0x0000000000000000000000000000000000000001
ONE: constant(address) = 0x0000000000000000000000000000000000000002


@internal
@pure
def _holds(fact: bool):
    if not fact:
        raw_revert(abi_encode(convert(1, uint256), method_id=method_id("Panic(uint256)")))


@internal
def _put(assets_rao: uint256, shares: uint256, held: uint256):
    """
    @notice A pool of any size, of which one member holds any part.
    """
    assert held <= shares
    share_pool.pools[KEY].assets_rao = assets_rao
    share_pool.pools[KEY].shares = shares
    share_pool.members[KEY][ONE] = held
    share_pool.total_assets_rao = assets_rao


@external
def fuzz_buy_and_sell__never_gains(assets_rao: uint64, shares: uint64, amount_rao: uint64, tick: uint64):
    self._put(convert(assets_rao, uint256), convert(shares, uint256), 0)
    bought: uint256 = share_pool._buy(KEY, ONE, convert(amount_rao, uint256), convert(tick, uint256))
    back_rao: uint256 = share_pool._sell(KEY, ONE, bought, convert(tick, uint256))
    self._holds(back_rao <= convert(amount_rao, uint256))


@external
def check_buy__one_delta_for_member_and_sum(assets_rao: uint256, shares: uint256, held: uint256, amount_rao: uint256, tick: uint256):
    assert assets_rao < 2**64 and shares < 2**96 and amount_rao < 2**64 and tick < 2**40
    self._put(assets_rao, shares, held)
    bought: uint256 = share_pool._buy(KEY, ONE, amount_rao, tick)
    self._holds(share_pool.members[KEY][ONE] == held + bought)
    self._holds(share_pool.pools[KEY].shares == shares + bought)
    self._holds(share_pool.pools[KEY].assets_rao == assets_rao + amount_rao)
    self._holds(share_pool.total_assets_rao == assets_rao + amount_rao)


@external
def check_sell__never_more_than_is_held_or_there(assets_rao: uint256, shares: uint256, held: uint256, sold: uint256, tick: uint256):
    assert assets_rao < 2**64 and shares < 2**96 and tick < 2**40
    self._put(assets_rao, shares, held)
    out_rao: uint256 = share_pool._sell(KEY, ONE, sold, tick)
    self._holds(sold <= held)
    self._holds(share_pool.members[KEY][ONE] == held - sold)
    self._holds(share_pool.pools[KEY].shares == shares - sold)
    self._holds(out_rao <= assets_rao)
    self._holds(share_pool.pools[KEY].assets_rao + out_rao == assets_rao)
