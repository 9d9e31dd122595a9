# SPDX-License-Identifier: Apache-2.0
"""The demo: a chain, a subnet, ten services as real processes, and a verdict."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from offchain.chain.claims import open_claims
from offchain.chain.contract import read_all
from offchain.chain.errors import Reverted
from offchain.chain.hotkey import Hotkey
from offchain.chain.neurons import axon_from
from offchain.chain.presets import LOCALNET
from offchain.chain.settlement import EpochFinalized, ProposalStruck
from offchain.chain.subnet_history import SubnetHistory
from offchain.localnet.chain_process import ChainProcess, ChainSettings, free_port, start_chain
from offchain.localnet.demo.cast import LIAR, OWNER_COLDKEY, PLAYERS, WATCHER, Player, Role, player
from offchain.localnet.demo.facts import Line, accounts, books, epoch_lines, strikes
from offchain.localnet.demo.outcome import judge
from offchain.localnet.demo.report import report
from offchain.localnet.demo.screen import Screen, tao
from offchain.localnet.demo.stage import Keys, Stage, set_stage, start_subnet
from offchain.localnet.exclusive import exclusive
from offchain.localnet.supervisor import Service, Supervisor
from offchain.protocol.errors import ChainError, ConfigError
from offchain.settlement.history import epoch_of_id

FOLDER = Path(".localnet/demo")
MODELS = Path(".cache/models")
START_TICKS_AHEAD = 6  # enough for four validators to poke, and for the slower half to come up
ONLINE_SECONDS = 90.0
POLL_SECONDS = 0.5
SPARE_EPOCHS = 24  # epochs may be null on a busy machine: better late than not at all
OFFLINE_AFTER_TICKS = 2
# Ganache answers ten services from one core: a reveal has come three ticks late
REVEAL_TICKS = {"anvil": LOCALNET.reveal_ticks, "ganache": LOCALNET.reveal_ticks + 1}
EVMTENSOR = (sys.executable, "-m", "offchain.cli")
CHEAT = (sys.executable, "-m", "offchain.localnet.demo.cheats")
DISTANCE = (sys.executable, "-m", "offchain.localnet.distance")
NO_TERMINAL_COLUMNS = 140


def wide_console() -> Console:
    """As wide as the terminal; wide enough for the tables when there is none."""
    console = Console()
    return console if console.is_terminal else Console(width=NO_TERMINAL_COLUMNS)


@dataclass(frozen=True, slots=True)
class DemoSettings:
    """chain: anvil or ganache. epochs: how many to settle. keep: leave the network running."""

    chain: str = "anvil"
    epochs: int = 3
    json_path: Path | None = None
    keep: bool = False
    console: Console = field(default_factory=wide_console)


def run(settings: DemoSettings) -> int:
    """Play the demo; 0 only if every promise was kept.

    Raises:
        ConfigError: a program or a model is missing, or services did not come up.
        ChainError: the chain failed.
    """
    began = time.monotonic()
    _check_models()
    _check_writable(settings.json_path)
    with (
        exclusive(FOLDER),
        Screen(settings.console) as screen,
        _chain(settings, screen) as chain,
    ):
        numbers = replace(LOCALNET, reveal_ticks=REVEAL_TICKS[settings.chain])
        stage = set_stage(chain.url, FOLDER / "deployments", screen.say, numbers=numbers)
        with Supervisor(FOLDER / "logs") as supervisor:
            play = Play(stage, chain, supervisor, screen, settings.epochs)
            play.bring_up()
            play.follow()
            code = _conclude(settings, play, screen, time.monotonic() - began)
            if settings.keep:
                _keep(settings, chain, stage, supervisor)
    return code


@dataclass(frozen=True, slots=True)
class Ports:
    """Where somebody listens, and where others reach it over a line (see `localnet.distance`)."""

    near: int
    far: int


class Play:
    """The running demo."""

    def __init__(
        self, stage: Stage, chain: ChainProcess, supervisor: Supervisor, screen: Screen, epochs: int
    ) -> None:
        self.stage = stage
        self.lines: list[Line] = []
        self.follower = SubnetHistory(stage.network, stage.netuid)
        self._chain = chain
        self._supervisor = supervisor
        self._screen = screen
        self._epochs = epochs
        self._ports = {p.name: Ports(free_port(), free_port()) for p in PLAYERS}
        self._start_tick = 0
        self._lie_is_struck = False

    def bring_up(self) -> None:
        """Start every service, and the subnet once half of the miners answer; wait for the rest."""
        lines = [f"{ports.far}:{ports.near}" for ports in self._ports.values()]
        self._supervisor.add(self._service("distance", [*DISTANCE, "--host", "0.0.0.0", *lines]))
        for member in PLAYERS:
            self._supervisor.add(self._service(member.name, self._command(member)))
        self._supervisor.add(self._service("watcher", self._watcher_command()))
        self._supervisor.add(self._service("liar", self._liar_command()))
        miners = [p for p in PLAYERS if not p.role.is_validator]
        deadline = time.monotonic() + ONLINE_SECONDS
        online = 0
        while online < len(miners):
            self._keep_alive()
            online = self._count_online(miners)
            self._screen.bar("miners online", online, len(miners))
            if 2 * online >= len(miners) and not self._start_tick:
                self._start_tick = start_subnet(self.stage, START_TICKS_AHEAD)
                self._screen.say(f"the subnet starts at tick {self._start_tick}")
            if time.monotonic() > deadline:
                raise ConfigError(
                    f"only {online} of {len(miners)} miners came up in {ONLINE_SECONDS:.0f} s",
                    next_step=f"Read {FOLDER / 'logs'}.",
                )
            time.sleep(POLL_SECONDS)

    def follow(self) -> None:
        """Watch until enough epochs are final and the lie is struck; one miner leaves meanwhile."""
        offline = player(next(p.name for p in PLAYERS if p.role is Role.OFFLINE_MINER))
        tempo = self.stage.network.subnets.epoch_at(self.stage.netuid, self._start_tick).tempo
        last_tick = self._start_tick + (self._epochs + SPARE_EPOCHS) * tempo
        is_offline = False
        while self.settled < self._epochs or not self._lie_is_struck:
            tick = self.stage.network.clock.tick()
            if not is_offline and tick >= self._start_tick + OFFLINE_AFTER_TICKS:
                self._supervisor.stop(offline.name, grace_seconds=0.0)
                self._screen.say(f"{offline.name} goes offline")
                is_offline = True
            self._watch(tick, tempo)
            self._keep_alive()
            if tick > last_tick and self.settled >= self._epochs:
                return  # the verdict will say what is wrong
            if tick > last_tick:
                raise ChainError(
                    f"only {self.settled} of {self._epochs} epochs were settled by tick {tick}",
                    next_step=f"Stop what else runs here, or read {FOLDER / 'logs'}.",
                )
            time.sleep(POLL_SECONDS)

    @property
    def settled(self) -> int:
        """Final epochs so far."""
        return len({line.epoch for line in self.lines})

    def claim_rest(self) -> None:
        """Miners' pay; anybody may claim for anybody, here the owner does."""
        stage = self.stage
        sender = Keys(stage.network.connection).sender(OWNER_COLDKEY)
        claims = open_claims(stage.network, stage.netuid)
        if claims:
            Hotkey(stage.network, sender, stage.netuid).claim(claims)
            self._screen.say(f"{len(claims)} neurons were paid")

    def freeze(self) -> None:
        """Let no further epoch become final, so that the verdict has something still to look at."""
        self._supervisor.stop_all()
        self._take_in()

    def _keep_alive(self) -> None:
        for name in self._supervisor.step(time.monotonic()):
            self._screen.say(f"{name} ended and was started again")
        self._supervisor.check()

    def _watch(self, tick: int, tempo: int) -> None:
        self._take_in()
        done = max(0, tick - self._start_tick)
        epoch, inside = divmod(done, tempo)
        self._screen.bar("epochs settled", min(self.settled, self._epochs), self._epochs)
        self._screen.bar("running epoch", inside, tempo, f"ticks of epoch {epoch}")

    def _take_in(self) -> None:
        for event in self.follower.poll():
            if isinstance(event, EpochFinalized):
                lines = epoch_lines(self.stage, self.follower.history, event.epoch)
                self._say_null(max((line.epoch for line in self.lines), default=-1), event.epoch)
                self.lines += lines
                self._screen.epoch(lines)
            elif isinstance(event, ProposalStruck):
                self._lie_is_struck = True
                self._screen.say(
                    f"the watcher struck a lie about epoch {epoch_of_id(event.proposal_id)} and "
                    f"got {tao(event.reward_rao)} TAO"
                )

    def _say_null(self, before: int, final: int) -> None:
        for epoch in range(before + 1, final):
            self._screen.say(f"epoch {epoch} is null: too few revealed, or nobody closed, in time")

    def _count_online(self, miners: Sequence[Player]) -> int:
        network, stage = self.stage.network, self.stage
        queries = [network.neurons.axon_query(stage.netuid, stage.uids[m.name]) for m in miners]
        axons = read_all(network.connection, queries)
        return sum(axon_from(axon) is not None for axon in axons)

    def _service(self, name: str, command: Sequence[object]) -> Service:
        return Service(
            name,
            tuple(str(word) for word in command),
            environment={"EVMTENSOR_HOME": str(_home(name)), "OMP_NUM_THREADS": "1"},
            restart="on-failure",
            restart_limit=3,
        )

    def _where(self) -> list[object]:
        url, deployment = self._chain.url, self.stage.deployment_path
        return ["--url", url, "--deployment", deployment, "--netuid", self.stage.netuid]

    def _command(self, member: Player) -> list[object]:
        where = [*self._where(), "--hotkey", member.hotkey]
        if member.role in (Role.HONEST_MINER, Role.OFFLINE_MINER):
            model = MODELS / f"{member.model}.onnx"
            announce = [*self._listen(member), "--external-ip", "127.0.0.2"]
            return [*EVMTENSOR, "miner", "run", model, *where, *announce]
        if member.role is Role.HONEST_VALIDATOR:
            return [*EVMTENSOR, "validator", "run", *where]
        cheat = [*CHEAT, _ROLES[member.role], *where, "--home", _home(member.name)]
        if not member.role.is_validator:
            cheat += self._listen(member)
        return [*cheat, *self._conspiracy(member)]

    def _listen(self, member: Player) -> list[object]:
        """Where a miner listens, and the far end of its line, which the chain is told."""
        ports = self._ports[member.name]
        return ["--port", ports.near, "--external-port", ports.far]

    def _watcher_command(self) -> list[object]:
        return [*EVMTENSOR, "watcher", "run", *self._where(), "--key", WATCHER]

    def _liar_command(self) -> list[object]:
        """Lies for the miner that answers at random."""
        friend = next(p for p in PLAYERS if p.role is Role.RANDOM_MINER)
        who = ["--hotkey", LIAR, "--home", _home("liar"), "--friends", friend.hotkey]
        return [*CHEAT, "liar", *self._where(), *who]

    def _conspiracy(self, member: Player) -> list[object]:
        """Who a cheat works with, and whose answers are sold."""
        victim = next(p for p in PLAYERS if p.model == "cnn" and p.role is Role.HONEST_MINER)
        friend = next(p for p in PLAYERS if p.role is Role.CHEATING_VALIDATOR)
        ports = self._ports[friend.name]
        door = ports.near if member is friend else ports.far
        shared = ["--victim", victim.hotkey, "--friend-port", door]
        if member.role is Role.RANDOM_MINER:
            return []
        wanted = (
            (Role.RELAY_MINER, Role.RANDOM_MINER)
            if member.role.is_validator
            else (Role.CHEATING_VALIDATOR,)
        )
        return [*shared, "--friends", *(p.hotkey for p in PLAYERS if p.role in wanted)]


