# SPDX-License-Identifier: Apache-2.0
"""A validator of the root: its row is what its operator wrote down, the rest is as everywhere."""

from __future__ import annotations

import signal
import threading
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path

import structlog

from offchain.chain.errors import NoSeat
from offchain.chain.network import Network
from offchain.chain.root import ROOT_NETUID, RootMember, root_row
from offchain.chain.transactions import Sender
from offchain.protocol.eras import EpochWindow
from offchain.protocol.errors import ChainError, ConfigError
from offchain.validator.settler import Settler, journal_folder
from offchain.validator.view import ANSWERED_EPOCHS

log = structlog.get_logger("evmtensor.validator")

NetuidWeights = Mapping[int, Decimal]


@dataclass(frozen=True, slots=True)
class RootSettings:
    """What a validator of the root needs.

    Attributes:
        network: an opened deployment.
        sender: the hotkey's.
        home: the journal lies under it.
        weights: asked anew for every row, so that a file may change while it runs.
        poll_seconds: pause between two looks at the chain.
    """

    network: Network
    sender: Sender
    home: Path
    weights: Callable[[], NetuidWeights]
    poll_seconds: float = 0.4


class RootValidator:
    """One hotkey on the root."""

    def __init__(self, settings: RootSettings) -> None:
        self._settings = settings
        self._network = settings.network
        self.member = RootMember(settings.network, settings.sender)
        folder = journal_folder(settings.home, self.member)
        self._settler = Settler(settings.network, self.member, folder, self.weigh)

    def weigh(self, window: EpochWindow) -> list[int]:
        """The row for an epoch; raises `ConfigError` as `root_row`."""
        return root_row(self._network, self._settings.weights())

    def step(self) -> None:
        """Look at the chain once and do what is due; raises `ChainError` when the node is away."""
        self._settler.step()

    def run(self, stop: threading.Event, until: Callable[[], bool] = lambda: False) -> None:
        """Validate until `stop` is set, or until `until` says so after a step."""
        root_row(self._network, self._settings.weights())  # a mistake is better found at once
        log.info("validator of the root running", hotkey=self.member.address)
        while not stop.is_set():
            try:
                self.step()
                if until():
                    return
            except ChainError as error:
                log.warning("chain", error=str(error))
            stop.wait(self._settings.poll_seconds)

    def first_free_epoch(self) -> int:
        """The first epoch that this hotkey can still commit a row for.

        Raises `ConfigError` if the root is not started, `NoSeat` if there is no seat to be had.
        """
        network, member = self._network, self.member
        if network.subnets.start_ticks(ROOT_NETUID).start_tick is None:
            raise ConfigError(
                "the root is not started", next_step="Anybody can: run `evmtensor root start`."
            )
        following = network.subnets.next_epoch(ROOT_NETUID)
        if following > 0:
            seat = member.seat(following - 1)
            weights = network.weights
            if seat is not None and not weights.is_committed(ROOT_NETUID, following - 1, seat.seat):
                return following - 1
        if member.seat(following) is None and member.best_poke() is None:
            raise NoSeat(
                f"hotkey {member.address} has no seat on the root, and each holder has more stake",
                next_step="Stake more behind it; see `evmtensor root seats`.",
            )
        return following

    def revealed_since(self, first_epoch: int) -> int | None:
        """The first epoch from that one on of which this hotkey's row is revealed, or None.

        The contracts answer for the last epochs only, so it has to be asked now and then.
        """
        network = self._network
        following = network.subnets.next_epoch(ROOT_NETUID)
        for epoch in range(max(first_epoch, following - 1 - ANSWERED_EPOCHS), following):
            seat = self.member.seat(epoch)
            if seat is None:
                continue
            if network.weights.row_of(ROOT_NETUID, epoch, seat.seat).is_revealed:
                return epoch
        return None

    def close(self) -> None:
        """Let another process have the journal."""
        self._settler.close()


def run(settings: RootSettings) -> int:
    """Validate on the root until SIGTERM or SIGINT; the exit code."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    validator = RootValidator(settings)
    try:
        validator.run(stop)
    finally:
        validator.close()
    return 0


def set_weights(settings: RootSettings, stop: threading.Event) -> int | None:
    """Commit a row once and stay until it is revealed; its epoch, None if it was stopped before.

    The journal keeps row and salt, so that a later run, or the service, opens what was committed.
    Raises `NoSeat` for a hotkey that has no seat and cannot take one.
    """
    validator = RootValidator(settings)
    revealed: list[int] = []

    def is_revealed() -> bool:
        epoch = validator.revealed_since(first)
        revealed.extend(() if epoch is None else (epoch,))
        return bool(revealed)

    try:
        first = validator.first_free_epoch()
        validator.run(stop, is_revealed)
        return revealed[0] if revealed else None
    finally:
        validator.close()


def parse_weights(pairs: Iterable[str]) -> dict[int, Decimal]:
    """`1=0.7 2=0.3`, NETUID=WEIGHT; raises `ConfigError`."""
    weights: dict[int, Decimal] = {}
    for pair in pairs:
        netuid, _, weight = pair.partition("=")
        try:
            number, value = int(netuid), Decimal(weight)
        except (ValueError, InvalidOperation):
            raise ConfigError(
                f"{pair!r} is not NETUID=WEIGHT", next_step="Write them like `1=0.7 2=0.3`."
            ) from None
        if number in weights:
            raise ConfigError(
                f"subnet {number} is weighed twice", next_step="Name each subnet once."
            )
        weights[number] = value
    return weights


def read_weights(path: Path) -> dict[int, Decimal]:
    """A TOML file with a table `weights`: netuid = weight. Raises `ConfigError`."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)["weights"]
        return parse_weights(f"{netuid}={weight}" for netuid, weight in table.items())
    except (OSError, tomllib.TOMLDecodeError, KeyError, AttributeError) as error:
        raise ConfigError(
            f"{path} has no weights: {error!r}",
            next_step="Write a table like `[weights]`, with lines like `1 = 0.7`.",
        ) from error
