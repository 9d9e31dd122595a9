# SPDX-License-Identifier: Apache-2.0
"""The root on a live chain: two members weigh two subnets from the command line, the emission of
the next epochs follows their vector to the rao, and a lie about the root is struck as everywhere.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from offchain.chain.coldkey import Coldkey
from offchain.chain.emission import Drained, SharesSet
from offchain.chain.events import read_events
from offchain.chain.hotkey import Hotkey, revealed_rows
from offchain.chain.network import Network, open_network
from offchain.chain.presets import MINIMAL
from offchain.chain.root import RootMember, root_row
from offchain.chain.settlement import ProposalStruck
from offchain.chain.subnet_history import SubnetHistory
from offchain.chain.transactions import Sender
from offchain.keys.development import development_signer
from offchain.protocol.errors import ChainError
from offchain.protocol.identifiers import RAO_PER_TAO
from offchain.protocol.rows import pack_row
from offchain.settlement.history import State
from offchain.validator.root import RootSettings, RootValidator, parse_weights
from offchain.validator.settler import Settler
from offchain.watcher.service import Watcher, WatcherSettings
from offchain.watcher.verify import verify_epoch
from tests.chain.conftest import PATIENCE, Localnet, start_localnet

TAO = RAO_PER_TAO
ROOT = 0
MAX_UIDS = 16
ONCE, SERVICE, FIRST, SECOND, WATCHER = "dev:3", "dev:4", "dev:5", "dev:6", "dev:7"
VALIDATOR_OF = {1: FIRST, 2: SECOND}
START_IN_TICKS = 12
PATIENCE_SECONDS = 300.0  # decides only how late a broken build fails


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Localnet]:
    """Anvil with a block every second."""
    yield from start_localnet("anvil", tmp_path_factory.mktemp("root"), MINIMAL, block_seconds=1)


def signer(localnet: Localnet, name: str) -> Any:
    return development_signer(name, localnet.chain.chain_id)


def command(localnet: Localnet, home: Path, *words: str) -> subprocess.Popen[str]:
    """`evmtensor` as a process with a home of its own."""
    where = ["--url", localnet.url, "--deployment", str(localnet.path)]
    return subprocess.Popen(
        [sys.executable, "-m", "offchain.cli", *words, *where, "--json"],
        env=os.environ | {"EVMTENSOR_HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def answer(process: subprocess.Popen[str]) -> Any:
    out, error = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0, error
    return json.loads(out)


@contextmanager
def validating(localnet: Localnet, folder: Path, netuid: int) -> Iterator[None]:
    """A validator of a subnet, with a fixed row, in a thread."""
    network = open_network([localnet.url], localnet.path)
    sender = Sender(network.connection, signer(localnet, VALIDATOR_OF[netuid]), patience=PATIENCE)
    row = [0, 1] + [0] * (MAX_UIDS - 2)
    hotkey = Hotkey(network, sender, netuid)
    settler = Settler(network, hotkey, folder / str(netuid), lambda window: row)
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            try:
                settler.step()
            except ChainError as error:
                print(f"subnet {netuid}: {error}")
            stop.wait(0.2)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        settler.stop()
        thread.join()
        settler.close()


def wait_until(what: str, is_so: Any) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, f"{what}: never"
        time.sleep(0.2)


def found(localnet: Localnet, home: Path) -> None:
    """Two started subnets, one validator each, two members with stake, and the root started."""
    network, clock = localnet.network, localnet.network.clock
    owner = Coldkey(network, localnet.funded(100_000))
    everybody = (ONCE, SERVICE, FIRST, SECOND, WATCHER)
    for name in everybody:
        owner.transfer(signer(localnet, name).address, 5_000 * TAO)
    for netuid, name in VALIDATOR_OF.items():
        created = owner.create_subnet(signer(localnet, name), MAX_UIDS, 4, 10_000 * TAO)
        assert created.netuid == netuid
        owner.register(netuid, signer(localnet, name), 20 * TAO)
    for name in (ONCE, SERVICE):
        owner.register(1, signer(localnet, name), 20 * TAO)
    for name in everybody[:4]:
        owner.add_stake(signer(localnet, name).address, 1_000 * TAO)
    clock.wait_for(clock.tick() + 1)  # stake counts from the tick after it was added
    for netuid in VALIDATOR_OF:
        owner.start_subnet(netuid, clock.tick() + START_IN_TICKS)
    started = answer(command(localnet, home, "root", "start", "--key", "dev:0", "--in-ticks", "12"))
    assert started["netuid"] == ROOT


def epoch_of_both(history: Any) -> int | None:
    """A final epoch of the root in which the member that came once and the service revealed."""
    for epoch, record in history.epochs.items():
        if record.state is State.FINAL and sum(s.is_revealed for s in record.frozen.seats) == 2:
            return int(epoch)
    return None


def accrued_to_subnets(network: Network, block: int) -> int:
    """All emission until a block, less the root's thousandth."""
    emission = network.emission
    drained = [
        event.amount_rao + event.recycled_rao
        for event in read_events(
            emission, Drained, network.deployment.first_block, block, indexed=(ROOT,)
        )
    ]
    total = int(emission.read("accrued_rao", block=block))
    return total - emission.pending_rao(ROOT, block) - sum(drained)


