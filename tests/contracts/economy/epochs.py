# SPDX-License-Identifier: Apache-2.0
"""What validators, proposers, challengers and claimants do: Weights, Settlement, Rewards."""

from __future__ import annotations

from random import Random
from typing import Any

import boa

from offchain.protocol.rows import pack_row
from offchain.settlement import challenge
from offchain.settlement.history import Proposal, State
from offchain.settlement.payouts import PayTree
from offchain.settlement.root import ROOT_NETUID, shares, unpack_incarnations
from offchain.settlement.trace import unpack_trace
from tests.contracts.deployment import role_address
from tests.contracts.economy.network import SUMS, Commit, Subnet, Unexpected
from tests.contracts.economy.subnets import Subnets

CLOSED, FINAL, VOID = 1, 2, 3
STATES = {State.CLOSED: CLOSED, State.FINAL: FINAL, State.VOID: VOID}


class Epochs(Subnets):
    """Every step of an epoch, at the right moment or at a wrong one."""

    # Weights

    def commit(self, chance: Random, subnet: Subnet | None = None, share: float = 0.8) -> bool:
        """Most holders of seats commit for the running epoch; a second commit is refused."""
        subnet = subnet or self.pick(chance, self.running())
        epoch = subnet.epoch_at(self.tick) if subnet else None
        if subnet is None or epoch is None:
            return False
        chosen = [seat for seat in range(subnet.seats) if chance.random() < share]
        return sum(self._commit_one(chance, subnet, epoch, seat) for seat in chosen) > 0

    def _commit_one(self, chance: Random, subnet: Subnet, epoch: int, seat: int) -> bool:
        held = int(self.world.neurons.seat_at(subnet.netuid, seat, epoch).registration_id)
        if held not in subnet.ids:
            return False
        row = pack_row(self.row(chance, subnet, held))
        commit = Commit(row, chance.randbytes(31) + b"\1", held)
        weights, sender = self.world.weights, self.hotkey(subnet.ids[held].name)
        call = (subnet.netuid, epoch, seat, self.hash_of(subnet, epoch, commit))
        if (epoch, seat) in subnet.commits:
            if not self.refused(weights.commit_weights, *call, sender=sender):
                raise Unexpected(f"I-16 seat {seat} committed twice in epoch {epoch}")
            return False
        weights.commit_weights(*call, sender=sender)
        subnet.commits[epoch, seat] = commit
        return True

    def row(self, chance: Random, subnet: Subnet, held: int) -> list[int]:
        """Scores by a validator who likes what its uid tells it to, not quite like the others."""
        if subnet.netuid == ROOT_NETUID:
            return [self.root_weights.get(column + 1, 0) for column in range(subnet.max_uids)]
        return [
            0 if chance.random() < 0.2 else 1 + (977 * uid + chance.randrange(900)) % 65_535
            for uid in range(subnet.max_uids)
        ]

    def reveal(self, chance: Random, subnet: Subnet | None = None) -> bool:
        """Open what was committed, by anybody; refused outside its phase and with a wrong salt.
        Who draws it commits first if nothing can be revealed any more, and waits for the phase half
        of the time.
        """
        drawn = subnet is None
        hidden = [one for one in self.running() if self._hidden(one)]
        ripe = [one for one in hidden if self._reveals_end(one) > self.tick]
        subnet = subnet or self.pick(chance, ripe or self.running())
        if subnet is None or (drawn and not ripe and not self.commit(chance, subnet)):
            return False
        waiting = self._hidden(subnet)
        if drawn and chance.random() < 0.5:
            self.warp_to(subnet.end(waiting[-1][0]))
        return sum(self._reveal_one(chance, subnet, *key) for key in waiting) > 0

    def _hidden(self, subnet: Subnet) -> list[tuple[int, int]]:
        """(epoch, seat) of what waits to be revealed, the newest last."""
        newest = max((epoch for epoch, _ in subnet.commits), default=0)
        return sorted(
            key
            for key, one in subnet.commits.items()
            if not one.is_revealed and key[0] >= newest - 1
        )

    def _reveals_end(self, subnet: Subnet) -> int:
        """The tick at which the newest commit can no longer be revealed."""
        epoch, _ = self._hidden(subnet)[-1]
        return subnet.end(epoch) + subnet.era_of(epoch).reveal_ticks

    def _reveal_one(self, chance: Random, subnet: Subnet, epoch: int, seat: int) -> bool:
        commit, weights = subnet.commits[epoch, seat], self.world.weights
        name = subnet.ids[commit.registration_id].name
        first = subnet.end(epoch)
        may = first <= self.tick < first + subnet.era_of(epoch).reveal_ticks
        hints = self.hints(subnet, epoch, name) if self.tick >= first else (0, 0)
        call = (subnet.netuid, epoch, seat, commit.row, commit.salt, *hints)
        if not may:
            if not self.refused(weights.reveal_weights, *call, sender=self.hotkey(name)):
                raise Unexpected(f"I-17 epoch {epoch} was revealed at tick {self.tick}")
            return False
        if chance.random() < 0.3:
            wrong = (*call[:4], chance.randbytes(32), *hints)
            if not self.refused(weights.reveal_weights, *wrong, sender=self.hotkey(name)):
                raise Unexpected("I-16 a reveal that does not match its commit")
        weights.reveal_weights(*call, sender=chance.choice((self.hotkey(name), *self.coldkeys)))
        commit.is_revealed = True
        masked = bytes(self.log("Weights", "WeightsRevealed").row)
        subnet.history.weights_revealed(epoch, seat, masked)
        uid = subnet.ids[commit.registration_id].uid
        own = {2 * uid, 2 * uid + 1} if name != f"{subnet.owner_name} hotkey" else set()
        expected = bytes(0 if place in own else byte for place, byte in enumerate(commit.row))
        if masked != expected:
            raise Unexpected("I-16 the revealed row is not the committed one")
        return True

    # Settlement

    def close(self, chance: Random, subnet: Subnet | None = None) -> bool:
        running = self.running()
        ripe = [one for one in running if self._to_close(one)]
        subnet = subnet or self.pick(chance, ripe or running)
        if subnet is None:
            return False
        if chance.random() < 0.5:
            self.warp_to(self._next_close(subnet))
        now = subnet.epoch_at(self.tick) or 0
        last = subnet.history.last_closed
        first = subnet.eras[0].start_epoch if last is None else last + 1
        for epoch in range(max(first, now - 2), now + 1):
            from_tick, before_tick = subnet.closable(epoch)
            if from_tick <= self.tick < before_tick:
                return self._close(subnet, epoch)
        return False

    def _to_close(self, subnet: Subnet) -> list[int]:
        """Epochs with a revealed row that are not closed and for which it is not too late."""
        last = subnet.history.last_closed
        return sorted(
            epoch
            for (epoch, _), commit in subnet.commits.items()
            if commit.is_revealed
            and (last is None or epoch > last)
            and self.tick < subnet.closable(epoch)[1]
        )

    def _next_close(self, subnet: Subnet) -> int:
        """When the oldest epoch with a revealed row can be closed."""
        waiting = self._to_close(subnet)
        return subnet.closable(waiting[0])[0] if waiting else self.tick

    def _close(self, subnet: Subnet, epoch: int) -> bool:
        emission, settlement = self.world.emission, self.world.settlement
        shown = int(emission.pending_rao(subnet.netuid))
        withheld, pot = int(emission.withheld_rao()), int(settlement.pot_rao(subnet.netuid))
        is_first = subnet.history.last_closed is None
        refuse = ("examiner: epoch is null",)
        sender = self.coldkeys[0]
        if not self.attempt(settlement.close, subnet.netuid, epoch, sender=sender, refuse=refuse):
            revealed = sum(c.is_revealed for (e, _), c in subnet.commits.items() if e == epoch)
            if 3 * revealed >= subnet.seats:
                raise Unexpected(f"I-28 epoch {epoch} with {revealed} rows cannot be closed")
            return False
        log = self.log("Settlement", "EpochClosed")
        if is_first:
            # a predecessor's
            self.note_recycled(pot)
            pot = 0
        number = boa.env.evm.patch.block_number
        words = (log.header, log.seats, log.generations, log.frozen_hash)
        record = subnet.history.epoch_closed(*words, number)
        header = record.frozen.header
        drained = header.rao_emission + header.owner_rao + header.proposer_rao - pot
        kept_back = int(emission.withheld_rao()) - withheld
        bonus = min(self.fees.pop(subnet.netuid, 0) // 2, shown - kept_back)
        self.bonus += bonus
        drained -= bonus
        if drained + kept_back != shown:
            raise Unexpected(f"I-35 pending_rao said {shown}, {drained} + {kept_back} came")
        exact = self.model.owed[subnet.netuid]
        if not -1 <= shown - exact <= 1 + len(self.retired):
            raise Unexpected(
                f"I-02 netuid {subnet.netuid} has {shown}, its share is {float(exact)}"
            )
        self.model.owed[subnet.netuid] -= shown
        self.minted += drained
        self.withheld += kept_back
        self.recycled += kept_back
        self.model.issuance -= kept_back
        return True

    def _open(self, subnet: Subnet | None, chance: Random, live: bool) -> tuple[Any, int | None]:
        """A subnet with an epoch that waits, and the epoch."""
        for one in (
            [subnet] if subnet else chance.sample(list(self.subnets.values()), len(self.subnets))
        ):
            epochs = [
                epoch
                for epoch, record in sorted(one.history.epochs.items())
                if record.state is State.CLOSED and bool(record.live) == live
            ]
            if epochs:
                return one, epochs[0]
        return None, None

    def propose(
        self, chance: Random, subnet: Subnet | None = None, lie: bool | None = None
    ) -> bool:
        subnet, epoch = self._open(subnet, chance, live=False)
        if subnet is None or epoch is None:
            return False
        history = subnet.history
        parent = history.epochs[epoch].parent_epoch
        is_blocked = any(e == parent for e, _ in subnet.demanded)
        if not history.may_propose(epoch) or is_blocked:
            return False
        words = list(history.result(epoch).words)
        lie = chance.random() < 0.25 if lie is None else lie
        lie = lie and self.is_known(subnet, epoch)
        if lie:
            words[chance.randrange(len(words))] ^= 1 << chance.randrange(256)
        bond = max(self.preset.min_bond_rao, self._total(subnet, epoch))
        bond <<= history.epochs[epoch].strikes
        proposer = role_address("liar") if lie else chance.choice(self.coldkeys)
        settlement = self.world.settlement
        if settlement.bond_rao(subnet.netuid, epoch) != bond:
            raise Unexpected(f"I-27 the bond of epoch {epoch} is not {bond}")
        self.fund(proposer, bond, "Settlement")
        parent_id = history.parent_id(epoch)
        call = (subnet.netuid, epoch, parent_id, bond, words)
        number = int(settlement.propose(*call, sender=proposer))
        history.epoch_proposed(
            epoch, Proposal(number, parent_id or 0, proposer, bond, tuple(words), self.tick)
        )
        if lie:
            subnet.lies.add(number)
        return True

    def _total(self, subnet: Subnet, epoch: int) -> int:
        header = subnet.history.epochs[epoch].frozen.header
        return int(header.rao_emission + header.owner_rao + header.proposer_rao)

    def is_known(self, subnet: Subnet, epoch: int) -> bool:
        """Every ancestor's final trace is true, so its bonds can be shown."""
        parent = subnet.history.parent_of(epoch)
        while parent is not None and parent.state is not State.VOID:
            if parent.epoch in subnet.final_lies:
                return False
            parent = subnet.history.parent_of(parent.epoch)
        return True

    def watch(self, chance: Random) -> bool:
        """Somebody looks at an open proposal: a lie is struck, the truth withstands."""
        subnet, epoch = self._open(None, chance, live=True)
        if subnet is None or epoch is None or not self.is_known(subnet, epoch):
            return False
        self.dispute(chance, subnet)
        return True

    def dispute(self, chance: Random, subnet: Subnet | None = None) -> bool:
        """A lie is struck in one transaction; the truth withstands."""
        subnet, epoch = self._open(subnet, chance, live=True)
        if subnet is None or epoch is None or not self.is_known(subnet, epoch):
            return False
        settlement, watcher = self.world.settlement, role_address("watcher")
        seen = challenge.examine(subnet.history, epoch)
        proposal = subnet.history.epochs[epoch].live
        header = seen.frozen.header
        fault = challenge.find_fault(seen.result.words, seen.posted, header.blocks, header.seats)
        if (fault is not None) != (seen.proposal_id in subnet.lies):
            raise Unexpected(f"I-25 proposal {seen.proposal_id}: found {fault}")
        if fault is None:
            call = challenge.challenge_block(seen, chance.randrange(header.blocks))
            sums = challenge.sums(seen)
            if not self.refused(settlement.challenge_block, *call, sender=watcher):
                raise Unexpected("I-25 an honest proposer was struck for a block")
            if not self.refused(settlement.challenge_sum, *sums, sender=watcher):
                raise Unexpected("I-25 an honest proposer was struck for the sums")
            return False
        if isinstance(fault, challenge.BlockFault):
            call = challenge.challenge_block(seen, fault.block)
            settlement.challenge_block(*call, sender=watcher)
        else:
            settlement.challenge_sum(*challenge.sums(seen), sender=watcher)
        assert proposal is not None
        reward = proposal.bond_rao // 2
        self.withdrawable[watcher] += reward
        self.note_recycled(proposal.bond_rao - reward)
        self._end_dropped(subnet)
        subnet.history.proposal_ended(seen.proposal_id, struck=True)
        return True

    def _end_dropped(self, subnet: Subnet) -> None:
        for log in self.logs("Settlement", "ProposalDropped"):
            epoch = log.proposal_id >> 64 & 2**64 - 1
            live = subnet.history.epochs[epoch].live
            assert live is not None
            self.withdrawable[live.proposer] += live.bond_rao
            subnet.history.proposal_ended(log.proposal_id, struck=False)

    def prove(self, chance: Random, subnet: Subnet | None = None) -> bool:
        subnet, epoch = self._open(subnet, chance, live=True)
        if subnet is None or epoch is None or not self.is_known(subnet, epoch):
            return False
        seen = challenge.examine(subnet.history, epoch)
        if seen.proposal_id in subnet.lies:
            return False
        settlement, sender = self.world.settlement, chance.choice(self.coldkeys)
        blocks = seen.frozen.header.blocks
        settlement.prove(*challenge.prove(seen, range(blocks)), sender=sender)
        settlement.prove_sum(*challenge.sums(seen), sender=sender)
        if settlement.proven_of(seen.proposal_id) != SUMS | (1 << blocks) - 1:
            raise Unexpected("I-28 what was proven is not noted")
        return True

    def finalize(
        self, chance: Random, subnet: Subnet | None = None, wait: bool | None = None
    ) -> bool:
        subnet, epoch = self._open(subnet, chance, live=True)
        if subnet is None or epoch is None:
            return False
        settlement, record = self.world.settlement, subnet.history.epochs[epoch]
        proposal = record.live
        assert proposal is not None
        history, blocks = subnet.history, record.frozen.header.blocks
        due = proposal.block_number + record.frozen.header.window_ticks
        if chance.random() < 0.6 if wait is None else wait:
            self.warp_to(due)
        is_proven = settlement.proven_of(proposal.proposal_id) == SUMS | (1 << blocks) - 1
        is_blocked = any(e == record.parent_epoch for e, _ in subnet.demanded)
        may = (self.tick >= due or is_proven) and history.is_parent_resolved(epoch)
        call = (
            *(proposal.proposal_id, list(record.header), list(record.seats)),
            *(list(record.generations), list(proposal.trace)),
            *(list(history.base(epoch)), list(history.carried(epoch))),
        )
        sender = chance.choice(self.coldkeys)
        if not may or is_blocked:
            if not self.refused(settlement.finalize, *call, sender=sender):
                raise Unexpected(f"I-17 epoch {epoch} became final at tick {self.tick}, due {due}")
            return False
        total = self._total(subnet, epoch)
        settlement.finalize(*call, sender=sender)
        log = self.log("Settlement", "EpochFinalized")
        given = log.payouts_rao + log.owner_rao + log.proposer_rao + log.recycled_rao
        if given + log.pot_rao != total:
            raise Unexpected(f"I-19 epoch {epoch} had {total}, {given} + {log.pot_rao} left")
        self._note_final(subnet, epoch, log)
        return True

    def _note_final(self, subnet: Subnet, epoch: int, log: Any) -> None:
        history, record = subnet.history, subnet.history.epochs[epoch]
        proposal = record.live
        assert proposal is not None
        last = history.last_final
        base = history.cumulatives(last) if last is not None and history.base(epoch) else ()
        carried = history.carried_flags(epoch)
        history.epoch_finalized(epoch, proposal.proposal_id, log.cumulatives)
        gained = 0
        for uid, after in enumerate(history.cumulatives(epoch)):
            anew = record.frozen.header.replaced[uid] or (bool(carried) and carried[uid])
            before = base[uid] if base and not anew else None
            gain = after.server_rao + after.validator_rao
            gain -= before.server_rao + before.validator_rao if before else 0
            gained += gain
            generation = record.frozen.generations[uid]
            number = subnet.netuid << 64 | uid << 48 | generation
            if (
                gain
                and subnet.ids[number].tick >= subnet.begin(epoch)
                and epoch != subnet.eras[0].start_epoch
            ):
                raise Unexpected(f"I-18 epoch {epoch} pays uid {uid}, which came during it")
        if gained != log.payouts_rao:
            raise Unexpected(f"I-19 the leaves of epoch {epoch} grow by {gained}")
        self.withdrawable[proposal.proposer] += log.proposer_rao
        self.withdrawable[subnet.owner] += log.owner_rao
        self.note_recycled(log.recycled_rao)
        self._return_parent_bond(subnet, epoch)
        if subnet.netuid == ROOT_NETUID:
            self._note_shares(record, proposal)
        else:
            subnet.roots[epoch] = bytes(log.root)
        if proposal.proposal_id in subnet.lies:
            subnet.final_lies.add(epoch)

    def _note_shares(self, record: Any, proposal: Proposal) -> None:
        """The root's ranks are the shares of the emission from now on."""
        header = record.frozen.header
        trace = unpack_trace(proposal.trace, header.blocks, header.seats)
        living = unpack_incarnations(self.world.subnets.incarnations_at(2**256 - 1))
        found = shares(record.frozen, trace, living)
        if found is not None:
            self.model.shares = {n: found[n - 1] for n in self.model.shares}

    def _return_parent_bond(self, subnet: Subnet, epoch: int) -> None:
        parent = subnet.history.parent_of(epoch)
        if parent is not None and parent.state is State.FINAL and parent.live is not None:
            self._return_bond(subnet, parent.live)

    def _return_bond(self, subnet: Subnet, proposal: Proposal) -> None:
        if proposal.proposal_id not in subnet.settled_bonds:
            self.withdrawable[proposal.proposer] += proposal.bond_rao
            subnet.settled_bonds.add(proposal.proposal_id)

    def void(self, chance: Random, subnet: Subnet | None = None) -> bool:
        """Nobody made an epoch final: it is null and its emission goes back."""
        for live in (False, True):
            found, epoch = self._open(subnet, chance, live)
            if found is not None and epoch is not None:
                break
        else:
            return False
        assert found is not None
        assert epoch is not None
        record, history = found.history.epochs[epoch], found.history
        header = record.frozen.header
        settlement, call = self.world.settlement, challenge.void(record)
        sender = chance.choice(self.coldkeys)
        too_early = self.tick < header.closed_tick + 3 * header.tempo
        if too_early or not history.is_parent_resolved(epoch):
            if not self.refused(settlement.void, *call, sender=sender):
                raise Unexpected(f"I-17 epoch {epoch} was voided at tick {self.tick}")
            return False
        self._return_parent_bond(found, epoch)
        settlement.void(*call, sender=sender)
        self._end_dropped(found)
        history.epoch_voided(epoch)
        self.note_recycled(self._total(found, epoch))
        return True

    def cancel_proposal(self, chance: Random) -> bool:
        """The guardian, once per epoch, what is not proven."""
        subnet, epoch = self._open(None, chance, live=True)
        if subnet is None or epoch is None or not self.guardian:
            return False
        proposal = subnet.history.epochs[epoch].live
        assert proposal is not None
        refuse = ("settlement: already cancelled", "settlement: proven")
        done = self.attempt(
            self.world.settlement.cancel, proposal.proposal_id, sender=self.guardian, refuse=refuse
        )
        if not done:
            return False
        if epoch in subnet.cancelled:
            raise Unexpected(f"I-28 epoch {epoch} was cancelled twice")
        subnet.cancelled.add(epoch)
        self.withdrawable[proposal.proposer] += proposal.bond_rao
        self._end_dropped(subnet)
        subnet.history.proposal_ended(proposal.proposal_id, struck=False)
        return True

    def demand(self, chance: Random) -> bool:
        """Ask to see the bonds of the last final epoch."""
        subnet = self.pick(
            chance, [s for s in self.subnets.values() if s.history.last_final is not None]
        )
        if subnet is None or chance.random() < 0.5:
            return False
        epoch = subnet.history.last_final
        assert epoch is not None
        account = chance.choice(self.coldkeys)
        self.fund(account, self.preset.deposit_rao, "Settlement")
        refuse = ("settlement: not the last final", "demands: already demanded")
        call = (subnet.netuid, epoch, 0)
        if not self.attempt(self.world.settlement.demand, *call, sender=account, refuse=refuse):
            return False
        if (epoch, 0) in subnet.asked:
            raise Unexpected(f"I-28 a block of epoch {epoch} was asked for twice")
        subnet.asked.add((epoch, 0))
        window = subnet.history.epochs[epoch].frozen.header.window_ticks
        subnet.demanded[epoch, 0] = self.tick + window
        subnet.askers[epoch, 0] = account
        return True

    def end_demand(self, chance: Random) -> bool:
        subnet = self.pick(chance, [s for s in self.subnets.values() if s.demanded])
        if subnet is None:
            return False
        (epoch, block), deadline = chance.choice(sorted(subnet.demanded.items()))
        record, settlement = subnet.history.epochs[epoch], self.world.settlement
        asker, deposit = subnet.askers[epoch, block], self.preset.deposit_rao
        if chance.random() < 0.3:
            self.warp_to(deadline)
        if self.tick < deadline:
            try:
                call = challenge.answer(record, subnet.history.result(epoch).bonds, block)
            except challenge.UnknownBonds:
                return False
            answerer = chance.choice(self.coldkeys)
            settlement.answer(*call, sender=answerer)
            self.withdrawable[answerer] += deposit
        else:
            settlement.expire(subnet.netuid, epoch, block, sender=chance.choice(self.coldkeys))
            self.withdrawable[asker] += deposit
            self._take_final_bond(subnet, epoch, asker)
            self._end_dropped(subnet)
            subnet.history.block_zeroed(epoch, block)
        del subnet.demanded[epoch, block]
        return True

    def _take_final_bond(self, subnet: Subnet, epoch: int, taker: str) -> None:
        proposal = subnet.history.epochs[epoch].live
        assert proposal is not None
        if proposal.proposal_id in subnet.settled_bonds:
            return
        subnet.settled_bonds.add(proposal.proposal_id)
        self.withdrawable[taker] += proposal.bond_rao // 2
        self.note_recycled(proposal.bond_rao - proposal.bond_rao // 2)

    def release(self, chance: Random) -> bool:
        subnet = self.pick(
            chance, [s for s in self.subnets.values() if s.history.last_final is not None]
        )
        if subnet is None:
            return False
        epoch = subnet.history.last_final
        assert epoch is not None
        record = subnet.history.epochs[epoch]
        header = record.frozen.header
        refuse = ("settlement: bond is needed", "settlement: too early")
        call = (subnet.netuid, epoch)
        sender = chance.choice(self.coldkeys)
        done = self.attempt(self.world.settlement.release, *call, sender=sender, refuse=refuse)
        if not done:
            return False
        if self.tick < header.closed_tick + 3 * header.tempo:
            raise Unexpected(f"I-17 the bond of epoch {epoch} was released early")
        assert record.live is not None
        self._return_bond(subnet, record.live)
        return True

    def withdraw(self, chance: Random) -> bool:
        """Pull payments go to whom they belong, whoever calls."""
        account = self.pick(chance, sorted(a for a, held in self.withdrawable.items() if held))
        if account is None:
            return False
        before = self.world.tao.balanceOf(account)
        self.world.settlement.withdraw(account, sender=chance.choice(self.coldkeys))
        got = self.world.tao.balanceOf(account) - before
        if got != self.withdrawable[account]:
            raise Unexpected(f"I-27 {got} withdrawn, {self.withdrawable[account]} were due")
        self.withdrawable[account] = 0
        return True

    # Rewards

    def claim(self, chance: Random, subnet: Subnet | None = None, many: int = 0) -> bool:
        """Claims from a random final root, old ones too; whoever calls, the owner is paid."""
        subnet = subnet or self.pick(
            chance, [s for s in (*self.subnets.values(), *self.retired) if s.roots]
        )
        if subnet is None:
            return False
        epochs = sorted(subnet.roots)
        epoch = epochs[-1] if many or chance.random() < 0.7 else chance.choice(epochs)
        earned = self.claims_of(subnet, epoch)
        if not earned:
            return False
        claims = chance.sample(earned, min(len(earned), many or chance.randrange(1, 4)))
        forged = (*claims[0][:2], claims[0][2] + 1, *claims[0][3:])
        sender = chance.choice(self.coldkeys)
        if not self.refused(self.world.rewards.claim, subnet.netuid, forged, sender=sender):
            raise Unexpected("I-23 a claim that is not in the tree was paid")
        return self._claim(subnet, claims, sender)

    def claims_of(self, subnet: Subnet, epoch: int) -> list[Any]:
        """What everybody who has earned anything can show for a final epoch."""
        record, cumulatives = subnet.history.epochs[epoch], subnet.history.cumulatives(epoch)
        address = str(self.world.rewards.address)
        tree = PayTree(record.frozen, cumulatives, boa.env.evm.chain.chain_id, address)
        return [
            (epoch, int(number), pay.server_rao, pay.validator_rao, tree.proof(uid))
            for uid, pay in enumerate(cumulatives)
            if (number := record.frozen.registration_id(uid)) is not None
            and pay.server_rao + pay.validator_rao
        ]

    def claim_everything(self, subnet: Subnet) -> int:
        """For every registration, replaced ones too, from the last root that knows it."""
        seen: set[int] = set()
        for epoch in sorted(subnet.roots, reverse=True):
            claims = [claim for claim in self.claims_of(subnet, epoch) if claim[1] not in seen]
            self._claim(subnet, claims, self.coldkeys[0])
            seen |= {claim[1] for claim in claims}
        return len(seen)

    def _claim(self, subnet: Subnet, claims: list[Any], sender: str) -> bool:
        rewards, staking = self.world.rewards, self.world.staking
        for claim in claims:
            number = claim[1]
            before = self.claimed.get(number, (0, 0))
            server = max(0, claim[2] - before[0])
            validator = max(0, claim[3] - before[1])
            hotkey = self.hotkey(self.registered(subnet, number).name)
            owner = str(staking.owner_of(hotkey))
            had_shares = staking.pool_of(hotkey).shares > 0
            held = int(self.world.tao.balanceOf(owner))
            assets = {one: int(staking.stake_of(one)) for one in self.pools}
            if len(claims) == 1:
                rewards.claim(subnet.netuid, claim, sender=sender)
            else:
                rewards.claim_many(subnet.netuid, [claim], sender=sender)
            paid = int(self.world.tao.balanceOf(owner)) - held
            least = server + (0 if had_shares or self.has_loans else validator)
            if paid < least or (paid > least and not self.has_loans):
                raise Unexpected(f"I-22 registration {number:#x} was paid {paid}, not {server}")
            self.claimed[number] = (before[0] + server, before[1] + validator)
            for one, before_rao in assets.items():
                self.dividends[one] += int(staking.stake_of(one)) - before_rao
            for one in self.pools:
                # an owner's take buys shares
                self.pools[one].add(str(staking.owner_of(one)))
                self.worths.pop((one, str(staking.owner_of(one))), None)
        return True

    def registered(self, subnet: Subnet, number: int) -> Any:
        for one in (subnet, *self.retired, *self.subnets.values()):
            if number in one.ids:
                return one.ids[number]
        raise AssertionError(f"nobody registered as {number:#x}")

    # all of it in order

    def vote(self, chance: Random) -> bool:
        """Commit, wait for the boundary, reveal."""
        subnet = self.pick(chance, self.running())
        epoch = subnet.epoch_at(self.tick) if subnet else None
        if subnet is None or epoch is None or not self.commit(chance, subnet, share=0.9):
            return False
        self.warp_to(subnet.end(epoch))
        return self.reveal(chance, subnet)

    def settle(self, chance: Random, subnet: Subnet | None = None) -> bool:
        """One epoch as it should go: commit, reveal, close, propose, finalize."""
        subnet = subnet or self.pick(chance, self.running())
        epoch = subnet.epoch_at(self.tick) if subnet else None
        if subnet is None or epoch is None:
            return False
        self.commit(chance, subnet, share=1.0)
        self.warp_to(subnet.end(epoch))
        self.reveal(chance, subnet)
        self.warp_to(subnet.closable(epoch)[0])
        if not self.close(chance, subnet):
            return False
        while self.propose(chance, subnet, lie=False):
            if not self.finalize(chance, subnet, wait=True):
                return False
        return True
