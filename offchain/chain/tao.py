# SPDX-License-Identifier: Apache-2.0
"""The token in domain words; every amount in rao."""

from __future__ import annotations

from dataclasses import dataclass

from offchain.chain.contract import Call, Contract, Event, Query


@dataclass(frozen=True, slots=True)
class Transfer(Event):
    """Tokens moved; sender zero: minted, receiver zero: burned."""

    sender: str
    receiver: str
    value: int


class Tao(Contract):
    """ERC-20 with 9 decimals and permit; only Emission mints."""

    NAME = "Tao"

    def balance_of(self, account: str, block: int | str = "latest") -> int:
        return int(self.read("balanceOf", account, block=block))

    def balance_query(self, account: str) -> Query[int]:
        return self.query("balanceOf", account)

    def allowance(self, owner: str, spender: str) -> int:
        return int(self.read("allowance", owner, spender))

    def total_supply(self) -> int:
        return int(self.read("totalSupply"))

    def approve(self, spender: str, amount_rao: int) -> Call:
        """Let `spender` pull up to `amount_rao`; replaces the earlier allowance."""
        return self.call("approve", spender, amount_rao, gas=80_000, doing="approve tokens")

    def transfer(self, receiver: str, amount_rao: int) -> Call:
        return self.call("transfer", receiver, amount_rao, gas=100_000, doing="transfer tokens")
