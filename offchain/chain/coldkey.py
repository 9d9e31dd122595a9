# SPDX-License-Identifier: Apache-2.0
"""What a coldkey does: it owns the money, subnets and registrations.

Every verb checks what it can before it sends anything, so that a refusal leaves nothing behind but,
at worst, an allowance to one of our own contracts, which only pulls what this key tells it to.
"""

from __future__ import annotations

from collections.abc import Mapping

from offchain.chain.contract import Call, Contract
from offchain.chain.errors import InsufficientFunds, NotRegistered
from offchain.chain.keys import (
    ChildrenSet,
    ChildTakeSet,
    ColdkeySwapAnnounced,
    HotkeySwapPaid,
    Identity,
)
from offchain.chain.network import Network
from offchain.chain.neurons import NeuronRegistered
from offchain.chain.stakes import lives_of, own_hotkey
from offchain.chain.staking import (
    ColdkeySwapped,
    StakeAdded,
    StakeMoved,
    StakeRemoved,
    StakeTransferred,
    TakeSet,
    UnbondingCancelled,
    UnbondingStarted,
)
from offchain.chain.subnets import (
    OwnerChanged,
    OwnerHotkeySet,
    SubnetCreated,
    SubnetStarted,
)
from offchain.chain.transactions import Receipt, Sender
from offchain.keys.consent import sign_owning, sign_place, sign_registration
from offchain.keys.signer import Signer
from offchain.protocol.errors import ConfigError
from offchain.protocol.identifiers import RAO_PER_TAO

ZERO = "0x" + "00" * 20


