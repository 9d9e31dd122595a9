# SPDX-License-Identifier: Apache-2.0
"""Subnet `vision`: read handwritten digits, and say how sure you are.

Data: the UCI digits that scikit-learn ships (1,797 images, 8 x 8). The first 1,200 are for
training; validators ask with the rest. Every image is distorted by a seed that only the validator
knows (turned, moved, scaled, sheared, dimmed, blurred by noise, partly covered), differently for
every miner: there is nothing to look up and no answer to share.

Score of one batch: the mean of accuracy and of the Brier skill score, both rescaled so that
guessing earns 0 and knowing earns 1. Brier's is a proper scoring rule: a miner maximises it by
saying what it believes. An answer after DEADLINE_S earns 0: a batch takes a millisecond to
compute, so across a network the deadline is spent on one round trip, and a miner that asks
another one needs two. Between processes of one host a hop takes no time: there the deadline
exposes nobody, unless `offchain.localnet.distance` puts the host's processes as far apart.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from offchain.subnets.base import ModelInterface, Task, TensorSpec, uid_seed
from offchain.wire import Synapse, Tensor, TensorError

NAME = "vision"
SIDE = 8
CLASSES = 10
BATCH = 32  # images per question
TRAINING_IMAGES = 1_200  # of 1,797; the split keeps the data set's order
DEADLINE_S = 0.25
TIMEOUT_S = 1.0
GUESSING_BRIER = 1.0 - 1.0 / CLASSES  # of the uniform answer
MODEL = ModelInterface(
    inputs={"images": TensorSpec("float32", (None, SIDE, SIDE))},
    outputs={"probabilities": TensorSpec("float32", (None, CLASSES))},
    max_bytes=16 * 2**20,
)

REEXECUTION = "optional"  # who publishes its model is audited; nobody has to

Images = NDArray[np.float32]


class Vision(Synapse):
    """images: float32 (batch, 8, 8) in [0, 1]; probabilities: float32 (batch, 10), sums 1."""

    ANSWERS: ClassVar[tuple[str, ...]] = ("probabilities",)
    MAX_BYTES: ClassVar[int] = 256 * 2**10

    images: Tensor
    probabilities: Tensor | None = None


SYNAPSE = Vision


def tasks(seed: bytes, uids: Sequence[int]) -> list[Task]:
    """One batch of held-out, freshly distorted images per uid. Same seed, same tasks."""
    images, labels = digits()
    pool, truth = images[TRAINING_IMAGES:], labels[TRAINING_IMAGES:]
    return [_task(uid, np.random.default_rng(uid_seed(seed, uid)), pool, truth) for uid in uids]


def score(task: Task, answer: Vision, latency_s: float) -> float:
    """In [0, 1]. TensorError unless the answer is a distribution over ten digits per image."""
    if answer.probabilities is None:
        raise TensorError("vision: no probabilities")
    labels: NDArray[np.int64] = task.truth
    p = answer.probabilities.numpy(dtype="float32", shape=(len(labels), CLASSES))
    if (p < 0).any() or (np.abs(p.sum(axis=1, dtype=np.float64) - 1.0) > 1e-3).any():
        raise TensorError("vision: rows are no distributions")
    if latency_s > DEADLINE_S:
        return 0.0
    return quality(p, labels)


def quality(p: NDArray[Any], labels: NDArray[np.int64]) -> float:
    """Accuracy and calibration of p (batch, 10), in [0, 1]; guessing earns 0."""
    truth = np.eye(CLASSES)[labels]
    brier = float(((p - truth) ** 2).sum(axis=1).mean())
    accuracy = float((p.argmax(axis=1) == labels).mean())
    skill = 1.0 - brier / GUESSING_BRIER
    excess = (accuracy - 1.0 / CLASSES) / (1.0 - 1.0 / CLASSES)
    return min(1.0, max(0.0, (skill + excess) / 2))


@cache
def digits() -> tuple[Images, NDArray[np.int64]]:
    """All 1,797 images (n, 8, 8) in [0, 1] and their labels, in the data set's order."""
    from sklearn.datasets import load_digits  # seconds, and not for miners

    data = load_digits()
    return (data.images / 16.0).astype(np.float32), data.target.astype(np.int64)


def distort(images: Images, rng: np.random.Generator) -> Images:
    """Every image differently: an affine map, then contrast, a covered patch and noise. (n, 8, 8)
    -> (n, 8, 8).
    """
    n = len(images)
    out = _warp(images, _affine(n, rng))
    contrast = rng.uniform(0.6, 1.0, (n, 1, 1))
    out = out * contrast + rng.uniform(0.0, 0.15, (n, 1, 1))
    row, column = rng.integers(0, SIDE - 1, (2, n, 1, 1))
    grid = np.arange(SIDE)
    covered = (np.abs(grid[None, :, None] - row - 0.5) < 1) & (
        np.abs(grid[None, None, :] - column - 0.5) < 1
    )
    out = np.where(covered & (rng.random((n, 1, 1)) < 0.5), 0.5, out)
    out = out + rng.normal(0.0, 0.12, out.shape)
    return np.clip(out, 0.0, 1.0).astype(np.float32)


def _task(uid: int, rng: np.random.Generator, pool: Images, truth: NDArray[np.int64]) -> Task:
    chosen = rng.choice(len(pool), BATCH, replace=False)
    return Task(uid, Vision(images=Tensor.of(distort(pool[chosen], rng))), truth[chosen])


def _affine(n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Maps from output to input pixels, (n, 2, 3): turned by up to 25 degrees, scaled, sheared,
    moved by a pixel.
    """
    angle = np.deg2rad(rng.uniform(-25.0, 25.0, n))
    size = rng.uniform(0.85, 1.2, (n, 1, 1))
    shear = rng.uniform(-0.2, 0.2, n)
    cos, sin = np.cos(angle), np.sin(angle)
    turn = np.stack([np.stack([cos, shear - sin], 1), np.stack([sin, cos], 1)], 1) * size
    return np.concatenate([turn, rng.uniform(-1.0, 1.0, (n, 2, 1))], axis=2)


def _warp(images: Images, maps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bilinear resampling around the centre; outside is background."""
    n, middle = len(images), (SIDE - 1) / 2
    rows, columns = np.meshgrid(np.arange(SIDE), np.arange(SIDE), indexing="ij")
    points = np.stack([rows.ravel() - middle, columns.ravel() - middle])  # (2, 64)
    where = maps[:, :, :2] @ points + maps[:, :, 2:] + middle + 1  # + 1: into the padded image
    where = np.clip(where, 0.0, SIDE + 0.999)
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1)))
    low = where.astype(np.int64)
    (r, c), (fr, fc) = low.transpose(1, 0, 2), (where - low).transpose(1, 0, 2)
    i = np.arange(n)[:, None]
    top = padded[i, r, c] * (1 - fc) + padded[i, r, c + 1] * fc
    bottom = padded[i, r + 1, c] * (1 - fc) + padded[i, r + 1, c + 1] * fc
    out: NDArray[np.float64] = top * (1 - fr) + bottom * fr
    return out.reshape(n, SIDE, SIDE)
