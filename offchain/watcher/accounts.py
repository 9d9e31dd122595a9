# SPDX-License-Identifier: Apache-2.0
"""What a watcher has spent on gas, kept across restarts; every transaction is booked once."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from offchain.chain.files import write_durably

RECENT = 64  # transactions that a reorganisation may still take back


@dataclass(slots=True)
class Accounts:
    """Totals since the file began, in transactions and wei.

    reverted: transactions that somebody else was faster with; their gas is in spent_wei.
    """

    sent: int = 0
    reverted: int = 0
    struck: int = 0
    gas_used: int = 0
    spent_wei: int = 0


@dataclass(frozen=True, slots=True)
class Spending:
    """One mined transaction."""

    transaction_hash: str
    gas_used: int
    gas_price_wei: int
    is_reverted: bool = False
    struck: int = 0


class AccountBook:
    """One watcher's accounts in one file, with the newest transactions one by one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.totals, self._recent = _load(path)

    def book(self, spending: Spending) -> None:
        """A transaction that was mined; a second time it changes nothing."""
        if spending.transaction_hash in self._recent:
            return
        _add(self.totals, spending, 1)
        self._recent[spending.transaction_hash] = spending
        self._recent = dict(list(self._recent.items())[-RECENT:])
        self._save()

    def strike_out(self, is_mined: Callable[[str], bool]) -> None:
        """After a reorganisation: what is in no block any more has cost nothing."""
        lost = [s for s in self._recent.values() if not is_mined(s.transaction_hash)]
        for spending in lost:
            _add(self.totals, spending, -1)
            del self._recent[spending.transaction_hash]
        if lost:
            self._save()

    def _save(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        recent = [asdict(spending) for spending in self._recent.values()]
        content = {"totals": asdict(self.totals), "recent": recent}
        write_durably(self._path, json.dumps(content, sort_keys=True).encode())


def _add(totals: Accounts, spending: Spending, sign: int) -> None:
    totals.sent += sign
    totals.reverted += sign * spending.is_reverted
    totals.struck += sign * spending.struck
    totals.gas_used += sign * spending.gas_used
    totals.spent_wei += sign * spending.gas_used * spending.gas_price_wei


def _load(path: Path) -> tuple[Accounts, dict[str, Spending]]:
    """Accounts of earlier runs; a damaged file is kept aside and begun anew."""
    try:
        content = json.loads(path.read_bytes())
        totals = Accounts(**{k: int(v) for k, v in content["totals"].items()})
        recent = [Spending(**one) for one in content["recent"]]
        return totals, {s.transaction_hash: s for s in recent}
    except FileNotFoundError:
        return Accounts(), {}
    except (ValueError, TypeError, KeyError, AttributeError):
        path.replace(path.with_suffix(".damaged"))
        return Accounts(), {}
