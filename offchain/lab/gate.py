# SPDX-License-Identifier: Apache-2.0
"""The gate: with default parameters no attack earns more than its published bound."""

from __future__ import annotations

from offchain.lab.attacks import ATTACKS
from offchain.lab.experiment import Finding, find
from offchain.lab.progress import track
from offchain.lab.scenario import Scenario


def check_all(base: Scenario | None = None, quiet: bool = False) -> list[Finding]:
    """Every attack of the catalogue at its default scenario."""
    attacks = list(ATTACKS.values())
    return [find(attack, attack.scenario(base)) for attack in track(attacks, "gate", quiet)]


def beyond_bound(findings: list[Finding]) -> list[str]:
    """A sentence for every attack that trips the gate."""
    return [
        f"{f.name}: {f.percent:+.2f} % per epoch, the published bound is {f.bound_percent:+.1f} %"
        for f in findings
        if not f.within_bound
    ]
