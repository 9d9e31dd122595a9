# SPDX-License-Identifier: Apache-2.0
"""Who calls whom, read from the compiled syntax trees: as drawn, without a circle, nobody calls up.

The drawing is here; the README shows the same. Governor and Escrow come with issues of their own.
"""

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.repository.files import ROOT
from tests.repository.vyper_sources import (
    Module,
    Node,
    called_name,
    deployables,
    modules_of,
    of_type,
)

DRAWN: dict[str, set[str]] = {
    "Governor": {"Staking", "Timelock"},
    "Escrow": {"Tao", "Subnets", "Emission"},
    "Settlement": {"Examiner", "Neurons", "Subnets", "Emission", "Rewards", "Tao"},
    # what Settlement computes but does not decide; it was cut off to stay under the size limit
    "Examiner": {"YumaKernel", "Weights", "Neurons", "Subnets"},
    "Rewards": {"Neurons", "Staking", "Tao"},
    "Weights": {"Neurons", "Subnets", "Staking"},
    "Neurons": {"Subnets", "Staking", "Emission", "Tao"},
    # swaps of keys and loans of stake: what Staking and Neurons keep but do not decide
    "Keys": {"Staking", "Neurons", "Subnets", "Emission", "Tao"},
    "Subnets": {"Emission", "Tao"},
    "Emission": {"Tao"},
    "Staking": {"Tao"},
    "Tao": set(),
    "YumaKernel": set(),
    "Timelock": set(),
}
# the one exempt edge: what was voted is executed by raw calls of snekmate's timelock
RAW_CALLERS = {"Timelock"}
STANDARD_TOKEN = {"IERC20", "IERC20Detailed", "IERC20Permit", "ITao"}


def calls_of(modules: list[Module]) -> set[str]:
    """Names of the contracts that these files call, by the type of what they call."""
    typed = {
        _contract_of(node["value"]["func"]["value"])
        for module in modules
        for node in of_type(module.tree, "ExtCall", "StaticCall")
        if called_name(node["value"]) != "raw_call"
    }
    return typed | {_contract_of(target) for target in _raw_targets(modules) if target}


def makes_raw_calls(modules: list[Module]) -> bool:
    """Whether some raw call goes to an address that the source does not name."""
    return None in _raw_targets(modules)


def _raw_targets(modules: list[Module]) -> list[Node | None]:
    """`EXAMINER` of every `raw_call(EXAMINER.address, ...)`, None for any other first argument."""
    calls = [
        node
        for module in modules
        for node in of_type(module.tree, "Call")
        if called_name(node) == "raw_call"
    ]
    targets = [call["args"][0] for call in calls]
    return [t["value"] if t.get("attr") == "address" else None for t in targets]


def _contract_of(target: Node) -> str:
    kind = target["type"]
    name = Path(str(kind.get("type_t", kind)["name"])).stem
    if name in STANDARD_TOKEN:
        return "Tao"
    return name.removeprefix("I") if name[1:2].isupper() else name


def graph_faults(edges: Mapping[str, set[str]], drawn: Mapping[str, set[str]]) -> list[str]:
    """Calls that are not drawn, and contracts that the drawing does not know."""
    faults = [f"{name}: not in the drawing" for name in sorted(set(edges) - set(drawn))]
    for name in sorted(set(edges) & set(drawn)):
        faults += [f"{name} -> {other}" for other in sorted(edges[name] - drawn[name])]
    return faults


def circle_in(edges: Mapping[str, set[str]]) -> list[str]:
    """The contracts on some circle, empty when there is none."""
    left = {name: set(others) for name, others in edges.items()}
    while True:
        ends = {name for name, others in left.items() if not others & set(left)}
        if not ends:
            return sorted(left)
        left = {name: others for name, others in left.items() if name not in ends}


def compiled_edges() -> dict[str, set[str]]:
    return {contract.stem: calls_of(modules_of(contract)) for contract in deployables(ROOT)}


def test_calls__as_drawn():
    assert graph_faults(compiled_edges(), DRAWN) == []


def test_calls__form_no_circle():
    assert circle_in(compiled_edges()) == []


def test_drawing__has_no_circle_and_no_edge_that_nobody_uses():
    assert circle_in(DRAWN) == []
    edges = compiled_edges()
    unused = {(a, b) for a in edges for b in DRAWN[a] - edges[a]}
    assert unused == set()


def test_raw_calls__only_the_timelock():
    callers = {c.stem for c in deployables() if makes_raw_calls(modules_of(c))}
    assert callers <= RAW_CALLERS


BAD = """# pragma version 0.4.3
# pragma nonreentrancy on
interface IRewards:
    def add_root(): nonpayable
interface IGovernor:
    def votes() -> uint256: view
REWARDS: immutable(IRewards)
@deploy
def __init__(rewards: IRewards):
    REWARDS = rewards
@internal
def _call_up():
    extcall REWARDS.add_root()
@external
def act(governor: address, target: address):
    self._call_up()
    x: uint256 = staticcall IGovernor(governor).votes()
    raw_call(target, b"")
"""


@pytest.mark.soundness
def test_graph_faults__seeded_calls_up__are_found(tmp_path):
    contract = tmp_path / "contracts" / "Tao.vy"
    contract.parent.mkdir()
    contract.write_text(BAD)
    modules = modules_of(contract, tmp_path)
    assert graph_faults({"Tao": calls_of(modules)}, DRAWN) == ["Tao -> Governor", "Tao -> Rewards"]
    assert makes_raw_calls(modules)
    assert graph_faults({"Backdoor": set()}, DRAWN) == ["Backdoor: not in the drawing"]


@pytest.mark.soundness
def test_circle_in__seeded__is_found():
    assert circle_in({"A": {"B"}, "B": {"C"}, "C": {"B"}, "D": set()}) == ["A", "B", "C"]
    assert circle_in({"A": {"B", "D"}, "B": {"D"}, "D": set()}) == []
