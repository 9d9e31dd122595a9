# SPDX-License-Identifier: Apache-2.0
"""`python -m tests.yuma.mutate`: change the specification's arithmetic one place at a time and
see whether it is noticed.

A mutant is killed if the vectors, an example by hand or a property (equality with the fast engine
on random epochs, on frozen seat epochs and on stake shares) fails, or if it cannot run.
`equivalent_mutants.py` lists those that no input within the limits can tell from the original,
with the reason. Exit code 0 if at least 95 % of the others are killed.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import json
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

from rich.progress import track

from offchain.yuma import fast, specification
from offchain.yuma.errors import InvalidEpoch
from offchain.yuma.replay import replay
from offchain.yuma.scenarios import Scenario, parse_scenarios
from tests.yuma.by_hand import EXAMPLES, SEAT_EXAMPLES
from tests.yuma.equivalent_mutants import EQUIVALENT
from tests.yuma.worlds import random_disordered_world, random_seat_epoch, random_world

PACKAGE = "offchain.yuma.specification"
FOLDER = Path(specification.__file__).parent
VECTORS = Path(__file__).resolve().parent.parent / "vectors" / "epoch_vectors.json"
MODULES = (
    "fixed_point",
    "matrix",
    "stake",
    "weights",
    "consensus",
    "bonds",
    "liquid_alpha",
    "emission",
    "epoch",
    "seats",
)
WANTED_SHARE = 0.95
WORLDS = 400
SEAT_EPOCHS = 120
SECONDS_PER_MUTANT = 60

ARITHMETIC: dict[type[ast.AST], type[ast.AST]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.FloorDiv: ast.Mult,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitOr: ast.BitAnd,
}
COMPARISONS: dict[type[ast.AST], tuple[type[ast.AST], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
}
CALLS = {"min": "max", "max": "min", "any": "all", "sum": "max", "abs": "int"}


@dataclass(frozen=True, slots=True)
class Mutant:
    """One changed place."""

    name: str
    """module:function: original -> mutated, with a number if a function has the same change
    twice.
    """
    module: str
    source: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a mutant."""

    name: str
    killed_by: str | None
    """None if it survived."""
    reason: str | None
    """Why it is equivalent, if it is listed."""


def mutants() -> list[Mutant]:
    """All mutants, in the order of the files."""
    return [mutant for module in MODULES for mutant in _mutants_of(module)]


def _mutants_of(module: str) -> Iterator[Mutant]:
    source = (FOLDER / f"{module}.py").read_text(encoding="utf-8")
    seen: dict[str, int] = {}
    for position, count in _places(ast.parse(source)):
        for choice in range(count):
            tree = ast.parse(source)
            scope, node = _walk(tree)[position]
            before = ast.unparse(node)
            _change(node, choice)
            name = f"{module}:{scope}: {before} -> {ast.unparse(node)}"
            seen[name] = seen.get(name, 0) + 1
            number = f" #{seen[name]}" if seen[name] > 1 else ""
            yield Mutant(name + number, module, ast.unparse(tree))


def _walk(tree: ast.AST) -> list[tuple[str, ast.AST]]:
    """Every node of functions and of module constants, with the name of its function, in a fixed
    order.
    """
    found: list[tuple[str, ast.AST]] = []

    def visit(node: ast.AST, scope: str) -> None:
        if isinstance(node, ast.FunctionDef):
            scope = node.name
        if isinstance(node, ast.ImportFrom | ast.Import | ast.ClassDef | ast.arg):
            return
        if isinstance(node, ast.keyword) and node.arg == "strict":
            return  # a guard against unequal lengths, no arithmetic
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            return  # a docstring
        if isinstance(node, ast.AnnAssign):
            node = node.value if node.value is not None else node
        found.append((scope, node))
        returns = getattr(node, "returns", None)
        for child in ast.iter_child_nodes(node):
            if child is not returns:
                visit(child, scope)

    visit(tree, "module")
    return found


def _places(tree: ast.AST) -> Iterator[tuple[int, int]]:
    """(position in `_walk`, number of changes) of every place that can be changed."""
    for position, (_, node) in enumerate(_walk(tree)):
        count = _choices(node)
        if count:
            yield position, count


def _choices(node: ast.AST) -> int:
    """How many ways there are to change this node."""
    match node:
        case ast.BinOp() | ast.AugAssign():
            return int(type(node.op) in ARITHMETIC)
        case ast.Compare(ops=[op]):
            return len(COMPARISONS.get(type(op), ()))
        case ast.BoolOp() | ast.IfExp() | ast.If():
            return 1
        case ast.UnaryOp(op=ast.USub() | ast.Not()):
            return 1
        case ast.Constant(value=bool()):
            return 1
        case ast.Constant(value=int()):
            return 2
        case ast.Call(func=ast.Name(id=name)):
            return int(name in CALLS)
    return 0


def _change(node: ast.AST, choice: int) -> None:
    """Apply one change in place."""
    match node:
        case ast.BinOp() | ast.AugAssign():
            node.op = ARITHMETIC[type(node.op)]()  # type: ignore[assignment]
        case ast.Compare(ops=[op]):
            node.ops = [COMPARISONS[type(op)][choice]()]  # type: ignore[list-item]
        case ast.BoolOp():
            node.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        case ast.IfExp():
            node.body, node.orelse = node.orelse, node.body
        case ast.If():
            node.test = ast.UnaryOp(ast.Not(), node.test)
        case ast.UnaryOp():
            node.op = ast.UAdd() if isinstance(node.op, ast.USub) else ast.Not()
            if isinstance(node.op, ast.Not):
                node.operand = ast.UnaryOp(ast.Not(), node.operand)
        case ast.Constant(value=bool() as flag):
            node.value = not flag
        case ast.Constant(value=int() as number):
            node.value = number + (1, -1)[choice]
        case ast.Call(func=ast.Name() as called):
            called.id = CALLS[called.id]


