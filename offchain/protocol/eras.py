# SPDX-License-Identifier: Apache-2.0
"""Eras and the epochs in them (protocol.md, "Epochs"). Twin of `contracts/modules/eras.vy`.

Epoch e of an era lasts `[start_tick + (e - start_epoch) * tempo, ... + tempo)`. A change of tempo,
reveal or window begins a new era at the boundary after the next; eras are only ever appended.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from offchain.protocol.errors import InvalidSubmission
from offchain.protocol.identifiers import Epoch, Tick

# Hard bounds, in ticks. No vote can move them.
MAX_TEMPO = 3_600
# No change in the last ticks of an epoch (mechanics 3.1), of a short one in its last quarter.
FREEZE_TICKS = 10
FREEZE_PART = 4


@dataclass(frozen=True, slots=True)
class Era:
    """A run of epochs of one length; ticks throughout."""

    start_tick: Tick
    start_epoch: Epoch
    tempo: int
    reveal_ticks: int
    window_ticks: int


@dataclass(frozen=True, slots=True)
class EpochWindow:
    """One epoch in ticks, as `Subnets.epoch_at` and `Subnets.window_of` return it."""

    epoch: Epoch
    start_tick: Tick
    tempo: int
    reveal_ticks: int
    window_ticks: int

    @property
    def end_tick(self) -> Tick:
        """First tick of the next epoch."""
        return Tick(self.start_tick + self.tempo)


def check_schedule(tempo: int, reveal_ticks: int, window_ticks: int) -> None:
    """Raise `InvalidSubmission` unless T <= 3,600, 1 <= R <= T/2 and 1 <= W <= T."""
    if tempo > MAX_TEMPO:
        raise InvalidSubmission(f"tempo is {tempo} ticks, wanted at most {MAX_TEMPO}")
    if not 1 <= reveal_ticks <= tempo // 2:
        raise InvalidSubmission(f"reveal is {reveal_ticks} ticks, wanted 1 to {tempo // 2}")
    if not 1 <= window_ticks <= tempo:
        raise InvalidSubmission(f"window is {window_ticks} ticks, wanted 1 to {tempo}")


def is_frozen(window: EpochWindow, tick: int) -> bool:
    """Whether parameters and schedule cannot be changed at a tick of an epoch."""
    return tick + min(FREEZE_TICKS, window.tempo // FREEZE_PART) > window.end_tick


def window_in(era: Era, epoch: int) -> EpochWindow:
    """The window of an epoch by an era's arithmetic, whether or not a later era has begun since."""
    start_tick = era.start_tick + (epoch - era.start_epoch) * era.tempo
    return EpochWindow(
        Epoch(epoch), Tick(start_tick), era.tempo, era.reveal_ticks, era.window_ticks
    )


def epoch_at(eras: Sequence[Era], tick: int) -> EpochWindow:
    """The epoch that a tick lies in; eras in order of time.

    Raises `InvalidSubmission` before the first era.
    """
    for era in reversed(eras):
        if tick >= era.start_tick:
            return window_in(era, era.start_epoch + (tick - era.start_tick) // era.tempo)
    raise InvalidSubmission(f"tick {tick} is before the first epoch")


def window_of(eras: Sequence[Era], epoch: int) -> EpochWindow:
    """The window of an epoch; eras in order of time.

    Raises `InvalidSubmission` before the first era.
    """
    for era in reversed(eras):
        if epoch >= era.start_epoch:
            return window_in(era, epoch)
    raise InvalidSubmission(f"epoch {epoch} is before the first era")
