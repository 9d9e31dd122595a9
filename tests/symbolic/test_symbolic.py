# SPDX-License-Identifier: Apache-2.0
"""halmos proves every check for all inputs, and finds the bugs that are seeded: `make symbolic`."""

from __future__ import annotations

import re

import pytest

from tests.symbolic.halmos_run import HERE, seeded, verdicts

SOURCES = ("ScheduleChecks", "SettlementChecks", "ShareChecks")
BUGS = {
    "a leaf is hashed once": (
        "modules/domains.vy",
        """    return keccak256(
        keccak256(
            abi_encode(
                prefix, registration_id, server_cumulative_rao, validator_cumulative_rao
            )
        )
    )""",
        "    return keccak256(abi_encode(keccak256(abi_encode(prefix, registration_id)), "
        "keccak256(abi_encode(server_cumulative_rao, validator_cumulative_rao))))",
        "SettlementChecks",
        "check_leaf__never_an_inner_node",
    ),
    "the last tick of an epoch is its reveals' first": (
        "modules/phases.vy",
        "if tick < end_tick:",
        "if tick + 1 < end_tick:",
        "SettlementChecks",
        "check_phase__one_of_four_and_half_open",
    ),
    "the odd rao is lost": (
        "modules/bonds_ledger.vy",
        "return reward_rao, bond_rao - reward_rao",
        "return reward_rao, bond_rao // 2",
        "SettlementChecks",
        "check_bond__slashed_to_the_rao_and_once",
    ),
    "a bond is not cleared": (
        "modules/bonds_ledger.vy",
        "emptied.bond_rao = 0",
        "emptied.bond_rao = bond_rao",
        "SettlementChecks",
        "check_bond__returned_once",
    ),
    "a halving comes a rao late": (
        "modules/halving.vy",
        "if issuance_rao < self._threshold(k + 1):",
        "if issuance_rao <= self._threshold(k + 1):",
        "ScheduleChecks",
        "check_rate__halves_at_every_threshold_and_not_before",
    ),
    "the rate does not fall": (
        "modules/halving.vy",
        "return FIRST_RATE_RAO >> k",
        "return FIRST_RATE_RAO >> (k % 2)",
        "ScheduleChecks",
        "check_rate__never_rises",
    ),
    "an epoch is voided before its proposals can be final": (
        "modules/phases.vy",
        "return closed_tick + VOID_TEMPOS * tempo",
        "return closed_tick + 2 * tempo",
        "ScheduleChecks",
        "check_void__waits_for_every_proposal_in_time",
    ),
    "shares come from nowhere": (
        "modules/share_pool.vy",
        "self._held(id, pool, member, is_owner) + shares, tick)",
        "self._held(id, pool, member, is_owner) + shares + 1, tick)",
        "ShareChecks",
        "check_buy__one_delta_for_member_and_sum",
    ),
}


def names_of(source: str) -> set[str]:
    text = (HERE / f"{source}.vy").read_text(encoding="utf-8")
    return set(re.findall(r"^def (check_\w+)", text, re.MULTILINE))


@pytest.mark.symbolic
@pytest.mark.parametrize("source", SOURCES)
def test_symbolic__every_check__holds_for_all_inputs(source, tmp_path):
    found, said = verdicts(HERE / f"{source}.vy", tmp_path)
    assert found == dict.fromkeys(names_of(source), "PASS"), said[-3000:]


@pytest.mark.symbolic
@pytest.mark.parametrize("bug", BUGS, ids=list(BUGS))
def test_symbolic__seeded_bug__is_found(bug, tmp_path):
    file, right, wrong, source, check = BUGS[bug]
    with seeded(file, right, wrong) as contracts:
        found, said = verdicts(HERE / f"{source}.vy", tmp_path, contracts=contracts, only=check)
    assert found == {check: "FAIL"}, said[-3000:]
