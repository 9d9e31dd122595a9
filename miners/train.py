# SPDX-License-Identifier: Apache-2.0
"""Train and export the demo's models once: `python -m miners.train --out DIR`.

Seeded, on the CPU, seconds each. A file is made again only if its recipe (these sources, the
subnet's data and the torch version) has changed: the recipe's hash is written beside it.
"""

import argparse
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from torch import nn

from miners import checks, export, models
from miners.models import MODELS, Classifier
from offchain.subnets import vision


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one model is trained; `kind` is a name of `miners.models`."""

    kind: str
    steps: int  # of one batch each
    batch: int
    learning_rate: float
    seed: int


RECIPES = {
    "cnn": Recipe("cnn", steps=450, batch=128, learning_rate=4e-3, seed=1),
    "mlp": Recipe("mlp", steps=700, batch=128, learning_rate=4e-3, seed=2),
    "linear": Recipe("linear", steps=150, batch=64, learning_rate=4e-3, seed=3),
    # for the demo's miner that goes offline: a model of its own, since a copy would score 0
    "mlp-offline": Recipe("mlp", steps=500, batch=128, learning_rate=4e-3, seed=4),
}
CALIBRATION_IMAGES = (
    200  # the last of the training images, kept out of training to fit the temperature
)


def train(recipe: Recipe, on_step: Any = lambda: None) -> Classifier:
    """A trained model. Same recipe, same machine, same weights."""
    torch.set_num_threads(1)  # these models are too small to share between cores
    torch.manual_seed(recipe.seed)
    rng = np.random.default_rng(recipe.seed)
    images, labels = (array[: vision.TRAINING_IMAGES] for array in vision.digits())
    fit = vision.TRAINING_IMAGES - CALIBRATION_IMAGES
    model = MODELS[recipe.kind]()
    optimizer = torch.optim.AdamW(model.parameters(), lr=recipe.learning_rate, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=recipe.learning_rate, total_steps=recipe.steps
    )
    loss_of = nn.CrossEntropyLoss()
    model.train()
    for _ in range(recipe.steps):
        chosen = rng.integers(0, fit, recipe.batch)
        seen = torch.from_numpy(vision.distort(images[chosen], rng))
        loss = loss_of(model.logits(seen), torch.from_numpy(labels[chosen]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        on_step()
    model.eval()
    _fit_temperature(model, images[fit:], labels[fit:], rng)
    return model


def make(name: str, folder: Path, on_step: Any = lambda: None) -> Path:
    """The model's ONNX file in `folder`, made only if its recipe is new."""
    path, stamp = folder / f"{name}.onnx", folder / f"{name}.recipe"
    recipe = recipe_hash(name)
    if path.exists() and stamp.exists() and stamp.read_text() == recipe:
        return path
    export.export(train(RECIPES[name], on_step), vision.MODEL, path)
    stamp.write_text(recipe)
    return path


def recipe_hash(name: str) -> str:
    """Changes with anything that changes the weights."""
    sources = [Path(str(module.__file__)).read_bytes() for module in (models, vision)]
    text = b"".join([*sources, Path(__file__).read_bytes(), torch.__version__.encode()])
    return sha256(text + repr((name, RECIPES[name])).encode()).hexdigest()


def evaluate(content: bytes, rounds: int = 8) -> float:
    """Mean score that a validator would give, over some batches of held-out images."""
    from miners.providers import open_session

    session, _ = open_session(content, ["CPUExecutionProvider"])
    scores = []
    for task in vision.tasks(bytes(32), range(rounds)):
        (p,) = session.run(["probabilities"], {"images": task.synapse.images.numpy()})
        scores.append(vision.quality(p, task.truth))
    return float(np.mean(scores))


def _fit_temperature(model: Classifier, images: Any, labels: Any, rng: np.random.Generator) -> None:
    # One number, searched on a grid: least Brier score on images that training has not seen.
    seen = torch.from_numpy(np.concatenate([vision.distort(images, rng) for _ in range(4)]))
    truth = torch.from_numpy(np.eye(vision.CLASSES)[np.tile(labels, 4)])
    with torch.no_grad():
        logits = model.logits(seen)
        grid = torch.linspace(0.5, 3.0, 51)
        brier = [((torch.softmax(logits / t, 1) - truth) ** 2).sum(1).mean() for t in grid]
    model.temperature.fill_(grid[int(torch.stack(brier).argmin())])


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Train and export the demo's models")
    parser.add_argument("--out", type=Path, required=True, help="folder for the ONNX files")
    folder = parser.parse_args().out
    columns = (TextColumn("{task.description:>12}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns) as progress:
        bars = {n: progress.add_task(n, total=r.steps) for n, r in RECIPES.items()}
        for name, bar in bars.items():
            path = make(name, folder, lambda bar=bar: progress.advance(bar))
            content = path.read_bytes()
            progress.update(bar, completed=RECIPES[name].steps)
            progress.console.print(
                f"{name:>12}  score {evaluate(content):.3f}  {len(content):>7} bytes  "
                f"{checks.model_hash(content).hex()[:16]}"
            )


if __name__ == "__main__":
    main()
