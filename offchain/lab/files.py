# SPDX-License-Identifier: Apache-2.0
"""Results as canonical JSON files."""

from __future__ import annotations

import json
from dataclasses import asdict, is_dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from offchain.lab.errors import InvalidExperiment


def write_json(path: Path, value: Any) -> Path:
    """Sorted keys, no time and no path inside: the same experiment writes the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(plain(value), sort_keys=True, indent=1) + "\n", encoding="utf-8")
    return path


def read_json(path: Path) -> Any:
    """A file's value; raises `InvalidExperiment` when it cannot be read."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        raise InvalidExperiment(
            f"{path}: {problem}", next_step="Give a JSON file, or use --netuid."
        ) from problem


def plain(value: Any) -> Any:
    """Only what JSON knows; fractions as "numerator/denominator", so that nothing is lost."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, Fraction):
        return f"{value.numerator}/{value.denominator}"
    return value
