# SPDX-License-Identifier: Apache-2.0
"""A miner and a validator that audits it, with a chain made of plain values."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from miners import Miner
from miners.reexecute import reexecute
from offchain.subnets.base import Commitment
from offchain.validator.audit import Auditor
from offchain.validator.examine import Examinee, Examiner
from offchain.wire import Dendrite, Egress, LocalHotkey
from tests.miners.worlds import FakeChain, endpoint_of, here
from tests.wire.worlds import DOMAIN, patient

SEED = b"\7" * 32


@dataclass
class Town:
    """One miner, one validator with an auditor."""

    chain: FakeChain
    miner: Miner
    examinee: Examinee
    dendrite: Dendrite
    auditor: Auditor
    examiner: Examiner
    folder: Path
    time: list[float]

    def commitments(self) -> list[Commitment]:
        return [Commitment(self.examinee.registration_id, 5, self.chain.model, 1)]

    async def round(self, number: int) -> list[Any]:
        marks = await self.examiner.examine([self.examinee], SEED, number, self.commitments())
        assert self.auditor._task is not None
        await self.auditor._task
        return marks

    def weight(self) -> int:
        ids = {5: self.examinee.registration_id}
        return self.examiner.row(ids, self.commitments(), 16)[5]


@asynccontextmanager
async def town(
    folder: Path, miner: Miner, *, publish: bool = True, mode: str = "optional"
) -> AsyncIterator[Town]:
    """The miner at work, one validator of its subnet that is in no hurry and pays every answer."""
    mechanism = miner.subnet
    subnet: Any = SimpleNamespace(**vars(mechanism))
    subnet.REEXECUTION, subnet.TIMEOUT_S = mode, 60.0
    subnet.score = lambda task, answer, _: max(0.5, mechanism.score(task, answer, 0.0))
    chain, key, validator = FakeChain(), LocalHotkey(os.urandom(32)), LocalHotkey(os.urandom(32))
    chain.seats.add(validator.address)
    settings = here(publish=publish, claim=None)
    await miner.start(chain, key, settings)
    egress = Egress(localnet=True)
    dendrite = Dendrite(
        validator, DOMAIN, chain_time=chain.chain_time, egress=egress, limits=patient()
    )
    time = [0.0]
    auditor = Auditor(subnet, dendrite, folder / "audits", reexecute, lambda: time[0])
    examiner = Examiner(subnet, dendrite, bytes(32), folder / "averages.json", auditor)
    examinee = Examinee(5, 1 << 64 | 5 << 48 | 1, endpoint_of(chain, key))
    try:
        yield Town(chain, miner, examinee, dendrite, auditor, examiner, folder, time)
    finally:
        await auditor.close()
        await dendrite.close()
        await miner.close()
