# SPDX-License-Identifier: Apache-2.0
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Schedule checks
@license Apache-2.0
@notice Properties of the halving table and of the phases of neighbouring epochs; see SettlementChecks. Long stretches of
        ticks divide by thirty rates, which the solvers do not end, so those are fuzz_ functions.
"""

from contracts.interfaces import ISubnets
from contracts.modules import constants as c
from contracts.modules import halving
from contracts.modules import phases

MAX_TICK: constant(uint256) = 2**40 - 1


@internal
@pure
def _holds(fact: bool):
    if not fact:
        raw_revert(abi_encode(convert(1, uint256), method_id=method_id("Panic(uint256)")))


@internal
@pure
def _window(epoch: uint256, start: uint256, tempo: uint256, reveal: uint256) -> ISubnets.EpochWindow:
    return ISubnets.EpochWindow(epoch=epoch, start_tick=start, tempo=tempo, reveal_ticks=reveal, window_ticks=1)


@external
def check_rate__never_rises(issuance: uint256, more: uint256):
    assert issuance <= c.MAX_SUPPLY_RAO and more <= c.MAX_SUPPLY_RAO - issuance
    self._holds(halving._rate(issuance + more) <= halving._rate(issuance))


@external
def check_rate__one_tick_never_passes_the_cap(issuance: uint256):
    assert issuance <= c.MAX_SUPPLY_RAO
    self._holds(issuance + halving._rate(issuance) <= c.MAX_SUPPLY_RAO)


@external
def check_rate__halves_at_every_threshold_and_not_before(k: uint256):
    assert k < halving.HALVINGS
    first: uint256 = halving._threshold(k)
    self._holds(halving._rate(first) == halving.FIRST_RATE_RAO >> k)
    self._holds(halving._rate(halving._threshold(k + 1) - 1) == halving.FIRST_RATE_RAO >> k)


@external
def fuzz_advance__one_tick_pays_the_rate(before: uint56):
    issuance: uint256 = convert(before, uint256)
    assert issuance <= c.MAX_SUPPLY_RAO
    self._holds(halving._advance(issuance, 1) == issuance + halving._rate(issuance))
    self._holds(halving._advance(issuance, 0) == issuance)


@external
def fuzz_advance__twice_is_once(before: uint56, first: uint40, second: uint40):
    issuance: uint256 = convert(before, uint256)
    assert issuance <= c.MAX_SUPPLY_RAO
    a: uint256 = convert(first, uint256)
    b: uint256 = convert(second, uint256)
    halfway: uint256 = halving._advance(issuance, a)
    self._holds(halving._advance(halfway, b) == halving._advance(issuance, a + b))
    self._holds(halving._advance(halfway, b) <= c.MAX_SUPPLY_RAO)


@external
def check_phase__never_goes_back_in_a_tick(start: uint256, tempo: uint256, reveal: uint256, tick: uint256):
    assert start <= MAX_TICK and tempo <= 3600 and reveal <= 3600 and tick <= MAX_TICK
    window: ISubnets.EpochWindow = self._window(0, start, tempo, reveal)
    self._holds(phases._phase(window, tick) <= phases._phase(window, tick + 1))


@external
def check_phase__neighbours_never_share_one(start: uint256, tempo: uint256, reveal: uint256, next_tempo: uint256, tick: uint256):
    assert start <= MAX_TICK and tempo > 0 and tempo <= 3600 and reveal > 0 and reveal <= tempo // 2
    assert next_tempo > 0 and next_tempo <= 3600 and tick <= MAX_TICK
    one: uint256 = phases._phase(self._window(0, start, tempo, reveal), tick)
    other: uint256 = phases._phase(self._window(1, start + tempo, next_tempo, 1), tick)
    self._holds(not (one == phases.COMMIT and other == phases.COMMIT))
    self._holds(not (one == phases.REVEAL and other == phases.FUTURE))
    # an epoch is revealed while its successor is committed to
    self._holds(one != phases.REVEAL or other == phases.COMMIT or next_tempo < reveal)


@external
def check_void__waits_for_every_proposal_in_time(closed: uint256, proposed: uint256, tempo: uint256, window: uint256):
    assert closed <= MAX_TICK and tempo <= 3600 and window <= tempo
    assert closed <= proposed and proposed <= closed + 2 * tempo
    self._holds(phases._final_from(proposed, window) <= phases._void_from(closed, tempo))
