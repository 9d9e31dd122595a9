# SPDX-License-Identifier: Apache-2.0
"""Measures miners: one task each, a score each, a moving average that survives restarts."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import structlog

from offchain.chain.files import write_durably
from offchain.subnets.base import (
    Commitment,
    MovingAverage,
    copied_or_missing,
    score_safely,
    scores_to_row,
    task_seed,
)
from offchain.validator.audit import Answered, Auditor
from offchain.wire import Dendrite, Endpoint

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Examinee:
    """A neuron of the running epoch; `endpoint` None means that it announced none: it serves
    nowhere, or dials out to validators that listen.
    """

    uid: int
    registration_id: int
    endpoint: Endpoint | None
    hotkey: str = ""


@dataclass(frozen=True, slots=True)
class Mark:
    """One answer's worth: `score` in [0, 1], 0 for silence, lateness and anything malformed."""

    uid: int
    score: float
    latency_s: float
    code: str


class Examiner:
    """Keeps one moving average a uid for one subnet.

    Args:
        subnet: a module of `offchain/subnets`.
        dendrite: the validator's own.
        secret: 32 bytes that only this validator knows; makes its tasks unforeseeable.
        path: where the averages are kept.
        auditor: re-executes published models; None: nobody's model is re-executed.
    """

    def __init__(
        self,
        subnet: ModuleType,
        dendrite: Dendrite,
        secret: bytes,
        path: Path,
        auditor: Auditor | None = None,
    ) -> None:
        self._subnet = subnet
        self._dendrite = dendrite
        self._secret = secret
        self._path = path
        self._auditor = auditor
        self._averages = MovingAverage(state=_load(path))

    async def examine(
        self,
        examinees: Sequence[Examinee],
        epoch_seed: bytes,
        round_number: int,
        commitments: Sequence[Commitment] = (),
    ) -> list[Mark]:
        """Ask everybody once, at the same time, and take the scores into the averages.

        Args:
            epoch_seed: a block hash later than the miners' commitments (security I4).
            round_number: distinct per round of the epoch.
            commitments: of models, as known now; what audits compare with.
        """
        seed = task_seed(epoch_seed, self._secret, round_number)
        by_uid = {examinee.uid: examinee for examinee in examinees}
        tasks = self._subnet.tasks(seed, sorted(by_uid))
        asked = [(task, by_uid[task.uid], self._where(by_uid[task.uid])) for task in tasks]
        questions = [(there, task.synapse) for task, _, there in asked if there is not None]
        replies = iter(await self._dendrite.query(questions, timeout_s=self._subnet.TIMEOUT_S))
        marks, answered = [], []
        for task, examinee, there in asked:
            mark = Mark(task.uid, 0.0, 0.0, "SILENT")
            if there is not None:
                reply = next(replies)
                score = score_safely(self._subnet, task, reply.synapse, reply.latency_s)
                code = "OK" if reply.code is None else reply.code.name
                mark = Mark(task.uid, score, reply.latency_s, code)
                if reply.ok:
                    answered.append(
                        Answered(task.uid, examinee.registration_id, there, task, reply)
                    )
            self._averages.update(task.uid, examinee.registration_id, mark.score)
            marks.append(mark)
        self.save()
        if self._auditor is not None:
            self._auditor.begin(answered, commitments, seed)
        return marks

    def _where(self, examinee: Examinee) -> Endpoint | None:
        """Where to ask it; of a miner that has dialled in, its hotkey is enough."""
        if examinee.endpoint is None and self._dendrite.is_connected(examinee.hotkey):
            return Endpoint(examinee.hotkey, "", 0)
        return examinee.endpoint

    def row(
        self,
        registration_ids: Mapping[int, int],
        commitments: Sequence[Commitment],
        max_uids: int,
    ) -> list[int]:
        """The dense u16 row: averages of the neurons of the epoch; copies of models get 0, and so
        do miners whose answers are not their model's.
        """
        averages = self._averages.values(registration_ids)
        copies = copied_or_missing(commitments, sorted(averages))
        nothing = copies | self._struck(registration_ids)
        scores = {uid: 0.0 if uid in nothing else value for uid, value in averages.items()}
        return scores_to_row(scores, max_uids)

    def _struck(self, registration_ids: Mapping[int, int]) -> set[int]:
        auditor = self._auditor
        if auditor is None:
            return set()
        return {uid for uid, known in registration_ids.items() if auditor.is_struck(known)}

    def averages(self, registration_ids: Mapping[int, int]) -> dict[int, float]:
        """The averages as they stand, by uid."""
        return self._averages.values(registration_ids)

    def save(self) -> None:
        """Put the averages on disk, whole or not at all."""
        state = {str(uid): [str(known), value] for uid, (known, value) in self._state.items()}
        write_durably(self._path, json.dumps(state, sort_keys=True).encode())

    @property
    def _state(self) -> dict[int, tuple[int, float]]:
        return self._averages.state


def _load(path: Path) -> dict[int, tuple[int, float]]:
    """Averages of an earlier run; a damaged file costs the averages, not the validator."""
    try:
        raw = json.loads(path.read_bytes())
        return {int(uid): (int(known), float(value)) for uid, (known, value) in raw.items()}
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, AttributeError) as error:
        log.warning("averages damaged, starting anew", path=str(path), error=str(error))
        return {}
