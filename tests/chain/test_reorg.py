# SPDX-License-Identifier: Apache-2.0
"""A real reorganisation under a transaction and under events (security FI-13)."""

from __future__ import annotations

from pathlib import Path

import pytest

from offchain.chain.events import LogFollower
from offchain.chain.outbox import Outbox
from offchain.chain.tao import Transfer
from offchain.chain.transactions import Sender
from offchain.protocol.identifiers import RAO_PER_TAO
from tests.chain.conftest import PATIENCE, Localnet

pytestmark = pytest.mark.chain
SOMEBODY = "0x" + "77" * 20


@pytest.mark.parametrize("depth", [1, 3, 5])
def test_FI_13_reorg__same_bytes_again_and_one_payment(
    depth: int, anvil: Localnet, tmp_path: Path
) -> None:
    network = anvil.network
    connection = network.connection
    payer = anvil.funded(10)
    sender = Sender(connection, payer.signer, Outbox(tmp_path), patience=PATIENCE)
    anvil.mine(depth + 1)  # the funding is deep enough
    follower = LogFollower(connection, [network.tao.address], connection.head().number)
    call = network.tao.transfer(SOMEBODY, RAO_PER_TAO)
    before = network.tao.balance_of(SOMEBODY)
    first = sender.send(call, purpose="pay once")
    anvil.mine(depth - 1)
    (paid,) = payments(anvil, follower)
    assert paid.at.transaction_hash == first.transaction_hash

    connection.rpc.call("anvil_reorg", depth + 1, [])
    assert connection.receipt(first.transaction_hash) is None
    assert sender.recover()[0].hashes == [first.transaction_hash]
    second = sender.send(call, purpose="pay once")
    assert second.transaction_hash == first.transaction_hash
    assert network.tao.balance_of(SOMEBODY) == before + RAO_PER_TAO
    delta = follower.poll()
    assert delta.rolled_back_to is not None
    assert delta.rolled_back_to <= first.block_number
    again = network.tao.events(Transfer, delta.logs)
    assert [event.at.block_hash for event in again] == [second.block_hash]


def payments(localnet: Localnet, follower: LogFollower) -> list[Transfer]:
    return localnet.network.tao.events(Transfer, follower.poll().logs)
