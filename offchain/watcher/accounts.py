# SPDX-License-Identifier: Apache-2.0
"""What a watcher has spent and earned, kept across restarts."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from offchain.chain.files import write_durably


@dataclass(slots=True)
class Accounts:
    """Totals since the file began: wei for gas, rao for rewards and pay.

    reverted: transactions that another watcher was faster with; their gas is in spent_wei.
    """

    sent: int = 0
    reverted: int = 0
    struck: int = 0
    spent_wei: int = 0
    earned_rao: int = 0


class AccountBook:
    """One watcher's accounts in one file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.totals = _load(path)

    def spend(self, gas_used: int, gas_price_wei: int, *, reverted: bool = False) -> None:
        """A transaction that was mined."""
        self.totals.sent += 1
        self.totals.reverted += reverted
        self.totals.spent_wei += gas_used * gas_price_wei
        self._save()

    def strike(self, reward_rao: int) -> None:
        """A false proposal struck by this watcher."""
        self.totals.struck += 1
        self.totals.earned_rao += reward_rao
        self._save()

    def _save(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        write_durably(self._path, json.dumps(asdict(self.totals), sort_keys=True).encode())


def _load(path: Path) -> Accounts:
    """Totals of earlier runs; a damaged file is kept aside and begun anew."""
    try:
        return Accounts(**{k: int(v) for k, v in json.loads(path.read_bytes()).items()})
    except FileNotFoundError:
        return Accounts()
    except (ValueError, TypeError):
        path.replace(path.with_suffix(".damaged"))
        return Accounts()
