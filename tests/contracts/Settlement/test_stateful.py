# SPDX-License-Identifier: Apache-2.0
"""The whole state machine of settlement, driven at random: honest and corrupt proposals, strikes,
proofs, voids, cancels, demands, withdrawals, time.

`make fuzz` runs it long (hypothesis profile `nightly`).
"""

from __future__ import annotations

from random import Random
from typing import ClassVar

import boa
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from offchain.settlement import challenge
from offchain.settlement.history import State
from tests.contracts.deployment import role_address, seeded
from tests.contracts.Settlement.worlds import DEPOSIT, NETUID, T, W, open_stage, random_content

MAX_UIDS, SEATS = 32, 3
ACCOUNTS = ("honest", "liar", "challenger", "demander", "answerer", "owner", "proposer")


class SettlementMachine(RuleBasedStateMachine):
    """Model: off-chain `History`, plus which posted traces are lies and which demands are open."""

    patched: ClassVar[dict[str, object]] = {}

    @initialize(seed=st.integers(0, 2**32))
    def deploy(self, seed):
        self._anchor = boa.env.anchor()
        self._anchor.__enter__()
        self.random = Random(seed)
        self.stage = open_stage(MAX_UIDS, **self.patched)
        self.stage.settlement.set_guardian(
            role_address("guardian"), sender=role_address("Timelock")
        )
        self.generations = [1] * MAX_UIDS
        self.lies: set[int] = set()
        self.final_lies: set[int] = set()
        self.demanded: dict[tuple[int, int], int] = {}
        self.next_epoch = 0
        self.paid_in = self.paid_out = 0

    def teardown(self):
        if hasattr(self, "_anchor"):
            self._anchor.__exit__(None, None, None)

    # what there is to do

    @property
    def history(self):
        return self.stage.history

    def epochs(self, *, live=None, state=State.CLOSED):
        return [
            epoch
            for epoch, record in sorted(self.history.epochs.items())
            if record.state is state and (live is None or bool(record.live) == live)
        ]

    def proposable(self):
        return [
            e
            for e in self.epochs(live=False)
            if self.history.may_propose(e) and not self._demanded_parent(e)
        ]

    def _demanded_parent(self, epoch):
        parent = self.history.epochs[epoch].parent_epoch
        return any(e == parent for e, _ in self.demanded)

    def _is_known(self, epoch):
        """Every ancestor's final trace is true, so its bonds can be shown."""
        parent = self.history.parent_of(epoch)
        while parent is not None and parent.state is not State.VOID:
            if parent.epoch in self.final_lies:
                return False
            parent = self.history.parent_of(parent.epoch)
        return True

    # rules

    @rule(skipped=st.integers(0, 1), renewed=st.sets(st.integers(0, MAX_UIDS - 1), max_size=2))
    def close(self, skipped, renewed):
        epoch = self.next_epoch + skipped
        while self.stage.tick >= self.stage.closable_from(epoch) + T:
            epoch += 1
        for uid in renewed:
            self.generations[uid] += 1
        content = random_content(
            self.random,
            epoch,
            MAX_UIDS,
            SEATS,
            replaced=tuple(renewed),
            generations=tuple(self.generations),
        )
        self.stage.close(epoch, content)
        self.paid_in += self.stage.drained[epoch]
        self.next_epoch = epoch + 1

    @precondition(lambda self: self.proposable())
    @rule(is_lie=st.booleans(), word=st.integers(0, 2**32))
    def propose(self, is_lie, word):
        epoch = self.random.choice(self.proposable())
        words = list(self.stage.result(epoch).words)
        is_lie = is_lie and self._is_known(epoch)
        if is_lie:
            words[word % len(words)] ^= 1 << self.random.randrange(256)
        bond = self.stage.settlement.bond_rao(NETUID, epoch)
        proposal_id = self.stage.propose(epoch, words, proposer="liar" if is_lie else "honest")
        self.paid_in += bond
        if is_lie:
            self.lies.add(proposal_id)

    @precondition(lambda self: self.epochs(live=True))
    @rule()
    def dispute(self):
        """A lie is struck by what the twin chooses; the truth by nothing."""
        epoch = self.random.choice(self.epochs(live=True))
        if not self._is_known(epoch):
            return
        number = self.history.epochs[epoch].live.proposal_id
        if number in self.lies:
            assert self.stage.strike(epoch).proposal_id == number
        else:
            with boa.reverts("settlement: block is right"):
                self.stage.challenge_block(epoch, self.random.randrange(MAX_UIDS // 16))
            with boa.reverts("settlement: sums are right"):
                self.stage.challenge_sum(epoch)

    @precondition(lambda self: self.epochs(live=True))
    @rule(blocks=st.sets(st.integers(0, MAX_UIDS // 16 - 1)), sums=st.booleans())
    def prove(self, blocks, sums):
        epoch = self.random.choice(self.epochs(live=True))
        number = self.history.epochs[epoch].live.proposal_id
        if number not in self.lies and self._is_known(epoch):
            before = self.stage.settlement.proven_of(number)
            self.stage.prove(epoch, sorted(blocks), sums=sums)
            after = self.stage.settlement.proven_of(number)
            assert after == before | sum(1 << b for b in blocks) | sums << 255

    @precondition(lambda self: self.epochs(live=True))
    @rule(wait=st.booleans())
    def finalize(self, wait):
        epoch = self.epochs(live=True)[0]
        record = self.history.epochs[epoch]
        number = record.live.proposal_id
        proven = self.stage.settlement.proven_of(number) == (1 << 255) + 3
        due = self.stage.settlement.proposal_of(number).tick + W
        if wait:
            self.stage.warp_to(max(self.stage.tick, due))
        is_due = (self.stage.tick >= due or proven) and self.history.is_parent_resolved(epoch)
        if not is_due or self._demanded_parent(epoch):
            with boa.reverts():
                self.stage.settlement.finalize(*self.stage.finalize_arguments(epoch))
            return
        pot = self.stage.settlement.pot_rao(NETUID)
        log = self.stage.finalize(epoch, wait=False)
        total = self.stage.settlement.epoch_of(NETUID, epoch).total_rao
        given = log.payouts_rao + log.owner_rao + log.proposer_rao + log.recycled_rao
        assert given + log.pot_rao == total
        assert self.stage.settlement.pot_rao(NETUID) == pot + log.pot_rao
        self.paid_out += log.payouts_rao
        assert not (proven and number in self.lies)
        if number in self.lies:
            self.final_lies.add(epoch)

    @precondition(lambda self: self.epochs())
    @rule()
    def void(self):
        epoch = self.epochs()[0]
        closed = self.stage.settlement.epoch_of(NETUID, epoch).closed_tick
        if self.stage.tick < closed + 3 * T or not self.history.is_parent_resolved(epoch):
            with boa.reverts():
                self.stage.void(epoch)
        else:
            self.stage.void(epoch)

    @precondition(lambda self: self.epochs(live=True))
    @rule()
    def cancel(self):
        epoch = self.random.choice(self.epochs(live=True))
        number = self.history.epochs[epoch].live.proposal_id
        record = self.stage.settlement.epoch_of(NETUID, epoch)
        proven = self.stage.settlement.proven_of(number) == (1 << 255) + 3
        guardian = role_address("guardian")
        if record.is_cancelled or proven:
            with boa.reverts():
                self.stage.settlement.cancel(number, sender=guardian)
            return
        self.stage.settlement.cancel(number, sender=guardian)
        self.stage._end_dropped()
        self.history.proposal_ended(number, struck=False)

    @precondition(lambda self: self.epochs(state=State.FINAL))
    @rule(block=st.integers(0, MAX_UIDS // 16 - 1))
    def demand(self, block):
        epoch = self.epochs(state=State.FINAL)[-1]
        account = self.stage.fund("demander", DEPOSIT)
        child = self.stage.settlement.epoch_of(NETUID, epoch).child
        is_last = not child or self.history.epochs[child - 1].state is State.CLOSED
        try:
            self.stage.settlement.demand(NETUID, epoch, block, sender=account)
        except boa.BoaError:
            asked = (epoch, block) in self.demanded or block in self._asked(epoch)
            assert asked or not is_last
            self.stage.tao.transfer(role_address("burnt"), DEPOSIT, sender=account)
            return
        assert is_last
        self.demanded[epoch, block] = self.stage.tick + W
        self._asked(epoch).add(block)
        self.paid_in += DEPOSIT

    def _asked(self, epoch):
        self.asked = getattr(self, "asked", {})
        return self.asked.setdefault(epoch, set())

    @precondition(lambda self: self.demanded)
    @rule(wait=st.booleans())
    def end_demand(self, wait):
        (epoch, block), deadline = self.random.choice(sorted(self.demanded.items()))
        if wait:
            self.stage.warp_to(max(self.stage.tick, deadline))
        if self.stage.tick >= deadline:
            self.stage.settlement.expire(NETUID, epoch, block)
            self.stage._end_dropped()
            self.history.block_zeroed(epoch, block)
        else:
            record = self.history.epochs[epoch]
            try:
                arguments = challenge.answer(record, self.stage.result(epoch).bonds, block)
            except challenge.UnknownBonds:
                return
            self.stage.settlement.answer(*arguments, sender=role_address("answerer"))
        del self.demanded[epoch, block]

    @precondition(lambda self: self.epochs(state=State.FINAL))
    @rule()
    def release(self):
        epoch = self.epochs(state=State.FINAL)[-1]
        record = self.stage.settlement.epoch_of(NETUID, epoch)
        is_late = self.stage.tick >= record.closed_tick + 3 * T
        if is_late and not record.child and not any(e == epoch for e, _ in self.demanded):
            self.stage.settlement.release(NETUID, epoch)
        else:
            with boa.reverts():
                self.stage.settlement.release(NETUID, epoch)

    @rule(account=st.sampled_from(ACCOUNTS))
    def withdraw(self, account):
        amount = self.stage.withdrawable(account)
        before = self.stage.tao.balanceOf(role_address(account))
        if not amount:
            with boa.reverts("settlement: nothing to withdraw"):
                self.stage.settlement.withdraw(role_address(account))
            return
        self.stage.settlement.withdraw(role_address(account))
        assert self.stage.tao.balanceOf(role_address(account)) == before + amount
        self.paid_out += amount

    @rule(ticks=st.integers(1, T))
    def wait(self, ticks):
        self.stage.warp_to(self.stage.tick + ticks)

    # invariants

    @invariant()
    def every_rao_is_somewhere(self):
        """Balance == pot + open emission + bonds + deposits + withdrawable; in == out + balance."""
        settlement = self.stage.settlement
        held = settlement.pot_rao(NETUID) + DEPOSIT * len(self.demanded)
        held += sum(self.stage.withdrawable(account) for account in ACCOUNTS)
        for epoch in self.history.epochs:
            record = settlement.epoch_of(NETUID, epoch)
            held += record.total_rao if record.state == 1 else 0
            for attempt in range(1, record.attempts + 1):
                number = NETUID << 128 | epoch << 64 | attempt
                held += settlement.proposal_of(number).bond_rao
        balance = self.stage.tao.balanceOf(settlement)
        assert balance == held
        assert self.paid_in == self.paid_out + balance + self.stage.near.recycled_rao()

    @invariant()
    def chain_and_history_agree(self):
        numbers = {State.CLOSED: 1, State.FINAL: 2, State.VOID: 3}
        for epoch, record in self.history.epochs.items():
            stored = self.stage.settlement.epoch_of(NETUID, epoch)
            assert stored.state == numbers[record.state]
            if record.state is State.CLOSED:
                assert stored.is_live == (record.live is not None)
            assert stored.strikes == record.strikes

    @invariant()
    def at_most_two_unfinal_epochs_in_a_row_are_proposed(self):
        for epoch in self.epochs(live=True):
            parent = self.history.parent_of(epoch)
            if parent is not None and parent.state is State.CLOSED:
                assert parent.live is not None
                assert self.history.is_parent_resolved(parent.epoch)


def scaled(examples, steps):
    """Short by default, ten times as long in the profile `nightly`."""
    factor = 10 if settings.default.max_examples > 100 else 1
    return settings(
        max_examples=examples * factor, stateful_step_count=steps, deadline=None, print_blob=True
    )


@pytest.mark.fuzz
@pytest.mark.timeout(1_800)
def test_settlement__driven_at_random__keeps_its_invariants():
    run_state_machine_as_test(SettlementMachine, settings=scaled(8, 30))


DOUBLE_PAY = (
    "modules/bonds_ledger.vy",
    "        emptied.bond_rao = 0\n",
    "        emptied.bond_rao = proposal.bond_rao\n",
)


@pytest.mark.soundness
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_seeded_bug__a_returned_bond_is_not_cleared__an_invariant_breaks():
    machine = type("Seeded", (SettlementMachine,), {})
    machine.patched = {"Settlement": seeded("Settlement", DOUBLE_PAY)}
    with pytest.raises(AssertionError):
        run_state_machine_as_test(machine, settings=settings(scaled(20, 30), database=None))
