# SPDX-License-Identifier: Apache-2.0
"""The table of hyperparameters and the page that is made from it; bounds as people meet them."""

from pathlib import Path

import pytest

from offchain.protocol.errors import ConfigError
from offchain.protocol.hyperparameter_page import ELSEWHERE, page
from offchain.protocol.hyperparameters import HYPERPARAMETERS, hyperparameter

PAGE = Path(__file__).resolve().parents[2] / "docs" / "hyperparameters.md"
# every name of mechanics 3.2 whose value a subnet of Bittensor can have set, as the page names it
BITTENSORS = (
    "tempo activity_cutoff kappa rho max_allowed_uids min_allowed_uids max_allowed_validators "
    "min_allowed_weights max_weights_limit weights_version_key weights_set_rate_limit immunity "
    "serving_rate_limit commit_reveal_enabled commit_reveal_period bonds_moving_average "
    "bonds_penalty bonds_reset_on liquid_alpha_enabled alpha_low alpha_high "
    "alpha_sigmoid_steepness yuma3_enabled burn min_burn max_burn burn_half_life burn_increase "
    "registration_allowed target_regs_per_interval max_regs_per_block immune_owner_uids_limit "
    "min_non_immune_uids subnet_emission_enabled subtoken_enabled transfer_toggle recycle_or_burn "
    "owner_cut_enabled owner_cut_auto_lock_enabled min_childkey_take_per_subnet "
    "ema_price_halving_blocks root_claim_threshold mechanism_count mechanism_emission_split "
    "sn_owner_hotkey"
)


def test_page__is_what_the_table_says() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), (
        "write offchain.protocol.hyperparameter_page.page() to docs/hyperparameters.md"
    )


def test_page__every_hyperparameter_of_bittensor_is_there_once() -> None:
    named = [name for names, _ in ELSEWHERE for name in names.split(", ")]
    named += [row.name for row in HYPERPARAMETERS]
    for name in BITTENSORS.split():
        units = {name, f"{name}_u16", f"{name}_ppm", f"{name}_ticks", f"{name}_rao"}
        assert len(units & set(named)) == 1, name


def test_check__outside_the_bounds__says_which() -> None:
    row = hyperparameter("burn_half_life_ticks")
    for value in (row.least - 1, row.most + 1):
        with pytest.raises(ConfigError, match=f"{value}, wanted 1 to 36100"):
            row.check(value)
    row.check(row.least)
    row.check(row.most)


def test_hyperparameter__unknown__lists_the_known() -> None:
    with pytest.raises(ConfigError) as caught:
        hyperparameter("kapa")
    assert "kappa_u16" in str(caught.value.next_step)