class Jury:
    """What a correct specification must reproduce, computed once."""

    def __init__(self) -> None:
        self.scenarios: list[Scenario] = parse_scenarios(VECTORS.read_text(encoding="utf-8"))
        self.worlds = [random_world(seed) for seed in range(WORLDS)]
        self.worlds += [random_disordered_world(seed) for seed in range(WORLDS)]
        self.outputs = [fast.run_epoch(*world) for world in self.worlds]
        self.seat_epochs = [epoch for epoch, _ in SEAT_EXAMPLES]
        self.seat_epochs += [random_seat_epoch(seed) for seed in range(SEAT_EPOCHS)]
        self.seat_results = [fast.run_seat_epoch(epoch) for epoch in self.seat_epochs]
        self.stakes = [[0, 0], [1, 2, 3], [10**15, 1, 7], [5]]
        self.shares = [tuple(fast.active_shares([s])[0].tolist()) for s in self.stakes]

    def verdict(self, judged: ModuleType) -> str | None:
        """Who finds a difference in this version of the package; None if nobody does."""
        for module, function, arguments, result in EXAMPLES:
            if getattr(sys.modules[f"{PACKAGE}.{module}"], function)(*arguments) != result:
                return f"by hand: {function}{arguments}"
        if not _refuses_negative_stake(judged):
            return "by hand: a stake of -1"
        for scenario in self.scenarios:
            if replay([scenario], {"mutant": judged.run_epoch}).differences:
                return f"vectors: {scenario.name}"
        for seed, (world, output) in enumerate(zip(self.worlds, self.outputs, strict=True)):
            if judged.run_epoch(*world) != output:
                return f"random epoch {seed}"
        for seed, epoch in enumerate(self.seat_epochs):
            if judged.run_seat_epoch(epoch) != self.seat_results[seed]:
                return f"random seat epoch {seed}"
        for stakes, shares in zip(self.stakes, self.shares, strict=True):
            if judged.seat_shares(stakes)[1] != shares:
                return f"stake shares of {stakes}"
        return None


def _refuses_negative_stake(judged: ModuleType) -> bool:
    try:
        judged.seat_shares((5, -1))
    except InvalidEpoch:
        return True
    return False


def judge(mutant: Mutant, jury: Jury) -> Verdict:
    """Run one mutant before the jury."""
    reason = EQUIVALENT.get(mutant.name)
    try:
        with _installed(mutant) as package, _time_limit():
            return Verdict(mutant.name, jury.verdict(package), reason)
    except Exception as problem:  # a mutant may break in any way at all
        return Verdict(mutant.name, f"raises {type(problem).__name__}", reason)


@contextmanager
def _installed(mutant: Mutant) -> Iterator[ModuleType]:
    """The package with one module replaced, imported afresh; the original is back afterwards."""
    original = {name: m for name, m in sys.modules.items() if name.startswith(PACKAGE)}
    for name in original:
        del sys.modules[name]
    try:
        finder = _Finder(mutant)
        sys.meta_path.insert(0, finder)
        try:
            yield importlib.import_module(PACKAGE)
        finally:
            sys.meta_path.remove(finder)
    finally:
        for name in [name for name in sys.modules if name.startswith(PACKAGE)]:
            del sys.modules[name]
        sys.modules.update(original)
        sys.modules["offchain.yuma"].specification = original[PACKAGE]  # type: ignore[attr-defined]


class _Finder:
    """Imports the mutated source in place of the file."""

    def __init__(self, mutant: Mutant) -> None:
        self.name = f"{PACKAGE}.{mutant.module}"
        self.source = mutant.source

    def find_spec(self, name: str, path: object, target: object = None) -> Any:
        if name != self.name:
            return None
        return importlib.machinery.ModuleSpec(name, self)  # type: ignore[arg-type]

    def create_module(self, spec: object) -> None:
        """The default module."""

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self.source, self.name, "exec"), module.__dict__)


@contextmanager
def _time_limit() -> Iterator[None]:
    """A mutant that takes for ever is dead too."""

    def expired(signum: int, frame: FrameType | None) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, expired)
    signal.alarm(SECONDS_PER_MUTANT)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def share_killed(verdicts: Sequence[Verdict]) -> float:
    """Killed mutants among those that are not listed as equivalent."""
    counted = [verdict for verdict in verdicts if verdict.reason is None]
    return sum(verdict.killed_by is not None for verdict in counted) / max(len(counted), 1)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.yuma.mutate", description=__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all verdicts here")
    parser.add_argument("--only", default="", help="mutants whose name contains this")
    options = parser.parse_args(arguments)
    jury = Jury()
    chosen = [mutant for mutant in mutants() if options.only in mutant.name]
    verdicts = [judge(mutant, jury) for mutant in track(chosen, "mutants", transient=True)]
    for verdict in verdicts:
        if verdict.killed_by is None:
            print(f"survived: {verdict.name}  [{verdict.reason or 'NO REASON'}]")
        elif verdict.reason is not None:
            print(f"listed as equivalent, but killed by {verdict.killed_by}: {verdict.name}")
    killed = share_killed(verdicts)
    equivalent = sum(verdict.reason is not None for verdict in verdicts)
    print(f"{len(verdicts)} mutants, {equivalent} equivalent, {killed:.1%} of the others killed")
    if options.json is not None:
        report = [asdict(verdict) for verdict in verdicts]
        options.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return 0 if killed >= WANTED_SHARE else 1


if __name__ == "__main__":
    sys.exit(main())
