# SPDX-License-Identifier: Apache-2.0
"""What one subnet file defines, and what all subnets share: seeds, moving averages, copies, rows.

A subnet is one module in this package with

    NAME, SYNAPSE          its name and its message class (`offchain.wire.Synapse`)
    MODEL                  a `ModelInterface`: the tensors a miner's model takes and returns,
                           named as the message's fields
    TIMEOUT_S              how long a validator waits for an answer
    REEXECUTION            "off" (if missing), "optional" or "required": whether models are
                           published and re-executed (`offchain/validator/audit.py`)
    tasks(seed, uids)      -> list[Task]: one question per uid, all different
    score(task, answer, latency_s) -> float in [0, 1]; raises WireError for a malformed answer
    (the caller scores 0)

Nothing else changes when a subnet is added. Data sets are imported inside functions.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from types import ModuleType
from typing import Any

from eth_hash.auto import keccak

from offchain.protocol.errors import ConfigError
from offchain.wire import Synapse

MAX_WEIGHT = 65_535  # u16
_NAME_ONE = "Name a module of offchain/subnets, such as vision or text."


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """dtype and shape of one tensor; None is the batch axis."""

    dtype: str
    shape: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class ModelInterface:
    """What a subnet demands of a model: named tensors in and out, and a size. `is_folder`: it is a
    decoder's folder, which describes its own tensors; then the size is what validators would fetch.
    """

    inputs: Mapping[str, TensorSpec]
    outputs: Mapping[str, TensorSpec]
    max_bytes: int
    is_folder: bool = False


@dataclass(frozen=True, slots=True)
class Task:
    """One question to one uid. `truth` never leaves the validator."""

    uid: int
    synapse: Any
    truth: Any


def load(name: str) -> ModuleType:
    """The subnet module of that name; ConfigError if there is none."""
    if not name.isidentifier():
        raise ConfigError(f"subnet {name!r} is no module name", next_step=_NAME_ONE)
    try:
        module = import_module(f"offchain.subnets.{name}")
    except ModuleNotFoundError as error:
        if error.name != f"offchain.subnets.{name}":
            raise
        raise ConfigError(f"subnet {name!r} does not exist", next_step=_NAME_ONE) from error
    if not hasattr(module, "SYNAPSE"):  # this very file, for one
        raise ConfigError(f"{name!r} defines no subnet", next_step=_NAME_ONE)
    return module


def task_seed(epoch_seed: bytes, validator_secret: bytes, round_number: int = 0) -> bytes:
    """32 bytes that fix one round of tasks: nobody without the secret can foresee them, and the
    validator can rebuild them after a crash. `epoch_seed` is a block hash later than the miners'
    commitments (security I4).
    """
    if len(validator_secret) < 32:
        raise ConfigError(f"validator secret: {len(validator_secret)} bytes, wanted at least 32")
    return keccak(
        keccak(b"evmtensor task") + keccak(epoch_seed) + keccak(validator_secret)
        + round_number.to_bytes(8, "big")
    )  # fmt: skip


def uid_seed(seed: bytes, uid: int) -> int:
    """The seed of one uid's task: distinct per uid, so that no two miners can share an answer."""
    return int.from_bytes(keccak(seed + uid.to_bytes(8, "big")), "big")


@dataclass(frozen=True, slots=True)
class Commitment:
    """A model hash as committed on chain."""

    registration_id: int
    uid: int
    model_hash: bytes
    tick: int


def copied_or_missing(commitments: Iterable[Commitment], uids: Sequence[int]) -> set[int]:
    """The uids that score 0: those without a commitment, and those whose model somebody else
    committed before.

    Give every commitment known, old ones of a uid included: the first to commit a hash owns it
    for good, also after having moved on to a better model. In one tick the lower registration id
    counts as first.
    """
    owner: dict[bytes, int] = {}
    current: dict[int, Commitment] = {}
    for commitment in sorted(commitments, key=lambda c: (c.tick, c.registration_id)):
        owner.setdefault(commitment.model_hash, commitment.registration_id)
        current[commitment.uid] = commitment
    honest = {
        uid
        for uid, c in current.items()
        if any(c.model_hash) and owner[c.model_hash] == c.registration_id
    }
    return {uid for uid in uids if uid not in honest}


@dataclass(slots=True)
class MovingAverage:
    """Exponential average of scores per uid; a new registration starts from nothing.

    The state is plain (uid -> (registration id, value)), so that a validator can journal it as
    JSON.
    """

    alpha: float = 0.2  # weight of the newest score
    state: dict[int, tuple[int, float]] = field(default_factory=dict)

    def update(self, uid: int, registration_id: int, score: float) -> float:
        """Take in one score; a replaced neuron leaves nothing to its successor."""
        known, value = self.state.get(uid, (None, 0.0))
        value = value + self.alpha * (score - value) if known == registration_id else score
        self.state[uid] = (registration_id, value)
        return value

    def values(self, registration_ids: Mapping[int, int]) -> dict[int, float]:
        """Averages of the uids that still belong to the registration they were measured for."""
        return {
            uid: value
            for uid, (known, value) in self.state.items()
            if registration_ids.get(uid) == known
        }


def scores_to_row(scores: Mapping[int, float], max_uids: int) -> list[int]:
    """Dense u16 row, position = uid: the best score becomes 65,535, the others are proportional,
    rounded down.

    All zero if no score is positive. Raises ValueError for a uid outside the row or a score that
    is not finite.
    """
    row = [0] * max_uids
    best = max(scores.values(), default=0.0)
    for uid, score in scores.items():
        if not 0 <= uid < max_uids or not score < float("inf"):
            raise ValueError(f"row: uid {uid} with score {score}, wanted uid < {max_uids}, finite")
        if score > 0.0:
            row[uid] = int(score / best * MAX_WEIGHT)  # rounds down
    return row


def score_safely(subnet: ModuleType, task: Task, answer: Synapse | None, latency_s: float) -> float:
    """The subnet's score in [0, 1]; 0 for no answer, and for anything that an answer makes the
    subnet raise.
    """
    if answer is None:
        return 0.0
    try:
        score = float(subnet.score(task, answer, latency_s))
    except (
        Exception
    ):  # the boundary of one miner: a hostile answer costs its own score only (security I7)
        return 0.0
    return score if 0.0 <= score <= 1.0 else 0.0
