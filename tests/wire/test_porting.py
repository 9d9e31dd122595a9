# SPDX-License-Identifier: Apache-2.0
"""An example: the subnet template of Bittensor's users, ported. What changed is marked (*)."""

import asyncio
from typing import ClassVar

from offchain.wire import Dendrite, Egress, Endpoint, Synapse
from tests.wire.worlds import DOMAIN, Chain, in_loop, new_hotkey


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


@in_loop
async def test_template__ported__works_as_before() -> None:
    from offchain.wire import Axon

    chain, miner_key, validator_key, stranger_key = Chain(), *[new_hotkey() for _ in range(3)]
    chain.seats = {validator_key.address, stranger_key.address}
    neuron = MinerNeuron({validator_key.address: 100})
    axon = Axon(  # (*) chain facts are passed in; the wire knows no chain
        miner_key,
        DOMAIN,
        has_seat=chain.has_seat,
        stake_of=chain.stake_of,
        chain_time=chain.chain_time,
    )
    axon.attach(neuron.forward, neuron.blacklist, neuron.priority)
    await axon.serve("127.0.0.1")
    there = Endpoint(axon.hotkey, axon.host, axon.port)

    async def ask(key, number: int):  # type: ignore[no-untyped-def]
        dendrite = Dendrite(key, DOMAIN, chain_time=chain.chain_time, egress=Egress(localnet=True))
        replies = await dendrite.query([(there, Dummy(dummy_input=number))], timeout_s=5.0)
        await dendrite.close()
        return replies[0]

    answered, refused = await asyncio.gather(ask(validator_key, 21), ask(stranger_key, 21))
    assert answered.synapse.deserialize() == 42
    assert refused.code.name == "DENIED"
    await axon.close()
