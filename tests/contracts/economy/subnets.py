# SPDX-License-Identifier: Apache-2.0
"""What subnet owners, neurons and validators do: Subnets and Neurons."""

from __future__ import annotations

from random import Random
from typing import Any

from offchain.protocol.hyperparameters import BY_ID, HYPERPARAMETERS, Authority
from offchain.settlement.history import History
from offchain.settlement.root import MEMBER_UID
from tests.contracts import life
from tests.contracts.deployment import role_address
from tests.contracts.economy.money import Money
from tests.contracts.economy.network import Era, Registered, Subnet, Unexpected

NOT_FOUND = 2**256 - 1
MAX_SUBNETS_HERE = 3
NAMES = tuple(f"n{number}" for number in range(24))
ROOT_SEATS = 4
"""Of the 64 that there are"""


class Subnets(Money):
    """Creation, start, parameters, registration, pruning, seats, endpoints, models."""

    # Subnets

    def owned(self) -> list[Subnet]:
        """All but the root."""
        return [subnet for subnet in self.subnets.values() if subnet.netuid]

    def create(self, chance: Random, owner_name: str = "") -> int:
        if not owner_name and len(self.owned()) >= MAX_SUBNETS_HERE:
            return 0
        owner_name = owner_name or chance.choice(("c0", "c1"))
        owner = role_address(owner_name)
        shown = int(self.world.subnets.cost_rao())
        self.fund(owner, shown, "Subnets")
        before = self.world.tao.balanceOf(owner)
        hotkey = self.key(f"{owner_name} hotkey")
        signature = life.owning(self.world, hotkey, owner)
        call = (hotkey.address, 16, 4, shown, signature)
        refuse = ("subnets: created too recently",)
        number = self.attempt(self.world.subnets.create, *call, sender=owner, refuse=refuse)
        if not number:
            return 0
        netuid = int(number)
        evicted = self._note_eviction(netuid)
        paid = before - self.world.tao.balanceOf(owner)
        if paid != shown - (evicted if self.refunded == owner else 0):
            raise Unexpected(f"I-35 cost_rao said {shown}, {paid} was taken")
        self.subnets[netuid] = Subnet(
            *(netuid, owner, owner_name, 16, 4, shown, self.tick), History(netuid)
        )
        return netuid

    refunded = ""

    def _note_eviction(self, netuid: int) -> int:
        """Ghosts of a subnet that made room; what its owner got back."""
        old = self.subnets.pop(netuid, None)
        self.refunded = ""
        if old is None:
            return 0
        (log,) = self.logs("Subnets", "SubnetEvicted")
        self.retired.append(old)
        self.refunded = old.owner
        if log.refund_rao + log.recycled_rao != old.lock_rao:
            raise Unexpected(f"I-29 the lock of netuid {netuid} was {old.lock_rao}")
        self.note_recycled(log.recycled_rao)
        if netuid in self.model.shares:
            exact = self.model.owed.pop(netuid)
            withheld = int(self.world.emission.withheld_rao()) - self.withheld
            if not -1 <= withheld - exact <= 1 + len(self.retired):
                raise Unexpected(f"I-02 netuid {netuid} had {float(exact)}, {withheld} went back")
            del self.model.shares[netuid]
            self.fees.pop(netuid, None)
            self.withheld += withheld
            self.recycled += withheld
            self.model.issuance -= withheld
        return int(log.refund_rao)

    def hand_over(self, chance: Random) -> bool:
        """The owner offers the subnet, another one accepts, a third cannot."""
        subnet = self.pick(chance, self.owned())
        if subnet is None:
            return False
        taker, third = chance.sample(self.coldkeys, 2)
        function = self.world.subnets.offer_owner
        function(subnet.netuid, taker, sender=subnet.owner)
        if not self.refused(self.world.subnets.accept_owner, subnet.netuid, sender=third):
            raise Unexpected("I-04 a subnet was taken by somebody whom it was not offered to")
        self.world.subnets.accept_owner(subnet.netuid, sender=taker)
        subnet.owner = taker
        return True

    def identity(self, chance: Random) -> bool:
        subnet = self.pick(chance, self.owned())
        if subnet is None:
            return False
        said = f"name {chance.randrange(100)}"
        self.world.subnets.set_identity(subnet.netuid, said, "https://x", sender=subnet.owner)
        return True

    def start(self, chance: Random, subnet: Subnet | None = None, in_ticks: int = 0) -> bool:
        subnet = subnet or self.pick(chance, [s for s in self.owned() if not s.is_started])
        if subnet is None:
            return False
        if self.tick == 0:
            self.warp(1)
        start_tick = self.tick + (in_ticks or chance.randrange(1, 20))
        self.world.subnets.start(subnet.netuid, start_tick, sender=subnet.owner)
        profile = self.preset.profile
        default = (profile.tempo_ticks, profile.reveal_ticks, profile.window_ticks)
        first = int(self.world.subnets.next_epoch(subnet.netuid))
        subnet.eras = [Era(start_tick, first, *(subnet.draft or default))]
        if subnet.netuid == 0:
            self.model.root_open, self.model.owed[0] = True, 0
        else:
            self.model.shares[subnet.netuid] = 0 if self.world.emission.has_shares() else 1
            self.model.owed[subnet.netuid] = 0
        return True

    def open_root(self, chance: Random) -> bool:
        """Netuid 0 is there from the beginning; anybody starts it."""
        if 0 in self.subnets or not self.running():
            return False
        anybody = chance.choice(self.coldkeys)
        root = Subnet(0, anybody, "nobody", 128, ROOT_SEATS, 0, 0, History(0))
        self.subnets[0] = root
        self.root_weights = {netuid: 3 for netuid in self.subnets if netuid}
        return self.start(chance, root)

    def poke_root(self, chance: Random) -> bool:
        """A hotkey with stake takes a seat of the root."""
        root, name = self.subnets.get(0), self.pick(chance, sorted(self.owner_of_name))
        if root is None or name is None:
            return False
        refuse = ("neurons: already seated", "neurons: no stake", "neurons: holder has more stake")
        seat, hotkey = chance.randrange(root.seats), self.hotkey(name)
        poke, sender = self.world.neurons.poke_root, chance.choice(self.coldkeys)
        if not self.attempt(poke, seat, hotkey, sender=sender, refuse=refuse):
            return False
        number = int(self.world.neurons.member_of(hotkey))
        root.ids.setdefault(number, Registered(name, MEMBER_UID, self.tick, 0))
        return True

    def weigh(self, chance: Random) -> bool:
        """The root's validators change their minds about who deserves emission."""
        self.root_weights = {n: chance.randrange(10) for n in self.subnets if n}
        return 0 in self.subnets

    def set_schedule(self, chance: Random) -> bool:
        """A new era from the boundary after the next; refused again before it has run."""
        subnet = self.pick(chance, self.owned())
        if subnet is None:
            return False
        wanted = chance.choice(((12, 4, 3), (16, 5, 4), (10, 3, 10), (12, 7, 3), (10, 3, 0)))
        tempo, reveal, window = wanted
        call = (subnet.netuid, *wanted)
        refuse = ("eras: changed too recently", "eras: reveal out of bounds")
        refuse += ("eras: window out of bounds", "subnets: frozen before boundary")
        done = self.attempt(
            self.world.subnets.set_schedule, *call, sender=subnet.owner, refuse=refuse
        )
        if done and not (2 * reveal <= tempo and window):
            raise Unexpected(f"I-33 schedule {wanted} is outside the bounds")
        if not done:
            return False
        if not subnet.is_started:
            subnet.draft = wanted
            return True
        from_epoch = subnet.next_epoch(self.tick) + 1
        subnet.eras.append(Era(subnet.begin(from_epoch), from_epoch, *wanted))
        return True

    def set_parameter(self, chance: Random, by_timelock: bool = False) -> bool:
        subnet = self.pick(chance, self.owned())
        if subnet is None:
            return False
        row = chance.choice(HYPERPARAMETERS)
        wanted = chance.choice((row.least - 1, row.least, row.most, row.most + 1, row.default))
        wanted = max(0, wanted)
        if row.name == "registration_allowed" and wanted == 0 and chance.random() < 0.8:
            wanted = 1  # or hardly anybody would ever register
        sender = self.world.address["Timelock"] if by_timelock else subnet.owner
        refuse = ("subnets: out of bounds", "subnets: changed too recently")
        refuse += ("subnets: frozen before boundary", "subnets: not the timelock")
        refuse += ("subnets: beyond owner's bound",)
        function = self.world.subnets.set_parameter
        done = self.attempt(function, subnet.netuid, row.id, wanted, sender=sender, refuse=refuse)
        if done:
            self.note_parameter(subnet, row.id, wanted, by_timelock)
        return bool(done)

    def note_parameter(self, subnet: Subnet, number: int, value: int, by_timelock: bool) -> None:
        """The ghost of a change; raises if it should have been refused."""
        row = BY_ID[number]
        if not row.least <= value <= row.most:
            raise Unexpected(f"I-33 {row.name} = {value} is outside {row.least}..{row.most}")
        if row.authority is Authority.TIMELOCK and not by_timelock:
            raise Unexpected(f"I-04 the owner set {row.name}")
        if value > row.owner_most and not by_timelock:
            raise Unexpected(f"I-33 the owner set {row.name} = {value}, above {row.owner_most}")
        coming = subnet.next_epoch(self.tick) if subnet.is_started else 0
        old = subnet.parameters.get(number)
        if not subnet.is_started:
            subnet.parameters[number] = (value, value, 0)
            return
        if old and coming + 1 < old[2] + 3:
            raise Unexpected(f"I-33 {row.name} changed twice within its delay")
        current = old[1] if old else row.default
        subnet.parameters[number] = (current, value, coming + 1)

    # Neurons

    def register(self, chance: Random, subnet: Subnet | None = None, name: str = "") -> int:
        subnet = subnet or self.pick(chance, self.owned())
        if subnet is None:
            return 0
        name = name or chance.choice((*NAMES, f"{subnet.owner_name} hotkey"))
        netuid, hotkey = subnet.netuid, self.key(name)
        number = int(name[1:]) if name[1:].isdigit() else 0
        coldkey = self.owner_of_name.get(name) or self.coldkeys[number % len(self.coldkeys)]
        if name.endswith(" hotkey"):
            coldkey = role_address(name.removesuffix(" hotkey"))
        shown = int(self.world.neurons.burn_rao(netuid))
        self.fund(coldkey, shown, "Neurons")
        before = self.world.tao.balanceOf(coldkey)
        expected = self._pruned(subnet)
        signature = life.consent(self.world, netuid, hotkey, coldkey)
        refuse = ("neurons: already registered", "neurons: no uid", "neurons: registration closed")
        call = (netuid, hotkey.address, shown, signature)
        number = self.attempt(self.world.neurons.register, *call, sender=coldkey, refuse=refuse)
        if not number:
            return 0
        paid = before - self.world.tao.balanceOf(coldkey)
        if paid != shown:
            raise Unexpected(f"I-35 burn_rao said {shown}, {paid} was taken")
        uid = int(number) >> 48 & 0xFFFF
        if expected is not None and uid != expected:
            raise Unexpected(f"I-14 uid {uid} made room, by the rule {expected} does")
        self.burns += paid
        self.note_recycled(paid)
        from_epoch = self.coming_epoch(subnet)
        subnet.ids[int(number)] = Registered(name, uid, self.tick, from_epoch)
        subnet.latest[uid] = int(number)
        self.owner_of_name.setdefault(name, coldkey)
        self.pools.setdefault(hotkey.address, set())
        return int(number)

    def _pruned(self, subnet: Subnet) -> int | None:
        """Who makes room by the protocol's rule; None while there is room."""
        if len(subnet.latest) < subnet.max_uids:
            return len(subnet.latest)
        running = subnet.epoch_at(self.tick) if subnet.is_started else None
        epoch = self.coming_epoch(subnet) if running is None else running
        immunity = self.parameter_of(subnet, 4, epoch)
        coming = self.coming_epoch(subnet)
        owner_hotkey = f"{subnet.owner_name} hotkey"
        mature: list[tuple[int, int, int]] = []
        immune: list[tuple[int, int, int]] = []
        for uid, number in subnet.latest.items():
            held = subnet.ids[number]
            if held.name == owner_hotkey or held.from_epoch == coming:
                continue
            score = int(self.world.neurons.pruning_of(subnet.netuid, uid)[0])
            kind = immune if held.tick + immunity > self.tick else mature
            kind.append((score, held.tick, uid))
        chosen = mature if len(mature) > self.parameter_of(subnet, 11, epoch) else immune
        return min(chosen)[2] if chosen else None

    def coming_epoch(self, subnet: Subnet) -> int:
        """First epoch that has not begun."""
        if subnet.is_started:
            return subnet.next_epoch(self.tick)
        return int(self.world.subnets.next_epoch(subnet.netuid))

    def parameter_of(self, subnet: Subnet, number: int, epoch: int) -> int:
        """By the ghosts."""
        held = subnet.parameters.get(number)
        if held is None:
            return BY_ID[number].default
        now, after, from_epoch = held
        return after if epoch >= from_epoch else now

    def poke(self, chance: Random, subnet: Subnet | None = None, pair: Any = None) -> bool:
        subnet = subnet or self.pick(chance, [s for s in self.owned() if s.is_started])
        if subnet is None or not subnet.latest:
            return False
        seat, uid = pair or self._challenger(chance, subnet)
        refuse = ("neurons: already seated", "neurons: no stake", "neurons: holder has more stake")
        poke = self.world.neurons.poke
        sender = chance.choice(self.coldkeys)
        return bool(self.attempt(poke, subnet.netuid, seat, uid, sender=sender, refuse=refuse))

    def _challenger(self, chance: Random, subnet: Subnet) -> tuple[int, int]:
        """Any seat, and mostly the uid outside the seats that has most stake."""
        seat, uid = chance.randrange(subnet.seats), chance.choice(sorted(subnet.latest))
        if chance.random() < 0.3:
            return seat, uid
        words = life.seats_at(self.world, subnet.netuid, self.coming_epoch(subnet))
        seated = {int(word) >> 64 for word in words}
        outside = {
            uid: int(self.world.staking.stake_of(self.hotkey(subnet.ids[number].name)))
            for uid, number in subnet.latest.items()
            if number not in seated
        }
        free = [number for number, word in enumerate(words) if int(word) == 0]
        return (free or [seat])[0], max(
            outside or {uid: 0}, key=lambda one: (outside or {uid: 0})[one]
        )

    def serve(self, chance: Random) -> bool:
        subnet = self.pick(chance, self.owned())
        if subnet is None or not subnet.latest:
            return False
        name = subnet.ids[chance.choice(sorted(subnet.latest.values()))].name
        call = (subnet.netuid, 0x0A000001 + chance.randrange(99), 8_091, 4, 4, 1)
        done = self.attempt(
            self.world.neurons.serve_axon,
            *call,
            sender=self.hotkey(name),
            refuse=("neurons: serving too often",),
        )
        return bool(done)

    def commit_model(self, chance: Random) -> bool:
        subnet = self.pick(chance, self.owned())
        if subnet is None or not subnet.latest:
            return False
        name = subnet.ids[chance.choice(sorted(subnet.latest.values()))].name
        hashes = (chance.randbytes(32), chance.randbytes(32))
        self.world.neurons.commit_model(subnet.netuid, *hashes, sender=self.hotkey(name))
        return True
