# SPDX-License-Identifier: Apache-2.0
"""What holds after every step, one function each, named as in docs/invariants.md.

`QUICK` is checked after every step, `DEEP` (many views) now and then and at the end. An invariant
that speaks about one call, such as I-14 or I-35, is checked where the call is made: there
`Unexpected` carries its name. A message always begins with the name.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

import boa

from offchain.protocol.hyperparameters import HYPERPARAMETERS
from offchain.protocol.identifiers import generation_in_life, life_of
from offchain.settlement.history import State
from tests.contracts.economy.epochs import STATES
from tests.contracts.economy.network import Network

CAP_RAO = 21_000_000 * 10**9
VIRTUAL_SHARES = 10**6
NOT_FOUND = 2**256 - 1
NO_IDENTITY = ("",) * 7

Check = Callable[[Network], None]


def i_01_supply_is_the_sum_of_balances(n: Network) -> None:
    held = sum(int(n.world.tao.balanceOf(account)) for account in n.accounts)
    supply = int(n.world.tao.totalSupply())
    assert held == supply, f"I-01 balances add up to {held}, supply is {supply}"


def i_02_issuance_follows_the_schedule(n: Network) -> None:
    emission = n.world.emission
    issuance = int(emission.issuance_rao())
    assert issuance == n.model.issuance, f"I-02 issuance {issuance}, schedule {n.model.issuance}"
    assert issuance <= CAP_RAO, f"I-02 issuance {issuance} is above the cap"
    accrued = int(emission.accrued_rao())
    assert accrued == n.model.accrued, f"I-02 accrued {accrued}, schedule {n.model.accrued}"
    assert emission.minted_rao() == n.minted, "I-02 minted is not what was drained"
    pending = sum(int(emission.pending_q96(netuid)) for netuid in (0, *n.model.shares))
    rest = int(emission.remainder_q96())
    parts = (n.minted + n.withheld << 96) + pending + rest
    assert accrued << 96 == parts, "I-02 accrued is not minted + withheld + pending"


def i_03_supply_is_minted_less_burned(n: Network) -> None:
    supply, expected = int(n.world.tao.totalSupply()), n.genesis + n.minted + n.bonus - n.burned
    assert supply == expected, f"I-03 supply {supply}, genesis + minted - burned {expected}"
    assert 2 * n.bonus <= n.world.emission.burned_rao(), "I-03 more than half of the fees came back"


def i_04_nobody_had_power_who_should_not(n: Network) -> None:
    assert not n.trespasses, f"I-04 a stranger succeeded: {n.trespasses}"


def i_04_coldkeys_are_what_they_say(n: Network) -> None:
    keys = n.world.keys
    for coldkey in n.people:
        shown, said = tuple(keys.identity_of(coldkey)), n.identities.get(coldkey, NO_IDENTITY)
        assert shown == said, f"I-04 {coldkey} did not say what is shown of it"
        assert keys.name_of(coldkey) == said[0], f"I-04 {coldkey} has another's name"


def i_05_staking_holds_what_it_owes(n: Network) -> None:
    staking = n.world.staking
    unbonding = sum(amount for _, _, amount, _ in n.unbondings.values())
    assert staking.total_unbonding_rao() == unbonding, "I-05 unbonding amounts do not add up"
    owed = int(staking.total_stake_rao()) + unbonding + n.donations["Staking"]
    held = int(n.world.tao.balanceOf(staking))
    assert held == owed, f"I-05 staking holds {held}, owes {owed}"


def i_06_pools_add_up(n: Network) -> None:
    staking = n.world.staking
    assets = sum(int(staking.pool_of(hotkey).assets_rao) for hotkey in n.pools)
    total = int(staking.total_stake_rao())
    assert assets == total, f"I-06 pools hold {assets}, the total is {total}"


def i_07_shares_are_the_sum_of_members(n: Network) -> None:
    for hotkey, members in n.pools.items():
        pool = n.world.staking.pool_of(hotkey)
        held = sum(int(n.world.staking.shares_of(hotkey, member)) for member in members)
        assert held == pool.shares, f"I-07 shares of {hotkey} do not add up"


def i_08_members_are_shown_what_there_is(n: Network) -> None:
    for hotkey, members in n.pools.items():
        pool = n.world.staking.pool_of(hotkey)
        vested = int(pool.assets_rao) - int(pool.unvested_rao)
        gap = vested - sum(int(n.world.staking.value_of(hotkey, member)) for member in members)
        virtual = VIRTUAL_SHARES * (vested + 1) // (int(pool.shares) + VIRTUAL_SHARES) + 1
        if pool.shares:
            assert 0 <= gap <= len(members) + 1 + virtual, f"I-08 {gap} rao are nobody's"


def i_09_no_price_falls(n: Network) -> None:
    for hotkey in n.pools:
        pool = n.world.staking.pool_of(hotkey)
        vested = int(pool.assets_rao) - int(pool.unvested_rao)
        price = (vested + 1, int(pool.shares) + VIRTUAL_SHARES)
        last = n.prices.pop(hotkey, None)
        if not pool.shares:
            continue
        fell = last is not None and price[0] * last[1] < last[0] * price[1]
        assert not fell, f"I-09 the price of {hotkey} fell"
        n.prices[hotkey] = price


def i_10_nobody_gains_but_by_dividends(n: Network) -> None:
    for hotkey, members in n.pools.items():
        gains = 0
        for member in members:
            purse = n.purses[hotkey, member]
            worth = int(n.world.staking.value_of(hotkey, member))
            gain = purse.taken_out + worth - purse.paid_in
            gains += gain
            most = n.dividends[hotkey] + n.gifts[hotkey, member]
            assert gain <= most, f"I-10 {member} gained {gain} from a pool that earned {most}"
        most = n.dividends[hotkey] + sum(n.gifts[hotkey, member] for member in members)
        assert gains <= most, f"I-10 members of {hotkey} gained {gains}"


def i_11_nobody_is_slashed(n: Network) -> None:
    for hotkey, members in n.pools.items():
        for member in members:
            held = int(n.world.staking.shares_of(hotkey, member))
            worth = int(n.world.staking.value_of(hotkey, member))
            before = n.worths.get((hotkey, member))
            lost = before is not None and before[0] == held and worth < before[1]
            assert not lost, f"I-11 {member} lost stake it did not move"
            n.worths[hotkey, member] = (held, worth)


def i_12_everybody_can_leave(n: Network) -> None:
    """In a copy of the world: unbond everything, wait, be paid what was shown."""
    staking, tao = n.world.staking, n.world.tao
    with boa.env.anchor():
        due: dict[str, int] = defaultdict(int)
        numbers = []
        for hotkey, members in sorted(n.pools.items()):
            for member in sorted(members):
                shares = int(staking.shares_of(hotkey, member))
                if shares == 0:
                    continue
                due[member] += int(staking.value_of(hotkey, member))
                try:
                    numbers.append((member, staking.unbond(hotkey, shares, sender=member)))
                except boa.BoaError as error:
                    raise AssertionError(f"I-12 {member} cannot unbond: {error}") from error
        numbers += [(member, number) for number, (_, member, _, _) in n.unbondings.items()]
        for _, member, amount, _ in n.unbondings.values():
            due[member] += amount
        before = {member: int(tao.balanceOf(member)) for member in due}
        boa.env.timestamp += n.preset.unbonding_ticks * n.preset.tick_seconds
        for member, number in numbers:
            try:
                staking.remove_stake(number, sender=member)
            except boa.BoaError as error:
                raise AssertionError(f"I-12 {member} cannot remove {number}: {error}") from error
        for member, amount in due.items():
            got = int(tao.balanceOf(member)) - before[member]
            assert got == amount, f"I-12 {member} was shown {amount} and got {got}"


def i_13_uids_and_hotkeys_are_one_to_one(n: Network) -> None:
    neurons = n.world.neurons
    for subnet in n.subnets.values():
        if subnet.netuid == 0:
            continue  # its members have no uid
        count = int(neurons.uid_count(subnet.netuid))
        assert count == len(subnet.latest) <= subnet.max_uids, f"I-13 {count} uids are taken"
        if not subnet.is_started:
            continue
        epoch = subnet.next_epoch(n.tick)
        seen = set()
        for uid, number in subnet.latest.items():
            name = subnet.ids[number].name
            hotkey, netuid = n.hotkey(name), subnet.netuid
            assert number & 2**48 - 1 >= 1, f"I-13 uid {uid} has no generation"
            assert neurons.registration_at(netuid, uid, epoch) == number, f"I-13 uid {uid}"
            assert neurons.hotkey_of(number) == hotkey, f"I-13 uid {uid} is another's"
            assert neurons.uid_of(netuid, hotkey, epoch) == uid, f"I-13 {name} has another uid"
            seen.add(name)
        assert len(seen) == len(subnet.latest), "I-13 a hotkey holds two uids"


def i_15_burns_are_recycled(n: Network) -> None:
    recycled = int(n.world.emission.recycled_rao())
    assert recycled == n.recycled, f"I-15 {recycled} rao were recycled, {n.recycled} were given"
    held = int(n.world.tao.balanceOf(n.world.neurons))
    assert held == n.donations["Neurons"], f"I-15 Neurons kept {held} rao of burns"


def i_16_a_seat_has_one_commit(n: Network) -> None:
    weights = n.world.weights
    for subnet in n.subnets.values():
        # Weights answers for the last two epochs with reveals
        newest = max((epoch for epoch, _ in subnet.commits), default=0)
        for epoch, seat in sorted(subnet.commits):
            if epoch < newest - 1:
                continue
            commit = subnet.commits[epoch, seat]
            live = bytes(weights.commit_of(subnet.netuid, epoch, seat))
            expected = bytes(32) if commit.is_revealed else n.hash_of(subnet, epoch, commit)
            assert live == expected, f"I-16 seat {seat} of epoch {epoch} holds another commit"
            row = weights.row_of(subnet.netuid, epoch, seat)
            assert row.revealed == commit.is_revealed, f"I-16 seat {seat} of epoch {epoch}"


def i_20_final_is_final(n: Network) -> None:
    settlement, rewards = n.world.settlement, n.world.rewards
    for subnet in (*n.subnets.values(), *n.retired):
        for epoch, record in sorted(subnet.history.epochs.items())[-6:]:
            stored = settlement.epoch_of(subnet.netuid, epoch)
            assert stored.state == STATES[record.state], f"I-20 epoch {epoch} is {stored.state}"
            if record.state is State.CLOSED:
                assert stored.is_live == (record.live is not None), f"I-28 epoch {epoch}"
            assert stored.strikes == record.strikes, f"I-28 strikes of epoch {epoch}"
        for epoch, root in sorted(subnet.roots.items())[-6:]:
            kept = bytes(rewards.root_of(subnet.netuid, epoch))
            assert kept == root, f"I-20 the root of epoch {epoch} changed"


def i_21_i_22_i_24_rewards_pays_what_it_received(n: Network) -> None:
    rewards = n.world.rewards
    taken: dict[int, int] = {}
    for number, claimed in n.claimed.items():
        life = life_of(number >> 64, generation_in_life(number & 2**48 - 1)[0])
        taken[life] = taken.get(life, 0) + sum(claimed)
    left = 0
    for life in n.lives():
        received, paid = int(rewards.received_rao(life)), int(rewards.paid_rao(life))
        assert paid <= received, f"I-21 life {life:#x} paid {paid} of {received}"
        left += received - paid
        claims = taken.pop(life, 0)
        assert claims == paid, f"I-21 life {life:#x} paid {paid}, claims took {claims}"
    assert not taken, f"I-21 claims of lives that never were: {taken}"
    held = int(n.world.tao.balanceOf(rewards))
    assert held == left + n.donations["Rewards"], f"I-24 rewards holds {held}, owes {left}"
    for number, claimed in n.claimed.items():
        word = int(rewards.claimed_of(number))
        assert (word >> 128, word & 2**128 - 1) == claimed, f"I-22 claims of {number:#x}"


def i_27_settlement_holds_what_it_owes(n: Network) -> None:
    """And every account may withdraw what is its own."""
    settlement = n.world.settlement
    for account, amount in n.withdrawable.items():
        assert settlement.withdrawable_rao(account) == amount, f"I-27 {account} is due {amount}"
    held, owed = int(n.world.tao.balanceOf(settlement)), settlement_owes(n)
    assert held == owed, f"I-27 settlement holds {held}, owes {owed}"


def settlement_owes(n: Network) -> int:
    """Pots, open epochs, locked bonds, deposits, what can be withdrawn; rao."""
    settlement = n.world.settlement
    owed = sum(n.withdrawable.values()) + n.donations["Settlement"]
    for subnet in (*n.subnets.values(), *n.retired):
        owed += n.preset.deposit_rao * len(subnet.demanded)
        for record in subnet.history.epochs.values():
            header = record.frozen.header
            if record.state is State.CLOSED:
                owed += header.rao_emission + header.owner_rao + header.proposer_rao
            if record.live is not None and record.live.proposal_id not in subnet.settled_bonds:
                owed += record.live.bond_rao
    netuids = {s.netuid for s in (*n.subnets.values(), *n.retired)}
    return owed + sum(int(settlement.pot_rao(netuid)) for netuid in netuids)


def i_29_locks_are_covered(n: Network) -> None:
    """What nobody has settled yet is bounded; what owners locked is there."""
    locks = sum(subnet.lock_rao for subnet in n.subnets.values())
    held = int(n.world.tao.balanceOf(n.world.subnets))
    assert held == locks + n.donations["Subnets"], f"I-29 locks of {locks}, held {held}"


def i_33_parameters_keep_bounds_and_delays(n: Network) -> None:
    subnets = n.world.subnets
    for subnet in n.subnets.values():
        if not subnet.is_started:
            continue
        epoch = subnet.epoch_at(n.tick) if subnet.epoch_at(n.tick) is not None else None
        first = subnet.next_epoch(n.tick) if epoch is None else epoch
        for at in (first, first + 1):
            for row in HYPERPARAMETERS:
                value = int(subnets.parameter_at(subnet.netuid, row.id, at))
                expected = n.parameter_of(subnet, row.id, at)  # type: ignore[attr-defined]
                assert value == expected, f"I-33 {row.name} is {value} in epoch {at}: {expected}"
                assert row.least <= value <= row.most, f"I-33 {row.name} = {value}"
            window = subnets.window_of(subnet.netuid, at)
            era = subnet.era_of(at)
            shape = (subnet.begin(at), era.tempo, era.reveal_ticks, era.window_ticks)
            got = (window.start_tick, window.tempo, window.reveal_ticks, window.window_ticks)
            assert got == shape, f"I-33 epoch {at} is {got}, announced was {shape}"


def i_34_nothing_unannounced_was_executed(n: Network) -> None:
    timelock = n.world.timelock
    for ready_at, executed_at in n.executions:
        assert executed_at >= ready_at, "I-34 an operation was executed early"
    for number, (_, _, _, state) in n.operations.items():
        is_done = bool(timelock.is_operation_done(number))
        assert is_done == (state == "is done"), f"I-34 operation {number.hex()} {state}"
    if n.guardian:
        assert n.world.settlement.guardian() == n.guardian, "I-34 another guardian"


QUICK: tuple[Check, ...] = (
    i_01_supply_is_the_sum_of_balances,
    i_02_issuance_follows_the_schedule,
    i_03_supply_is_minted_less_burned,
    i_04_nobody_had_power_who_should_not,
    i_05_staking_holds_what_it_owes,
    i_06_pools_add_up,
    i_15_burns_are_recycled,
    i_27_settlement_holds_what_it_owes,
    i_29_locks_are_covered,
)
DEEP: tuple[Check, ...] = (
    i_04_coldkeys_are_what_they_say,
    i_07_shares_are_the_sum_of_members,
    i_08_members_are_shown_what_there_is,
    i_09_no_price_falls,
    i_10_nobody_gains_but_by_dividends,
    i_11_nobody_is_slashed,
    i_12_everybody_can_leave,
    i_13_uids_and_hotkeys_are_one_to_one,
    i_16_a_seat_has_one_commit,
    i_20_final_is_final,
    i_21_i_22_i_24_rewards_pays_what_it_received,
    i_33_parameters_keep_bounds_and_delays,
    i_34_nothing_unannounced_was_executed,
)


def named(name: str) -> tuple[Check, ...]:
    """The functions that hold an invariant, by its name."""
    part = name.lower().replace("-", "_")
    return tuple(one for one in (*QUICK, *DEEP) if part in one.__name__)


def check(network: Network, *, deep: bool = True) -> None:
    """Raise `AssertionError`, with the invariant's name first, if one does not hold."""
    for one in (*QUICK, *(DEEP if deep else ())):
        one(network)
