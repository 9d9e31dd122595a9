# SPDX-License-Identifier: Apache-2.0
"""Which engine serves a model: `--engine` by name, or by what the path holds.

onnx     the ONNX file of a subnet of tensors, in this process
llm      the folder of a decoder, in this process
ray      the ONNX file, by replicas of Ray Serve on one or many machines
oip      a model of an Open Inference Protocol v2 server (Triton, KServe, MLServer)
openai   a model of an OpenAI-shaped server (vLLM, llama.cpp, Ollama)
"""

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from miners.checks import NAME_A_MODEL, model_hash, read_model, self_test
from miners.errors import MinerError
from miners.llm.folder import folder_hash, is_decoder
from miners.miner import Miner
from offchain.subnets.base import load


class EngineName(StrEnum):
    """Values of `--engine`."""

    AUTO = "auto"
    ONNX = "onnx"
    LLM = "llm"
    RAY = "ray"
    OIP = "oip"
    OPENAI = "openai"


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """path: a model's file or folder, None where a server has it. model: its name at the server.
    model_hash: what is committed if there is no path. replicas: of Ray; 0: as many as cores.
    threads: that run a model at once, or one run of a decoder; 0: as many as cores, of a decoder 1.
    token: what is said to an OpenAI-shaped server.
    """

    path: Path | None
    name: EngineName = EngineName.AUTO
    url: str = ""
    model: str = ""
    model_hash: str = ""
    replicas: int = 0
    threads: int = 0
    token: str = field(default="", repr=False)


def make_miner(choice: EngineChoice, subnet: str = "") -> Miner:
    """A miner as chosen; MinerError or ModelError if something is missing or does not fit.

    Without a subnet a decoder serves `text`, and everything else `vision`.
    """
    name = _named(choice)
    subnet = subnet or ("text" if name in (EngineName.LLM, EngineName.OPENAI) else "vision")
    if name is EngineName.ONNX:
        return Miner.from_onnx(_path(choice), subnet, threads=choice.threads)
    if name is EngineName.LLM:
        return Miner.from_decoder(_path(choice), subnet, threads=choice.threads or 1)
    if name is EngineName.RAY:
        from miners.ray_engine import RayEngine

        interface = load(subnet).MODEL
        content = read_model(_path(choice), interface)
        self_test(content, interface)
        return Miner.from_engine(
            RayEngine(content, address=choice.url, replicas=choice.replicas), subnet
        )
    if not choice.url or not choice.model:
        raise MinerError(
            f"miner: engine {name} needs the server's address and the model's name there",
            next_step="Add --engine-url http://127.0.0.1:8000 --model NAME.",
        )
    if not choice.url.startswith(("http://", "https://")):
        raise MinerError(
            f"miner: {choice.url} is no web address",
            next_step="Give one like http://127.0.0.1:8000 with --engine-url.",
        )
    if name is EngineName.OIP:
        from miners.remote import OipEngine

        interface = load(subnet).MODEL
        return Miner.from_engine(
            OipEngine(choice.url, choice.model, interface, _hash(choice)), subnet
        )
    from miners.openai_engine import OpenAiEngine

    return Miner.from_engine(
        OpenAiEngine(choice.url, choice.model, _hash(choice), token=choice.token), subnet
    )


def _named(choice: EngineChoice) -> EngineName:
    if choice.name is not EngineName.AUTO:
        return choice.name
    if choice.url:
        raise MinerError(
            f"miner: {choice.url} is a server of which kind?",
            next_step="Add --engine openai, --engine oip or --engine ray.",
        )
    path = _path(choice)
    return EngineName.LLM if path.is_dir() else EngineName.ONNX


def _path(choice: EngineChoice) -> Path:
    if choice.path is None:
        raise MinerError(
            "miner: no model named", next_step="Name an ONNX file or the folder of a decoder."
        )
    return choice.path


def _hash(choice: EngineChoice) -> bytes:
    """What is committed for a model that a server runs: the hash of its file or folder here, or
    the one that was given.
    """
    if choice.path is not None:
        if is_decoder(choice.path) or choice.path.is_dir():
            return folder_hash(choice.path)
        try:
            return model_hash(choice.path.read_bytes())
        except OSError as error:
            raise MinerError(
                f"{choice.path}: cannot be read ({error.strerror})", next_step=NAME_A_MODEL
            ) from error
    try:
        given = bytes.fromhex(choice.model_hash.removeprefix("0x"))
    except ValueError:
        given = b""
    if len(given) != 32:
        raise MinerError(
            "miner: what is committed for the model at the server?",
            next_step="Name its file or folder, or give the SHA-256 of its weights with "
            "--model-hash.",
        )
    return given
