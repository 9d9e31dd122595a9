# SPDX-License-Identifier: Apache-2.0
"""Rules for Vyper 0.4.3: what the compiler gets wrong, and what nobody needs.

Measured behaviours behind them: the order of evaluation in comparisons, logs and built-ins is not
the order of the text; a ternary over arrays or with `|` inside can be miscompiled; the lock of
`nonreentrancy on` covers one file only; a reason string costs 114 bytes up to 32 characters.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.repository.files import ROOT, repository_files
from tests.repository.vyper_sources import (
    Module,
    Node,
    called_name,
    deployables,
    modules_of,
    of_type,
    walk,
)

EFFECTS = ("ExtCall",)
SIMPLE_STATEMENTS = ("Assign", "AnnAssign", "AugAssign", "Expr", "Return", "Assert", "Log", "Raise")
BANNED_CALLS = {
    "selfdestruct", "send", "sqrt", "isqrt", "raw_revert", "create_minimal_proxy_to",
    "create_copy_of", "create_from_blueprint", "raw_create",
}  # fmt: skip
REASON_LIMIT = 32


def line_faults(path: Path, text: str) -> list[str]:
    """Rules that one can check without the compiler."""
    faults = []
    lines = text.splitlines()
    if "# pragma version 0.4.3" not in lines:
        faults.append(f"{path}: no line `# pragma version 0.4.3`")
    for number, line in enumerate(lines, 1):
        if re.search(r"pragma\s+(experimental-codegen|evm-version|enable-decimals|venom)", line):
            faults.append(f"{path}:{number}: pragma that the build decides: {line.strip()}")
        if re.search(r"\btx\.origin\b|\bblock\.(prevrandao|number)\b", line.split("#")[0]):
            faults.append(f"{path}:{number}: {line.strip()}")
    has_external = re.search(r"^@external", text, re.MULTILINE)
    locked = "# pragma nonreentrancy on" in lines
    if path.suffix == ".vy" and path.parts[1] != "mocks" and has_external and not locked:
        faults.append(f"{path}: externals without `# pragma nonreentrancy on` are not locked")
    return faults


def tree_faults(module: Module) -> list[str]:
    """Rules on the syntax tree with types."""
    rules = (_ternaries, _effects_out_of_order, _sharp_calls, _reasons)
    return [
        f"{module.path}:{line}: {what}: {module.line(line).strip()}"
        for rule in rules
        for line, what in rule(module)
    ]


def _ternaries(module: Module) -> Iterator[tuple[int, str]]:
    for node in of_type(module.tree, "IfExp"):
        if any(of_type(node, "BitOr")):
            yield node["lineno"], "`|` inside a ternary"
        if "array" in str(node.get("type", {}).get("typeclass", "")):
            yield node["lineno"], "ternary over arrays"


def _effects_out_of_order(module: Module) -> Iterator[tuple[int, str]]:
    for node in of_type(module.tree, "Compare", "Log"):
        if any(of_type(node, *EFFECTS)):
            yield node["lineno"], f"extcall inside a {node['ast_type'].lower()}"
    for node in of_type(module.tree, "For"):
        if any(of_type(node["iter"], *EFFECTS)):
            yield node["lineno"], "extcall inside what a loop runs over"
    for node in of_type(module.tree, *SIMPLE_STATEMENTS):
        if len(list(of_type(node, *EFFECTS))) > 1:
            yield node["lineno"], "two extcalls in one statement"


def _sharp_calls(module: Module) -> Iterator[tuple[int, str]]:
    for node in of_type(module.tree, "Call"):
        name = called_name(node)
        line = node["lineno"]
        comments = _comments_in_function(module, line)
        if name in BANNED_CALLS:
            yield line, f"{name} is not used here"
        if name.startswith("unsafe_") and not comments.strip():
            yield line, f"{name} without a comment that proves it"
        if name == "raw_call" and "SAFETY:" not in comments:
            yield line, "raw_call without a `# SAFETY:` comment"


def _comments_in_function(module: Module, line: int) -> str:
    """Comments, and a docstring's SAFETY, on the line and above it, up to the function's head."""
    found = []
    while line > 0 and not module.line(line).startswith("def "):
        text = module.line(line)
        found.append(text[text.find("SAFETY:") :] if "SAFETY:" in text else text.partition("#")[2])
        line -= 1
    return "".join(found)


def _reasons(module: Module) -> Iterator[tuple[int, str]]:
    for node in of_type(module.tree, "Assert", "Raise"):
        reason = node.get("msg") if node["ast_type"] == "Assert" else node.get("exc")
        text = _literal(reason)
        if text is None:
            continue
        if len(text) > REASON_LIMIT:
            yield node["lineno"], f"reason of {len(text)} characters"
        if not re.fullmatch(r"[a-z0-9_]+: .*[^.]", text):
            yield node["lineno"], "reason is not `<contract or module>: <fact>`"


def _literal(node: Node | None) -> str | None:
    strings = [n for n in walk(node) if n["ast_type"] == "Str"] if node else []
    return str(strings[0]["value"]) if strings else None


def all_modules() -> list[Module]:
    """Every file of ours in any contract's tree, once."""
    found = {m.path: m for contract in deployables() for m in modules_of(contract)}
    return [found[path] for path in sorted(found)]


