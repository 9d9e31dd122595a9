# SPDX-License-Identifier: Apache-2.0
"""The guardian's cancel and what waits in Settlement for an account, by command on a real chain."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from pathlib import Path

import pytest

from offchain.chain.coldkey import Coldkey
from offchain.chain.hotkey import Hotkey
from offchain.chain.settlement import EpochClosed, EpochProposed
from offchain.chain.subnet_history import SubnetHistory
from offchain.keys import KeyStore
from offchain.protocol.commits import Commitment, commit_hash
from offchain.protocol.identifiers import RAO_PER_TAO as TAO
from offchain.protocol.rows import pack_row, row_hash
from tests.chain.conftest import Localnet, give_ether
from tests.cli.conftest import Command

pytestmark = [pytest.mark.chain, pytest.mark.slow]
GUARDIAN = "dev:7"


@dataclass(frozen=True, slots=True)
class Closed:
    """Epoch 0 of a subnet of the key `owner`, closed; its one validator can propose it."""

    anvil: Localnet
    validator: Hotkey
    closed: EpochClosed
    words: tuple[int, ...]

    @property
    def at(self) -> tuple[str, ...]:
        return ("--url", self.anvil.url, "--deployment", str(self.anvil.path))

    @property
    def named(self) -> tuple[object, ...]:
        return ("--netuid", self.closed.netuid, "--epoch", self.closed.epoch)

    @property
    def window_ticks(self) -> int:
        return self.anvil.network.settlement.epoch_of(self.closed.netuid, 0).window_ticks

    def propose(self) -> EpochProposed:
        return self.validator.propose(self.closed.epoch, 0, self.words)

    def name_guardian(self, account: str) -> None:
        """As a vote would."""
        rpc, timelock = self.anvil.network.connection.rpc, self.anvil.network.timelock.address
        give_ether(self.anvil.network.connection, timelock, 1)
        rpc.call("anvil_impersonateAccount", timelock)
        call = self.anvil.network.settlement.set_guardian(account)
        rpc.call("eth_sendTransaction", {"from": timelock, "to": call.to, "data": call.data})


@pytest.fixture
def epoch(anvil: Localnet, home: Path) -> Closed:
    network, clock = anvil.network, anvil.network.clock
    paying, validating, mining = anvil.funded(5_000), anvil.funded(2_000), anvil.funded(0)
    KeyStore(home / "keys", scrypt_n=2).add(paying.signer, "owner", "hotkey")
    owner = Coldkey(network, paying)
    netuid = owner.create_subnet(mining.signer, 16, 4, 3_000 * TAO).netuid  # type: ignore[arg-type]
    for sender in (validating, anvil.funded(0)):
        owner.register(netuid, sender.signer, 5 * TAO)  # type: ignore[arg-type]
    owner.add_stake(validating.address, 100 * TAO)
    anvil.jump_to(clock.tick() + 1)
    started = owner.start_subnet(netuid, clock.tick() + 50)
    validator = Hotkey(network, validating, netuid)
    seat = validator.best_poke()
    assert seat is not None
    validator.poke(seat, validator.require_uid())
    anvil.jump_to(started.start_tick)

    window = network.subnets.epoch_at(netuid, clock.tick())
    held, row, salt = (
        validator.require_seat(0),
        pack_row([0, 1] + [0] * 14),
        secrets.token_bytes(32),
    )
    commitment = Commitment(
        chain_id=network.deployment.chain_id,
        weights=network.weights.address,
        netuid=netuid,
        epoch=0,
        registration_id=held.registration_id,
    )
    validator.commit(window, held.seat, commit_hash(commitment, row_hash(row), salt))
    opened = validating.presign(validator.reveal_call(window, held.seat, row, salt))
    anvil.jump_to(window.end_tick)
    validator.reveal(window, opened)
    anvil.jump_to(window.end_tick + window.reveal_ticks)
    closed = validator.close(0)
    follower = SubnetHistory(network, netuid)
    follower.poll()
    return Closed(anvil, validator, closed, follower.history.result(0).words)


def test_guardian__cancels_once__and_the_owner_takes_its_cut(
    epoch: Closed, evmtensor: Command
) -> None:
    def refused(*words: object) -> str:
        return evmtensor(*words, *epoch.at).sentence()

    cancel = ("guardian", "cancel", *epoch.named, "--key", GUARDIAN)
    assert "no guardian is named" in evmtensor("guardian", "show", *epoch.at).out
    assert "A vote names one" in refused(*cancel)
    epoch.name_guardian(epoch.anvil.development(7).address)
    assert "no live proposal" in refused(*cancel)
    twice = ("gov", "propose", "-d", "x", "--set-guardian", "dev:6", "--key", "dev:6")
    assert "for ever" in refused(*twice)

    first = epoch.propose()
    told = refused("guardian", "cancel", *epoch.named, "--key", "dev:6")
    assert f"the guardian is {epoch.anvil.development(7).address}, not" in told
    done = json.loads(evmtensor(*cancel, *epoch.at, "--json").out)
    assert done["proposal_id"] == first.proposal_id
    again = epoch.propose()
    assert again.proposal_id == first.proposal_id + 1
    assert "only one can be" in refused(*cancel)

    epoch.anvil.jump_to(epoch.anvil.network.clock.tick() + epoch.window_ticks)
    final = epoch.validator.finalize(epoch.closed, again, ())
    assert "is final already" in refused(*cancel)

    take = ("withdraw", "--key", "owner", *epoch.at)
    assert final.owner_rao > 0
    assert json.loads(evmtensor(*take, "--json").out)["withdrawn_rao"] == final.owner_rao
    assert "nothing waits for 0x" in evmtensor(*take).out
    # somebody else may pay the gas: the bond of the cancelled proposal
    paid = evmtensor("withdraw", epoch.validator.address, "--key", "owner", *epoch.at).out
    assert f"{epoch.validator.address} got " in paid
