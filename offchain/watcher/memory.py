# SPDX-License-Identifier: Apache-2.0
"""True bonds of the newest final epoch of every subnet, on disk, so that a restart need not compute
every epoch since the beginning again.

They are bound to the fingerprint of the history they follow from: bonds of another history, after a
reorganisation or on another chain, are not used.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from offchain.chain.files import write_durably
from offchain.settlement.history import History


@dataclass
class Memory:
    """One file per subnet under `folder`."""

    folder: Path
    _saved: dict[int, int] = field(default_factory=dict)

    def recall(self, history: History) -> bool:
        """Give a history the bonds that were saved; False without any that belong to it."""
        try:
            stored = json.loads(self._path(history.netuid).read_bytes())
            bonds = tuple(tuple(int(bond) for bond in row) for row in stored["bonds"])
            fingerprint = bytes.fromhex(stored["fingerprint"])
            return history.remember_bonds(int(stored["epoch"]), fingerprint, bonds)
        except FileNotFoundError:
            return False
        except (ValueError, KeyError, TypeError):
            return False  # damaged: everything can be computed again

    def keep(self, history: History) -> None:
        """Save the bonds of the newest final epoch, if they are not saved yet."""
        epoch = history.last_final
        if epoch is None or self._saved.get(history.netuid) == epoch:
            return
        fingerprint = history.fingerprint(epoch).hex()
        bonds = history.true_bonds(epoch)
        content = {"epoch": epoch, "fingerprint": fingerprint, "bonds": bonds}
        self.folder.mkdir(parents=True, exist_ok=True)
        write_durably(self._path(history.netuid), json.dumps(content).encode())
        self._saved[history.netuid] = epoch

    def distrust(self) -> None:
        """After a reorganisation: save again."""
        self._saved.clear()

    def _path(self, netuid: int) -> Path:
        return self.folder / f"bonds-{netuid}.json"