def _home(name: str) -> Path:
    return FOLDER / "home" / name


_ROLES = {
    Role.RANDOM_MINER: "random",
    Role.RELAY_MINER: "relay",
    Role.CHEATING_VALIDATOR: "validator",
}


def _check_models() -> None:
    needed = {p.model for p in PLAYERS if p.model}
    missing = sorted(name for name in needed if not (MODELS / f"{name}.onnx").exists())
    if missing:
        raise ConfigError(
            f"models {', '.join(missing)} are not in {MODELS}",
            next_step=f"Run `python -m miners.train --out {MODELS}`.",
        )


def _check_writable(path: Path | None) -> None:
    """Before a minute and a half of work, not after it; raises `ConfigError`."""
    if path is None:
        return
    try:
        path.touch()
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be written ({error.strerror})", next_step="Name another file."
        ) from error


@contextmanager
def _chain(settings: DemoSettings, screen: Screen) -> Iterator[ChainProcess]:
    if settings.chain not in ("anvil", "ganache"):
        raise ConfigError(
            f"chain {settings.chain!r} is unknown", next_step="Choose anvil or ganache."
        )
    screen.say("6 miners: 3 honest, 3 that cheat or leave; 4 validators: 3 honest, 1 bribed;")
    screen.say(f"a liar, a watcher; each is a process with its log in {FOLDER / 'logs'}")
    screen.say(f"starting {settings.chain}, a block a second")
    kind = "ganache" if settings.chain == "ganache" else "anvil"
    with start_chain(ChainSettings(kind=kind, log_file=FOLDER / "chain.log")) as chain:
        yield chain


