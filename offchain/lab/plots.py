# SPDX-License-Identifier: Apache-2.0
"""Pictures of what was measured, as PNG and SVG; the same numbers give the same SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SECONDS_A_YEAR = 31_556_952

FULL_COLOR_PERCENT = 100.0
"""Profits beyond it look alike, so that one extreme cell does not wash out the others."""


def retention_plot(
    base: Path, title: str, utilities: Floats, self_weights: Floats, maps: Mapping[float, Floats]
) -> list[Path]:
    """Retention lines E_H = S_H, one per honest stake, over (W_H, W_C); 60 % stands out."""
    figure, axes = _figure()
    colors = _colors(len(maps))
    for color, (stake, emission) in zip(colors, maps.items(), strict=True):
        if not emission.min() < stake < emission.max():
            continue
        lines = axes.contour(
            utilities,
            self_weights,
            emission.T,
            levels=[stake],
            colors=[color],
            linewidths=3.0 if stake == 0.6 else 1.2,
        )
        axes.clabel(lines, fmt={stake: f"{100 * stake:.0f} %"}, fontsize=8)
    axes.set(title=title, xlabel="honest utility $W_H$", ylabel="cabal's self-weight $W_C$")
    axes.grid(linestyle="dotted", color="0.85")
    return _save(figure, base)


def region_plot(
    base: Path,
    title: str,
    x: tuple[str, Sequence[float]],
    y: tuple[str, Sequence[float]],
    values: Floats,
    unit: str = "honest pay",
) -> list[Path]:
    """Profit in percent of `unit` over two knobs, (y, x); red pays, and a cross marks it."""
    figure, axes = _figure()
    most = min(max(float(np.abs(values).max()), 1e-9), FULL_COLOR_PERCENT)
    shown = axes.imshow(values, cmap="RdBu_r", vmin=-most, vmax=most, origin="lower", aspect="auto")
    figure.colorbar(shown, ax=axes, label=f"profit per epoch, % of {unit}")
    for row, column in np.ndindex(values.shape):
        mark = " x" if values[row, column] > 0 else ""
        dark = abs(values[row, column]) > 0.6 * most
        axes.text(
            column,
            row,
            f"{values[row, column]:+.1f}{mark}",
            ha="center",
            va="center",
            fontsize=7,
            color="white" if dark else "black",
        )
    axes.set_xticks(range(len(x[1])), [f"{value:g}" for value in x[1]])
    axes.set_yticks(range(len(y[1])), [f"{value:g}" for value in y[1]])
    axes.set(title=title, xlabel=x[0], ylabel=y[0])
    return _save(figure, base)


def schedule_plot(
    base: Path,
    title: str,
    past: Sequence[tuple[int, int]],
    to_come: Sequence[tuple[int, int]],
) -> list[Path]:
    """Issuance over time: (Unix second, rao) as it was, and from now on at every halving."""
    figure, axes = _figure()
    now = to_come[0][0]

    def years(points: Sequence[tuple[int, int]]) -> list[float]:
        return [(second - now) / SECONDS_A_YEAR for second, _ in points]

    def millions(points: Sequence[tuple[int, int]]) -> list[float]:
        return [rao / 1e15 for _, rao in points]

    axes.plot(years(past), millions(past), color="C2", linewidth=2.5, label="past")
    axes.plot(years(to_come), millions(to_come), color="C0", label="to come, without recycling")
    halvings = to_come[1:]
    axes.plot(years(halvings), millions(halvings), "o", markersize=4, color="C3", label="halvings")
    axes.axvline(0.0, linestyle="dotted", color="0.5")
    axes.axhline(21.0, linestyle="dotted", color="0.5")
    axes.set(title=title, xlabel="years from now", ylabel="issuance, million TAO")
    axes.legend(loc="lower right")
    axes.grid(linestyle="dotted", color="0.85")
    return _save(figure, base)


def _figure() -> tuple[Any, Any]:
    """A figure that needs no screen, and its axes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.0, 6.0), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots()


def _colors(count: int) -> list[Any]:
    from matplotlib import colormaps

    return list(colormaps["viridis"](np.linspace(0.0, 0.95, count)))


def _save(figure: Any, base: Path) -> list[Path]:
    from matplotlib import rc_context

    paths = [base.with_name(f"{base.name}.{suffix}") for suffix in ("png", "svg")]
    with rc_context({"svg.hashsalt": "evmtensor"}):
        figure.savefig(paths[0], dpi=110)
        figure.savefig(paths[1], metadata={"Date": None})
    return paths
