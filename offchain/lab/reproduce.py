# SPDX-License-Identifier: Apache-2.0
"""The retention study as a whole: nine numbers beside the published ones, contour plots, JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from offchain.lab.files import write_json
from offchain.lab.published import NUMBERS, TOLERANCE_POINTS, Setting
from offchain.lab.retention import (
    SELF_WEIGHTS,
    UTILITIES,
    Floats,
    Need,
    Size,
    retention_maps,
    retention_needs,
)

COLUMNS = ("study", "setting", "published", "ours", "points apart", "other networks", "within 1")


@dataclass(frozen=True, slots=True)
class Number:
    """One published number and ours."""

    study: str
    published_percent: int
    need: Need
    points_apart: float
    within: bool


@dataclass(frozen=True, slots=True)
class Reproduction:
    """The study's results; maps are E_H over (W_H, W_C) per setting and honest stake."""

    numbers: tuple[Number, ...]
    maps: Mapping[Setting, Mapping[float, Floats]] = field(default_factory=dict)


def reproduce(
    draws: int = 2,
    seed: int = 0,
    threads: int = 1,
    size: Size | None = None,
    with_maps: bool = True,
    quiet: bool = False,
) -> Reproduction:
    """Run the study; `draws` other networks show how much chance there is in a number."""
    settings = list(dict.fromkeys(number.setting for number in NUMBERS))
    needs = retention_needs(settings, draws, seed, threads, size, quiet=quiet)
    found = {need.setting: need for need in needs}
    numbers = []
    for number in NUMBERS:
        need = found[number.setting]
        apart = need.percent - number.percent
        within = abs(apart) <= TOLERANCE_POINTS
        numbers.append(Number(number.study, number.percent, need, apart, within))
    maps = retention_maps(settings, threads, size, quiet=quiet) if with_maps else {}
    return Reproduction(tuple(numbers), maps)


def table(result: Reproduction) -> list[tuple[Any, ...]]:
    """A row per published number, in the order of `COLUMNS`."""
    return [
        (
            number.study,
            setting_value(number.study, number.need.setting),
            number.published_percent,
            f"{number.need.percent:.2f}",
            f"{number.points_apart:+.2f}",
            ", ".join(f"{percent:.2f}" for percent in number.need.other_networks_percent),
            number.within,
        )
        for number in result.numbers
    ]


def setting_value(study: str, setting: Setting) -> str:
    """The value that a study varies."""
    values = {
        "weight deviation": setting.weight_deviation,
        "bonds penalty": setting.bonds_penalty_u16 / 65535,
        "validator share": setting.validator_share,
    }
    return f"{values[study]:.2g}"


def write_reproduction(folder: Path, result: Reproduction) -> list[Path]:
    """`retention.json` with numbers and maps, and a contour plot per setting."""
    maps = [
        {"setting": setting, "honest_stake": stake, "honest_emission": emission.round(6)}
        for setting, lines in result.maps.items()
        for stake, emission in lines.items()
    ]
    value = {
        "numbers": result.numbers,
        "maps": maps,
        "honest_utilities": UTILITIES.round(6),
        "cabal_self_weights": SELF_WEIGHTS.round(6),
    }
    paths = [write_json(folder / "retention.json", value)]
    if result.maps:
        from offchain.lab.plots import retention_plot
    for setting, lines in result.maps.items():
        title = (
            f"retention: deviation {setting.weight_deviation:g}, "
            f"penalty {setting.bonds_penalty_u16 / 65535:.2g}, "
            f"validators' share {setting.validator_share:g}"
        )
        name = (
            f"retention-deviation{100 * setting.weight_deviation:.0f}"
            f"-penalty{100 * setting.bonds_penalty_u16 / 65535:.0f}"
            f"-share{100 * setting.validator_share:.0f}"
        )
        paths += retention_plot(folder / name, title, UTILITIES, SELF_WEIGHTS, lines)
    return paths
