# SPDX-License-Identifier: Apache-2.0
"""The profiles are those of the protocol page and respect its hard bounds."""

import pytest

from offchain.localnet.profiles import DEMO, MAINNET, PROFILES, profile
from offchain.protocol.errors import ConfigError


def test_demo__numbers_of_the_protocol_page():
    assert (DEMO.tempo_ticks, DEMO.reveal_ticks, DEMO.window_ticks) == (12, 4, 3)
    assert (DEMO.tick_seconds, DEMO.block_seconds) == (1, 1)
    assert DEMO.epoch_seconds == 12


def test_mainnet__numbers_of_the_protocol_page():
    assert (MAINNET.tempo_ticks, MAINNET.reveal_ticks, MAINNET.window_ticks) == (360, 100, 150)
    assert MAINNET.tick_seconds == 12
    assert MAINNET.epoch_seconds == 72 * 60


@pytest.mark.parametrize("chosen", PROFILES.values(), ids=PROFILES)
def test_profiles__hard_bounds__hold(chosen):
    assert chosen.tempo_ticks <= 3_600
    assert 1 <= chosen.reveal_ticks <= chosen.tempo_ticks // 2
    assert 1 <= chosen.window_ticks <= chosen.tempo_ticks


def test_profile__unknown_name__says_which_exist():
    with pytest.raises(ConfigError, match="'demos' is unknown") as caught:
        profile("demos")
    assert "demo, mainnet" in caught.value.next_step
