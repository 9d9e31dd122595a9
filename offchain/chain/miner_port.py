# SPDX-License-Identifier: Apache-2.0
"""One subnet as a miner needs it; what every request asks for is answered from memory.

Implements `miners.chain_port.ChainPort`. The domain of signatures is made by the caller, because
this package stands below the wire.
"""

from __future__ import annotations

from typing import Generic, TypeVar

import structlog

from offchain.chain.claims import open_claims
from offchain.chain.coldkey import Coldkey
from offchain.chain.contract import read_all
from offchain.chain.errors import NotRegistered, Reverted
from offchain.chain.hotkey import Hotkey, uid_now
from offchain.chain.network import Network
from offchain.chain.neurons import axon_from
from offchain.chain.rewards import MAX_CLAIMS, Claim, claimed_from
from offchain.chain.transactions import Sender
from offchain.keys.signer import Signer
from offchain.protocol.eras import EpochWindow
from offchain.protocol.errors import ConfigError

log = structlog.get_logger("evmtensor.miner")

D = TypeVar("D")
NO_MODEL = bytes(32)
EARLY_TICKS = 2  # before a subnet's start, from when on its seats are read


class MinerPort(Generic[D]):
    """One hotkey in one subnet. `coldkey` may be None when the hotkey is registered already."""

    def __init__(
        self,
        network: Network,
        netuid: int,
        hotkey: Signer,
        sender: Sender,
        domain: D,
        coldkey: Coldkey | None = None,
    ) -> None:
        self._network = network
        self._netuid = netuid
        self._signer = hotkey
        self._hotkey = Hotkey(network, sender, netuid)
        self._coldkey = coldkey
        self._domain = domain
        self._known_until: int | None = None  # first tick at which the seats may be others
        self._stakes: dict[str, int] = {}  # of the seats' holders, by lower-case hotkey
        self._listeners: tuple[tuple[str, str, int], ...] = ()
        self._epoch: int | None = None
        self._incarnation = 0  # of the subnet as of the last look; 0: not looked yet
        self._claims: list[Claim] = []  # what `claim` sends

    def domain(self) -> D:
        """EIP-712 domain of this deployment."""
        return self._domain

    def chain_time(self) -> int:
        """Unix seconds by the chain, from memory."""
        return self._network.clock.chain_time()

    def has_seat(self, hotkey: str) -> bool:
        """Whether this hotkey holds a seat in the running epoch, from memory."""
        return hotkey.lower() in self._stakes

    def stake_of(self, hotkey: str) -> int:
        """Stake in rao of a hotkey with a seat, from memory; 0 for everybody else."""
        return self._stakes.get(hotkey.lower(), 0)

    def listeners(self) -> tuple[tuple[str, str, int], ...]:
        """(hotkey, host, port) of every other seat's holder that announced one, from memory."""
        return self._listeners

    def refresh(self) -> None:
        """Read seats, stake and time anew; raises `ChainError` and then keeps the old values."""
        network = self._network
        head = network.clock.head()
        tick = network.clock.ticks.tick_at(head.timestamp)
        if self._known_until is not None and tick < self._known_until:
            return  # seats are fixed while an epoch runs, and stake only orders their requests
        self._notice_eviction()
        window = self._window(tick)
        if window is None and not self._is_about_to_start(tick):
            self._stakes, self._listeners, self._epoch = {}, (), None
            return
        epoch = network.subnets.running_epoch(self._netuid) if window is None else window.epoch
        seats = network.neurons.seats_at(self._netuid, epoch, head.number)
        held = [seat for seat in seats if seat is not None]
        queries = [network.neurons.hotkey_query(seat.registration_id) for seat in held]
        hotkeys: list[str] = read_all(network.connection, queries, head.number)
        axons = read_all(
            network.connection,
            [network.neurons.axon_query(self._netuid, seat.uid) for seat in held],
            head.number,
        )
        stakes = read_all(
            network.connection, [network.staking.stake_query(h) for h in hotkeys], head.number
        )
        self._stakes = {h.lower(): s for h, s in zip(hotkeys, stakes, strict=True)}
        self._listeners = tuple(
            (hotkey, axon.ip, axon.port)
            for hotkey, axon in zip(hotkeys, map(axon_from, axons), strict=True)
            if axon is not None and hotkey.lower() != self._signer.address.lower()
        )
        self._known_until = None if window is None else window.end_tick  # pokes go on
        self._epoch = None if window is None else epoch

    def _notice_eviction(self) -> None:
        """Say it once when another subnet has taken the number."""
        incarnation = self._network.subnets.incarnation_of(self._netuid)
        if self._incarnation not in (0, incarnation):
            log.warning(
                "evicted", netuid=self._netuid,
                reason=f"subnet {self._netuid} was evicted; another one has its number now",
                next_step="What it paid can still be claimed. To mine in the new one, register in "
                "it and start again.",
            )  # fmt: skip
        self._incarnation = incarnation

    def _window(self, tick: int) -> EpochWindow | None:
        """The running epoch; None before the start."""
        try:
            return self._network.subnets.epoch_at(self._netuid, tick)
        except Reverted:
            return None

    def _is_about_to_start(self, tick: int) -> bool:
        """Whether the first validators may ask before the next look: they do in the first tick."""
        start_tick = self._network.subnets.start_ticks(self._netuid).start_tick
        return start_tick is not None and tick + EARLY_TICKS >= start_tick

    def uid_of(self, hotkey: str) -> int | None:
        """The hotkey's uid, also when it is staged for the next boundary."""
        return uid_now(self._network, self._netuid, hotkey)

    def register(self, max_burn_rao: int) -> int:
        """Register the miner's hotkey and return its uid.

        Raises `NotRegistered` without a coldkey, `ConfigError` when the price is higher.
        """
        if self._coldkey is None:
            raise NotRegistered(
                f"hotkey {self._signer.address} is not registered in subnet {self._netuid}",
                next_step=(
                    f"Run `evmtensor neuron register --netuid {self._netuid}`, or give --key."
                ),
            )
        return self._coldkey.register(self._netuid, self._signer, max_burn_rao).uid

    def committed_model(self) -> tuple[bytes, bytes]:
        """The hashes of model and profile that this hotkey committed, 32 zero bytes if none."""
        commitment = self._network.neurons.model_of(self._registration_id())
        if commitment is None:
            return NO_MODEL, NO_MODEL
        return commitment.model_hash, commitment.profile_hash

    def commit_model(self, model_hash: bytes, profile_hash: bytes) -> None:
        """Commit a model and the way it is run."""
        self._hotkey.commit_model(model_hash, profile_hash)

    def serve_axon(self, host: str, port: int) -> None:
        """Publish the endpoint; no transaction if it is published already."""
        if not host:
            raise ConfigError("no host to announce", next_step="Give --external-ip.")
        self._hotkey.serve_axon(host, port)

    def epoch(self) -> int | None:
        """The running epoch, from memory; None before the start."""
        return self._epoch

    def pay_due(self) -> tuple[int, int]:
        """(rao that this hotkey can claim now, wei that claiming it would cost)."""
        network = self._network
        self._claims = open_claims(network, self._netuid, self._signer.address)[:MAX_CLAIMS]
        queries = [network.rewards.claimed_query(c.registration_id) for c in self._claims]
        owed_rao = 0
        for claim, word in zip(self._claims, read_all(network.connection, queries), strict=True):
            so_far = claimed_from(word)
            owed_rao += max(0, claim.server_cumulative_rao - so_far.server_rao)
            owed_rao += max(0, claim.validator_cumulative_rao - so_far.validator_rao)
        return owed_rao, self._claim_cost_wei() if self._claims else 0

    def claim(self) -> int:
        """Claim what the last `pay_due` found; rao paid to the coldkey and into the pool."""
        if not self._claims:
            return 0
        # the same leaves have the same purpose: after a crash their transaction is found again
        leaves = ",".join(f"{c.registration_id:x}@{c.epoch}" for c in self._claims)
        paid = self._hotkey.claim(self._claims, purpose=f"claim {self._netuid} {leaves}")
        self._claims = []
        return sum(p.server_rao + p.validator_rao for p in paid)

    def _claim_cost_wei(self) -> int:
        sender = self._hotkey.sender
        call = sender.rehearsed(self._network.rewards.claim(self._netuid, self._claims))
        assert call.gas is not None  # `rehearsed` fixes it
        return call.gas * (self._network.connection.head().base_fee_wei + sender.fees.tip_wei)

    def _registration_id(self) -> int:
        uid = self._hotkey.require_uid()
        following = self._network.subnets.next_epoch(self._netuid)
        for epoch in (following, following - 1):
            registered = self._network.neurons.uid_of(
                self._netuid, self._signer.address, max(epoch, 0)
            )
            if registered is not None:
                return self._network.neurons.registration_at(self._netuid, uid, max(epoch, 0))
        return self._network.neurons.registration_at(self._netuid, uid, following)
