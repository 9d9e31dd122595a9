# SPDX-License-Identifier: Apache-2.0
"""A watcher through reorganisations and bad nodes, silencers, and as the only one who settles; and
what `verify-epoch` says of all that. One chain for all tests, set back before each.
"""

from __future__ import annotations

import json
import random
import threading
import time
from contextlib import contextmanager
from dataclasses import replace

import httpx
import pytest

from offchain.chain.connection import Connection
from offchain.chain.network import network_of
from offchain.chain.outbox import Outbox
from offchain.chain.rpc import RetryPolicy, Rpc
from offchain.chain.settlement import EpochState
from offchain.chain.transactions import Sender
from offchain.cli.app import run as evmtensor
from offchain.keys.development import development_signer
from offchain.protocol.errors import EvmtensorError
from offchain.settlement import challenge
from offchain.watcher.accounts import Accounts
from offchain.watcher.plan import PATIENCE_TICKS, Mandate
from offchain.watcher.service import Watcher, WatcherSettings
from tests.e2e.liars import PATIENCE, WATCHERS, Town, open_town, vote

WATCHER, GRIEFER = WATCHERS[0], WATCHERS[1]
SUBNETS = 2
PATIENCE_SECONDS = 200.0  # decides only how late a broken build fails


@pytest.fixture(scope="module")
def long_lived(tmp_path_factory):
    with open_town(tmp_path_factory.mktemp("faults"), SUBNETS) as made:
        yield made


@pytest.fixture
def town(long_lived):
    long_lived.reset()
    return long_lived


def watcher_of(town: Town, folder, mandate=None, connection: Connection | None = None) -> Watcher:
    """A new one, as after a restart, with what earlier ones left in the folder."""
    connection = connection or town.sender(WATCHER).connection
    network = network_of(connection, town.network.deployment)
    signer = development_signer(f"dev:{WATCHER}", town.chain.chain_id)
    sender = Sender(connection, signer, Outbox(folder / "outbox"), patience=PATIENCE)
    return Watcher(WatcherSettings(network, sender, folder, mandate=mandate or Mandate()))


