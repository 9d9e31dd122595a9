# SPDX-License-Identifier: Apache-2.0
"""Every file says its licence in its first lines; Vyper sources are plain ASCII."""

import re
from pathlib import Path

import pytest

from tests.repository.files import ROOT, repository_files

# formats without comments, texts of licences, and binary files
EXEMPT_SUFFIXES = {".json", ".txt", ".png", ".npz", ".onnx", ".csv"}
SPDX = re.compile(r"SPDX-License-Identifier: (?P<licence>[\w.-]+)")


def wanted_licence(path: Path) -> str:
    return "AGPL-3.0-only" if path.parts[0] == "contracts" else "Apache-2.0"


def header_fault(path: Path, content: str) -> str | None:
    """What is wrong with the licence line; a line for the shell may stand before it."""
    head = content.splitlines()[:2]
    found = next((m for line in head if (m := SPDX.search(line))), None)
    if not found:
        return f"{path}: no SPDX line"
    if found["licence"] != wanted_licence(path):
        return f"{path}: is {found['licence']}, wanted {wanted_licence(path)}"
    return None


def non_ascii(path: Path, content: str) -> list[str]:
    lines = enumerate(content.splitlines(), 1)
    return [f"{path}:{number}: {line.strip()}" for number, line in lines if not line.isascii()]


def test_every_file__first_lines__carry_its_licence():
    paths = [p for p in repository_files() if p.suffix not in EXEMPT_SUFFIXES]
    faults = [header_fault(p, (ROOT / p).read_text(encoding="utf-8")) for p in paths]
    assert [fault for fault in faults if fault] == []


def test_vyper_sources__are_ascii():
    paths = repository_files(".vy", ".vyi")
    assert [f for p in paths for f in non_ascii(p, (ROOT / p).read_text(encoding="utf-8"))] == []


@pytest.mark.soundness
@pytest.mark.parametrize(
    "path, content, fault",
    [
        ("offchain/a.py", '"""No line."""\n', "no SPDX line"),
        ("offchain/a.py", "\n\n# SPDX-License-Identifier: Apache-2.0\n", "no SPDX line"),
        ("offchain/a.py", "# SPDX-License-Identifier: AGPL-3.0-only\n", "wanted Apache-2.0"),
        ("contracts/A.vy", "# SPDX-License-Identifier: Apache-2.0\n", "wanted AGPL-3.0-only"),
    ],
)
def test_header_fault__seeded__is_found(path, content, fault):
    assert fault in header_fault(Path(path), content)


def test_header_fault__good_files__none():
    shell = "#!/bin/sh\n# SPDX-License-Identifier: Apache-2.0\n"
    assert header_fault(Path("tools/setup"), shell) is None
    vyper = "# SPDX-License-Identifier: AGPL-3.0-only\n"
    assert header_fault(Path("contracts/modules/a.vy"), vyper) is None


@pytest.mark.soundness
def test_non_ascii__seeded__is_found():
    assert non_ascii(Path("A.vy"), "x: uint256\n# caf\xe9\n") == ["A.vy:2: # caf\xe9"]
