# SPDX-License-Identifier: Apache-2.0
"""The demand bonus: half of the fees burned in a subnet comes back to it, once, and never more.

when the escrow burns fees   - supply falls, issuance does not, the subnet's next drain has a bonus
when there are too many fees - the bonus is capped by what the schedule paid; the rest is lost
when a subnet is closed      - what was burned for it earns nobody anything
when anybody else burns      - it is no fee
"""

from __future__ import annotations

from random import Random

import boa
import pytest

from tests.contracts.deployment import MINIMAL, RAO, World, deploy_world, role_address, seeded

RATE = RAO
ESCROW = role_address("escrow")
TOKENS = ("Tao", "Emission", "Timelock")


def with_escrow(world: World) -> World:
    """Subnets 1 and 2 open, an escrow with 1,000 TAO."""
    subnets = world.address["Subnets"]
    for netuid in (1, 2):
        world.emission.open(netuid, sender=subnets)
    world.emission.set_escrow(ESCROW, sender=world.address["Timelock"])
    world.give(ESCROW, 1_000 * RAO)
    world.tao.approve(world.emission, 2**256 - 1, sender=ESCROW)
    return world


@pytest.fixture
def paying(money: World) -> World:
    return with_escrow(money)


def drain(world: World, netuid: int) -> int:
    return int(world.emission.drain(netuid, 1_000, sender=world.address["Settlement"]))


def test_note_burn__burned_and_not_recycled(paying):
    supply, issuance = paying.tao.totalSupply(), paying.emission.issuance_rao()
    paying.emission.note_burn(1, 7, sender=ESCROW)
    (event,) = [e for e in paying.emission.get_logs() if type(e).__name__ == "FeesBurned"]
    assert (event.netuid, event.amount_rao) == (1, 7)
    assert paying.tao.totalSupply() == supply - 7
    assert paying.emission.issuance_rao() == issuance
    assert (paying.emission.burned_rao(), paying.emission.recycled_rao()) == (7, 0)
    assert (paying.emission.noted_rao(1), paying.emission.noted_rao(2)) == (7, 0)


def test_drain__half_of_the_fees_on_top__rounded_down_and_once(paying):
    paying.emission.note_burn(1, 4, sender=ESCROW)
    paying.emission.note_burn(1, 3, sender=ESCROW)
    paying.warp(10)
    assert drain(paying, 1) == 5 * RATE + 3
    (event,) = [e for e in paying.emission.get_logs() if type(e).__name__ == "Drained"]
    assert (event.amount_rao, event.bonus_rao) == (5 * RATE, 3)
    assert paying.emission.minted_rao() == 5 * RATE
    assert (paying.emission.bonus_rao(), paying.emission.noted_rao(1)) == (3, 0)
    paying.warp(10)
    assert (drain(paying, 1), drain(paying, 2)) == (5 * RATE, 10 * RATE)


def test_drain__more_fees_than_emission__capped_and_the_rest_is_lost(paying):
    paying.emission.note_burn(2, 100 * RAO, sender=ESCROW)
    paying.warp(2)
    assert drain(paying, 2) == 2 * RATE
    assert paying.emission.bonus_rao() == RATE
    paying.warp(200)
    assert drain(paying, 2) == 100 * RATE


def test_close__what_was_burned_before_earns_the_next_one_nothing(paying):
    subnets = paying.address["Subnets"]
    paying.emission.note_burn(1, 100, sender=ESCROW)
    paying.emission.close(1, sender=subnets)
    paying.emission.note_burn(1, 100, sender=ESCROW)  # a redemption never fails
    paying.emission.note_burn(4_000, 100, sender=ESCROW)
    assert paying.emission.noted_rao(1) == paying.emission.noted_rao(4_000) == 0
    paying.emission.open(1, sender=subnets)
    paying.warp(10)
    assert drain(paying, 1) == 5 * RATE
    assert paying.emission.burned_rao() == 300


def test_note_burn__anybody_else__reverts_and_a_burn_is_no_fee(paying, stranger):
    for caller in (stranger, *paying.address.values()):
        with boa.reverts("emission: not the escrow"):
            paying.emission.note_burn(1, 1, sender=caller)
    paying.tao.burn(5, sender=ESCROW)
    assert paying.emission.burned_rao() == 0


def test_note_burn__without_tokens__reverts_and_notes_nothing(paying):
    paying.tao.transfer(role_address("stranger"), paying.tao.balanceOf(ESCROW), sender=ESCROW)
    with boa.reverts():
        paying.emission.note_burn(1, 1, sender=ESCROW)
    assert paying.emission.noted_rao(1) == paying.emission.burned_rao() == 0


def test_set_escrow__only_timelock_and_once(money, stranger):
    for caller in {stranger, *money.address.values()} - {money.address["Timelock"]}:
        with boa.reverts("emission: not the timelock"):
            money.emission.set_escrow(ESCROW, sender=caller)
    assert money.emission.escrow() == "0x" + "00" * 20
    money.emission.set_escrow(ESCROW, sender=money.address["Timelock"])
    with boa.reverts("emission: escrow is set"):
        money.emission.set_escrow(stranger, sender=money.address["Timelock"])


def law_holds(world: World) -> bool:
    """The supply follows from the books, is never above the schedule, and paying oneself loses."""
    emission = world.emission
    supply = (
        world.preset.genesis_rao
        + emission.minted_rao()
        + emission.bonus_rao()
        - (emission.recycled_rao() - emission.withheld_rao())
        - emission.burned_rao()
    )
    return (
        world.tao.totalSupply() == supply
        and supply <= emission.issuance_rao()
        and 2 * emission.bonus_rao() <= emission.burned_rao()
    )


def random_fees(world: World, seed: int, steps: int) -> bool:
    """Fees, drains, recycling and time at random; whether the law held after every step."""
    random = Random(seed)
    for _ in range(steps):
        world.warp(random.randrange(4))
        netuid = random.choice((1, 2))
        match random.randrange(4):
            case 0 | 1:
                world.emission.note_burn(netuid, random.randrange(3 * RAO), sender=ESCROW)
            case 2:
                drain(world, netuid)
            case _:
                world.emission.recycle(random.randrange(RAO), sender=ESCROW)
        if not law_holds(world):
            return False
    return True


def test_law__random_fees__supply_never_above_the_schedule(paying):
    assert random_fees(paying, seed=1, steps=60)


BUGS = {
    "all of the fees come back": ("// BONUS_DIVISOR, kept)", "* BONUS_DIVISOR, kept)"),
    "fees count twice": ("    self._noted_rao[netuid] = 0\n    self._withhold(pending - kept)\n",
                         "    self._withhold(pending - kept)\n"),
    "fees are noted and not burned": (
        "    # INVARIANT: only what is burned here is ever noted.\n"
        "    assert extcall TAO",
        "    if amount_rao > 0:\n        return\n    assert extcall TAO",
    ),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.soundness
@pytest.mark.parametrize("bug", BUGS, ids=list(BUGS))
def test_seeded_bug__the_law_breaks(bug):
    broken = seeded("Emission", ("Emission.vy", *BUGS[bug]))
    world = with_escrow(deploy_world(MINIMAL, only=TOKENS, Emission=broken))
    assert not random_fees(world, seed=1, steps=60)
