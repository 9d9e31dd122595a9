# SPDX-License-Identifier: Apache-2.0
"""Runs services as child processes: one log each, restarted as their policy says, stopped together.

    with Supervisor(Path(".localnet/logs")) as supervisor:
        supervisor.add(Service("miner-1", ("evmtensor", "miner", "run", ...), restart="on-failure"))
        supervisor.watch(until=demo_is_over)

`step(now)` is the whole logic and touches no clock, so tests drive it; `watch` calls it in a loop
from the calling thread, which is also the thread that starts children (see `processes`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from offchain.localnet import processes
from offchain.localnet.errors import ServiceFailed
from offchain.protocol.errors import ConfigError

Restart = Literal["never", "on-failure", "always"]

_BACKOFF_SECONDS = 0.5  # doubles with each restart
_BACKOFF_LIMIT_SECONDS = 8.0


@dataclass(frozen=True, slots=True)
class Service:
    """A process to run. Secrets go into `environment` or files, never into `command`.

    restart: "never"; "on-failure", after an exit code other than 0 or a signal; "always".
    restart_limit: restarts before the supervisor gives up on it.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    directory: Path | None = None
    restart: Restart = "never"
    restart_limit: int = 5


@dataclass(frozen=True, slots=True)
class Status:
    """What a service does now. `gave_up`: it should run, and will not be started again."""

    name: str
    pid: int
    is_running: bool
    exit_code: int | None
    restarts: int
    gave_up: bool


class _Entry:
    """A service with its present process."""

    def __init__(self, service: Service, child: processes.Child) -> None:
        self.service = service
        self.child = child
        self.restarts = 0
        self.start_again_at: float | None = None
        self.wanted = True

    def wants_restart(self) -> bool:
        policy = self.service.restart
        failed = self.child.exit_code != 0
        return self.wanted and (policy == "always" or (policy == "on-failure" and failed))

    def gave_up(self) -> bool:
        ended = not self.child.is_running() and self.start_again_at is None
        return ended and self.wants_restart() and self.restarts >= self.service.restart_limit


class Supervisor:
    """Owner of a set of services; leaving the `with` block stops them all."""

    def __init__(self, log_directory: Path) -> None:
        self.log_directory = log_directory
        self._entries: dict[str, _Entry] = {}

    def add(self, service: Service) -> processes.Child:
        """Start a service; names are unique."""
        if service.name in self._entries:
            raise ConfigError(f"service {service.name!r} exists", next_step="Choose another name.")
        entry = _Entry(service, self._start(service))
        self._entries[service.name] = entry
        return entry.child

    def step(self, now: float) -> list[str]:
        """Start again what ended and whose policy and backoff say so; the names restarted.

        now: seconds of any clock that never goes back.
        """
        restarted = []
        for name, entry in self._entries.items():
            if entry.child.is_running() or not entry.wants_restart():
                continue
            if entry.restarts >= entry.service.restart_limit:
                continue
            if entry.start_again_at is None:
                wait = min(_BACKOFF_SECONDS * 2**entry.restarts, _BACKOFF_LIMIT_SECONDS)
                entry.start_again_at = now + wait
            elif now >= entry.start_again_at:
                entry.child = self._start(entry.service)
                entry.restarts += 1
                entry.start_again_at = None
                restarted.append(name)
        return restarted

    def watch(
        self,
        until: Callable[[], bool],
        *,
        timeout_seconds: float | None = None,
        interval_seconds: float = 0.1,
    ) -> bool:
        """Step until the condition holds (True) or the time is over (False).

        Raises `ServiceFailed` as soon as a service is given up.
        """
        deadline = None if timeout_seconds is None else time.monotonic() + timeout_seconds
        while not until():
            now = time.monotonic()
            if deadline is not None and now >= deadline:
                return False
            self.step(now)
            self.check()
            time.sleep(interval_seconds)
        return True

    def wait_all(self, timeout_seconds: float | None = None) -> bool:
        """Watch until every service has ended for good; False when the time is over first."""
        return self.watch(self._all_ended, timeout_seconds=timeout_seconds)

    def check(self) -> None:
        """Raises `ServiceFailed` when a service that should run was given up."""
        for entry in self._entries.values():
            if entry.gave_up():
                raise ServiceFailed(
                    f"{entry.service.name} ended with code {entry.child.exit_code} and was "
                    f"restarted {entry.restarts} times: {entry.child.log_tail(5)}",
                    next_step=f"Read {entry.child.log_file}.",
                )

    def statuses(self) -> list[Status]:
        """All services in the order in which they were added."""
        return [
            Status(
                name=name,
                pid=entry.child.pid,
                is_running=entry.child.is_running(),
                exit_code=entry.child.exit_code,
                restarts=entry.restarts,
                gave_up=entry.gave_up(),
            )
            for name, entry in self._entries.items()
        ]

    def kill(self, name: str) -> None:
        """SIGKILL a service as a crash would; its policy says whether it comes back."""
        self._entry(name).child.kill()

    def stop(self, name: str, grace_seconds: float = processes.STOP_GRACE_SECONDS) -> int:
        """End a service for good; its exit code."""
        entry = self._entry(name)
        entry.wanted = False
        return entry.child.stop(grace_seconds)

    def stop_all(self, grace_seconds: float = processes.STOP_GRACE_SECONDS) -> None:
        """End all of them, the last added first; each gets what is left of one common grace."""
        deadline = time.monotonic() + grace_seconds
        for entry in self._entries.values():
            entry.wanted = False
            entry.child.ask_to_stop()
        for entry in reversed(self._entries.values()):
            entry.child.stop(max(0.0, deadline - time.monotonic()))

    def _all_ended(self) -> bool:
        return not any(
            entry.child.is_running() or (entry.wants_restart() and not entry.gave_up())
            for entry in self._entries.values()
        )

    def _entry(self, name: str) -> _Entry:
        if name not in self._entries:
            raise ConfigError(
                f"service {name!r} is unknown", next_step=f"Choose one of {list(self._entries)}."
            )
        return self._entries[name]

    def _start(self, service: Service) -> processes.Child:
        return processes.start(
            service.name,
            service.command,
            self.log_directory / f"{service.name}.log",
            environment=service.environment,
            directory=service.directory,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop_all()
