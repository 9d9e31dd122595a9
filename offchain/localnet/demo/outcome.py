# SPDX-License-Identifier: Apache-2.0
"""Did the economy do what it promises? Pure: facts from the chain in, verdicts out."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from offchain.localnet.demo.cast import HONEST_MODELS_BY_QUALITY, Player, Role
from offchain.protocol.units import format_tao

STRIKE_TICKS = 2


@dataclass(frozen=True, slots=True)
class Account:
    """One player's result over all settled epochs, in rao.

    server_rao, validator_rao: cumulative in the last final root. claimed_server_rao,
    claimed_validator_rao: what `Rewards` has paid for the registration.
    """

    player: Player
    uid: int
    server_rao: int
    validator_rao: int
    claimed_server_rao: int
    claimed_validator_rao: int


@dataclass(frozen=True, slots=True)
class EpochBooks:
    """Where one epoch's emission went, in rao.

    drained_rao is what Emission says it handed over, pot_before_rao what earlier results left.
    """

    epoch: int
    drained_rao: int
    pot_before_rao: int
    payouts_rao: int
    owner_rao: int
    proposer_rao: int
    recycled_rao: int
    pot_after_rao: int

    @property
    def gap_rao(self) -> int:
        """0 if the books balance."""
        spent = self.payouts_rao + self.owner_rao + self.proposer_rao + self.recycled_rao
        return self.drained_rao + self.pot_before_rao - spent - self.pot_after_rao


@dataclass(frozen=True, slots=True)
class Strike:
    """A false proposal that was struck: who lost what, and how many ticks it stood."""

    epoch: int
    proposer: str
    challenger: str
    bond_rao: int
    reward_rao: int
    recycled_rao: int
    stood_ticks: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """One promise, whether it was kept, and the numbers behind it."""

    promise: str
    kept: bool
    because: str


def judge(
    accounts: Sequence[Account], books: Sequence[EpochBooks], strikes: Sequence[Strike]
) -> list[Verdict]:
    """Every promise of the demo, in the order in which it is told."""
    return [
        quality_pays(accounts),
        cheating_miners_lose(accounts),
        cheating_validator_loses(accounts),
        lie_is_struck(strikes),
        books_balance(books),
        claims_are_paid(accounts),
    ]


def quality_pays(accounts: Sequence[Account]) -> Verdict:
    """Honest miners earn in the order of their models' quality."""
    earned = {a.player.model: a.server_rao for a in accounts if a.player.role is Role.HONEST_MINER}
    amounts = [earned.get(model, 0) for model in HONEST_MODELS_BY_QUALITY]
    kept = all(better > worse for better, worse in pairwise(amounts))
    named = zip(HONEST_MODELS_BY_QUALITY, amounts, strict=True)
    listed = ", ".join(f"{model} {format_tao(amount)}" for model, amount in named)
    return Verdict("better models earn more", kept and amounts[-1] > 0, f"{listed} TAO")


def cheating_miners_lose(accounts: Sequence[Account]) -> Verdict:
    """Random, relaying and offline miners earn less than half of the worst honest one."""
    honest = [a.server_rao for a in accounts if a.player.role is Role.HONEST_MINER]
    others = {
        a.player.name: a.server_rao
        for a in accounts
        if not a.player.role.is_validator and a.player.role is not Role.HONEST_MINER
    }
    worst = min(honest, default=0)
    kept = bool(others) and all(2 * earned < worst for earned in others.values())
    listed = ", ".join(f"{_short(name)} {format_tao(earned)}" for name, earned in others.items())
    return Verdict(
        "random, relaying, offline miners earn below half of the worst honest one",
        kept,
        f"{listed}; worst honest {format_tao(worst)} TAO",
    )


def cheating_validator_loses(accounts: Sequence[Account]) -> Verdict:
    """Per stake, the cheat earns less than half of the worst honest validator."""
    cheats = [a for a in accounts if a.player.role is Role.CHEATING_VALIDATOR]
    honest = [a for a in accounts if a.player.role is Role.HONEST_VALIDATOR]
    # cross-multiplied, so that no division rounds in anybody's favour
    kept = bool(cheats and honest) and all(
        2 * c.validator_rao * h.player.stake_rao < h.validator_rao * c.player.stake_rao
        for c in cheats
        for h in honest
    )
    return Verdict(
        "per stake, the cheating validator earns below half of an honest one",
        kept,
        f"dividends per million staked: {_per_million(honest)}; the cheat's {_per_million(cheats)}",
    )


def lie_is_struck(strikes: Sequence[Strike]) -> Verdict:
    """The one lie of the demo stood for at most two ticks, and its bond is gone."""
    kept = len(strikes) == 1 and all(
        s.stood_ticks <= STRIKE_TICKS and s.reward_rao + s.recycled_rao == s.bond_rao
        for s in strikes
    )
    listed = "; ".join(
        f"epoch {s.epoch}: struck after {s.stood_ticks}, lost {format_tao(s.bond_rao)} TAO, "
        "half of it to the watcher"
        for s in strikes
    )
    return Verdict(
        f"a profitable lie is struck within {STRIKE_TICKS} ticks",
        kept,
        listed or "nobody struck it",
    )


def books_balance(books: Sequence[EpochBooks]) -> Verdict:
    """Every rao of emission is paid, recycled or in the pot, in every epoch."""
    gaps = {b.epoch: b.gap_rao for b in books if b.gap_rao}
    drained = sum(b.drained_rao for b in books)
    because = f"{format_tao(drained)} TAO over {len(books)} epochs"
    because += f", gaps in rao by epoch: {gaps}" if gaps else ""
    return Verdict("the books balance to the rao", bool(books) and not gaps, because)


def claims_are_paid(accounts: Sequence[Account]) -> Verdict:
    """`Rewards` has paid exactly what the last final root says, to everybody."""
    open_claims = {
        a.player.name: a.server_rao
        - a.claimed_server_rao
        + a.validator_rao
        - a.claimed_validator_rao
        for a in accounts
        if (a.server_rao, a.validator_rao) != (a.claimed_server_rao, a.claimed_validator_rao)
    }
    paid = sum(a.claimed_server_rao + a.claimed_validator_rao for a in accounts)
    because = f"{format_tao(paid)} TAO paid"
    because += f", still open in rao: {open_claims}" if open_claims else ""
    return Verdict("every claim was paid", paid > 0 and not open_claims, because)


def _short(name: str) -> str:
    """`relay` of `miner-relay`."""
    return name.partition("-")[2]


def _per_million(validators: Sequence[Account]) -> str:
    """Dividends over stake."""
    rates = (a.validator_rao * 10**6 // max(1, a.player.stake_rao) for a in validators)
    return ", ".join(f"{rate:,}" for rate in rates)