class Coldkey:
    """One coldkey on one network."""

    def __init__(self, network: Network, sender: Sender) -> None:
        self.network = network
        self.sender = sender

    @property
    def address(self) -> str:
        return self.sender.address

    def balance_rao(self) -> int:
        return self.network.tao.balance_of(self.address)

    def transfer(self, receiver: str, amount_rao: int) -> Receipt:
        self.check_balance(amount_rao, "transfer tokens")
        return self.sender.send(self.network.tao.transfer(receiver, amount_rao))

    def register(self, netuid: int, hotkey: Signer, max_burn_rao: int) -> NeuronRegistered:
        """Register a hotkey, which consents with its own key; serves from the next boundary.

        Raises `ConfigError` above `max_burn_rao`, `InsufficientFunds` or `Reverted`.
        """
        neurons = self.network.neurons
        price = neurons.burn_rao(netuid)
        if price > max_burn_rao:
            raise ConfigError(
                f"registering in subnet {netuid} costs {tao(price)} TAO now, more than the maximum "
                f"of {tao(max_burn_rao)}",
                next_step="Raise --max-burn, or wait: the price falls with time.",
            )
        nonce = neurons.nonce_of(hotkey.address)
        consent = sign_registration(hotkey, neurons.domain_separator(), netuid, self.address, nonce)
        call = neurons.register(netuid, hotkey.address, max_burn_rao, consent)
        receipt = self.pay(neurons, price, call, spare_rao=min(max_burn_rao, 2 * price) - price)
        return neurons.events(NeuronRegistered, receipt.logs)[0]

    def create_subnet(
        self, owner_hotkey: Signer, max_uids: int, max_validators: int, max_cost_rao: int
    ) -> SubnetCreated:
        """Buy a subnet with a consent that the owner's hotkey signs.

        Raises `ConfigError` when it costs more than `max_cost_rao`.
        """
        subnets = self.network.subnets
        price = subnets.cost_rao()
        if price > max_cost_rao:
            raise ConfigError(
                f"a subnet costs {tao(price)} TAO now, more than the maximum of "
                f"{tao(max_cost_rao)}",
                next_step="Raise --max-cost, or wait: the price falls with time.",
            )
        consent = self._owning(owner_hotkey)
        call = subnets.create(owner_hotkey.address, max_uids, max_validators, max_cost_rao, consent)
        receipt = self.pay(subnets, price, call)
        return subnets.events(SubnetCreated, receipt.logs)[0]

    def start_subnet(self, netuid: int, start_tick: int) -> SubnetStarted:
        receipt = self.sender.send(self.network.subnets.start(netuid, start_tick))
        return self.network.subnets.events(SubnetStarted, receipt.logs)[0]

    def set_identity(self, netuid: int, name: str, url: str) -> Receipt:
        return self.sender.send(self.network.subnets.set_identity(netuid, name, url))

    def offer_subnet(self, netuid: int, owner: str) -> Receipt:
        """Offer a subnet to another coldkey; the zero address takes the offer back."""
        return self.sender.send(self.network.subnets.offer_owner(netuid, owner))

    def accept_subnet(self, netuid: int) -> OwnerChanged:
        receipt = self.sender.send(self.network.subnets.accept_owner(netuid))
        return self.network.subnets.events(OwnerChanged, receipt.logs)[0]

    def set_owner_hotkey(self, netuid: int, owner_hotkey: Signer) -> OwnerHotkeySet:
        """Name another owner's hotkey, which signs its consent."""
        subnets = self.network.subnets
        consent = self._owning(owner_hotkey)
        receipt = self.sender.send(subnets.set_owner_hotkey(netuid, owner_hotkey.address, consent))
        return subnets.events(OwnerHotkeySet, receipt.logs)[0]

    def _owning(self, owner_hotkey: Signer) -> bytes:
        subnets = self.network.subnets
        nonce = subnets.nonce_of(owner_hotkey.address)
        return sign_owning(owner_hotkey, subnets.domain_separator(), self.address, nonce)

    def set_parameter(self, netuid: int, name: str, value: int) -> Receipt:
        return self.sender.send(self.network.subnets.set_parameter(netuid, name, value))

    def set_schedule(
        self, netuid: int, tempo: int, reveal_ticks: int, window_ticks: int
    ) -> Receipt:
        call = self.network.subnets.set_schedule(netuid, tempo, reveal_ticks, window_ticks)
        return self.sender.send(call)

    def add_stake(self, hotkey: str, amount_rao: int) -> StakeAdded:
        """Raises `NotRegistered` when nobody ever registered the hotkey."""
        staking = self.network.staking
        self._check_minimum("stake", amount_rao)
        if staking.owner_of(hotkey) == ZERO:
            raise NotRegistered(
                f"hotkey {hotkey} was never registered, so there is no pool to stake into",
                next_step="Register it first with `evmtensor neuron register`.",
            )
        receipt = self.pay(staking, amount_rao, staking.add_stake(hotkey, amount_rao))
        return staking.events(StakeAdded, receipt.logs)[0]

    def unbond(self, hotkey: str, amount_rao: int | None = None) -> UnbondingStarted:
        """Sell shares worth `amount_rao`, all for None; the rao come after the unbonding."""
        staking = self.network.staking
        shares = self.shares_worth(hotkey, amount_rao)
        receipt = self.sender.send(staking.unbond(hotkey, shares))
        return staking.events(UnbondingStarted, receipt.logs)[0]

    def cancel_unbonding(self, unbonding_id: int) -> UnbondingCancelled:
        staking = self.network.staking
        receipt = self.sender.send(staking.cancel_unbonding(unbonding_id))
        return staking.events(UnbondingCancelled, receipt.logs)[0]

    def remove_stake(self, unbonding_id: int) -> StakeRemoved:
        staking = self.network.staking
        receipt = self.sender.send(staking.remove_stake(unbonding_id))
        return staking.events(StakeRemoved, receipt.logs)[0]

    def move_stake(
        self, from_hotkey: str, to_hotkey: str, amount_rao: int | None = None
    ) -> StakeMoved:
        """Move stake worth `amount_rao`, all for None, without unbonding."""
        staking = self.network.staking
        shares = self.shares_worth(from_hotkey, amount_rao)
        self._check_minimum("move", amount_rao)
        receipt = self.sender.send(staking.move_stake(from_hotkey, to_hotkey, shares))
        return staking.events(StakeMoved, receipt.logs)[0]

    def transfer_stake(
        self, hotkey: str, to_coldkey: str, amount_rao: int | None = None
    ) -> StakeTransferred:
        """Give stake worth `amount_rao`, all for None, to another coldkey."""
        staking = self.network.staking
        shares = self.shares_worth(hotkey, amount_rao)
        self._check_minimum("give", amount_rao)
        receipt = self.sender.send(staking.transfer_stake(hotkey, to_coldkey, shares))
        return staking.events(StakeTransferred, receipt.logs)[0]

    def gather_stake(self, hotkey: str) -> StakeTransferred:
        """After a swap: bring what this key had of its own to what it took over."""
        staking = self.network.staking
        receipt = self.sender.send(staking.gather_stake(hotkey))
        return staking.events(StakeTransferred, receipt.logs)[0]

    def _check_minimum(self, verb: str, amount_rao: int | None) -> None:
        """Raises `ConfigError` for less than is worth its gas to the network."""
        least = self.network.staking.min_stake_rao()
        if amount_rao is not None and amount_rao < least:
            raise ConfigError(
                f"{tao(amount_rao)} TAO is too little to {verb}, the least is {tao(least)}",
                next_step="Name more.",
            )

    def shares_worth(self, hotkey: str, amount_rao: int | None) -> int:
        """Shares behind a hotkey that are worth so much, all for None; rounded up.

        Raises `InsufficientFunds` when there are fewer, or when less than the minimum would stay.
        """
        staking = self.network.staking
        shares = staking.shares_of(hotkey, self.address)
        value = staking.value_of(hotkey, self.address)
        if shares == 0:
            raise InsufficientFunds(
                f"{self.address} has no stake behind {hotkey}",
                next_step="See `evmtensor stake list`.",
            )
        if amount_rao is None:
            return shares
        if amount_rao > value:
            raise InsufficientFunds(
                f"{self.address} has {tao(value)} TAO behind {hotkey}, not {tao(amount_rao)}",
                next_step="Name less, or leave the amount away for all of it.",
            )
        least = staking.min_stake_rao()
        if 0 < value - amount_rao < least:
            raise InsufficientFunds(
                f"{tao(value - amount_rao)} TAO would stay behind {hotkey}, less than the minimum "
                f"of {tao(least)}",
                next_step="Name less, or leave the amount away for all of it.",
            )
        return -(-shares * amount_rao // value)  # rounds up: at least the amount asked for

    def set_take(self, hotkey: str, take_u16: int) -> TakeSet:
        """What the owner keeps of dividends: a fall counts now, a rise after a notice."""
        staking = self.network.staking
        receipt = self.sender.send(staking.set_take(hotkey, take_u16))
        return staking.events(TakeSet, receipt.logs)[0]

    def set_children(self, hotkey: str, netuid: int, shares_u16: Mapping[str, int]) -> ChildrenSet:
        """Lend shares of 65,535 of a hotkey's own stake, after a notice; none ends all loans."""
        keys = self.network.keys
        receipt = self.sender.send(keys.set_children(hotkey, netuid, shares_u16))
        return keys.events(ChildrenSet, receipt.logs)[0]

    def set_child_take(self, hotkey: str, netuid: int, take_u16: int) -> ChildTakeSet:
        """What a hotkey keeps of its parents' part of dividends in a subnet."""
        keys = self.network.keys
        receipt = self.sender.send(keys.set_child_take(hotkey, netuid, take_u16))
        return keys.events(ChildTakeSet, receipt.logs)[0]

    def admit_parent(self, hotkey: str, netuid: int, parent: str) -> Receipt:
        return self.sender.send(self.network.keys.admit_parent(hotkey, netuid, parent))

    def dismiss_parent(self, hotkey: str, netuid: int, parent: str) -> Receipt:
        return self.sender.send(self.network.keys.dismiss_parent(hotkey, netuid, parent))

    def swap_hotkey(self, old_hotkey: str, new_hotkey: Signer) -> HotkeySwapPaid:
        """Put a new hotkey, which consents, in the place of one that is lost."""
        keys = self.network.keys
        consent = sign_place(new_hotkey, keys.domain_separator(), old_hotkey, self.address)
        lives = lives_of(self.network, old_hotkey)
        call = keys.swap_hotkey(old_hotkey, new_hotkey.address, lives, consent)
        receipt = self.pay(keys, keys.swap_cost_rao(), call)
        return keys.events(HotkeySwapPaid, receipt.logs)[0]

    def announce_coldkey_swap(self, new_coldkey: str) -> ColdkeySwapAnnounced:
        """Say which coldkey is to take this one's place after a notice; the first costs."""
        keys = self.network.keys
        announced = keys.coldkey_swap_of(self.address)
        cost = 0 if announced else keys.swap_cost_rao()
        receipt = self.pay(keys, cost, keys.announce_coldkey_swap(new_coldkey))
        return keys.events(ColdkeySwapAnnounced, receipt.logs)[0]

    def cancel_coldkey_swap(self) -> Receipt:
        return self.sender.send(self.network.keys.cancel_coldkey_swap())

    def swap_coldkey(self, old_coldkey: str) -> ColdkeySwapped:
        """Take the place of a coldkey that announced this one."""
        receipt = self.sender.send(self.network.keys.swap_coldkey(old_coldkey))
        return self.network.staking.events(ColdkeySwapped, receipt.logs)[0]

    def set_own_identity(self, identity: Identity) -> Receipt:
        """Say who this key is, in the place of what it said before; all empty removes it.

        Raises `NotRegistered` when it owns no hotkey that could show it.
        """
        hotkey = own_hotkey(self.network, self.address)
        return self.sender.send(self.network.keys.set_identity(hotkey, identity))

    def pay(
        self, contract: Contract, amount_rao: int, call: Call, *, spare_rao: int = 0
    ) -> Receipt:
        """Let a contract pull `amount_rao` (and up to `spare_rao` more) and send it a call."""
        self.check_balance(amount_rao, call.doing)
        allow(self.network, self.sender, contract, amount_rao, amount_rao + spare_rao)
        return self.sender.send(call)

    def check_balance(self, amount_rao: int, doing: str) -> None:
        """Raises `InsufficientFunds` before anything is sent."""
        check_balance(self.network, self.address, amount_rao, doing)


def check_balance(network: Network, account: str, amount_rao: int, doing: str) -> None:
    """Raises `InsufficientFunds` when the account has fewer rao."""
    balance = network.tao.balance_of(account)
    if balance < amount_rao:
        local = " On a local chain, `evmtensor localnet fund` gives some."
        raise InsufficientFunds(
            f"{doing}: {account} has {tao(balance)} TAO, needs {tao(amount_rao)}",
            next_step="Send it TAO; nothing was sent." + local,
        )


def allow(
    network: Network, sender: Sender, spender: Contract, needed_rao: int, approve_rao: int
) -> None:
    """Raise the allowance to `approve_rao` if it is below `needed_rao`."""
    if network.tao.allowance(sender.address, spender.address) < needed_rao:
        sender.send(network.tao.approve(spender.address, approve_rao))


def tao(rao: int) -> str:
    """Rao as TAO for people, exact, without trailing zeros."""
    whole, rest = divmod(rao, RAO_PER_TAO)
    return f"{whole}.{rest:09d}".rstrip("0").rstrip(".")
