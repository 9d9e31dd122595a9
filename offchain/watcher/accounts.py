# SPDX-License-Identifier: Apache-2.0
"""What a watcher has spent on gas, kept across restarts; every transaction is booked once."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

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
    """One watcher's accounts in one file, with the newest transactions one by one.

    A transaction that a reorganisation took back, or that a lagging node does not show, is not
    counted until it is there again.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.totals, self._counted, self._missing = _load(path)

    @property
    def doubtful(self) -> tuple[list[str], list[str]]:
        """The newest that is counted, and those that are not: `reconcile` if that is not so."""
        return list(self._counted)[-1:], list(self._missing)

    def book(self, spending: Spending) -> None:
        """A transaction that was mined; a second time it changes nothing."""
        if spending.transaction_hash in self._counted:
            return
        self._missing.pop(spending.transaction_hash, None)
        _add(self.totals, spending, 1)
        self._counted[spending.transaction_hash] = spending
        self._counted = dict(list(self._counted.items())[-RECENT:])
        self._save()

    def reconcile(self, is_mined: Callable[[str], bool]) -> None:
        """Count exactly those of the newest transactions that are in a block."""
        lost = {h: s for h, s in self._counted.items() if not is_mined(h)}
        found = {h: s for h, s in self._missing.items() if is_mined(h)}
        for sign, moved in ((-1, lost), (1, found)):
            for spending in moved.values():
                _add(self.totals, spending, sign)
        if lost or found:
            self._counted = {h: s for h, s in self._counted.items() if h not in lost} | found
            self._missing = {h: s for h, s in self._missing.items() if h not in found} | lost
            self._missing = dict(list(self._missing.items())[-RECENT:])
            self._save()

    def _save(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        content = {
            "totals": asdict(self.totals),
            "counted": [asdict(spending) for spending in self._counted.values()],
            "missing": [asdict(spending) for spending in self._missing.values()],
        }
        write_durably(self._path, json.dumps(content, sort_keys=True).encode())


def _add(totals: Accounts, spending: Spending, sign: int) -> None:
    totals.sent += sign
    totals.reverted += sign * spending.is_reverted
    totals.struck += sign * spending.struck
    totals.gas_used += sign * spending.gas_used
    totals.spent_wei += sign * spending.gas_used * spending.gas_price_wei


def _load(path: Path) -> tuple[Accounts, dict[str, Spending], dict[str, Spending]]:
    """Accounts of earlier runs; a damaged file is kept aside and begun anew."""
    try:
        content = json.loads(path.read_bytes())
        totals = Accounts(**{k: int(v) for k, v in content["totals"].items()})
        return totals, _spendings(content["counted"]), _spendings(content["missing"])
    except FileNotFoundError:
        return Accounts(), {}, {}
    except (ValueError, TypeError, KeyError, AttributeError):
        path.replace(path.with_suffix(".damaged"))
        return Accounts(), {}, {}


def _spendings(stored: list[dict[str, Any]]) -> dict[str, Spending]:
    return {one["transaction_hash"]: Spending(**one) for one in stored}
