# SPDX-License-Identifier: Apache-2.0
"""A chain for miners made of plain values, and models made to be refused."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from miners import Settings
from offchain.protocol.errors import ConfigError
from offchain.wire import Dendrite, Domain, Egress, Endpoint, LocalHotkey, Tensor
from tests.wire.worlds import DOMAIN, START, patient

MODELS = Path(__file__).parents[2] / ".cache" / "models"


def tensors(arrays: Mapping[str, Any]) -> dict[str, Tensor]:
    """What an engine is asked with."""
    return {name: Tensor.of(array) for name, array in arrays.items()}


@dataclass
class FakeChain:
    """A `ChainPort` whose whole state is in the test's hands; `sent` lists its transactions."""

    seats: set[str] = field(default_factory=set)
    uid: int | None = 3
    burn_rao: int = 10
    model: bytes = bytes(32)
    profile: bytes = bytes(32)
    sent: list[str] = field(default_factory=list)
    endpoint: tuple[str, int] | None = None
    refreshed: int = 0
    running: int | None = None
    owed_rao: int = 0
    gas_wei: int = 10**14
    fault: Exception | None = None  # of the next claim
    listening: list[tuple[str, str, int]] = field(default_factory=list)

    def domain(self) -> Domain:
        return DOMAIN

    def chain_time(self) -> int:
        return START

    def has_seat(self, hotkey: str) -> bool:
        return hotkey in self.seats

    def stake_of(self, hotkey: str) -> int:
        return 1

    def listeners(self) -> tuple[tuple[str, str, int], ...]:
        return tuple(self.listening)

    def refresh(self) -> None:
        self.refreshed += 1

    def uid_of(self, hotkey: str) -> int | None:
        return self.uid

    def register(self, max_burn_rao: int) -> int:
        if max_burn_rao < self.burn_rao:
            raise ConfigError(f"burn is {self.burn_rao} rao, allowed {max_burn_rao}")
        self.sent.append("register")
        self.uid = 7
        return 7

    def committed_model(self) -> tuple[bytes, bytes]:
        return self.model, self.profile

    def commit_model(self, model_hash: bytes, profile_hash: bytes) -> None:
        self.sent.append("commit_model")
        self.model, self.profile = model_hash, profile_hash

    def serve_axon(self, host: str, port: int) -> None:
        self.sent.append("serve_axon")
        self.endpoint = (host, port)

    def epoch(self) -> int | None:
        return self.running

    def pay_due(self) -> tuple[int, int]:
        return self.owed_rao, self.gas_wei

    def claim(self) -> int:
        if self.fault is not None:
            fault, self.fault = self.fault, None
            raise fault
        self.sent.append(f"claim {self.owed_rao}")
        paid, self.owed_rao = self.owed_rao, 0
        return paid


def new_validator(chain: FakeChain) -> tuple[LocalHotkey, Dendrite]:
    hotkey = LocalHotkey(os.urandom(32))
    chain.seats.add(hotkey.address)
    egress = Egress(localnet=True)
    dendrite = Dendrite(
        hotkey, DOMAIN, chain_time=chain.chain_time, egress=egress, limits=patient()
    )
    return hotkey, dendrite


def here(**changed: Any) -> Settings:
    """Serve on loopback, without hurry."""
    return Settings(**{"host": "127.0.0.1", "limits": patient(), **changed})


def endpoint_of(chain: FakeChain, hotkey: LocalHotkey) -> Endpoint:
    assert chain.endpoint is not None
    return Endpoint(hotkey.address, *chain.endpoint)


def vision_model(
    nodes: list[Any] | None = None,
    *,
    inputs: Any = None,
    outputs: Any = None,
    initializers: list[Any] | None = None,
    opsets: list[Any] | None = None,
    functions: list[Any] | None = None,
) -> onnx.ModelProto:
    """A linear classifier that fits the subnet, or what a test makes of it."""
    weights = np.random.default_rng(0).normal(size=(64, 10)).astype(np.float32)
    nodes = nodes or [
        helper.make_node("Reshape", ["images", "flat"], ["x"]),
        helper.make_node("MatMul", ["x", "w"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    if initializers is None:
        initializers = [
            numpy_helper.from_array(np.array([-1, 64], dtype=np.int64), "flat"),
            numpy_helper.from_array(weights, "w"),
        ]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "vision",
        inputs or [value("images", TensorProto.FLOAT, ["batch", 8, 8])],
        outputs or [value("probabilities", TensorProto.FLOAT, ["batch", 10])],
        initializers,
    )
    return helper.make_model(
        graph,
        opset_imports=opsets or [helper.make_opsetid("", 20)],
        functions=functions or [],
        ir_version=10,
    )
