# SPDX-License-Identifier: Apache-2.0
"""The numbers that a deployment is made with: one place, three presets.

localnet: for people and the demo, one-second ticks. minimal: the same with delays short enough for
tests. mainnet: the protocol page's defaults.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from offchain.protocol.errors import ConfigError
from offchain.protocol.identifiers import RAO_PER_TAO


@dataclass(frozen=True, slots=True)
class Preset:
    """Arguments of constructors, by name; ticks unless the name says otherwise.

    genesis_rao: the published allocation that counts as issuance; the deployer gets it.
    has_proposer: the deployer may propose to the timelock, on throw-away chains only; Governor
    always may, and everybody may execute.
    threshold_ppm, quorum_ppm: shares of all stake that a proposal and a decision need.
    confirmations: of services, not of contracts: blocks on top of a close before a bond relies on
    it.
    """

    name: str
    tick_seconds: int
    tempo: int
    reveal_ticks: int
    window_ticks: int
    unbonding_ticks: int
    vesting_ticks: int
    min_stake_rao: int
    genesis_rao: int
    minimum_delay_seconds: int
    has_proposer: bool
    min_bond_rao: int
    deposit_rao: int
    min_lock_rao: int
    lock_reduction_ticks: int
    subnet_immunity_ticks: int
    creation_rate_limit_ticks: int
    voting_delay_ticks: int
    voting_period_ticks: int
    confirmations: int = 0
    threshold_ppm: int = 1_000
    quorum_ppm: int = 100_000

    def arguments(self) -> dict[str, Any]:
        """Every number by the name that a constructor may ask for."""
        return asdict(self)


MAINNET = Preset(
    name="mainnet",
    tick_seconds=12,
    tempo=360,
    reveal_ticks=100,
    window_ticks=150,
    unbonding_ticks=7_200,
    vesting_ticks=7_200,
    min_stake_rao=2_000_000,
    genesis_rao=1_000_000 * RAO_PER_TAO,
    minimum_delay_seconds=7 * 86_400,
    has_proposer=False,
    min_bond_rao=100 * RAO_PER_TAO,
    deposit_rao=RAO_PER_TAO,
    min_lock_rao=1_000 * RAO_PER_TAO,
    lock_reduction_ticks=57_600,
    subnet_immunity_ticks=864_000,
    creation_rate_limit_ticks=28_800,
    voting_delay_ticks=7_200,
    voting_period_ticks=36_000,
    confirmations=12,
)
LOCALNET = Preset(
    name="localnet",
    tick_seconds=1,
    tempo=12,
    reveal_ticks=4,
    window_ticks=3,
    unbonding_ticks=60,
    vesting_ticks=60,
    min_stake_rao=2_000_000,
    genesis_rao=1_000_000 * RAO_PER_TAO,
    minimum_delay_seconds=5,
    has_proposer=True,
    min_bond_rao=RAO_PER_TAO,
    deposit_rao=RAO_PER_TAO // 10,
    min_lock_rao=100 * RAO_PER_TAO,
    lock_reduction_ticks=360,
    subnet_immunity_ticks=600,
    creation_rate_limit_ticks=0,
    voting_delay_ticks=5,
    voting_period_ticks=30,
)
MINIMAL = Preset(
    name="minimal",
    tick_seconds=1,
    tempo=12,
    reveal_ticks=4,
    window_ticks=3,
    unbonding_ticks=60,
    vesting_ticks=48,
    min_stake_rao=2_000_000,
    genesis_rao=1_000_000 * RAO_PER_TAO,
    minimum_delay_seconds=1,
    has_proposer=True,
    min_bond_rao=RAO_PER_TAO,
    deposit_rao=RAO_PER_TAO // 10,
    min_lock_rao=100 * RAO_PER_TAO,
    lock_reduction_ticks=360,
    subnet_immunity_ticks=600,
    creation_rate_limit_ticks=0,
    voting_delay_ticks=2,
    voting_period_ticks=10,
)
PRESETS = {preset.name: preset for preset in (LOCALNET, MINIMAL, MAINNET)}


def preset(name: str) -> Preset:
    """The preset of that name; raises `ConfigError` for another."""
    if name not in PRESETS:
        raise ConfigError(
            f"preset {name!r} is unknown", next_step=f"Choose one of {', '.join(PRESETS)}."
        )
    return PRESETS[name]