def test_vyper_files__line_rules():
    paths = repository_files(".vy", ".vyi")
    assert [f for p in paths for f in line_faults(p, (ROOT / p).read_text(encoding="utf-8"))] == []


def test_contracts_and_their_modules__tree_rules():
    assert [fault for module in all_modules() for fault in tree_faults(module)] == []


def test_modules__every_one_is_part_of_a_contract():
    """A module that no contract uses escapes the rules above, and is dead."""
    used = {module.path for module in all_modules()}
    present = {p for p in repository_files(".vy") if p.parts[:2] == ("contracts", "modules")}
    assert sorted(present - used) == []


def test_names__unique_in_the_whole_tree():
    """ape compiles two contracts of one name without a word, and the later one wins."""
    names = [p.stem for p in repository_files(".vy") if p.parts[0] == "contracts"]
    assert sorted(names) == sorted(set(names))


@pytest.mark.soundness
@pytest.mark.parametrize(
    "text, fault",
    [
        ("# pragma version ~=0.4.3\n", "no line"),
        ("# pragma version 0.4.3\n# pragma experimental-codegen\n", "the build decides"),
        ("# pragma version 0.4.3\n# pragma evm-version prague\n", "the build decides"),
        ("# pragma version 0.4.3\nx: address = tx.origin\n", "tx.origin"),
        ("# pragma version 0.4.3\nx: uint256 = block.number\n", "block.number"),
        ("# pragma version 0.4.3\n@external\ndef f(): pass\n", "not locked"),
    ],
)
def test_line_faults__seeded__is_found(text, fault):
    (found,) = line_faults(Path("contracts/A.vy"), text)
    assert fault in found


PROBE = """# pragma version 0.4.3
# pragma nonreentrancy on
interface Other:
    def act() -> uint256: nonpayable


event Seen:
    n: uint256


numbers: DynArray[uint256, 3]


@external
def probe(other: address, flag: bool, n: uint256):
    {line}
"""


@pytest.mark.soundness
@pytest.mark.parametrize(
    "line, fault",
    [
        ("x: uint256 = 1 if flag else n | 4", "`|` inside a ternary"),
        ("x: uint256 = (n | 4) + 1 if flag else 2", "`|` inside a ternary"),
        ("x: DynArray[uint256, 3] = self.numbers if flag else [n]", "ternary over arrays"),
        ("assert extcall Other(other).act() == n", "extcall inside a compare"),
        ("log Seen(n=extcall Other(other).act())", "extcall inside a log"),
        (
            "for i: uint256 in range(extcall Other(other).act(), bound=3):\n        pass",
            "extcall inside what a loop runs over",
        ),
        (
            "x: uint256 = extcall Other(other).act() + extcall Other(other).act()",
            "two extcalls in one statement",
        ),
        ("x: uint256 = unsafe_add(n, 1)", "unsafe_add without a comment"),
        ('raw_call(other, b"")', "raw_call without"),
        ("send(other, 1)", "send is not used"),
        ("x: uint256 = isqrt(n)", "isqrt is not used"),
        ('assert flag, "probe: this reason is far too long here"', "reason of 39 characters"),
        ('assert flag, "No."', "reason is not"),
        ('raise "nothing"', "reason is not"),
    ],
)
def test_tree_faults__seeded__is_found(tmp_path, line, fault):
    assert [fault in found for found in _faults_of(tmp_path, line)] == [True]


@pytest.mark.parametrize(
    "line",
    [
        "x: uint256 = 1 if flag else 2",
        "x: uint256 = n | 4",
        "x: uint256 = extcall Other(other).act()",
        "# n < 8, so that the sum cannot wrap\n    x: uint256 = unsafe_add(n, 1)",
        'assert flag, "probe: not now"',
        '# SAFETY: why\n    raw_call(other, b"")',
        "assert flag  # dev: unreachable",
    ],
)
def test_tree_faults__good_lines__none(tmp_path, line):
    assert _faults_of(tmp_path, line) == []


def _faults_of(folder: Path, line: str) -> list[str]:
    contract = folder / "contracts" / "Probe.vy"
    contract.parent.mkdir()
    contract.write_text(PROBE.format(line=line))
    (module,) = modules_of(contract, folder)
    return tree_faults(module)