def share_of_epoch(network: Network, netuid: int, begin: int, end: int) -> int:
    """What a subnet accrues between two of its closes, by the vectors in force and nothing else."""
    emission = network.emission
    turns = [
        event.at.block_number for event in read_events(emission, SharesSet, begin + 1, end - 1)
    ]
    owed = int(emission.read("pending_q96", netuid, block=begin))
    for first, last in pairwise([begin, *turns, end]):
        shares = emission.shares(first)
        gained = accrued_to_subnets(network, last) - accrued_to_subnets(network, first)
        remainder = int(emission.read("remainder_q96", block=first))
        owed += shares[netuid - 1] * (((gained << 96) + remainder) // sum(shares))
    return owed >> 96


def closes(network: Network, netuid: int, since_block: int) -> Sequence[Drained]:
    return read_events(network.emission, Drained, since_block, indexed=(netuid,))


def committed_epoch(network: Network, member: RootMember) -> int | None:
    """The running epoch, if the member has committed to a row of it."""
    epoch = network.subnets.next_epoch(ROOT) - 1
    seat = member.seat(epoch) if epoch >= 0 else None
    if seat is None or not network.weights.is_committed(ROOT, epoch, seat.seat):
        return None
    return epoch


def root_validator(chain: Localnet, folder: Path, *pairs: str) -> RootValidator:
    """A validator of the root in this process, with a fixed row."""
    sender = Sender(chain.network.connection, signer(chain, ONCE), patience=PATIENCE)
    weights = parse_weights(pairs)
    return RootValidator(RootSettings(chain.network, sender, folder / "member", lambda: weights))


def vote_with_a_restart(chain: Localnet, folder: Path) -> int:
    """Commit, go away, come back with other weights, and open what was committed; the epoch."""
    network = chain.network
    first = root_validator(chain, folder, "1=1", "2=3")

    def is_committed() -> bool:
        first.step()
        return committed_epoch(network, first.member) is not None

    wait_until("a commit", is_committed)
    epoch = committed_epoch(network, first.member)
    assert epoch is not None
    first.close()
    second = root_validator(chain, folder, "1=9")

    def is_revealed() -> bool:
        second.step()
        return second.revealed_since(epoch) == epoch

    wait_until("the reveal", is_revealed)
    second.close()
    (event,) = revealed_rows(network, ROOT, epoch)
    assert event.row == pack_row(root_row(network, parse_weights(["1=1", "2=3"])))
    window = network.subnets.window_of(ROOT, epoch)
    network.clock.wait_for(window.end_tick + window.reveal_ticks)
    return epoch


@pytest.mark.e2e
@pytest.mark.slow
@pytest.mark.timeout(1_500)
def test_root__vector_of_70_and_30__emission_follows_it_to_the_rao(chain, tmp_path):
    network = chain.network
    found(chain, tmp_path / "starter")
    weights = tmp_path / "root.toml"
    weights.write_text("[weights]\n1 = 0.7\n2 = 0.3\n")
    service = command(
        chain, tmp_path / "service",
        *("validator", "run", "--netuid", "0", "--weights", str(weights), "--hotkey", SERVICE),
    )  # fmt: skip
    try:
        with validating(chain, tmp_path, 1), validating(chain, tmp_path, 2):
            serving = RootMember(network, Sender(network.connection, signer(chain, SERVICE)))
            wait_until("the service at work", lambda: committed_epoch(network, serving) is not None)
            once = command(
                chain, tmp_path / "once",
                *("root", "weights", "set", "1=0.7", "2=0.3", "--hotkey", ONCE),
            )  # fmt: skip
            revealed = answer(once)
            assert revealed["weights"] == {"1": "0.7", "2": "0.3"}
            wait_until("a vector", network.emission.has_shares)
            (spoken, *_) = read_events(network.emission, SharesSet, 0)
            begin = spoken.at.block_number + 1
            wait_until(
                "two epochs of both subnets",
                lambda: all(len(closes(network, n, begin)) >= 2 for n in VALIDATOR_OF),
            )
        follower = SubnetHistory(network, ROOT)

        def rests() -> bool:
            follower.poll()
            history = follower.history
            return history.last_closed == history.last_final and epoch_of_both(history) is not None

        wait_until("the root at rest", rests)
    finally:
        service.terminate()
        service.wait(30)

    assert abs(spoken.shares[0] / sum(spoken.shares) - 0.7) < 1e-4
    assert abs(spoken.shares[1] / sum(spoken.shares) - 0.3) < 1e-4
    for netuid in VALIDATOR_OF:
        for before, after in pairwise(closes(network, netuid, begin)):
            blocks = before.at.block_number, after.at.block_number
            assert after.bonus_rao == 0
            # something is recycled only if a busy machine made somebody miss an epoch
            drained_rao = after.amount_rao + after.recycled_rao
            assert drained_rao == share_of_epoch(network, netuid, *blocks)
    shown = answer(command(chain, tmp_path, "root", "show"))
    assert shown["has_spoken"]
    assert [round(column["share"], 3) for column in shown["columns"]] == [0.7, 0.3]
    sitting = answer(command(chain, tmp_path, "root", "seats"))
    assert {row["hotkey"] for row in sitting} == {
        signer(chain, name).address for name in (ONCE, SERVICE)
    }
    both = str(epoch_of_both(follower.history))
    verified = answer(command(chain, tmp_path, "verify-epoch", "-n", "0", "-e", both))
    assert verified["is_right"]
    assert "it set the shares 1: 0.7000, 2: 0.3000" in verified["sentence"]
    a_lie_is_struck(chain, tmp_path, follower)


def a_lie_is_struck(chain: Localnet, folder: Path, follower: SubnetHistory) -> None:
    """Somebody posts a vector of their own about the root's next epoch; a watcher strikes it."""
    network = chain.network
    epoch = vote_with_a_restart(chain, folder)
    liar = Hotkey(network, chain.development(5), ROOT)
    liar.close(epoch)
    follower.poll()
    words = list(follower.history.result(epoch).words)
    words[1], words[2] = words[2], words[1]  # columns 0 and 1 change places
    parent_id = follower.history.parent_id(epoch)
    assert parent_id
    told = liar.propose(epoch, parent_id, words)
    assert not verify_epoch(network, ROOT, epoch).is_right

    watching = open_network([chain.url], chain.path)
    sender = Sender(watching.connection, signer(chain, WATCHER), patience=PATIENCE)
    watcher = Watcher(WatcherSettings(watching, sender, folder / "watcher"))
    wait_until("the strike", lambda: watcher.step() and watcher.accounts.struck)
    (strike,) = read_events(network.settlement, ProposalStruck, told.at.block_number)
    assert strike.proposal_id == told.proposal_id
    assert strike.challenger == sender.address
    follower.poll()
    record = follower.history.epochs[epoch]
    assert (record.state, record.live, record.strikes) == (State.CLOSED, None, 1)
