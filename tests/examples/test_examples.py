# SPDX-License-Identifier: Apache-2.0
"""The examples do what they say; `first_rao.py` has its test among the long ones (tests/e2e)."""

import subprocess
import sys

import pytest

from tests.repository.files import ROOT


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("own_function", ["score 0.000"]),
        ("ported_template", ["validator: 42", "stranger: ", "DENIED"]),
    ],
)
def test_example__run_as_a_user_does__says_what_it_should(name: str, said: list[str]) -> None:
    command = [sys.executable, f"examples/{name}.py"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr
    assert [word for word in said if word not in done.stdout] == []


def test_examples__each_is_listed_and_tested() -> None:
    listed = (ROOT / "examples" / "README.md").read_text(encoding="utf-8")
    tests = (ROOT / "tests").rglob("test_*.py")
    tested = "".join(path.read_text(encoding="utf-8") for path in tests)
    names = [path.stem for path in (ROOT / "examples").glob("*.py")]
    assert len(names) >= 3
    assert [name for name in names if f"`{name}.py`" not in listed or name not in tested] == []
