# SPDX-License-Identifier: Apache-2.0
"""From a torch module to an ONNX file that a subnet accepts: dynamic batch, one file, compared
with torch.
"""

import logging
import os
import re
import warnings
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from miners.checks import check_content, first_line
from miners.errors import ModelError
from miners.providers import open_session
from offchain.subnets.base import ModelInterface

OPSET = 20
TOLERANCE = 1e-4  # largest difference from torch


def export(module: Any, interface: ModelInterface, path: Path) -> bytes:
    """Write the module as ONNX and return the file's bytes; ModelError if it cannot be exported
    or answers otherwise.

    The module takes the subnet's inputs in order and returns its outputs in order.
    """
    import torch

    if not isinstance(module, torch.nn.Module):
        raise ModelError(
            f"export: {type(module).__name__} is no torch module",
            next_step="Give a torch.nn.Module; for any function there is `Miner.forward`.",
        )
    module = module.eval().cpu()
    generator = torch.Generator().manual_seed(0)
    examples = tuple(
        torch.rand([3 if n is None else n for n in spec.shape], generator=generator).to(
            getattr(torch, spec.dtype)
        )
        for spec in interface.inputs.values()
    )
    _try(module, examples, interface)
    dynamic = tuple(
        {axis: torch.export.Dim.DYNAMIC for axis, n in enumerate(spec.shape) if n is None}
        for spec in interface.inputs.values()
    )
    content = torch_to_onnx(
        module, examples, dynamic, list(interface.inputs), list(interface.outputs)
    )
    check_content(content, interface, path.name)
    _compare(module, examples, content, interface)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".part")
    temporary.write_bytes(content)
    os.replace(temporary, path)
    return content


def _try(module: Any, examples: tuple[Any, ...], interface: ModelInterface) -> None:
    """ModelError unless the module takes and returns the subnet's tensors: torch itself says why,
    which its exporter does not.
    """
    import torch

    takes = ", ".join(f"{name} {spec.shape}" for name, spec in interface.inputs.items())
    gives = ", ".join(f"{name} {spec.shape}" for name, spec in interface.outputs.items())
    wanted = f"Make it take {takes} and return {gives}; None is the batch."
    try:
        with torch.no_grad():
            made = module(*examples)
    except Exception as error:  # whatever the module raises
        raise ModelError(
            f"export: the module fails on what the subnet asks: {first_line(error)}",
            next_step=wanted,
        ) from error
    tensors = made if isinstance(made, tuple | list) else [made]
    shapes = [tuple(getattr(tensor, "shape", ())) for tensor in tensors]
    full = [tuple(3 if n is None else n for n in s.shape) for s in interface.outputs.values()]
    if shapes != full:
        raise ModelError(
            f"export: the module returns {shapes} for 3 rows, wanted {full}", next_step=wanted
        )


def torch_to_onnx(
    module: Any, examples: tuple[Any, ...], dynamic: Any, inputs: list[str], outputs: list[str]
) -> bytes:
    """The module's graph as one file, or ModelError in one sentence; `dynamic` names the axes of
    each example that may have any length.
    """
    import torch

    noisy = [logging.getLogger(name) for name in ("torch", "torch.onnx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in noisy]
    try:
        for logger in noisy:
            logger.setLevel(logging.CRITICAL + 1)
        with (
            TemporaryDirectory() as folder,
            warnings.catch_warnings(),
            redirect_stderr(StringIO()),  # torch prints the graph that it gives up on
            torch.no_grad(),
        ):
            warnings.simplefilter("ignore")
            file = Path(folder) / "model.onnx"
            torch.onnx.export(
                module,
                examples,
                str(file),
                input_names=inputs,
                output_names=outputs,
                dynamic_shapes=dynamic,
                opset_version=OPSET,
                dynamo=True,
                external_data=False,
                verbose=False,
            )
            return file.read_bytes()
    except (
        Exception
    ) as error:  # whatever the exporter raises, the person at the terminal gets one sentence
        raise ModelError(
            f"export: torch cannot export this module: {_cause(error)}",
            next_step="`torch.export.export(module, examples)` alone says more.",
        ) from error
    finally:
        for logger, level in zip(noisy, levels, strict=True):
            logger.setLevel(level)


def _cause(error: BaseException) -> str:
    """What the exporter's error came of, without the colours of a terminal."""
    while error.__cause__ is not None:
        error = error.__cause__
    return re.sub(r"\x1b\[[0-9;]*m", "", first_line(error))


def _compare(
    module: Any, examples: tuple[Any, ...], content: bytes, interface: ModelInterface
) -> None:
    import torch

    session, _ = open_session(content, ["CPUExecutionProvider"])
    for batch in (1, 3):
        inputs = [tensor[:batch] for tensor in examples]
        with torch.no_grad():
            want = module(*inputs)
        want = want if isinstance(want, tuple | list) else [want]
        feed = {name: t.numpy() for name, t in zip(interface.inputs, inputs, strict=True)}
        got = session.run(list(interface.outputs), feed)
        for name, ours, theirs in zip(interface.outputs, got, want, strict=True):
            difference = float(np.abs(ours - theirs.numpy()).max())
            if not difference <= TOLERANCE:
                raise ModelError(f"export: output {name} differs from torch by {difference:.1e}")
