# SPDX-License-Identifier: Apache-2.0
"""A miner fetches its own pay: when it is worth it, again after a failure, never twice."""

import os

import aiohttp
import pytest

from miners import ClaimPolicy, Miner
from miners.payday import Payday
from offchain.chain.errors import InsufficientFunds
from offchain.protocol.errors import ChainError
from offchain.wire import LocalHotkey
from tests.miners.worlds import FakeChain, here, vision_model
from tests.wire.worlds import in_loop, until

GWEI = 10**9
ETHER = 10**18
TAO = 10**9


@pytest.mark.parametrize(
    ("policy", "owed_rao", "gas_wei", "epochs", "due"),
    [
        (ClaimPolicy(every_epochs=4), 1, 10**30, 4, True),
        (ClaimPolicy(every_epochs=4), 10**18, 0, 3, False),
        (ClaimPolicy(every_epochs=1), 0, 0, 99, False),
        # 0.5 TAO at 0.002 ether each against 20 times 50,000 gwei: exactly worth it
        (ClaimPolicy(4, 2 * ETHER // 1_000, 20), TAO // 2, 50_000 * GWEI, 0, True),
        (ClaimPolicy(4, 2 * ETHER // 1_000, 20), TAO // 2, 50_001 * GWEI, 0, False),
        (ClaimPolicy(4, 2 * ETHER // 1_000, 20), TAO // 2 - 1, 50_000 * GWEI, 99, False),
    ],
)
def test_policy__pay_against_gas__claims_when_worth_it(
    policy: ClaimPolicy, owed_rao: int, gas_wei: int, epochs: int, due: bool
) -> None:
    assert policy.is_due(owed_rao, gas_wei, epochs) is due


@in_loop
async def test_payday__epochs_pass__first_at_once_then_every_n() -> None:
    chain = FakeChain()
    payday = Payday(chain, ClaimPolicy(every_epochs=3))
    await payday.step()  # before the start
    for epoch in range(10):
        chain.running, chain.owed_rao = epoch, chain.owed_rao + 5
        await payday.step()
        await payday.step()  # a second look at the same epoch asks nothing
    assert chain.sent == ["claim 5", "claim 15", "claim 15", "claim 15"]
    assert (payday.claims, payday.claimed_rao, payday.owed_rao) == (4, 50, 0)


@in_loop
async def test_payday__restarted__claims_only_what_is_still_owed() -> None:
    chain = FakeChain(running=5, owed_rao=7)
    await Payday(chain, ClaimPolicy(every_epochs=100)).step()
    await Payday(chain, ClaimPolicy(every_epochs=100)).step()  # killed and started again
    assert chain.sent == ["claim 7"]


@pytest.mark.parametrize("fault", [ChainError("node gone"), InsufficientFunds("no coin for gas")])
@in_loop
async def test_payday__claim_fails__told_and_tried_again_next_epoch(fault: Exception) -> None:
    chain = FakeChain(running=1, owed_rao=7, fault=fault)
    payday = Payday(chain, ClaimPolicy(every_epochs=1))
    await payday.step()
    assert (chain.sent, payday.failures, payday.owed_rao) == ([], 1, 7)
    chain.running = 2
    await payday.step()
    assert (chain.sent, payday.failures, payday.claimed_rao) == (["claim 7"], 1, 7)


@in_loop
async def test_miner__serving__claims_and_shows_it_in_its_metrics() -> None:
    chain = FakeChain(running=1, owed_rao=11)
    settings = here(refresh_s=0.02, http_port=0)
    miner = Miner.from_bytes(vision_model().SerializeToString())
    await miner.start(chain, LocalHotkey(os.urandom(32)), settings)
    await until(lambda: "claim 11" in chain.sent)
    chain.running, chain.owed_rao = 2, 3
    payday = miner.payday
    assert payday is not None
    assert miner.edge is not None
    await until(lambda: payday.owed_rao == 3)
    async with aiohttp.ClientSession() as client:
        response = await client.get(f"http://127.0.0.1:{miner.edge.port}/metrics")
        text = await response.text()
    assert "evmtensor_miner_claimed_rao_total 11\n" in text
    assert "evmtensor_miner_unclaimed_rao 3\n" in text
    await miner.close()


@in_loop
async def test_miner__no_claim__leaves_the_pay_where_it_is() -> None:
    chain = FakeChain(running=1, owed_rao=11)
    settings = here(refresh_s=0.02, claim=None)
    miner = Miner.from_bytes(vision_model().SerializeToString())
    await miner.start(chain, LocalHotkey(os.urandom(32)), settings)
    await until(lambda: chain.refreshed >= 5)
    assert "claim 11" not in chain.sent
    await miner.close()
