# SPDX-License-Identifier: Apache-2.0
"""Writes docs/hyperparameters.md out of the table of hyperparameters.

Every name of mechanics 3.2 and 3.3 is here once: as a row of the table, or with what stands in its
place.
"""

from __future__ import annotations

from collections.abc import Iterable

from offchain.protocol.burn_price import EXACT_TICKS
from offchain.protocol.eras import FREEZE_PART, FREEZE_TICKS, MAX_TEMPO
from offchain.protocol.hyperparameters import (
    DELAY_EPOCHS,
    HYPERPARAMETERS,
    RATE_LIMIT_EPOCHS,
    Hyperparameter,
)

# Names of mechanics 3.2 that are set otherwise, are fixed, or have no meaning here.
ELSEWHERE: tuple[tuple[str, str], ...] = (
    (
        "tempo",
        f"`set_schedule`: with reveal and window, at most {MAX_TEMPO:,} ticks, as a new era; an "
        "owner's window is at least the network's default (150 ticks on mainnet)",
    ),
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

# Names of mechanics 3.3: numbers of the whole network. None can be set after the deployment.
NETWORK: tuple[tuple[str, str], ...] = (
    ("NetworkMinLockCost", "1,000 TAO"),
    ("NetworkLockReductionInterval", "57,600 ticks"),
    ("NetworkRateLimit", "28,800 ticks"),
    ("NetworkImmunityPeriod", "864,000 ticks"),
    ("SubnetLimit", "128"),
    ("StartCallDelay", "none"),
    ("SubnetOwnerCut", "11,796 of 65,535"),
    ("DefaultTake, MaxTake", "11,796 of 65,535"),
    ("MinTake, MinChildkeyTake, DefaultChildkeyTake", "0"),
    (
        "TxDelegateTakeRateLimit, TxChildkeyTakeRateLimit",
        "a rise of at most 3,276 waits 7,200 ticks",
    ),
    (
        "DefaultMinStake, NominatorMinRequiredStake",
        "2,000,000 rao, and what stays is worth as much",
    ),
    ("KeySwapCost", "0.1 TAO, of a hotkey everywhere at once and of a coldkey"),
    ("HotkeySwapOnSubnetInterval", "7,200 ticks between two swaps of a hotkey"),
    ("ColdkeySwapAnnouncementDelay", "7,200 ticks instead of 36,000: the unbonding period"),
    ("PendingChildKeyCooldown", "7,200 ticks: the unbonding period"),
    ("AdminFreezeWindow", f"{FREEZE_TICKS} ticks"),
    ("OwnerHyperparamRateLimit", f"{RATE_LIMIT_EPOCHS - DELAY_EPOCHS} epochs after it took effect"),
    ("MinTempo, MaxTempo", f"2 and {MAX_TEMPO:,} ticks, for everybody"),
    ("StakeThreshold", "none: a seat needs stake above zero"),
    ("CKBurn", "none"),
    ("MaxEpochsPerBlock", "none: an epoch is settled by transactions of its own"),
    ("commitments", "a model commitment is two hashes"),
    (
        "TaoWeight, swap fee, flows, locks, voting power, NumRootClaim, leases, EVM keys",
        "none: stake is TAO",
    ),
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
    network = _table(("Bittensor's name", "here"), NETWORK)
    return f"""{_INTRODUCTION}
{table}

The last part of a name is its unit: `u16` of 65,535, `ppm` of a million, `ticks`, `rao`.

## What Bittensor sets otherwise, or nobody sets here

{others}

## Numbers of the whole network

Fixed in the code or at the deployment (`mainnet` here); no vote moves them.

{network}

## Where numbers differ

- `min_burn_rao` <= 1 TAO <= `max_burn_rao`, so that no two changes put the floor above the cap;
  Bittensor's cap may be as low as 0.1 TAO.
- The price of a registration is multiplied and rounded down once a tick, as in Bittensor (1 TAO is
  499,999,865 rao after a half-life of 360 ticks), for {EXACT_TICKS:,} ticks after the last sale.
  The ticks after those are one multiplication together, so that no registration runs out of gas
  (they add at most 1.2 million). With the default half-life, floor and cap the price is at its
  floor by then; with a longer half-life it is off by less than 0.0002 TAO.
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
