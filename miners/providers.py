# SPDX-License-Identifier: Apache-2.0
"""Where a model runs: TensorRT, CUDA or the CPU, whichever comes first and really works.

onnxruntime lists a provider as available when its wheel was built with it; whether the libraries
behind it (CUDA, cuDNN, TensorRT) are on this machine shows only when a session is made, and then
onnxruntime falls back without a word that a miner would see. `open_session` therefore compares
what it asked for with what it got, and says it.
"""

from typing import Any

import onnxruntime as ort
import structlog

from miners.checks import first_line
from miners.errors import ModelError

CPU, CUDA, TENSORRT = (
    "CPUExecutionProvider", "CUDAExecutionProvider", "TensorrtExecutionProvider",
)  # fmt: skip
PREFERRED = (TENSORRT, CUDA, CPU)
DEVICES = {CUDA: "cuda", TENSORRT: "cuda"}  # where inputs and outputs live; else the CPU
_LIBRARIES = {
    CUDA: "the CUDA runtime and cuDNN",
    TENSORRT: "TensorRT (`pip install tensorrt`)",
}

log = structlog.get_logger("evmtensor.miner")


def choose(available: list[str], wanted: list[str] | None = None) -> list[str]:
    """Providers to ask for, best first, the CPU last. ModelError for a wanted one that this
    onnxruntime was not built with.
    """
    if wanted is None:
        return [name for name in PREFERRED if name in available]
    for name in wanted:
        if name not in available:
            raise ModelError(
                f"engine: this onnxruntime has no {name}, only {', '.join(available)}",
                next_step="Install onnxruntime-gpu in the place of onnxruntime."
                if name in _LIBRARIES
                else "Choose one of those.",
            )
    return wanted


def options_of(name: str, *, capture: bool = False) -> dict[str, str]:
    """Settings of a provider. `capture`: record the kernels of a run once and replay them, which
    needs inputs of one shape at one address (see `engine_bound`).
    """
    if name == CUDA:
        return {"cudnn_conv_algo_search": "HEURISTIC"} | (
            {"enable_cuda_graph": "1"} if capture else {}
        )
    if name == TENSORRT:
        return {"trt_cuda_graph_enable": "1"} if capture else {}
    return {}


def missing(asked: list[str], got: list[str]) -> str:
    """One sentence about the provider that fell out, or nothing."""
    lost = [name for name in asked if name not in got]
    if not lost:
        return ""
    library = _LIBRARIES.get(lost[0], "its library")
    return f"{lost[0]} is not usable here ({library} did not load): {got[0]} is used"


def open_session(
    content: bytes,
    providers: list[str] | None = None,
    *,
    threads: int = 1,
    capture: bool = False,
) -> tuple[Any, str]:
    """(session, provider in use) for a model's bytes; the best provider that works, see above.

    The bytes must have passed `checks.check_safety`. ModelError if the runtime refuses them.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 4
    asked = choose(ort.get_available_providers(), providers)
    settings = [(name, options_of(name, capture=capture)) for name in asked]
    try:
        session = ort.InferenceSession(content, options, providers=settings)
    except Exception as error:  # onnxruntime's errors have no common base
        raise ModelError(
            f"model: onnxruntime refuses it: {first_line(error)}",
            next_step="Export it again, for operators that this onnxruntime has.",
        ) from error
    got = session.get_providers()
    sentence = missing(asked, got)
    if sentence:
        log.warning(sentence)
    return session, got[0]
