# SPDX-License-Identifier: Apache-2.0
"""When a miner fetches its pay: not so often that gas eats it, not so rarely that it lies about.

Nothing is remembered that the chain does not hold: what was claimed is read from it, so a miner
that is killed at any moment and started again claims exactly what is still owed.
"""

import asyncio
from dataclasses import dataclass

import structlog

from miners.chain_port import ChainPort
from offchain.protocol.errors import ChainError, ConfigError
from offchain.protocol.identifiers import RAO_PER_TAO

log = structlog.get_logger("evmtensor.miner")


@dataclass(frozen=True, slots=True)
class ClaimPolicy:
    """When claiming is worth a transaction.

    tao_wei: what one TAO is worth in the chain's coin; 0 if the operator gives no price. With a
    price, pay is claimed as soon as it is worth `gas_multiple` times the gas; without one, every
    `every_epochs` epochs.
    """

    every_epochs: int = 4
    tao_wei: int = 0
    gas_multiple: int = 20

    def is_due(self, owed_rao: int, gas_wei: int, epochs: int) -> bool:
        """Whether to claim `owed_rao` for `gas_wei`, that many epochs after the last claim."""
        if owed_rao == 0:
            return False
        if self.tao_wei:
            return owed_rao * self.tao_wei >= self.gas_multiple * gas_wei * RAO_PER_TAO
        return epochs >= self.every_epochs


class Payday:
    """One miner's claims. Numbers are for metrics: rao, counted since this process started."""

    def __init__(self, chain: ChainPort, policy: ClaimPolicy) -> None:
        self._chain, self._policy = chain, policy
        self._looked_at: int | None = None  # epoch of the last look
        self._claimed_at: int | None = None
        self.owed_rao = self.claimed_rao = self.claims = self.failures = 0

    async def step(self) -> None:
        """Look once per epoch, and claim if that is worth it. Failures wait for the next epoch."""
        epoch = self._chain.epoch()
        if epoch is None or epoch == self._looked_at:
            return
        self._looked_at = epoch
        try:
            await self._look(epoch)
        except (ChainError, ConfigError) as error:
            self.failures += 1
            log.warning("not claimed", epoch=epoch, error=str(error), next_step=error.next_step)

    async def _look(self, epoch: int) -> None:
        self.owed_rao, gas_wei = await asyncio.to_thread(self._chain.pay_due)
        # the first look after a start does not wait: nobody knows how long the pay has lain there
        never = self._claimed_at is None
        epochs = self._policy.every_epochs if never else epoch - (self._claimed_at or 0)
        if not self._policy.is_due(self.owed_rao, gas_wei, epochs):
            return
        paid = await asyncio.to_thread(self._chain.claim)
        self._claimed_at = epoch
        self.claims += 1
        self.claimed_rao += paid
        self.owed_rao = 0
        log.info("claimed", rao=paid, gas_wei=gas_wei, since_start_rao=self.claimed_rao)
