# SPDX-License-Identifier: Apache-2.0
"""A miner as a process."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from offchain.cli.options import HotkeyName, Key, Netuid, rao, tao, wei
from offchain.cli.output import progress, show
from offchain.cli.session import SERVICE_ATTEMPTS, Session
from offchain.protocol.errors import ConfigError

if TYPE_CHECKING:
    from miners.engines import EngineName
    from miners.exam import Exam
    from miners.llm.exam import TextExam

Subnet = Annotated[str, typer.Option(help="The incentive mechanism.")]
app = typer.Typer(name="miner", help="A miner: run, check, quantize.", no_args_is_help=True)


@app.command()
def run(
    context: typer.Context,
    netuid: Netuid,
    model: Annotated[
        Path | None, typer.Argument(help="An ONNX file, or the folder of a decoder.")
    ] = None,
    hotkey: HotkeyName = "",
    key: Key = "",
    subnet: Annotated[
        str, typer.Option(help="The incentive mechanism; a decoder's is text, else vision.")
    ] = "",
    engine: Annotated[
        str, typer.Option(help="auto, onnx, llm, ray, oip or openai: what computes the answers.")
    ] = "auto",
    engine_url: Annotated[
        str, typer.Option(help="The server of oip or openai; the address of a Ray cluster.")
    ] = "",
    served_as: Annotated[
        str, typer.Option("--model", help="The model's name at that server.")
    ] = "",
    model_hash: Annotated[str, typer.Option(help="SHA-256 to commit when no file is named.")] = "",
    replicas: Annotated[int, typer.Option(min=0, help="Of Ray; 0: one per core.")] = 0,
    threads: Annotated[
        int, typer.Option(min=0, help="Of the model; 0: one per core, of a decoder one.")
    ] = 0,
    port: Annotated[int, typer.Option(min=0, max=65_535, help="0 takes a free one.")] = 8091,
    host: Annotated[str, typer.Option(help="Where to listen.")] = "0.0.0.0",
    external_ip: Annotated[str, typer.Option(help="What the chain is told.")] = "",
    external_port: Annotated[
        int, typer.Option(min=0, max=65_535, help="What the chain is told; 0: --port.")
    ] = 0,
    max_burn: Annotated[str, typer.Option(help="Register for at most this many TAO.")] = "0",
    claim: Annotated[bool, typer.Option(help="Fetch the pay by itself.")] = True,
    claim_every: Annotated[int, typer.Option(min=1, help="Epochs between claims.")] = 4,
    tao_price: Annotated[
        str, typer.Option(help="What 1 TAO is worth in the chain's coin: claim when gas is small.")
    ] = "",
    gas_multiple: Annotated[
        int, typer.Option(min=1, help="With --tao-price: pay to wait for, in times the gas.")
    ] = 20,
    http_port: Annotated[
        int | None, typer.Option(min=0, max=65_535, help="Health, metrics and JSON on loopback.")
    ] = None,
    dial_out: Annotated[
        bool,
        typer.Option("--dial-out", help="Behind a firewall: connect to validators that listen."),
    ] = False,
    publish: Annotated[
        bool, typer.Option("--publish", help="Give the model's files to validators that ask.")
    ] = False,
) -> None:
    """Serve a model to the validators of a subnet, until Ctrl-C.

    evmtensor miner run model.onnx --netuid 1 --hotkey alice-hot

    evmtensor miner run model.onnx -n 1 -H alice-hot -k alice --max-burn 2

    evmtensor miner run model.onnx --netuid 1 --tao-price 0.002 --gas-multiple 50

    evmtensor miner run decoder --netuid 2 --hotkey alice-hot --publish

    evmtensor miner run model.onnx --netuid 1 --hotkey alice-hot --dial-out

    evmtensor miner run hf -n 2 --engine openai --engine-url http://gpu --model x

    A better model: write it over the file, then `kill -HUP`; no request is dropped.
    """
    from miners import ClaimPolicy, Settings
    from miners.engines import EngineChoice, make_miner
    from miners.publishing import check_publishing
    from offchain.chain.miner_port import MinerPort
    from offchain.keys.development import LOCAL_CHAIN_IDS
    from offchain.wire import Domain

    session: Session = context.obj
    session.attempts = SERVICE_ATTEMPTS
    burn = rao(max_burn)
    token = session.environment.engine_token
    choice = EngineChoice(
        model, engine_name(engine), engine_url, served_as, model_hash, replicas, threads, token
    )
    made = make_miner(choice, subnet)  # a model that does not fit costs nothing
    check_publishing(made.subnet, publish)
    signer = session.signer(session.hotkey_name(hotkey))
    network = session.network
    chain_id = network.deployment.chain_id
    if not dial_out:
        check_reachable(external_ip or host, chain_id)
    coldkey = session.coldkey(key) if key or session.environment.key else None
    chain = MinerPort(
        network,
        netuid,
        signer,
        session.sender(signer),
        Domain(chain_id, network.neurons.address),
        coldkey,
    )
    policy = ClaimPolicy(claim_every, wei(tao_price) if tao_price else 0, gas_multiple)
    settings = Settings(
        host=host,
        port=port,
        public_host=external_ip,
        public_port=external_port,
        max_burn_rao=burn,
        claim=policy if claim else None,
        http_port=http_port,
        publish=publish,
        dial_out=dial_out,
        localnet=chain_id in LOCAL_CHAIN_IDS,
    )
    made.run(chain, signer, settings)


def check_reachable(
    address: str, chain_id: int, nobody: str = "validators cannot reach a miner"
) -> None:
    """As `miners.reach`, which loads when it is asked."""
    from miners.reach import check_reachable as check

    check(address, chain_id, nobody)


def engine_name(text: str) -> EngineName:
    """ConfigError for a name that is none."""
    from miners.engines import EngineName

    try:
        return EngineName(text)
    except ValueError:
        names = ", ".join(EngineName)
        raise ConfigError(
            f"engine {text!r} is none of {names}", next_step="Name one of them with --engine."
        ) from None


@app.command()
def check(
    context: typer.Context,
    model: Annotated[Path, typer.Argument(help="An ONNX file, or the folder of a decoder.")],
    subnet: Annotated[
        str, typer.Option(help="The incentive mechanism; a decoder's is text, else vision.")
    ] = "",
    rounds: Annotated[int, typer.Option(min=1, help="Tasks to score it on.")] = 64,
    netuid: Annotated[
        int | None,
        typer.Option(
            "--netuid",
            "-n",
            metavar="N",
            min=1,
            help="Ask this subnet, too: what a place costs, and whose model it is already.",
        ),
    ] = None,
) -> None:
    """Score a model as a validator would, before paying for a place.

    evmtensor miner check model.onnx

    evmtensor miner check model.onnx --netuid 1

    evmtensor miner check decoder --rounds 16
    """
    from miners.exam import examine
    from miners.publishing import advice
    from offchain.subnets.base import load

    session: Session = context.obj
    if model.is_dir():
        _check_decoder(session, model, subnet or "text", rounds, netuid)
        return
    with progress("scoring"):
        mechanism = load(subnet or "vision")
        exam = examine(model, mechanism, rounds)
    report = exam.report
    exactness = "to the bit" if report.is_batch_invariant else f"within {report.max_difference:.1e}"
    text = (
        f"score {exam.score:.3f} +- {exam.error:.3f} over {exam.rounds} tasks, "
        f"{exam.latency_ms:.2f} ms each on {report.provider}\n"
        f"hash 0x{report.model_hash.hex()}, {report.size_bytes} bytes\n"
        f"a row answers the same alone and in a batch {exactness}"
    )
    place = _place(session, netuid, report.model_hash)
    _show_exam(session, exam, text, advice(mechanism), place)


def _check_decoder(
    session: Session, path: Path, subnet: str, rounds: int, netuid: int | None
) -> None:
    from miners.llm.exam import examine_decoder
    from miners.llm.folder import published_files
    from miners.publishing import advice, must_publish
    from offchain.subnets.base import load

    mechanism = load(subnet)
    with progress("scoring"):
        exam = examine_decoder(path, mechanism, rounds)
    if must_publish(mechanism):
        published_files(path, mechanism.MODEL.max_bytes)  # says why it would score 0
    text = (
        f"score {exam.score:.3f} +- {exam.error:.3f} over {exam.rounds} tasks, "
        f"{exam.latency_ms:.0f} ms each, {exam.tokens_per_s:,.0f} tokens/s on {exam.provider}\n"
        f"hash 0x{exam.model_hash.hex()}"
    )
    place = _place(session, netuid, exam.model_hash)
    _show_exam(session, exam, text, advice(mechanism), place)


@dataclass(frozen=True, slots=True)
class Place:
    """What the chain says of a model in a subnet. `owner`: the hotkey that committed it first."""

    netuid: int
    burn_rao: int
    owner: str

    def __str__(self) -> str:
        price = f"a place in subnet {self.netuid} costs {tao(self.burn_rao)} TAO now"
        if not self.owner:
            return price
        return f"{price}\n{self.owner} committed this model first: a copy of it scores 0"


def _place(session: Session, netuid: int | None, model_hash: bytes) -> Place | None:
    from offchain.chain.events import read_events
    from offchain.chain.neurons import ModelCommitted

    if netuid is None:
        return None
    neurons, first_block = session.network.neurons, session.network.deployment.first_block
    burn_rao = neurons.burn_rao(netuid)
    events = read_events(neurons, ModelCommitted, first_block, indexed=[netuid])
    ids = [event.registration_id for event in events if event.model_hash == model_hash]
    return Place(netuid, burn_rao, neurons.hotkey_of(ids[0]) if ids else "")


def _show_exam(
    session: Session, exam: Exam | TextExam, text: str, note: str, place: Place | None
) -> None:
    value = {field.name: getattr(exam, field.name) for field in fields(exam)} | {"note": note}
    if place is not None:
        value["place"] = place
    lines = [text, note, str(place or "")]
    show(session.flags.json, value, "\n".join(line for line in lines if line))


@app.command()
def quantize(
    context: typer.Context,
    model: Annotated[Path, typer.Argument(help="An ONNX file.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Where the exact form goes.")],
    subnet: Subnet = "vision",
) -> None:
    """Make the exact integer form of a model, and say what accuracy it costs.

    evmtensor miner quantize model.onnx --out exact.onnx
    """
    from miners.quantize import quantize as make_exact
    from offchain.subnets.base import load

    session: Session = context.obj
    with progress("calibrating and scoring"):
        done = make_exact(model, load(subnet), out)
    value = {
        "exactness": done.exactness.value,
        "float_operators": list(done.float_operators),
        "score_before": done.before.score,
        "score_after": done.after.score,
        "bytes_before": done.before.report.size_bytes,
        "bytes_after": done.after.report.size_bytes,
    }
    means = (
        f"sums of {', '.join(done.float_operators)} round differently on other machines, so "
        "validators compare within a tolerance"
        if done.float_operators
        else "the same bytes on every machine"
    )
    text = (
        f"{out} is {done.exactness.value}: {means}\n"
        f"score {done.before.score:.3f} -> {done.after.score:.3f}, "
        f"{done.before.report.size_bytes} -> {done.after.report.size_bytes} bytes"
    )
    show(session.flags.json, value, text)
