# SPDX-License-Identifier: Apache-2.0
"""The published bounds: what each attack may earn at most with default parameters.

In percent of what the attack is compared with (`Attack.unit`), per epoch, for the attacker's best
choice; `docs/lab.md` quotes them. Each is the most that was measured with five seeds, rounded up
to the next half percent; where no seed earned anything it is 0.
"""

from __future__ import annotations

BOUNDS_PERCENT: dict[str, float] = {
    "copier": 3.0,
    "cabal": 4.5,
    "underweight": 0.5,
    "clones": 1.5,
    "recycling": 0.0,
    "boundary": 0.0,
    "selective": 0.0,
}
