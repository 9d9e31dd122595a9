# SPDX-License-Identifier: Apache-2.0
"""A miner that serves somebody else's answers, through an accomplice.

Miners answer seats only, so the relay cannot ask its victim itself. Its friend, a validator, asks
in its own name:

    validator -> relay -> friend (holds a seat) -> victim, and all the way back

That is at least one round trip more than the subnet's deadline is meant for; and the model hash
that the relay has to commit is either the victim's, which was committed before, or not that of
the model whose answers it sells.
"""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from offchain.subnets.base import load
from offchain.wire import Axon, Busy, CallError, Dendrite, Domain, Endpoint, Hotkey, Synapse

if TYPE_CHECKING:
    from miners import Miner

Ask = Callable[[Synapse], Awaitable[Synapse]]


def relay_miner(subnet: str, ask: Ask, model_hash: bytes) -> "Miner":
    """A miner that answers what `ask` brings it, and claims the model `model_hash`."""
    from miners import Miner

    miner = Miner(subnet, model_hash=model_hash)

    @miner.forward
    async def pass_on(synapse: Synapse) -> Synapse:
        return await ask(synapse)

    return miner


def ask_friend(dendrite: Dendrite, friend: Endpoint, timeout_s: float = 1.0) -> Ask:
    """The relay's way to its friend."""

    async def ask(synapse: Synapse) -> Synapse:
        try:
            reply = await dendrite.call(friend, synapse, timeout_s)
        except CallError as error:
            raise Busy from error
        assert reply.synapse is not None  # call raises otherwise
        return reply.synapse

    return ask


class Friend:
    """Inside the cheating validator: answers its accomplices with what `victim` says."""

    def __init__(
        self,
        hotkey: Hotkey,
        domain: Domain,
        dendrite: Dendrite,
        *,
        subnet: str,
        accomplices: frozenset[str],
        victim: Callable[[], Endpoint],
        chain_time: Callable[[], int],
        timeout_s: float = 1.0,
    ) -> None:
        self._dendrite, self._victim, self._timeout_s = dendrite, victim, timeout_s
        self.axon = Axon(
            hotkey,
            domain,
            has_seat=accomplices.__contains__,
            stake_of=lambda _hotkey: 0,
            chain_time=chain_time,
        )
        kind = load(subnet).SYNAPSE

        async def fetch(synapse: Synapse) -> Synapse:
            try:
                reply = await self._dendrite.call(self._victim(), synapse, self._timeout_s)
            except CallError as error:
                raise Busy from error
            assert reply.synapse is not None  # call raises otherwise
            return reply.synapse

        fetch.__annotations__ = {"synapse": kind, "return": kind}
        self.axon.attach(fetch)

    async def serve(self, host: str = "127.0.0.1", port: int = 0) -> Endpoint:
        """Listen for accomplices; returns where."""
        await self.axon.serve(host, port)
        return Endpoint(self.axon.hotkey, host, self.axon.port)

    async def close(self) -> None:
        """Stop listening."""
        await self.axon.close()
