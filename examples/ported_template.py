# SPDX-License-Identifier: Apache-2.0
"""The subnet template of Bittensor's users, ported: `python examples/ported_template.py`.

What changed is marked (*). Synapse, Axon and Dendrite keep their names; every answer is
authenticated and receipted, which the template's are not.
"""

import asyncio
import os
import time
from typing import ClassVar

from offchain.wire import Axon, Dendrite, Domain, Egress, Endpoint, LocalHotkey, Synapse


class Dummy(Synapse):
    """dummy_input: what is asked; dummy_output: what the miner makes of it."""

    ANSWERS: ClassVar[tuple[str, ...]] = ("dummy_output",)  # (*) only these travel back

    dummy_input: int
    dummy_output: int | None = None

    def deserialize(self) -> int | None:
        return self.dummy_output


class MinerNeuron:
    """As in the template: forward, blacklist and priority, attached to an axon."""

    def __init__(self, stakes: dict[str, int]) -> None:
        self.stakes = stakes

    async def forward(self, synapse: Dummy) -> Dummy:
        synapse.dummy_output = synapse.dummy_input * 2
        return synapse

    async def blacklist(self, synapse: Dummy) -> tuple[bool, str]:
        if synapse.dendrite.hotkey not in self.stakes:
            return True, "Unrecognized hotkey"
        return False, "Hotkey recognized!"

    def priority(self, synapse: Dummy) -> float:  # (*) not a coroutine
        return float(self.stakes[synapse.dendrite.hotkey])


async def serve(
    neuron: MinerNeuron, hotkey: LocalHotkey, domain: Domain, seats: set[str]
) -> tuple[Axon, Endpoint]:
    """The miner's side: an axon on a free port of this machine."""
    axon = Axon(  # (*) chain facts are passed in: the wire knows no chain
        hotkey,
        domain,
        has_seat=seats.__contains__,
        stake_of=lambda key: neuron.stakes.get(key, 0),
        chain_time=lambda: int(time.time()),
    )
    axon.attach(neuron.forward, neuron.blacklist, neuron.priority)
    await axon.serve("127.0.0.1")
    return axon, Endpoint(axon.hotkey, axon.host, axon.port)


def new_dendrite(hotkey: LocalHotkey, domain: Domain) -> Dendrite:
    """The validator's side. (*) `Egress` keeps a miner from naming an address of your own network;
    here it is your own.
    """
    egress = Egress(localnet=True)
    return Dendrite(hotkey, domain, chain_time=lambda: int(time.time()), egress=egress)


async def main() -> None:
    """One miner, one validator, one stranger."""
    domain = Domain(31_337, "0x" + "11" * 20)  # (*) signatures belong to one deployment
    miner, validator, stranger = (LocalHotkey(os.urandom(32)) for _ in range(3))
    neuron = MinerNeuron({validator.address: 100})
    axon, there = await serve(neuron, miner, domain, {validator.address, stranger.address})
    for name, key in (("validator", validator), ("stranger", stranger)):
        dendrite = new_dendrite(key, domain)
        (reply,) = await dendrite.query([(there, Dummy(dummy_input=21))], timeout_s=5.0)
        answer = reply.synapse.deserialize() if reply.synapse else reply.detail
        print(f"{name}: {answer}")
        await dendrite.close()
    await axon.close()


if __name__ == "__main__":
    asyncio.run(main())
