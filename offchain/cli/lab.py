# SPDX-License-Identifier: Apache-2.0
"""The laboratory: attacks, retention, recommendations, decentralisation; no chain needed, except
for a live metagraph.
"""

from __future__ import annotations

import os
import sys
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from offchain.cli.output import progress, show, show_table
from offchain.cli.session import Session

if TYPE_CHECKING:
    from offchain.lab.scenario import Scenario

app = typer.Typer(
    name="lab",
    help="Simulations: attacks, retention, recommended parameters, decentralisation.",
    no_args_is_help=True,
)

Out = Annotated[Path, typer.Option("--out", "-o", help="Folder for JSON and pictures.")]
Plots = Annotated[bool, typer.Option("--plots/--no-plots", help="Also write PNG and SVG.")]
Seed = Annotated[int, typer.Option(help="Same seed, same numbers.")]
File = Annotated[
    Path | None, typer.Option("--file", "-f", help="A metagraph as JSON, instead of --netuid.")
]
OptionalNetuid = Annotated[
    int | None, typer.Option("--netuid", "-n", min=0, help="A subnet of the chain.")
]
DEFAULT_OUT = Path("build/lab")  # git ignores it


@app.command("run")
def run_attack(
    context: typer.Context,
    attack: Annotated[str, typer.Argument(help="copier, cabal, underweight, clones, ...")],
    stake: Annotated[float | None, typer.Option(help="The attacker's share of the stake.")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="Any knob: churn=0.1, kappa_u16=39321, ...")
    ] = None,
    seed: Seed = 0,
    out: Out = DEFAULT_OUT,
    plots: Plots = True,
) -> None:
    """Play an attack against honest play: verdict, region where it pays, JSON and pictures.

    evmtensor lab run cabal --stake 0.3 --set noise=0.4 --out lab
    """
    from offchain.lab.attacks import attack_named
    from offchain.lab.experiment import experiment, write_experiment

    session: Session = context.obj
    chosen = attack_named(attack)
    knobs = _knobs(settings or [])
    if stake is not None:
        knobs["stake"] = stake
    scenario = _scenario(chosen.scenario(), {"seed": seed, **knobs})
    with _working(f"playing {attack}"):
        result = experiment(chosen, scenario, fixed=knobs)
        paths = write_experiment(out, result, plots)
    text = "\n".join([*result.verdict, f"written: {', '.join(map(str, paths))}"])
    show(session.flags.json, result, text)


@app.command()
def gate(context: typer.Context, seed: Seed = 0) -> None:
    """Hold every attack to its published bound; exit code 1 if one is beyond it.

    evmtensor lab gate
    """
    from offchain.lab.gate import beyond_bound, check_all
    from offchain.lab.scenario import Scenario

    session: Session = context.obj
    with _working("playing every attack"):
        findings = check_all(Scenario().with_knob("seed", seed))
    rows = [
        (f.name, f"{f.percent:+.2f}", f"{f.percent_error:.2f}", f.bound_percent, f.within_bound)
        for f in findings
    ]
    columns = ("attack", "profit %", "error %", "bound %", "within")
    show_table(session.flags.json, "profit per epoch against honest play", columns, rows)
    if beyond_bound(findings):
        raise typer.Exit(1)


@app.command()
def retention(
    context: typer.Context,
    draws: Annotated[
        int, typer.Option(min=0, help="Other random networks beside Bittensor's own.")
    ] = 2,
    seed: Seed = 0,
    threads: Annotated[int, typer.Option(min=1, help="Threads.")] = min(2, os.cpu_count() or 1),
    out: Out = DEFAULT_OUT,
    plots: Plots = True,
) -> None:
    """Repeat Bittensor's Monte Carlo: the honest utility that 60 % honest stake needs.

    evmtensor lab retention --out lab
    """
    from offchain.lab.reproduce import COLUMNS, reproduce, table, write_reproduction

    session: Session = context.obj
    with _working("repeating the published study"):
        result = reproduce(draws, seed, threads, with_maps=plots)
        paths = write_reproduction(out, result)
    title = "honest utility needed to retain 60 % of the stake, in percent"
    show_table(session.flags.json, title, COLUMNS, table(result), result.numbers)
    if not session.flags.json:
        print(f"written: {', '.join(map(str, paths))}")
    if not all(number.within for number in result.numbers):
        raise typer.Exit(1)


