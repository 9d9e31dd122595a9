# SPDX-License-Identifier: Apache-2.0
"""`python -m offchain.yuma.replay FILE`: run the epoch over scenarios with known results and
count the differences.

Every scenario runs twice if it has several epochs: once chained on its own output, once with each
epoch started from the expected output of the one before. A field counts once per epoch, way of
chaining and implementation. Exit code 0 means 0 differences, 1 some, 2 a file that cannot be
used.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, TypeAlias

from offchain.yuma import specification
from offchain.yuma.errors import InvalidScenario
from offchain.yuma.scenarios import Scenario, complete_input, expected_output, parse_scenarios
from offchain.yuma.types import EpochInput, EpochOutput, EpochParameters

RunEpoch: TypeAlias = Callable[[EpochParameters, EpochInput], EpochOutput]

SHOWN_DIFFERENCES = 10
_BITS_PER_ONE = 2**32
_OUTPUT_FIELDS = frozenset(field.name for field in fields(EpochOutput))


@dataclass(frozen=True, slots=True)
class Difference:
    """One expected field that an implementation does not reproduce."""

    implementation: str
    scenario: str
    epoch: int
    chained: bool
    field: str
    uid: int | None
    """The first uid that differs, None if the lengths do."""
    got: Any
    wanted: Any

    def __str__(self) -> str:
        place = f"{self.implementation} / {self.scenario} / epoch {self.epoch} / {self.field}"
        uid = "" if self.uid is None else f" / uid {self.uid}"
        return f"{place}{uid}: got {self.got}, wanted {self.wanted}"


@dataclass(slots=True)
class Replay:
    """What a replay found."""

    fields: int
    differences: list[Difference]


def implementations(choice: str) -> dict[str, RunEpoch]:
    """The chosen implementations by name; the fast one is imported only if it is asked for."""
    chosen: dict[str, RunEpoch] = {}
    if choice in ("specification", "both"):
        chosen["specification"] = specification.run_epoch
    if choice in ("fast", "both"):
        from offchain.yuma import fast

        chosen["fast"] = fast.run_epoch
    return chosen


def replay(scenarios: Sequence[Scenario], runners: Mapping[str, RunEpoch]) -> Replay:
    """Run every scenario on every implementation. Raises `InvalidScenario` for an epoch outside
    the limits.
    """
    found = Replay(0, [])
    for scenario in scenarios:
        for name, run_epoch in runners.items():
            for chained in (True, False) if len(scenario.inputs) > 1 else (True,):
                _replay_scenario(scenario, name, run_epoch, chained, found)
    return found


def _replay_scenario(
    scenario: Scenario, name: str, run_epoch: RunEpoch, chained: bool, found: Replay
) -> None:
    """All epochs of one scenario, adding to what was found."""
    before: EpochInput | None = None
    stored: EpochOutput | None = None
    for index in range(len(scenario.inputs)):
        before = complete_input(scenario, index, before, stored)
        stored = run_epoch(scenario.parameters, before)
        expected = expected_output(scenario, index)
        for field, wanted in expected.items():
            found.fields += 1
            difference = _first_difference(_value_of(stored, field, scenario), wanted)
            if difference is not None:
                found.differences.append(
                    Difference(name, scenario.name, index, chained, field, *difference)
                )
        if not chained:
            stored = _as_expected(stored, expected, f"scenario {scenario.name}, epoch {index}")


def _as_expected(stored: EpochOutput, expected: Mapping[str, Any], where: str) -> EpochOutput:
    """The output with what the next epoch starts from replaced by what the file expects."""
    for field in ("bonds_u16", "new_validator_permits"):
        if field not in expected:
            raise InvalidScenario(
                f"{where}: expected.{field}: is missing, the next epoch starts from it"
            )
    return replace(
        stored,
        bonds_u16=expected["bonds_u16"],
        new_validator_permits=expected["new_validator_permits"],
    )


def _value_of(output: EpochOutput, field: str, scenario: Scenario) -> Any:
    """A field of the output; one without `_bits` beside one with it is the same number as a
    float, exact in a double.
    """
    if field in _OUTPUT_FIELDS:
        return getattr(output, field)
    if f"{field}_bits" in _OUTPUT_FIELDS:
        return tuple(bits / _BITS_PER_ONE for bits in getattr(output, f"{field}_bits"))
    raise InvalidScenario(f"scenario {scenario.name}: expected.{field}: is no output of an epoch")


def _first_difference(got: Any, wanted: Any) -> tuple[int | None, Any, Any] | None:
    """The first uid at which two fields differ, with both values; None if they are equal."""
    if got == wanted:
        return None
    if not isinstance(got, tuple) or not isinstance(wanted, tuple) or len(got) != len(wanted):
        return None, got, wanted
    uid = next(uid for uid, pair in enumerate(zip(got, wanted, strict=True)) if pair[0] != pair[1])
    return uid, got[uid], wanted[uid]


def _read(path: Path) -> list[Scenario]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise InvalidScenario(f"cannot be read: {problem}") from problem
    return parse_scenarios(text)


def _write_report(path: Path, file: Path, names: Sequence[str], found: Replay) -> None:
    report = {
        "file": str(file),
        "implementations": list(names),
        "fields": found.fields,
        "differences": [asdict(difference) for difference in found.differences],
    }
    path.write_text(json.dumps(report, sort_keys=True, indent=1) + "\n", encoding="utf-8")


def _lines(found: Replay) -> Iterator[str]:
    for difference in found.differences[:SHOWN_DIFFERENCES]:
        yield str(difference)
    hidden = len(found.differences) - SHOWN_DIFFERENCES
    if hidden > 0:
        yield f"... and {hidden} more"
    yield f"{found.fields} fields, {len(found.differences)} differences"


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m offchain.yuma.replay",
        description=__doc__.partition("\n")[0] if __doc__ else "",
    )
    parser.add_argument(
        "file", type=Path, help="scenarios in the layout of tests/vectors/README.md"
    )
    parser.add_argument("--no-liquid-alpha", action="store_true", help="leave those scenarios out")
    parser.add_argument(
        "--implementation", choices=("specification", "fast", "both"), default="both"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the report here as well")
    options = parser.parse_args(arguments)
    try:
        scenarios = _read(options.file)
        if options.no_liquid_alpha:
            scenarios = [s for s in scenarios if not s.parameters.liquid_alpha]
        runners = implementations(options.implementation)
        found = replay(scenarios, runners)
        if options.json is not None:
            _write_report(options.json, options.file, list(runners), found)
    except InvalidScenario as problem:
        print(f"{options.file}: {problem}", file=sys.stderr)
        return 2
    except OSError as problem:
        print(f"{options.json}: cannot be written: {problem}", file=sys.stderr)
        return 2
    for line in _lines(found):
        print(line)
    return 0 if not found.differences else 1


if __name__ == "__main__":
    sys.exit(main())
