# SPDX-License-Identifier: Apache-2.0
"""Subnet vision: nothing to look up, honest probabilities pay, late answers do not."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from offchain.subnets import vision
from offchain.subnets.base import score_safely, task_seed
from offchain.wire import Tensor, TensorError

SEED = task_seed(b"epoch", b"s" * 32)


def respond(task, p) -> vision.Vision:  # type: ignore[no-untyped-def]
    return vision.Vision(images=task.synapse.images, probabilities=Tensor.of(p))


def sure_of(labels, confidence: float = 1.0):  # type: ignore[no-untyped-def]
    p = np.full((len(labels), 10), (1 - confidence) / 9, dtype=np.float32)
    p[np.arange(len(labels)), labels] = confidence
    return p


def test_tasks__same_seed__same_tasks() -> None:
    one, two = vision.tasks(SEED, [3]), vision.tasks(SEED, [3])
    assert (one[0].synapse.images.numpy() == two[0].synapse.images.numpy()).all()
    assert (one[0].truth == two[0].truth).all()


def test_I4_tasks__another_uid_epoch_or_secret__share_no_image() -> None:
    batches = [
        task.synapse.images.numpy()
        for seed in (SEED, task_seed(b"later", b"s" * 32), task_seed(b"epoch", b"t" * 32))
        for task in vision.tasks(seed, [0, 1])
    ]
    seen = {image.tobytes() for batch in batches for image in batch}
    assert len(seen) == 6 * vision.BATCH


def test_I4_tasks__nearest_original__does_not_give_the_answer_away() -> None:
    """Looking images up in the public data set is no way to a good score."""
    images, labels = vision.digits()
    pool = images.reshape(len(images), -1)
    scores = []
    for task in vision.tasks(SEED, range(8)):
        asked = task.synapse.images.numpy().reshape(vision.BATCH, -1)
        distance = ((asked[:, None] - pool[None]) ** 2).sum(axis=2)
        assert distance.min() > 0.01  # never the original itself
        found = labels[distance.argmin(axis=1)]
        scores.append(vision.quality(sure_of(found), task.truth))
    assert np.mean(scores) < 0.75  # a trained network reaches more


def test_tasks__held_out__none_of_the_training_images() -> None:
    images, _ = vision.digits()
    assert len(images) == 1_797
    task = vision.tasks(SEED, [0])[0]
    assert len(task.truth) == vision.BATCH
    assert set(np.unique(task.truth)) <= set(range(10))


def test_distort__values__stay_in_range_and_finite() -> None:
    images, _ = vision.digits()
    out = vision.distort(images[:500], np.random.default_rng(0))
    assert out.shape == (500, 8, 8)
    assert out.dtype == np.float32
    assert out.min() >= 0
    assert out.max() <= 1


def test_warp__identity__returns_the_image() -> None:
    images, _ = vision.digits()
    maps = np.tile(np.array([[1.0, 0, 0], [0, 1.0, 0]]), (5, 1, 1))
    assert np.allclose(vision._warp(images[:5], maps), images[:5])
    maps[:, 0, 2] = 1.0  # one pixel down the rows
    assert np.allclose(vision._warp(images[:5], maps)[:, :-1], images[:5, 1:])


def test_score__perfect_and_sure__is_one() -> None:
    task = vision.tasks(SEED, [0])[0]
    assert vision.score(task, respond(task, sure_of(task.truth)), 0.1) == pytest.approx(1.0)


def test_score__uniform_or_wrong__is_zero() -> None:
    task = vision.tasks(SEED, [0])[0]
    uniform = np.full((vision.BATCH, 10), 0.1, dtype=np.float32)
    assert vision.score(task, respond(task, uniform), 0.1) < 0.1
    wrong = sure_of((task.truth + 1) % 10)
    assert vision.score(task, respond(task, wrong), 0.1) == 0.0


def test_score__random_answers__are_zero_on_average() -> None:
    rng = np.random.default_rng(0)
    scores = [
        vision.score(task, respond(task, rng.dirichlet([0.2] * 10, 32).astype(np.float32)), 0.1)
        for task in vision.tasks(SEED, range(50))
    ]
    assert np.mean(scores) < 0.01


def test_score__honest_confidence__beats_pretended_certainty() -> None:
    """Right 70 times in 100: saying 0.7 earns more than saying 1.0 or 0.2."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 10, 2_000)
    said = np.where(rng.random(2_000) < 0.7, labels, (labels + 1) % 10)
    earned = {c: vision.quality(sure_of(said, c), labels) for c in (0.2, 0.5, 0.7, 0.9, 1.0)}
    assert max(earned, key=earned.__getitem__) == 0.7


def test_I3_score__after_the_deadline__is_zero() -> None:
    task = vision.tasks(SEED, [0])[0]
    good = respond(task, sure_of(task.truth))
    assert vision.score(task, good, vision.DEADLINE_S) > 0.9
    assert vision.score(task, good, vision.DEADLINE_S + 0.001) == 0.0


@pytest.mark.parametrize(
    "p",
    [
        np.full((32, 10), np.nan, dtype=np.float32),
        np.full((32, 10), np.inf, dtype=np.float32),
        np.full((31, 10), 0.1, dtype=np.float32),
        np.full((32, 11), 0.1, dtype=np.float32),
        np.full((32, 10), 0.1, dtype=np.float64),
        np.full((32, 10), 0.2, dtype=np.float32),
        np.tile(np.array([2.0, -1.0] + [0.0] * 8, dtype=np.float32), (32, 1)),
        np.zeros((0, 10), dtype=np.float32),
    ],
)
def test_I7_score__no_distribution__refused(p: np.ndarray) -> None:
    task = vision.tasks(SEED, [0])[0]
    with pytest.raises(TensorError):
        vision.score(task, respond(task, p), 0.1)
    assert score_safely(vision, task, respond(task, p), 0.1) == 0.0


def test_I7_poison__among_others__leaves_their_scores_untouched() -> None:
    tasks = vision.tasks(SEED, range(64))
    answers = [respond(t, sure_of(t.truth, 0.9)) for t in tasks]
    clean = [score_safely(vision, t, a, 0.1) for t, a in zip(tasks, answers, strict=True)]
    answers[17] = vision.Vision(
        images=tasks[17].synapse.images,
        probabilities=Tensor("float32", (2**31 - 1, 10), memoryview(b"")),
    )
    mixed = [score_safely(vision, t, a, 0.1) for t, a in zip(tasks, answers, strict=True)]
    assert mixed[17] == 0.0
    assert mixed[:17] + mixed[18:] == clean[:17] + clean[18:]


def test_import__without_data__loads_no_scikit_learn() -> None:
    code = "import sys, offchain.subnets.vision; raise SystemExit('sklearn' in sys.modules)"
    root = Path(__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0


def test_file__stays_small_enough_to_copy() -> None:
    assert len(Path(vision.__file__).read_text().splitlines()) < 200
