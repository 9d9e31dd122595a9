# SPDX-License-Identifier: Apache-2.0
"""From a torch module to an ONNX file that a subnet accepts: dynamic batch, one file, compared
with torch.
"""

import logging
import os
import warnings
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

    module = module.eval().cpu()
    generator = torch.Generator().manual_seed(0)
    examples = tuple(
        torch.rand([3 if n is None else n for n in spec.shape], generator=generator).to(
            getattr(torch, spec.dtype)
        )
        for spec in interface.inputs.values()
    )
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


def torch_to_onnx(
    module: Any, examples: tuple[Any, ...], dynamic: Any, inputs: list[str], outputs: list[str]
) -> bytes:
    """The module's graph as one file, or ModelError in one sentence; `dynamic` names the axes of
    each example that may have any length.
    """
    import torch

    noisy = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in noisy]
    try:
        for logger in noisy:
            logger.setLevel(logging.ERROR)
        with TemporaryDirectory() as folder, warnings.catch_warnings(), torch.no_grad():
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
        raise ModelError(f"export: torch cannot export this module: {first_line(error)}") from error
    finally:
        for logger, level in zip(noisy, levels, strict=True):
            logger.setLevel(level)


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
