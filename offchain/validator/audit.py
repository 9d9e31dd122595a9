# SPDX-License-Identifier: Apache-2.0
"""Re-execution: does a miner that publishes its model answer with that model?

After each round one answered question is picked, by a seed that no miner knows. The miner's last
committed model is fetched, if it publishes it, and run on that question in the sandbox. An answer
that the model does not give strikes the miner: it scores 0 until its answers agreed CLEAN_AUDITS
times in a row. A struck miner is audited in every round.

What is not proof by itself (another model named in the receipt, no receipt, a model that does not
run) may come of a swap or of a busy machine: it strikes when it is still so DOUBT_S later.
A subnet says in REEXECUTION what publishing means: "optional" (who does not publish is not
audited), "required" (it is struck, and so is a miner whose model cannot be fetched), "off".
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from types import ModuleType
from typing import Any

import structlog
from eth_hash.auto import keccak

from offchain.chain.files import write_durably
from offchain.protocol.errors import EvmtensorError
from offchain.subnets.base import Commitment, Task
from offchain.validator.models import ModelStore
from offchain.wire import CallError, Dendrite, Endpoint
from offchain.wire.dendrite import Reply

# (the model's files by name, subnet, question, the miner's answer) -> whether the model gives it,
# None if this machine could not find out; an EvmtensorError if the model cannot be run.
# `miners.reexecute` has one; this package does not know it.
Reexecute = Callable[[Mapping[str, bytes], ModuleType, Any, Any], bool | None]

CLEAN_AUDITS = 8
TRIES_PER_ROUND = 4  # most miners may not publish: look on for one that does
RECEIPT_S = 3.0  # receipts come every half second
DOUBT_S = 120.0  # commitments are read anew every few blocks
KEPT_EVIDENCE = 256
log = structlog.get_logger("evmtensor.validator")


@dataclass(frozen=True, slots=True)
class Answered:
    """One question that a miner answered."""

    uid: int
    registration_id: int
    endpoint: Endpoint
    task: Task
    reply: Reply[Any]


@dataclass(slots=True)
class Strike:
    """Why a registration scores 0, and how often its answers have agreed since."""

    reason: str
    clean: int = 0


class Auditor:
    """One validator's audits of one subnet; what it knows is on disk in `folder`."""

    def __init__(
        self,
        subnet: ModuleType,
        dendrite: Dendrite,
        folder: Path,
        reexecute: Reexecute,
        now: Callable[[], float] = monotonic,
    ) -> None:
        self._subnet, self._reexecute = subnet, reexecute
        self._folder, self._now = folder, now
        self._models = ModelStore(dendrite, folder / "models")
        self._is_required = subnet.REEXECUTION == "required"
        self._strikes = _load(folder / "strikes.json")
        self._doubts: dict[int, tuple[str, float]] = {}  # kind, and since when
        self._task: asyncio.Task[None] | None = None
        self.audits = 0

    def is_struck(self, registration_id: int) -> bool:
        """Whether this registration scores 0 for now."""
        return registration_id in self._strikes

    def begin(
        self, answered: Sequence[Answered], commitments: Sequence[Commitment], seed: bytes
    ) -> None:
        """Audit one of these answers in the background, unless an audit is still at work."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self.audit(answered, commitments, seed))

    async def close(self) -> None:
        """Give up the audit that is at work."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def audit(
        self, answered: Sequence[Answered], commitments: Sequence[Commitment], seed: bytes
    ) -> None:
        """Look through the answers, struck miners first, until one could be re-executed."""
        latest = {c.registration_id: c.model_hash for c in sorted(commitments, key=_by_tick)}

        def rank(item: Answered) -> tuple[bool, bytes]:
            number = item.registration_id.to_bytes(32, "big")
            return not self.is_struck(item.registration_id), keccak(seed + b"audit" + number)

        for item in sorted(answered, key=rank)[:TRIES_PER_ROUND]:
            model = latest.get(item.registration_id)
            if model is None or not any(model):
                continue  # scores 0 already
            try:
                if await self._audit(item, model):
                    return
            except CallError as error:
                log.info("audit failed", uid=item.uid, reason=str(error))
                if self._is_required:
                    self._doubt(item, "its model cannot be fetched")
            except OSError as error:  # our own disk
                log.warning("audit failed", uid=item.uid, reason=str(error))

    async def _audit(self, item: Answered, model: bytes) -> bool:
        """Whether anything was found out."""
        files = await self._models.fetch(item.endpoint, model, self._subnet.MODEL)
        if files is None:
            if self._is_required:
                self._doubt(item, "its model is not published")
            return False
        named = await _named_model(item.reply)
        if named is None:  # nobody could show what this answer was
            self._doubt(item, "its receipts do not come")
            return False
        if named != model:
            self._doubt(item, "its receipt names another model", named.hex())
            return False
        self.audits += 1
        question, answer = item.task.synapse, item.reply.synapse
        try:
            agrees = await asyncio.to_thread(self._reexecute, files, self._subnet, question, answer)
        except EvmtensorError as error:
            self._doubt(item, "its model does not run", str(error))
            return True
        if agrees is None:
            return False
        if agrees:
            self._clear(item)
        else:
            self._keep_evidence(item)
            self._strike(item, "its answer is not its model's")
        return True

    # verdicts

    def _doubt(self, item: Answered, kind: str, detail: str = "") -> None:
        known, since = self._doubts.get(item.registration_id, ("", 0.0))
        if known != kind:
            self._doubts[item.registration_id] = (kind, self._now())
        elif self._now() >= since + DOUBT_S:
            self._strike(item, kind)
        log.info("audit doubtful", uid=item.uid, reason=f"{kind} {detail}".strip())

    def _strike(self, item: Answered, reason: str) -> None:
        self._strikes[item.registration_id] = Strike(reason)
        self._save()
        log.warning("struck", uid=item.uid, hotkey=item.endpoint.hotkey, reason=reason)

    def _clear(self, item: Answered) -> None:
        self._doubts.pop(item.registration_id, None)
        strike = self._strikes.get(item.registration_id)
        log.debug("audit agrees", uid=item.uid)
        if strike is None:
            return
        strike.clean += 1
        if strike.clean >= CLEAN_AUDITS:
            del self._strikes[item.registration_id]
            log.info("no longer struck", uid=item.uid)
        self._save()

    def _save(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        state = {str(k): [s.reason, s.clean] for k, s in self._strikes.items()}
        write_durably(self._folder / "strikes.json", json.dumps(state, sort_keys=True).encode())

    def _keep_evidence(self, item: Answered) -> None:
        """The signed answer with its question: what anybody can repeat the audit from."""
        exhibit = item.reply.exhibit(item.task.synapse)
        if exhibit is None:
            return
        name = f"{item.registration_id:x}-{exhibit.evidence.answer.hex()[:16]}.json"
        path = self._folder / "evidence" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_durably(path, exhibit.to_json())
        for old in sorted(path.parent.glob("*.json"), key=_age)[:-KEPT_EVIDENCE]:
            old.unlink(missing_ok=True)


async def _named_model(reply: Reply[Any]) -> bytes | None:
    """The model that the miner's receipt names for this answer; None if none comes in time."""
    for _ in range(int(RECEIPT_S / 0.05)):
        if reply.asked is None or reply.asked.batch is not None:
            break
        await asyncio.sleep(0.05)
    asked = reply.asked
    return None if asked is None or asked.batch is None else asked.model


def _by_tick(commitment: Commitment) -> int:
    return commitment.tick


def _age(path: Path) -> float:
    return path.stat().st_mtime


def _load(path: Path) -> dict[int, Strike]:
    """Strikes of an earlier run; a damaged file costs the strikes, not the validator."""
    try:
        raw = json.loads(path.read_bytes())
        return {int(k): Strike(str(reason), int(clean)) for k, (reason, clean) in raw.items()}
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, AttributeError) as error:
        log.warning("strikes damaged, starting anew", path=str(path), error=str(error))
        return {}
