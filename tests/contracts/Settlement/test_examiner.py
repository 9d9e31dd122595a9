# SPDX-License-Identifier: Apache-2.0
"""Settlement forwards its calldata to Examiner as it came: the two must read it alike."""

import re

from vyper.compiler.output import build_abi_output, build_layout_output

from tests.contracts.deployment import CONTRACTS, compiled

FORWARDED = {"challenge_block", "challenge_sum", "prove", "prove_sum", "finalize"}


def functions(name):
    data = compiled(name).compiler_data
    abi = build_abi_output(data)
    return {f["name"]: f for f in abi if f["type"] == "function"}


def shape(inputs):
    """Types of the arguments, structs opened."""
    return [(i["type"], shape(i.get("components", []))) for i in inputs]


def test_examiner__forwarded_functions__same_selectors_and_arguments():
    settlement, examiner = functions("Settlement"), functions("Examiner")
    for name in FORWARDED:
        assert shape(settlement[name]["inputs"]) == shape(examiner[name]["inputs"])
        assert examiner[name]["stateMutability"] in ("view", "pure")


def test_examiner__has_no_other_function_of_settlements():
    assert set(functions("Examiner")) & set(functions("Settlement")) == FORWARDED


def test_settlement__forwards_only_from_those_functions():
    """raw_call with msg.data stands in finalize and in the two internals that the others call."""
    source = (CONTRACTS / "Settlement.vy").read_text()
    bodies = re.split(r"^(?=@external|@internal|@deploy)", source, flags=re.MULTILINE)
    forwarding = {re.search(r"def (\w+)", body)[1] for body in bodies if "msg.data" in body}
    assert forwarding == {"finalize", "_wrong_blocks", "_are_sums"}
    callers = {
        re.search(r"def (\w+)", body)[1]
        for body in bodies
        if "self._wrong_blocks(" in body or "self._are_sums(" in body
    }
    assert callers == FORWARDED - {"finalize"}


def test_examiner__has_no_storage():
    layout = build_layout_output(compiled("Examiner").compiler_data)
    assert set(layout.get("storage_layout", {})) <= {"$.nonreentrant_key"}
