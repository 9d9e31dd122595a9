# SPDX-License-Identifier: Apache-2.0
"""Every row of the security page that an issue names has a test named after it.

A test says its rows at the beginning of its name: `test_A2_...`, `test_T_F1_...`, `test_FI_22_...`,
`test_B2_E3_...`. A row that a later issue owns is listed with its reason; the list may only shrink.
"""

from __future__ import annotations

import ast
import re

from tests.repository.files import ROOT

ISSUE_2 = "A1 A2 A3 A4 B1 B2 B9 C1 C2 C3 C4 C6 C8 D1 D2 D5 D7 E3 E5 G1 G2 G3 G4 G5 G8"
ISSUE_4 = "E4 E6 E7 E8 E9 F1 F2 F3 F4 F5 F6 F7 F8 F9 F10 F11 F12 F13 F14 F15 G7"
ISSUE_5 = "B7 B8 I1 I2 I3 I4 I5 I6 I8 " + " ".join(f"FI_{n}" for n in range(22, 38))
ISSUE_6 = "A5 A6 B3 B4 B5 B6 B10 C5 C7 C9 C10 C11 J4 J5 J6 J7 J8"
REQUIRED = {
    row: issue
    for issue, rows in ((2, ISSUE_2), (4, ISSUE_4), (5, ISSUE_5), (6, ISSUE_6))
    for row in rows.split()
}
# row -> why a later issue owns it
LATER: dict[str, str] = {}
ROW = re.compile(r"^(?:FI|[A-J]\d{1,2})$")


def rows_in(name: str) -> set[str]:
    """Rows at the beginning of a test's name."""
    words = name.removeprefix("test_").split("_")
    if words[0] == "T":
        words = words[1:]
    found = set()
    while words and ROW.match(words[0]):
        if words[0] == "FI":
            if len(words) < 2 or not words[1].isdigit():
                break
            found.add(f"FI_{words[1]}")
            words = words[2:]
        else:
            found.add(words[0])
            words = words[1:]
    return found


def named_rows() -> dict[str, list[str]]:
    """Row -> tests that are named after it, in all of tests/."""
    found: dict[str, list[str]] = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
                and node.name[:5] == "test_"
            ):
                for row in rows_in(node.name):
                    found.setdefault(row, []).append(f"{path.name}::{node.name}")
    return found


def test_security_rows__of_every_issue__have_a_test() -> None:
    named = named_rows()
    missing = sorted(
        f"{row} (issue {issue})"
        for row, issue in REQUIRED.items()
        if row not in named and row not in LATER
    )
    assert missing == [], "no test is named after these rows"


def test_security_rows__that_are_put_off__have_none_yet() -> None:
    done = sorted(row for row in LATER if row in named_rows())
    assert done == [], "these have a test now: take them off the list"
    assert {*LATER} <= {*REQUIRED}


def test_rows_in__every_way_of_naming_them() -> None:
    assert rows_in("test_A2_mint__anybody_else__reverts") == {"A2"}
    assert rows_in("test_T_G1_an_inner_node_is_no_leaf") == {"G1"}
    assert rows_in("test_FI_22_silence") == {"FI_22"}
    assert rows_in("test_B2_E3_take_replaced__names") == {"B2", "E3"}
    assert rows_in("test_take__raised") == set()


def test_seeded_gap__a_row_without_a_test__is_seen() -> None:
    assert "Z9" not in named_rows()
    assert "A2" in named_rows()
