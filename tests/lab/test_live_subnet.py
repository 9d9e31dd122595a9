# SPDX-License-Identifier: Apache-2.0
"""Decentralisation of a subnet on a real chain."""

from __future__ import annotations

import json

import pytest

from offchain.chain.coldkey import Coldkey
from offchain.chain.hotkey import Hotkey
from offchain.cli.app import run
from offchain.keys import Signer
from offchain.protocol.identifiers import RAO_PER_TAO
from tests.chain.conftest import Localnet, anvil  # noqa: F401  # the same chain as in tests/chain
from tests.chain.test_life import new_hotkey


@pytest.mark.chain
@pytest.mark.slow
def test_decentralisation__of_a_live_subnet__measures_its_seats(
    anvil: Localnet,  # noqa: F811
    capsys: pytest.CaptureFixture[str],
) -> None:
    network, clock = anvil.network, anvil.network.clock
    owner = Coldkey(network, anvil.funded(10_000))
    validators = [new_hotkey(anvil), new_hotkey(anvil)]
    first = validators[0].signer
    assert isinstance(first, Signer)
    netuid = owner.create_subnet(first, 16, 4, 1_000 * RAO_PER_TAO).netuid
    for sender, stake in zip(validators, (30, 10), strict=True):
        assert isinstance(sender.signer, Signer)
        owner.register(netuid, sender.signer, 9 * RAO_PER_TAO)
        owner.add_stake(sender.address, stake * RAO_PER_TAO)
    anvil.jump_to(clock.tick() + 1)  # stake counts from the tick after it was added
    started = owner.start_subnet(netuid, clock.tick() + 100)
    for sender in validators:
        hotkey = Hotkey(network, sender, netuid)
        seat = hotkey.best_poke()
        assert seat is not None
        hotkey.poke(seat, hotkey.require_uid())
    anvil.jump_to(started.start_tick)

    on = ["--url", anvil.url, "--deployment", str(anvil.path), "--json"]
    capsys.readouterr()
    assert run(["lab", "decentralisation", "--netuid", str(netuid), *on]) == 0
    measured = json.loads(capsys.readouterr().out)
    assert (measured["neurons"], measured["coldkeys"]) == (2, 1)
    assert measured["validators_by_stake"]["gini"] == "1/4"
    assert measured["validators_by_stake"]["effective_number"] == "8/5"
    assert measured["validators_by_pay"] is None
