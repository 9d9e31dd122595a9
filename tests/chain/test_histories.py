# SPDX-License-Identifier: Apache-2.0
"""Histories that forget: the same answers from little memory, through restarts and rollbacks."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from offchain.chain import subnet_history
from offchain.chain.connection import Connection
from offchain.chain.settlement import EpochClosed, EpochFinalized, EpochProposed
from offchain.chain.subnet_history import Histories
from offchain.chain.weights import WeightsRevealed
from offchain.protocol.errors import InvalidSubmission
from offchain.settlement.frozen import frozen_hash
from offchain.settlement.history import History
from tests.chain.fake_node import FakeNode
from tests.chain.test_rpc import rpc_of
from tests.watcher.epochs import NETUID, ROWS, close, propose

WEIGHTS, SETTLEMENT = "0x" + "11" * 20, "0x" + "22" * 20


@dataclass
class Contract:
    """Logs hold their event as it is; as the real one but for the ABI."""

    address: str

    def topic(self, kind: type[Any]) -> str:
        return kind.__name__

    def events(self, kind: type[Any], logs: list[dict[str, Any]]) -> list[Any]:
        return [kind(**_tuples(log["data"]), at=_place(log)) for log in logs]


def _place(log: dict[str, Any]) -> Any:
    return SimpleNamespace(block_number=int(log["blockNumber"], 16))


def _tuples(data: dict[str, Any]) -> dict[str, Any]:
    found = {k: tuple(v) if isinstance(v, list) else v for k, v in data.items()}
    for name in ("row", "row_hash", "frozen_hash", "root"):
        if name in found:
            found[name] = bytes.fromhex(found[name])
    return found


class Chain:
    """One subnet's epochs on a FakeNode, two blocks each: closed and proposed, then final."""

    def __init__(self) -> None:
        self.node = FakeNode(number=0)
        self.truth = History(NETUID)

    def live(self, epochs: int) -> None:
        for _ in range(epochs):
            epoch = len(self.truth.epochs)
            self.node.number += 1
            close(self.truth, epoch)
            for seat, row in ROWS.items():
                self._log(WeightsRevealed, epoch=epoch, seat=seat, row=row.hex())
            record = self.truth.epochs[epoch]
            words = (record.header, record.seats, record.generations)
            parts = dict(zip(("header", "seats", "generations"), words, strict=True))
            self._log(EpochClosed, epoch=epoch, frozen_hash=frozen_hash(*words).hex(), **parts)
            number = propose(self.truth, epoch)
            parent = self.truth.epochs[epoch].live
            assert parent is not None
            self._log(
                EpochProposed, epoch=epoch, proposal_id=number, parent_id=parent.parent_id,
                trace=parent.trace,
            )  # fmt: skip
            self.node.number += 1
            self._log(EpochFinalized, epoch=epoch, proposal_id=number, cumulatives=(epoch,))
            self.truth.epoch_finalized(epoch, number, (epoch,))

    def _log(self, kind: type[Any], **given: Any) -> None:
        data: dict[str, Any] = {"netuid": NETUID, **given}
        for one in fields(kind):
            if one.name not in data and one.name != "at":
                data[one.name] = "00" * 32 if one.name in ("row_hash", "root") else 0
        index = len(self.node.logs)
        self.node.logs.append(
            {
                "address": WEIGHTS if kind is WeightsRevealed else SETTLEMENT,
                "topics": [kind.__name__],
                "data": data,
                "blockNumber": hex(self.node.number),
                "blockHash": self.node.block_hash(self.node.number),
                "transactionHash": f"0x{index:064x}",
                "transactionIndex": "0x0",
                "logIndex": hex(index),
            }
        )

    def network(self) -> Any:
        rpc, _ = rpc_of(self.node)
        return cast(
            Any,
            SimpleNamespace(
                connection=Connection(rpc),
                weights=Contract(WEIGHTS),
                settlement=Contract(SETTLEMENT),
                deployment=SimpleNamespace(first_block=0),
            ),
        )


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reads and rewrites as often as on a chain of years."""
    monkeypatch.setattr(subnet_history, "READ_BLOCKS", 7)
    monkeypatch.setattr(subnet_history, "COMPACT_BYTES", 20_000)
    monkeypatch.setattr(subnet_history, "ORIGIN_EPOCHS", 5)


def same(history: History, chain: Chain) -> None:
    """The newest epochs follow from the same as in a history that has everything."""
    last = chain.truth.last_final
    assert last is not None
    assert history.last_final == last
    assert history.fingerprint(last) == chain.truth.fingerprint(last)
    assert history.true_bonds(last) == chain.truth.true_bonds(last)
    assert history.result(last).words == chain.truth.result(last).words
    assert history.base(last) == chain.truth.base(last)


def test_forgetting__the_same_answers_from_a_few_epochs(tmp_path: Path, small_steps: None) -> None:
    chain = Chain()
    chain.live(3)
    found = Histories(chain.network(), store=tmp_path, keep=4)
    for _ in range(20):
        chain.live(3)
        found.poll()
        same(found.of(NETUID), chain)
        assert len(found.of(NETUID).epochs) == 4
    assert found._store.floor > 0, "the store was rewritten"
    assert found._store.size < 100_000
    again = Histories(chain.network(), store=tmp_path, keep=4)
    assert len(again.of(NETUID).epochs) <= 4 + 5, "a restart computes few old epochs again"
    chain.live(2)
    again.poll()
    same(again.of(NETUID), chain)


def test_everything_at_once__is_read_in_parts(small_steps: None) -> None:
    chain = Chain()
    chain.live(30)
    found = Histories(chain.network(), keep=4)
    found.poll()
    assert chain.node.calls.count("eth_getLogs") > 7
    same(found.of(NETUID), chain)
    assert len(found.of(NETUID).epochs) == 4


def test_without_keep__everything_stays(small_steps: None) -> None:
    chain = Chain()
    chain.live(30)
    found = Histories(chain.network())
    found.poll()
    assert len(found.of(NETUID).epochs) == 30
    assert found.of(NETUID).origin is None


def test_forgotten__its_result_is_refused_not_guessed(small_steps: None) -> None:
    chain = Chain()
    chain.live(30)
    found = Histories(chain.network(), keep=4)
    found.poll()
    history = found.of(NETUID)
    history._results.clear()
    assert history.origin == 26
    with pytest.raises(InvalidSubmission, match="was forgotten"):
        history.result(26)
    assert history.result(27).words == chain.truth.result(27).words


@pytest.mark.parametrize("restarts", [False, True])
def test_E9_reorganisation__everything_is_read_again(
    tmp_path: Path, small_steps: None, restarts: bool
) -> None:
    chain = Chain()
    chain.live(40)
    found = Histories(chain.network(), store=tmp_path, keep=4)
    found.poll()
    other = Chain()
    other.node.salt = "b"
    other.live(50)
    chain.node.salt, chain.node.number, chain.node.logs = "b", other.node.number, other.node.logs
    if restarts:
        found = Histories(chain.network(), store=tmp_path, keep=4)
    found.poll()
    same(found.of(NETUID), other)
    assert len(found.of(NETUID).epochs) == 4


def test_E9_reorganisation_of_the_newest_block__only_it_is_taken_back(
    tmp_path: Path, small_steps: None
) -> None:
    chain = Chain()
    chain.live(20)
    found = Histories(chain.network(), store=tmp_path, keep=4)
    found.poll()
    assert found._store.floor > 0
    chain.live(1)
    found.poll()
    assert found.of(NETUID).last_final == 20
    newest, hash_of, answer = chain.node.number, chain.node.block_hash, chain.node.eth_getLogs
    asked: list[int] = []

    def logs_of(query: dict[str, Any]) -> list[dict[str, Any]]:
        asked.append(int(query["fromBlock"], 16))
        return answer(query)

    chain.node.eth_getLogs = logs_of  # type: ignore[method-assign]
    chain.node.block_hash = lambda n: hash_of(n) if n < newest else "0x" + "cc" * 32  # type: ignore[method-assign]
    chain.node.logs = [log for log in chain.node.logs if int(log["blockNumber"], 16) < newest]
    found.poll()
    assert found.rollbacks == 1
    assert min(asked) >= newest - 1, "what is below is not read again"
    for seen in (found, Histories(chain.network(), store=tmp_path, keep=4)):
        history = seen.of(NETUID)
        assert (history.last_final, history.last_closed) == (19, 20)
        assert history.fingerprint(20) == chain.truth.fingerprint(20)