@app.command()
def recommend(
    context: typer.Context,
    churn: Annotated[float, typer.Option(help="Part of the uids replaced per epoch.")] = 0.05,
    noise: Annotated[float, typer.Option(help="Deviation of what a validator measures.")] = 0.2,
    netuid: OptionalNetuid = None,
    file: File = None,
    seed: Seed = 0,
    out: Out = DEFAULT_OUT,
) -> None:
    """Recommend kappa, bond rate, penalty and reveal period for a subnet, with the evidence.

    evmtensor lab recommend --churn 0.1 --netuid 1
    """
    from offchain.lab.decentralisation import holdings_of
    from offchain.lab.files import write_json
    from offchain.lab.recommend import Subnet, typical_stakes
    from offchain.lab.recommend import recommend as measure

    session: Session = context.obj
    if netuid is None and file is None:
        stakes = typical_stakes(seed=seed)
    else:
        holdings = holdings_of(_metagraph(session, netuid, file))
        stakes = tuple(h.stake_rao for h in holdings if h.has_seat)
    scenario = _scenario(None, {"seed": seed})
    with _working("measuring candidates"):
        result = measure(Subnet(churn, stakes, noise), scenario)
    path = write_json(out / "recommend.json", result)
    rows = [(a.parameter, a.value, a.because) for a in result.advice]
    title = f"against a coalition with {100 * result.coalition_stake:.1f} % of the stake"
    show_table(session.flags.json, title, ("parameter", "value", "because"), rows, result)
    if not session.flags.json:
        print(f"evidence: {path}")


@app.command()
def decentralisation(
    context: typer.Context, netuid: OptionalNetuid = None, file: File = None
) -> None:
    """Measure a subnet: Gini, Nakamoto coefficients, top shares, effective numbers.

    evmtensor lab decentralisation --netuid 1
    """
    from offchain.lab.decentralisation import COLUMNS, holdings_of, rows
    from offchain.lab.decentralisation import decentralisation as measure
    from offchain.lab.files import plain

    session: Session = context.obj
    measures = measure(holdings_of(_metagraph(session, netuid, file)))
    title = f"{measures.neurons} neurons of {measures.coldkeys} coldkeys"
    show_table(session.flags.json, title, COLUMNS, rows(measures), plain(measures))


def _working(what: str) -> AbstractContextManager[None]:
    """Words for a log; at a terminal the laboratory draws its own bars."""
    return nullcontext() if sys.stderr.isatty() else progress(what)


def _metagraph(session: Session, netuid: int | None, file: Path | None) -> Any:
    """From the file, or from the chain; raises `ConfigError` when it is neither or both."""
    from offchain.lab.files import read_json
    from offchain.protocol.errors import ConfigError

    if (netuid is None) == (file is None):
        raise ConfigError(
            "wanted one metagraph, got neither or two",
            next_step="Use either --netuid N or --file metagraph.json.",
        )
    if file is not None:
        return read_json(file)
    from offchain.chain.metagraph import read_metagraph

    assert netuid is not None  # one of the two is there
    with progress("reading the metagraph"):
        return asdict(read_metagraph(session.network, netuid))


def _knobs(settings: list[str]) -> dict[str, float]:
    """`name=number` as pairs; raises `ConfigError`."""
    from offchain.protocol.errors import ConfigError

    knobs = {}
    for setting in settings:
        name, _, text = setting.partition("=")
        try:
            knobs[name] = float(text)
        except ValueError as problem:
            raise ConfigError(
                f"--set {setting} has no number", next_step="Use it like --set churn=0.1."
            ) from problem
    return knobs


def _scenario(base: Scenario | None, knobs: dict[str, float]) -> Scenario:
    from offchain.lab.scenario import Scenario

    scenario = base or Scenario()
    for knob, value in knobs.items():
        scenario = scenario.with_knob(knob, value)
    return scenario
