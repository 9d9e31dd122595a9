# SPDX-License-Identifier: Apache-2.0
"""How a model is run, in a few words whose hash is committed with the model's.

Two miners with one profile give the same bytes for the same question, whatever the class of the
model (`onnx-benchmarks.md`, section 5): float results depend on the runtime's version, on its
optimisations and on the processor's instructions. Whoever wants to compare by hash compares only
inside one profile.
"""

import platform
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec

# What kernels are chosen by; other features of a processor change no result.
_INSTRUCTIONS = frozenset(
    ("avx", "avx2", "fma", "avx512f", "avx512bw", "avx512_vnni", "avx512_bf16", "avx_vnni",
     "amx_int8", "amx_bf16", "asimd", "asimddp", "bf16", "i8mm", "sve")
)  # fmt: skip


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """One way to run a model. `exactness` is that of the model's operators, "" if unknown."""

    provider: str
    runtime: str
    optimization: str
    machine: str
    instructions: tuple[str, ...]
    exactness: str = ""

    def to_json(self) -> bytes:
        """Sorted keys, no spaces: the same profile is the same bytes everywhere."""
        return msgspec.json.encode(self, order="sorted")

    @property
    def hash(self) -> bytes:
        """What is committed: SHA-256 of `to_json`."""
        return sha256(self.to_json()).digest()


def profile_here(provider: str, content: bytes | None) -> Profile:
    """The profile of this machine; `content` is the model's file, None if it is elsewhere."""
    return Profile(
        provider=provider,
        runtime=f"onnxruntime {version('onnxruntime')}",
        optimization="all",
        machine=platform.machine(),
        instructions=_instructions(),
        exactness=_exactness(content),
    )


def describe(profile: Profile) -> dict[str, Any]:
    """For people and /health."""
    fields: dict[str, Any] = msgspec.to_builtins(profile)
    return fields | {"hash": profile.hash.hex()}


def _exactness(content: bytes | None) -> str:
    if content is None:
        return ""
    from miners.quantize import exactness_of  # onnx: only where a file is served

    return exactness_of(content).value


@cache
def _instructions() -> tuple[str, ...]:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return ()
    flags = next((x for x in lines if x.lower().startswith(("flags", "features"))), "")
    return tuple(sorted(_INSTRUCTIONS.intersection(flags.partition(":")[2].split())))
