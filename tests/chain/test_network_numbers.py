# SPDX-License-Identifier: Apache-2.0
"""docs/hyperparameters.md, "Numbers of the whole network": the preset's and the sources'."""

from __future__ import annotations

import re
from pathlib import Path

from offchain.chain.presets import MAINNET
from offchain.protocol.hyperparameter_page import NETWORK
from offchain.protocol.identifiers import RAO_PER_TAO

CONTRACTS = Path(__file__).resolve().parents[2] / "contracts"
HERE = dict(NETWORK)


def constant(file: str, name: str) -> int:
    text = (CONTRACTS / file).read_text(encoding="utf-8")
    found = re.search(rf"^{name}: (?:public\()?constant\(uint256\)\)? = ([\d_]+)$", text, re.M)
    assert found is not None, name
    return int(found[1])


def test_page__numbers_of_the_whole_network__are_the_presets() -> None:
    assert HERE["NetworkMinLockCost"] == f"{MAINNET.min_lock_rao // RAO_PER_TAO:,} TAO"
    for name, ticks in (
        ("NetworkLockReductionInterval", MAINNET.lock_reduction_ticks),
        ("NetworkRateLimit", MAINNET.creation_rate_limit_ticks),
        ("NetworkImmunityPeriod", MAINNET.subnet_immunity_ticks),
        ("AdminFreezeWindow", constant("Subnets.vy", "FREEZE_TICKS")),
        *(
            (name, MAINNET.unbonding_ticks)
            for name in (
                *("HotkeySwapOnSubnetInterval", "ColdkeySwapAnnouncementDelay"),
                "PendingChildKeyCooldown",
            )
        ),
    ):
        assert HERE[name].startswith(f"{ticks:,} ticks"), name
    assert HERE["DefaultMinStake, NominatorMinRequiredStake"].startswith(
        f"{MAINNET.min_stake_rao:,} rao"
    )


def test_page__numbers_of_the_whole_network__are_the_sources() -> None:
    for name, number in (
        ("SubnetLimit", constant("modules/constants.vy", "MAX_SUBNETS")),
        ("SubnetOwnerCut", constant("modules/constants.vy", "OWNER_CUT_U16")),
        ("DefaultTake, MaxTake", constant("modules/takes.vy", "MAX_TAKE_U16")),
    ):
        assert HERE[name].startswith(f"{number:,}"), name
    rise = constant("modules/takes.vy", "MAX_TAKE_RISE_U16")
    said = HERE["TxDelegateTakeRateLimit, TxChildkeyTakeRateLimit"]
    assert said == f"a rise of at most {rise:,} waits {MAINNET.unbonding_ticks:,} ticks"
    swap = (CONTRACTS / "Keys.vy").read_text(encoding="utf-8")
    assert "SWAP_COST_RAO: public(constant(uint256)) = c.RAO_PER_TAO // 10" in swap
    assert HERE["KeySwapCost"].startswith("0.1 TAO")
