# SPDX-License-Identifier: Apache-2.0
"""Which files belong to the repository."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def repository_files(*suffixes: str) -> list[Path]:
    """Tracked files and new ones that git does not ignore, relative to the root."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    paths = {Path(name) for name in listed.split("\0") if name}
    wanted = {p for p in paths if not suffixes or p.suffix in suffixes}
    return sorted(p for p in wanted if (ROOT / p).is_file())
