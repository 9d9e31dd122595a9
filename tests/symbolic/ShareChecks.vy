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

KEY: constant(uint256) = 1
ONE: constant(address) = 0x0000000000000000000000000000000000000002
OTHER: constant(address) = 0x0000000000000000000000000000000000000003


@internal
@pure
def _holds(fact: bool):
    if not fact:
        raw_revert(abi_encode(convert(1, uint256), method_id=method_id("Panic(uint256)")))


@internal
def _put(assets_rao: uint256, shares: uint256, held: uint256):
    """
    @notice A pool of any size, of which one member that does not own it holds any part.
    """
    assert held <= shares and shares < 2**76
    pool: uint256 = assets_rao << share_pool.ASSETS_SHIFT | shares << share_pool.SHARES_SHIFT
    share_pool._store(KEY, share_pool._set_held(KEY, pool, ONE, False, held, 0), 0, 0)
    share_pool._set_total(assets_rao, 0)


@external
def fuzz_buy_and_sell__never_gains(assets_rao: uint48, shares: uint64, amount_rao: uint48, tick: uint32):
    self._put(convert(assets_rao, uint256), convert(shares, uint256), 0)
    bought: uint256 = share_pool._buy(KEY, ONE, False, convert(amount_rao, uint256), convert(tick, uint256))
    back_rao: uint256 = (share_pool._sell(KEY, ONE, False, bought, convert(tick, uint256)))[0]
    self._holds(back_rao <= convert(amount_rao, uint256))


@external
def check_buy__one_delta_for_member_and_sum(assets_rao: uint256, shares: uint256, held: uint256, amount_rao: uint256, tick: uint256):
    assert assets_rao < 2**54 and amount_rao < 2**54 and tick < 2**36
    self._put(assets_rao, shares, held)
    bought: uint256 = share_pool._buy(KEY, ONE, False, amount_rao, tick)
    # A million shares a rao is the lowest price there is (I-09), so all shares fit their field.
    assert bought < 2**76
    self._holds(share_pool._held_now(KEY, ONE, False) == held + bought)
    self._holds(share_pool._all_shares(KEY) == shares + bought)
    self._holds(share_pool._assets(KEY) == assets_rao + amount_rao)
    self._holds(share_pool._total_rao() == assets_rao + amount_rao)


@external
def check_sell__never_more_than_is_held_or_there(assets_rao: uint256, shares: uint256, held: uint256, sold: uint256, tick: uint256):
    assert assets_rao < 2**54 and tick < 2**36
    assert sold < shares  # the last exit empties the pool: another check
    self._put(assets_rao, shares, held)
    out_rao: uint256 = (share_pool._sell(KEY, ONE, False, sold, tick))[0]
    self._holds(sold <= held)
    self._holds(share_pool._held_now(KEY, ONE, False) == held - sold)
    self._holds(share_pool._all_shares(KEY) == shares - sold)
    self._holds(out_rao <= assets_rao)
    self._holds(share_pool._assets(KEY) + out_rao == assets_rao)


@external
def check_last_exit__leaves_an_empty_pool(assets_rao: uint256, shares: uint256, tick: uint256):
    assert assets_rao < 2**54 and tick < 2**36 and shares > 0
    self._put(assets_rao, shares, shares)
    out_rao: uint256 = 0
    rest_rao: uint256 = 0
    kept_rao: uint256 = 0
    out_rao, rest_rao, kept_rao = share_pool._sell(KEY, ONE, False, shares, tick)
    self._holds(out_rao + rest_rao == assets_rao)
    self._holds(kept_rao == 0)
    self._holds(share_pool._assets(KEY) == 0)
    self._holds(share_pool._total_rao() == 0)


@external
def check_hand__sum_stays(assets_rao: uint256, shares: uint256, held: uint256, given: uint256, to_owner: bool, tick: uint256):
    assert assets_rao < 2**54 and tick < 2**36
    self._put(assets_rao, shares, held)
    share_pool._hand(KEY, ONE, False, OTHER, to_owner, given, tick)
    self._holds(given <= held)
    self._holds(share_pool._held_now(KEY, ONE, False) == held - given)
    self._holds(share_pool._held_now(KEY, OTHER, to_owner) == given)
    self._holds(share_pool._all_shares(KEY) == shares)
    self._holds(share_pool._assets(KEY) == assets_rao)