@contextmanager
def blocks(town: Town, seconds: float = 0.25, after=lambda: None):
    """Blocks by hand, a quarter of a second apart: as the node makes them, but they can stop."""
    stop = threading.Event()

    def mine() -> None:
        after()
        while not stop.wait(seconds):
            town.mine()
            after()

    thread = threading.Thread(target=mine, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def lie_now(town: Town, *netuids: int, word: int = 1, bit: int = 0) -> list[int]:
    town.mine_at_once()
    made = [town.lie(netuid, word=word, bit=bit) for netuid in netuids]
    town.mine_by_hand()
    return made


def step_until(town: Town, watcher: Watcher, is_done, after=lambda: None) -> list:
    """Step as the service does, errors and all, while blocks come."""
    done = []
    deadline = time.monotonic() + PATIENCE_SECONDS
    with blocks(town, after=after):
        while not is_done():
            assert time.monotonic() < deadline, watcher.accounts
            try:
                done += watcher.step()
            except EvmtensorError:
                time.sleep(0.05)
            time.sleep(0.05)
    return done


def is_live(town: Town, netuid: int, epoch: int = 0) -> bool:
    return town.network.settlement.epoch_of(netuid, epoch).is_live


@pytest.mark.e2e
@pytest.mark.parametrize("depth", [1, 2, 3, 4, 5])
def test_reorg__over_a_challenge__struck_again_and_nothing_twice(town, tmp_path, depth):
    lie_now(town, 1)
    town.mine(5)
    watcher = watcher_of(town, tmp_path)
    step_until(town, watcher, lambda: len(town.strikes()) == 1)
    above = town.network.connection.head().number - town.strikes()[0].at.block_number
    town.mine(max(0, depth - 1 - above))
    town.rpc("anvil_reorg", max(depth, above + 1), [])
    assert town.strikes() == []
    assert is_live(town, 1)
    step_until(town, watcher, lambda: len(town.strikes()) == 1)
    town.mine(2)
    watcher.step()
    assert town.challenges_of([WATCHER]) == [True]
    assert (watcher.accounts.sent, watcher.accounts.struck) == (1, 1)


@pytest.mark.e2e
@pytest.mark.parametrize("depth", [1, 2, 3, 4, 5])
def test_reorg__over_a_proposal__the_next_lie_with_its_number_is_struck(town, tmp_path, depth):
    lie_now(town, 1, word=1)
    town.mine(depth - 1)
    watcher = watcher_of(town, tmp_path)
    watcher.step()  # sees the lie; its turn may not have come
    waited = len(town.strikes())
    town.rpc("anvil_reorg", depth, [])
    assert waited == 0
    assert not is_live(town, 1)
    with blocks(town):
        assert watcher.step() == []  # nothing is there to be challenged
    lie_now(town, 1, word=6)
    step_until(town, watcher, lambda: len(town.strikes()) == 1)
    assert town.challenges_of([WATCHER]) == [True]


class BadNode(httpx.BaseTransport):
    """Passes on to a real node, and spoils every third answer or so in every way there is."""

    def __init__(self, seed: int) -> None:
        self._inner = httpx.HTTPTransport()
        self._random = random.Random(seed)
        self.spoiled = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        spoil = self._random.random()
        if spoil < 0.05:
            self.spoiled += 1
            raise httpx.ReadTimeout("too slow", request=request)
        body = request.read()
        if spoil < 0.12 and b'"latest"' in body and b"eth_getBlockByNumber" in body:
            self.spoiled += 1
            return self._stale(request, body)
        answer = self._inner.handle_request(request)
        text = answer.read()
        ways = [
            (0.16, httpx.Response(500, text="oops")),
            (0.20, httpx.Response(429, text="slow down")),
            (0.24, httpx.Response(200, content=text[: len(text) // 2])),
            (0.28, httpx.Response(200, text="<html>welcome</html>")),
            (0.32, httpx.Response(200, content=text.replace(b'"id":', b'"id":9'))),
        ]
        for limit, spoiled in ways:
            if 0.12 <= spoil < limit:
                self.spoiled += 1
                return spoiled
        return httpx.Response(answer.status_code, headers=answer.headers, content=text)

    def _stale(self, request: httpx.Request, body: bytes) -> httpx.Response:
        """The head of some blocks ago."""
        count = json.loads(body.replace(b"eth_getBlockByNumber", b"eth_blockNumber"))
        one = count[0] if isinstance(count, list) else count
        asked = json.dumps({**one, "params": []}).encode()
        headers = {"content-type": "application/json"}
        head = self._inner.handle_request(
            httpx.Request("POST", request.url, content=asked, headers=headers)
        )
        old = hex(max(0, int(json.loads(head.read())["result"], 16) - 3)).encode()
        stale = body.replace(b'"latest"', b'"' + old + b'"')
        answer = self._inner.handle_request(
            httpx.Request("POST", request.url, content=stale, headers=headers)
        )
        return httpx.Response(200, content=answer.read())


@pytest.mark.e2e
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_faults__a_third_of_all_answers_is_bad__lies_are_struck_once(town, tmp_path, seed):
    node = BadNode(seed)
    policy = RetryPolicy(attempts=4, base_seconds=0.01, limit_seconds=0.05, timeout_seconds=20.0)
    connection = Connection(Rpc([town.chain.url], policy, transport=node))
    lie_now(town, 1, 2, word=1 + seed)
    watcher = None
    while watcher is None:
        try:
            watcher = watcher_of(town, tmp_path, connection=connection)
        except EvmtensorError:
            continue
    step_until(town, watcher, lambda: len(town.strikes()) == 2)
    assert node.spoiled > 10
    assert town.challenges_of([WATCHER]) == [True, True]


@pytest.mark.e2e
def test_silencer__liar_keeps_a_dummy_challenge_waiting__struck_all_the_same(town, tmp_path):
    (lie,) = lie_now(town, 1)
    history = town.history(1)
    arguments = list(challenge.sums(challenge.examine(history, 0)))
    arguments[3] = [0] * len(arguments[3])  # reverts: another trace
    call = town.network.settlement.open("challenge_sum", arguments)
    sender = town.address(GRIEFER)
    dummy = {"from": sender, "to": call.to, "data": call.data, "gas": hex(500_000)}
    town.rpc("anvil_impersonateAccount", sender)
    watcher = watcher_of(town, tmp_path)
    sent = []
    step_until(
        town,
        watcher,
        lambda: len(town.strikes()) == 1,
        after=lambda: sent.append(town.rpc("eth_sendTransaction", dummy)),
    )
    assert len(sent) > 1
    assert town.strikes()[0].proposal_id == lie
    assert town.challenges_of([WATCHER]) == [True]


@pytest.mark.e2e
def test_settle__nobody_else_does__closes_proposes_proves_finalizes_and_is_paid(
    town, tmp_path, capsys
):
    watcher = watcher_of(town, tmp_path, Mandate(prove=True, settle=True))
    town.mine(5)
    settlement = town.network.settlement
    finals = lambda: [settlement.epoch_of(n, 0).state is EpochState.FINAL for n in (1, 2)]  # noqa: E731
    step_until(town, watcher, lambda: all(finals()))
    verify(town, capsys, 1, 0, code=0, says="is right")
    vote(town, 1)  # bonds of epoch 0 come back when epoch 1 is final
    town.warp_to(town.network.clock.tick() + PATIENCE_TICKS)
    finals = lambda: [settlement.epoch_of(n, 1).state is EpochState.FINAL for n in (1, 2)]  # noqa: E731
    step_until(town, watcher, lambda: all(finals()))
    purse = watcher.purse
    pay = sum(
        record.frozen.header.proposer_rao
        for netuid in (1, 2)
        for record in town.history(netuid).epochs.values()
    )
    assert purse.earned_rao == pay > 0
    town.warp_to(town.network.clock.tick() + 12)
    step_until(town, watcher, lambda: watcher.purse.withdrawn_rao > 0)
    after = watcher.purse
    assert after.earned_rao == pay
    assert after.withdrawn_rao + after.locked_rao + after.withdrawable_rao == pay + after.put_in_rao
    assert watcher.accounts.reverted == 0
    spent = 10_000 * 10**18 - town.network.connection.balance_wei(town.address(WATCHER))
    before_watching = 0  # the allowance that the set-up gave
    assert watcher.accounts.spent_wei <= spent - before_watching
    assert watcher_of(town, tmp_path).accounts == replace(watcher.accounts)
    assert isinstance(watcher.accounts, Accounts)


def verify(town: Town, capsys, netuid: int, epoch: int, *, code: int, says: str) -> dict:
    """`evmtensor verify-epoch` says so, to people and to programs."""
    asked = ["verify-epoch", "-n", str(netuid), "-e", str(epoch), *town.where()]
    assert evmtensor(asked) == code
    told = capsys.readouterr()
    assert says in told.out + told.err
    evmtensor([*asked, "--json"])
    told = capsys.readouterr()
    return json.loads(told.out or told.err)


@pytest.mark.e2e
def test_verify_epoch__null_closed_false_final_void__says_what_is_wrong(town, capsys):
    verify(town, capsys, 1, 7, code=0, says="null or not closed")
    found = verify(town, capsys, 1, 0, code=0, says="has no proposal")
    assert (found["state"], found["is_right"]) == ("closed", True)
    lie_now(town, 1, word=2, bit=223)  # half of all rank more, or less
    found = verify(town, capsys, 1, 0, code=1, says="live proposal is WRONG: rank of uid 1 is")
    assert [word["name"] for word in found["wrong_words"]] == ["rank of uid 1"]
    # nobody watches: after the window anybody makes the lie final
    settlement, history = town.network.settlement, town.history(1)
    record = history.epochs[0]
    proposed = settlement.proposal_of(record.live.proposal_id).tick
    town.warp_to(proposed + record.frozen.header.window_ticks)
    town.mine_at_once()
    town.sender(GRIEFER).send(settlement.finalize(record, record.live, ()))
    found = verify(town, capsys, 1, 0, code=1, says="is WRONG: rank of uid 1 is")
    assert found["wrong_since"] == 0
    assert found["posted_root"] != found["expected_root"]
    other = town.history(2).epochs[0]  # closed a second later, if the machine was busy
    town.warp_to(other.frozen.header.closed_tick + 3 * other.frozen.header.tempo)
    town.sender(GRIEFER).send(settlement.open("void", challenge.void(other)))
    found = verify(town, capsys, 2, 0, code=0, says="is void")
    assert found["posted_root"] == "0x"
