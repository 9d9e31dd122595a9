# SPDX-License-Identifier: Apache-2.0
"""What a miner gives away of its models, and whether its subnet pays those that keep them."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import ModuleType

from miners.errors import MinerError
from offchain.wire.published import ModelPart, answer_part

Files = dict[bytes, bytes | Path]  # by SHA-256: in memory, or on disk


class Shelf:
    """The files of the model that answers, and of the one before: its last answers may still be
    checked.
    """

    def __init__(self) -> None:
        self._models: list[Files] = []

    def put(self, files: Files) -> None:
        """Add a newer model's files."""
        self._models = [m for m in self._models if m != files][-1:] + [files]

    @property
    def files(self) -> Files:
        """Everything that is given away."""
        return {digest: file for model in self._models for digest, file in model.items()}

    def publisher(self) -> Callable[[ModelPart], Awaitable[ModelPart]]:
        """What an axon attaches; MinerError if there is nothing to give."""
        if not self._models:
            raise MinerError("miner: has no model file to publish", next_step="Drop --publish.")

        async def forward(synapse: ModelPart) -> ModelPart:
            return await asyncio.to_thread(answer_part, synapse, self.files)

        return forward


def must_publish(subnet: ModuleType) -> bool:
    """Whether validators of this subnet give nothing to a miner whose model they cannot run."""
    return bool(getattr(subnet, "REEXECUTION", "off") == "required")


def advice(subnet: ModuleType) -> str:
    """What a miner should know of publishing before it pays for a place; empty if nothing."""
    if must_publish(subnet):
        return (
            f"subnet {subnet.NAME} pays only models that validators can run again: "
            "serve it with --publish, or it scores 0"
        )
    return ""


def check_publishing(subnet: ModuleType, publish: bool) -> None:
    """MinerError if this subnet would score the miner 0 for keeping its model."""
    if must_publish(subnet) and not publish:
        raise MinerError(f"miner: {advice(subnet)}", next_step="Add --publish.")
