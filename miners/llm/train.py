# SPDX-License-Identifier: Apache-2.0
"""Train a small decoder on the text of subnet `text`: `python -m miners.llm.train --out decoder`.

Seeded, on the CPU, about twenty seconds on one core. The folder is made again only if its recipe
(these sources, the subnet's data, the torch version) has changed.
"""

import argparse
from dataclasses import dataclass
from hashlib import sha256
from math import log
from pathlib import Path
from typing import Any

import torch
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from torch.nn.functional import cross_entropy

from miners.llm import export, models
from miners.llm.folder import END_OF_TEXT, folder_hash
from miners.llm.models import Decoder, Size
from offchain.subnets import text

RECIPE_FILE = ".recipe"  # hidden: not part of the folder's hash


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a decoder is trained; a step sees `batch` rows of `length` bytes."""

    size: Size = Size(width=128, layers=2)  # noqa: RUF009  # frozen
    steps: int = 220
    batch: int = 16
    length: int = 128
    learning_rate: float = 6e-3
    seed: int = 1


# Two decoders that differ: a miner's, and one that knows less.
RECIPES = {"decoder": Recipe(), "decoder-small": Recipe(Size(width=64, layers=1, heads=2), 100)}


def train(recipe: Recipe, on_step: Any = lambda: None) -> Decoder:
    """A trained decoder."""
    torch.set_num_threads(1)  # a second one only waits where the machine has other work
    torch.manual_seed(recipe.seed)
    data = _tokens(held_out=False)
    decoder = Decoder(recipe.size)
    rate = recipe.learning_rate
    optimizer = torch.optim.AdamW(
        decoder.parameters(), lr=rate, weight_decay=0.01, betas=(0.9, 0.95)
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=rate, total_steps=recipe.steps, pct_start=0.15
    )
    for _ in range(recipe.steps):
        starts = torch.randint(0, len(data) - recipe.length - 1, (recipe.batch,))
        rows = torch.stack([data[start : start + recipe.length + 1] for start in starts])
        loss = _loss(decoder, rows)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(decoder.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        on_step()
    return decoder.eval()


def bits_per_byte(decoder: Decoder, rows: int = 64, length: int = 128) -> float:
    """How well held-out text is foreseen: 8 knows nothing."""
    data = _tokens(held_out=True)[: rows * (length + 1)]
    with torch.no_grad():
        return float(_loss(decoder, data.view(rows, length + 1))) / log(2)


def make(name: str, folder: Path, on_step: Any = lambda: None) -> Path:
    """The decoder's folder inside `folder`, made only if its recipe is new."""
    path = folder / name
    stamp, recipe = path / RECIPE_FILE, recipe_hash(name)
    if stamp.exists() and stamp.read_text() == recipe:
        return path
    export.export_decoder(train(RECIPES[name], on_step), path)
    stamp.write_text(recipe)
    return path


def recipe_hash(name: str) -> str:
    """Changes with anything that changes the weights or the files beside them."""
    sources = [Path(str(module.__file__)).read_bytes() for module in (models, export, text)]
    content = b"".join([*sources, Path(__file__).read_bytes(), torch.__version__.encode()])
    return sha256(content + repr((name, RECIPES[name])).encode()).hexdigest()


def _tokens(held_out: bool) -> torch.Tensor:
    joined: list[int] = []
    for passage in text.passages(held_out):
        joined += [*passage.encode(), END_OF_TEXT]
    return torch.tensor(joined)


def _loss(decoder: Decoder, rows: torch.Tensor) -> torch.Tensor:
    logits = decoder.on_whole(rows[:, :-1])
    return cross_entropy(logits.flatten(0, 1), rows[:, 1:].flatten())


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Train and export a small decoder")
    parser.add_argument("--out", type=Path, required=True, help="the folder to make")
    parser.add_argument("--recipe", choices=RECIPES, default="decoder")
    options = parser.parse_args()
    recipe = RECIPES[options.recipe]
    columns = (TextColumn("{task.description:>12}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns) as progress:
        bar = progress.add_task(options.recipe, total=recipe.steps)
        decoder = train(recipe, lambda: progress.advance(bar))
    path = export.export_decoder(decoder, options.out)
    print(f"{path}: {bits_per_byte(decoder):.2f} bits per byte, hash {folder_hash(path).hex()}")


if __name__ == "__main__":
    main()
