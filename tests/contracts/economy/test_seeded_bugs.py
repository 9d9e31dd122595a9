# SPDX-License-Identifier: Apache-2.0
"""Every invariant of docs/invariants.md trips on a bug that breaks it: `make soundness`.

A bug is a contract compiled from a copy of the sources with one text replaced; a random life of the
actions that can meet it, or of all, has to stop with the invariant's name.
"""

from __future__ import annotations

from dataclasses import dataclass

import boa
import pytest

from tests.contracts.deployment import CONTRACTS, seeded
from tests.contracts.economy.invariants import QUICK, named
from tests.contracts.economy.powers import live

STAKE = ("join", "leave", "move", "cancel_unbonding", "remove", "settle", "claim", "wait")
EPOCHS = ("settle", "vote", "close", "propose", "finalize", "watch", "withdraw", "claim", "wait")


@dataclass(frozen=True, slots=True)
class Bug:
    """`contract` is compiled with `right` replaced by `wrong` in `file`; `name` has to trip."""

    name: str
    contract: str
    file: str
    right: str
    wrong: str
    actions: tuple[str, ...] = ()
    crowd: int = 0
    steps: int = 40


BUGS = {
    "a token is made when it is sent to oneself": Bug(
        "I-01",
        "Tao",
        "Tao.vy",
        "    erc20._mint(receiver, amount_rao)",
        "    erc20._mint(receiver, amount_rao)\n    erc20.balanceOf[receiver] += 1",
        EPOCHS,
    ),
    "issuance forgets what is recycled": Bug(
        "I-02",
        "Emission",
        "Emission.vy",
        "    self._accrue()\n\n    self._lower_issuance(amount_rao)\n",
        "    self._accrue()\n\n",
        ("recycle", "register"),
    ),
    "recycling burns nothing": Bug(
        "I-03",
        "Emission",
        "Emission.vy",
        "    log IEmission.Recycled(sender=msg.sender, amount_rao=amount_rao)\n\n"
        "    assert extcall TAO.transferFrom(msg.sender, self, amount_rao), "
        '"emission: not transferred"\n    extcall TAO.burn(amount_rao)\n',
        "    log IEmission.Recycled(sender=msg.sender, amount_rao=amount_rao)\n\n"
        "    assert extcall TAO.transferFrom(msg.sender, self, amount_rao), "
        '"emission: not transferred"\n',
        ("recycle", "register"),
    ),
    "anybody speaks for a subnet": Bug(
        "I-04",
        "Subnets",
        "Subnets.vy",
        '    assert msg.sender == self._owners[netuid], "subnets: not the owner"\n',
        "",
        ("trespass",),
        steps=160,  # a trespasser draws from all that roles.yaml reserves
    ),
    "a name stays behind when its coldkey is swapped": Bug(
        "I-04",
        "Keys",
        "Keys.vy",
        "    self._identities[self._account_of_caller()] = identity\n",
        "    self._identities[msg.sender] = identity\n",
        ("introduce", "swap_coldkey"),
    ),
    "anybody speaks through any hotkey": Bug(
        "I-04",
        "Keys",
        "Keys.vy",
        "    self._pool_of_owner(hotkey)\n\n    # INVARIANT: only the coldkey",
        "    self._pool_of(hotkey)\n\n    # INVARIANT: only the coldkey",
        ("introduce",),
    ),
    "a cancelled unbonding is paid again": Bug(
        "I-05",
        "Staking",
        "Staking.vy",
        "    self._drop_unbonding(unbonding_id, amount_rao)\n    shares: uint256",
        "    self._unbondings[unbonding_id] = 0\n    shares: uint256",
        STAKE,
    ),
    "a dividend is in the total and in no pool": Bug(
        "I-06",
        "Staking",
        "modules/share_pool.vy",
        "    pool += amount_rao << ASSETS_SHIFT | shares << SHARES_SHIFT | shares\n",
        "    pool += shares << SHARES_SHIFT | shares\n",
        ("settle", "claim"),
    ),
    "a part of sold shares stays in the sum": Bug(
        "I-07",
        "Staking",
        "modules/share_pool.vy",
        "    pool -= amount_rao << ASSETS_SHIFT | shares << SHARES_SHIFT\n",
        "    pool -= amount_rao << ASSETS_SHIFT | (shares - shares // 10**7) << SHARES_SHIFT\n",
        ("join", "leave"),
    ),
    "sold assets stay in the pool": Bug(
        "I-08",
        "Staking",
        "modules/share_pool.vy",
        "    return shares * (self._vested(id, pool, tick) + VIRTUAL_RAO) // all_shares",
        "    return shares * self._vested(id, pool, tick) // (all_shares * 65 // 64)",
        STAKE,
    ),
    "a dividend takes back what had vested": Bug(
        "I-09",
        "Staking",
        "modules/share_pool.vy",
        "    joined: uint256 = unvested + amount_rao\n",
        "    joined: uint256 = unvested + amount_rao + 1_000_000\n",
        ("settle", "claim"),
    ),
    "buying rounds up": Bug(
        "I-10",
        "Staking",
        "modules/share_pool.vy",
        "        // (self._vested(id, pool, tick) + VIRTUAL_RAO)\n",
        "        // (self._vested(id, pool, tick) + VIRTUAL_RAO) + VIRTUAL_SHARES * 9\n",
        STAKE,
    ),
    "a seller is paid what still vests": Bug(
        "I-08",
        "Staking",
        "modules/share_pool.vy",
        "    return (pool >> ASSETS_SHIFT) - self._unvested(self._vestings[id], tick)",
        "    return pool >> ASSETS_SHIFT",
        ("settle", "claim"),
    ),
    "a delay that nobody can sit out": Bug(
        "I-12",
        "Staking",
        "Staking.vy",
        "assert ticks._tick() >= unbonding & (2**40 - 1)",
        "assert ticks._tick() > unbonding & (2**40 - 1)",
        ("join", "leave"),
    ),
    "a hotkey registers twice": Bug(
        "I-13",
        "Neurons",
        "Neurons.vy",
        '    assert not self._is_in_next_set(life, hotkey), "neurons: already registered"\n',
        "",
        ("register",),
    ),
    "the highest score makes room": Bug(
        "I-14",
        "Neurons",
        "modules/pruning.vy",
        "immune = min(immune, order)",
        "immune = order",
        ("register", "to_boundary"),
        crowd=12,
    ),
    "a part of the burn stays": Bug(
        "I-15",
        "Neurons",
        "Neurons.vy",
        "    extcall EMISSION.recycle(burn_rao)",
        "    extcall EMISSION.recycle(burn_rao - 1)",
        ("register",),
    ),
    "a second commit replaces the first": Bug(
        "I-16",
        "Weights",
        "Weights.vy",
        '    assert self._commits[key] == empty(bytes32), "weights: already committed"\n',
        "",
        ("commit",),
    ),
    "reveals never end": Bug(
        "I-17",
        "Weights",
        "Weights.vy",
        '    assert phase == phases.REVEAL, "weights: reveal phase over"\n',
        "",
        ("commit", "reveal", "wait", "to_boundary"),
    ),
    "a newcomer counts in the epoch that it came in": Bug(
        "I-18",
        "Neurons",
        "modules/generations.vy",
        '@dev Loops over max_uids / 8 words; one read for each that was ever taken.\n    """\n'
        "    flags: DynArray[uint256, _ALL_WORDS] = self._flags(life, self._later(life, epoch))",
        '@dev Loops over max_uids / 8 words; one read for each that was ever taken.\n    """\n'
        "    flags: DynArray[uint256, _ALL_WORDS] = self._flags(life, 0)",
        ("register", "vote", "close", "propose", "finalize", "settle"),
        crowd=12,
    ),
    "a pool forgets a dividend that it vests": Bug(
        "I-11",
        "Staking",
        "modules/share_pool.vy",
        "    rao_ticks_q32: uint256 = (\n",
        "    joined += 5_000_000\n    rao_ticks_q32: uint256 = (\n",
        ("settle", "claim", "join"),
    ),
    "the pot keeps what was paid": Bug(
        "I-27",
        "Settlement",
        "Settlement.vy",
        "    subnet.pot_rao += dust_rao",
        "    subnet.pot_rao += dust_rao + 1",
        EPOCHS,
    ),
    "the proposer is paid twice": Bug(
        "I-27",
        "Settlement",
        "Settlement.vy",
        "    bonds_ledger._credit(slots._proposal(proposal_id).proposer, proposer_rao)",
        "    bonds_ledger._credit(slots._proposal(proposal_id).proposer, 2 * proposer_rao)",
        EPOCHS,
    ),
    "claims are not noted": Bug(
        "I-22",
        "Rewards",
        "Rewards.vy",
        "convert(account, uint256) << 96 | unsafe_add(served & U96_MAX, server_rao)\n",
        "convert(account, uint256) << 96\n",
        EPOCHS,
    ),
    "any path proves": Bug(
        "I-23",
        "Rewards",
        "Rewards.vy",
        'assert proven, concat("rewards: wrong proof of uid ", uint2str(uid))',
        "assert proven or True",
        EPOCHS,
    ),
    "the sums are always wrong": Bug(
        "I-25",
        "Settlement",
        "Settlement.vy",
        '    assert not is_right, "settlement: sums are right"\n',
        "",
        EPOCHS,
    ),
    "a void epoch can be finalized early": Bug(
        "I-17",
        "Settlement",
        "Settlement.vy",
        '    assert is_due, "settlement: window is open"\n',
        "",
        EPOCHS,
    ),
    "a parameter is out of bounds": Bug(
        "I-33",
        "Subnets",
        "modules/hyperparameters.vy",
        '    assert setting <= _MOST[parameter_id], "subnets: out of bounds"\n',
        "",
        ("set_parameter",),
    ),
    "a parameter changes at once": Bug(
        "I-33",
        "Subnets",
        "modules/hyperparameters.vy",
        "    from_epoch: uint256 = next_epoch + 1\n",
        "    from_epoch: uint256 = next_epoch - 1\n",
        ("set_parameter", "to_boundary"),
    ),
    "a proposer announces with no delay": Bug(
        "I-34",
        "Timelock",
        "Timelock.vy",
        "timelock_controller.__init__(minimum_delay_seconds, ",
        "timelock_controller.__init__(0, ",
        ("schedule", "execute", "wait"),
    ),
    "a view shows another price": Bug(
        "I-35",
        "Neurons",
        "Neurons.vy",
        "    return self._burn_rao(ids._life(netuid, terms.next_epoch), terms)\n",
        "    return 1 + self._burn_rao(ids._life(netuid, terms.next_epoch), terms)\n",
        ("register",),
    ),
}


