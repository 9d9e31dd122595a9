# SPDX-License-Identifier: Apache-2.0
"""Writes docs/hyperparameters.md out of the table of hyperparameters.

Every name of mechanics 3.2 is here once: as a row of the table, or with what stands in its place.
"""

from __future__ import annotations

from collections.abc import Iterable

from offchain.protocol.eras import FREEZE_PART, FREEZE_TICKS, MAX_TEMPO
from offchain.protocol.hyperparameters import (
    DELAY_EPOCHS,
    HYPERPARAMETERS,
    RATE_LIMIT_EPOCHS,
    Hyperparameter,
)

# Names of mechanics 3.2 that are set otherwise, are fixed, or have no meaning here.
ELSEWHERE: tuple[tuple[str, str], ...] = (
    ("tempo", f"`set_schedule`: with reveal and window, at most {MAX_TEMPO:,} ticks, as a new era"),
    ("commit_reveal_period", "`set_schedule`: the row of an epoch is revealed in the next one"),
    ("sn_owner_hotkey", "`set_owner_hotkey`, with that key's consent, once in 50,400 ticks"),
    ("burn", "the price itself: nobody sets it"),
    ("subnet_emission_enabled", "the root's weights: a subnet that it does not weigh gets nothing"),
    ("subtoken_enabled", "`start`: nothing accrues before it"),
    ("max_allowed_uids", "fixed at creation: a power of two, the depth of the tree of claims"),
    ("max_allowed_validators", "fixed at creation: 1 to 64 seats"),
    ("min_allowed_uids, uid trim", "none: the number of uids is fixed"),
    ("immune_owner_uids_limit", "fixed at 1: the owner's hotkey"),
    ("min_allowed_weights, max_weights_limit", "none: every row of the right length is valid"),
    ("weights_version_key", "none: a row is bound to its epoch, not to a program"),
    ("weights_set_rate_limit", "one commit per seat and epoch"),
    ("activity_cutoff, activity_cutoff_factor", "a row serves the one epoch it was committed for"),
    ("commit_reveal_enabled, commit_reveal_version", "always on, one version"),
    ("yuma3_enabled", "always on: the mode that the kernel verifies"),
    (
        "liquid_alpha_enabled, alpha_low, alpha_high, alpha_sigmoid_steepness",
        "none on chain: the kernel does not verify liquid alpha; the laboratory has it",
    ),
    ("bonds_reset_on", "none: a replaced neuron loses its bonds, nobody else does"),
    ("recycle_or_burn", "fixed: what the owner's hotkey would earn is recycled"),
    ("transfer_toggle", "fixed: stake can always be moved"),
    ("owner_cut_auto_lock_enabled", "none: the owner's cut is free"),
    ("min_childkey_take_per_subnet", "fixed at 0"),
    ("mechanism_count, mechanism_emission_split", "fixed at 1: one mechanism a subnet"),
    ("rho, difficulty, target_regs_per_interval, adjustment_*, pow_*", "no effect in Bittensor"),
    ("max_regs_per_block", "none: the price is the limit"),
    ("root_claim_threshold, ema_price_halving_blocks, voting power", "none: pay is TAO"),
)

_INTRODUCTION = f"""<!-- SPDX-License-Identifier: Apache-2.0 -->
# Hyperparameters

One table for the contract (`contracts/modules/hyperparameters.vy`), Python
(`offchain/protocol/hyperparameters.py`), the command line (`evmtensor subnet hyperparameters 1`)
and this page, which `offchain/protocol/hyperparameter_page.py` writes. Tests hold all four
together.

- A change made in epoch e holds from epoch e+{DELAY_EPOCHS} on. So nothing that a miner or a
  validator has acted on ever moves. Before the start it holds at once.
- A further change of the same parameter waits until epoch e+{RATE_LIMIT_EPOCHS}.
- In the last {FREEZE_TICKS} ticks of an epoch (of a short one, in its last
  1/{FREEZE_PART}) those marked so cannot be set: whoever looks at the coming epochs then sees them.
- Bounds are in the code. No vote can move them. An owner's own bound is in brackets where it is
  narrower than the timelock's.
- The timelock can also set what an owner can. The root, netuid 0, has no owner.
"""


def page() -> str:
    """The page, with a line feed at its end."""
    table = _table(
        ("id", "name", "default", "least", "most", "set by", "freeze", "what it is"),
        (_row(row) for row in HYPERPARAMETERS),
    )
    others = _table(("Bittensor's name", "here"), ELSEWHERE)
    return f"""{_INTRODUCTION}
{table}

The last part of a name is its unit: `u16` of 65,535, `ppm` of a million, `ticks`, `rao`.

## What Bittensor sets otherwise, or nobody sets here

{others}
"""


def _row(row: Hyperparameter) -> tuple[str, ...]:
    numbers = [f"{n:,}" for n in (row.default, row.least, row.most)]
    if row.owner_most < row.most:
        numbers[-1] += f" ({row.owner_most:,})"
    freeze = "yes" if row.has_freeze else "no"
    return (str(row.id), f"`{row.name}`", *numbers, row.authority.value, freeze, row.meaning)


def _table(columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = (columns, tuple("---" for _ in columns), *rows)
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
