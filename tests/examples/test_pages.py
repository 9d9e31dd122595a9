# SPDX-License-Identifier: Apache-2.0
"""What a reader is sent to exists."""

import re
from pathlib import Path

import pytest

from tests.repository.files import ROOT

PAGES = [ROOT / "README.md", ROOT / "examples" / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")
PATH = re.compile(r"`((?:contracts|docs|examples|miners|offchain|scripts|tests|tools)/[\w./-]+)`")


def missing(page: Path, text: str) -> list[str]:
    """Relative links, and paths of this repository that the README names, without a file."""
    links = [page.parent / link for link in LINK.findall(text) if "://" not in link]
    paths = [ROOT / path for path in PATH.findall(text)] if page.name == "README.md" else []
    return [str(target) for target in links + paths if not target.exists()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_page__every_link__leads_somewhere(page: Path) -> None:
    assert missing(page, page.read_text(encoding="utf-8")) == []


def test_missing__seeded__is_found() -> None:
    text = (
        "[a](docs/gone.md#x) [b](https://example.org) [c](docs/gas.md) `tools/gone` `tools/setup`"
    )
    found = missing(ROOT / "README.md", text)
    assert [Path(path).name for path in found] == ["gone.md", "gone"]