@pytest.mark.parametrize("what", BUGS)
def test_bugs__of_the_table__fit_the_sources(what: str) -> None:
    """Seen at once when a source changes, and not only in `make soundness`."""
    bug = BUGS[what]
    text = (CONTRACTS / bug.file).read_text(encoding="utf-8")
    assert text.count(bug.right) == 1, f"{bug.file} has {text.count(bug.right)} times {bug.right!r}"
    assert bug.right != bug.wrong


def trip(bug: Bug) -> str:
    """What the first life that meets the bug stops with; empty if none does."""
    source = seeded(bug.contract, (bug.file, bug.right, bug.wrong))
    for seed in range(4):
        with boa.env.anchor():
            try:
                live(
                    seed,
                    bug.steps,
                    crowd=bug.crowd,
                    actions=bug.actions,
                    only=named(bug.name) or QUICK,
                    **{bug.contract: source},
                )
            except AssertionError as error:
                return str(error)
    return ""


@pytest.mark.soundness
@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("what", BUGS)
def test_economy__seeded_bug__trips_its_invariant(what: str) -> None:
    bug = BUGS[what]
    said = trip(bug)
    assert said.startswith(bug.name), f"{bug.name} did not trip: {said or 'nothing did'}"


def test_economy__seeded_bug_in_the_books__trips_in_every_run() -> None:
    """One of them always runs, so that a check that checks nothing is seen at once."""
    bug = BUGS["recycling burns nothing"]
    assert trip(bug).startswith(bug.name)