def _conclude(settings: DemoSettings, play: Play, screen: Screen, seconds: float) -> int:
    """Freeze, claim, judge, print, write; the exit code."""
    if not settings.keep:
        play.freeze()
    try:
        play.claim_rest()
    except Reverted as error:  # a validator was faster; what is open shows in the verdict
        screen.say(f"claim: {error}")
    history = play.follower.history
    found, money = accounts(play.stage, history), books(play.stage)
    struck = strikes(play.stage)
    verdicts = judge(found, money, struck)
    screen.close()
    report(settings.console, play.lines, found, money, verdicts)
    settings.console.print(
        f"\n{play.settled} epochs settled in {seconds:.0f} s; every process's log is in "
        f"{FOLDER / 'logs'}",
        highlight=False,
    )
    if settings.json_path is not None:
        written = {
            "chain": settings.chain,
            "seconds": round(seconds, 1),
            "epochs": [asdict(line) for line in play.lines],
            "accounts": [_plain(account) for account in found],
            "strikes": [asdict(strike) for strike in struck],
            "books": [asdict(b) | {"gap_rao": b.gap_rao} for b in money],
            "verdicts": [asdict(verdict) for verdict in verdicts],
        }
        settings.json_path.write_text(json.dumps(written, indent=1, sort_keys=True) + "\n")
    return 0 if all(verdict.kept for verdict in verdicts) else 1


def _plain(account: Any) -> dict[str, Any]:
    fields = asdict(account)
    return fields | {"player": fields["player"] | {"role": account.player.role.value}}


def _keep(
    settings: DemoSettings, chain: ChainProcess, stage: Stage, supervisor: Supervisor
) -> None:
    """Stay until Ctrl-C."""
    settings.console.print(
        f"the network goes on at {chain.url}; its deployment is {stage.deployment_path}\n"
        f"evmtensor metagraph {stage.netuid} --url {chain.url} "
        f"--deployment {stage.deployment_path}\nCtrl-C ends it",
        highlight=False,
    )
    try:
        supervisor.wait_all()
    except KeyboardInterrupt:
        settings.console.print("stopping")
