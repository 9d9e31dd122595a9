# SPDX-License-Identifier: Apache-2.0
"""Deploys contracts in titanoboa's EVM: whole worlds, and single contracts with a seeded bug.

`deploy_world(preset)` is the only place in the tests that knows the constructors. Contracts whose
file does not exist are left out; their address is then an account that a test can speak for.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import boa
from boa.contracts.vyper.vyper_contract import FrameDetail, StorageModel
from boa.interpret import set_cache_dir, set_search_paths

from offchain.localnet.profiles import DEMO, MAINNET, Profile

REPOSITORY = Path(__file__).resolve().parents[2]
CONTRACTS = REPOSITORY / "contracts"
RAO = 10**9
COMPILER = {"evm_version": "cancun"}

set_cache_dir(str(REPOSITORY / ".cache" / "titanoboa"))


def _no_storage(model: StorageModel) -> FrameDetail:
    """titanoboa prints a contract's whole storage at every revert, and fails on hash maps in
    hash maps whenever it guesses a key's path wrong (0.2.8): an error of the print, not of ours.
    """
    return FrameDetail("storage")


StorageModel.dump = _no_storage


@dataclass(frozen=True, slots=True)
class Preset:
    """Numbers of one network. Durations are ticks, amounts rao."""

    profile: Profile
    unbonding_ticks: int
    vesting_ticks: int
    min_stake_rao: int
    genesis_rao: int
    timelock_seconds: int
    min_lock_rao: int
    lock_reduction_ticks: int
    subnet_immunity_ticks: int
    creation_rate_limit_ticks: int
    min_bond_rao: int
    deposit_rao: int
    voting_delay_ticks: int
    voting_period_ticks: int
    threshold_ppm: int = 1_000
    quorum_ppm: int = 100_000

    @property
    def tick_seconds(self) -> int:
        return self.profile.tick_seconds


MINIMAL = Preset(
    DEMO,
    unbonding_ticks=60,
    vesting_ticks=48,
    min_stake_rao=2_000_000,
    genesis_rao=1_000_000 * RAO,
    timelock_seconds=10,
    min_lock_rao=100 * RAO,
    lock_reduction_ticks=1_000,
    subnet_immunity_ticks=600,
    creation_rate_limit_ticks=0,
    min_bond_rao=1 * RAO,
    deposit_rao=RAO // 10,
    voting_delay_ticks=4,
    voting_period_ticks=24,
)
FULL = Preset(
    MAINNET,
    unbonding_ticks=7_200,
    vesting_ticks=7_200,
    min_stake_rao=2_000_000,
    genesis_rao=1_000_000 * RAO,
    timelock_seconds=2 * 86_400,
    min_lock_rao=1_000 * RAO,
    lock_reduction_ticks=100_800,
    subnet_immunity_ticks=864_000,
    creation_rate_limit_ticks=28_800,
    min_bond_rao=100 * RAO,
    deposit_rao=1 * RAO,
    voting_delay_ticks=7_200,
    voting_period_ticks=36_000,
)

# a role of the timelock that is given to the zero address is everybody's
ANYBODY = "0x" + "00" * 20
# name of a contract -> what its constructor is given
Addresses = dict[str, str]
CONSTRUCTORS: dict[str, Callable[[Preset, Addresses, int], tuple[Any, ...]]] = {
    "Timelock": lambda p, a, _: (*(p.timelock_seconds, [a["Governor"], a["deployer"]], [ANYBODY]),),
    "Tao": lambda p, a, _: (a["Emission"], [a["faucet"]], [p.genesis_rao]),
    "Emission": lambda p, a, genesis: (
        *(a[name] for name in ("Tao", "Subnets", "Settlement", "Timelock")),
        *(genesis, p.tick_seconds, p.genesis_rao),
    ),
    "Staking": lambda p, a, genesis: (
        *(a[name] for name in ("Tao", "Neurons", "Keys", "Rewards")),
        *(genesis, p.tick_seconds, p.unbonding_ticks, p.vesting_ticks, p.min_stake_rao),
    ),
    "Subnets": lambda p, a, genesis: (
        *(a[name] for name in ("Tao", "Emission", "Keys", "Timelock")),
        *(genesis, p.tick_seconds),
        *(p.profile.tempo_ticks, p.profile.reveal_ticks, p.profile.window_ticks),
        *(p.min_lock_rao, p.lock_reduction_ticks),
        *(p.subnet_immunity_ticks, p.creation_rate_limit_ticks),
    ),
    "Neurons": lambda p, a, genesis: (
        *(a[name] for name in ("Tao", "Emission", "Staking", "Subnets", "Settlement", "Keys")),
        *(genesis, p.tick_seconds),
    ),
    "Keys": lambda p, a, genesis: (
        *(a[name] for name in ("Tao", "Emission", "Staking", "Neurons", "Subnets")),
        *(genesis, p.tick_seconds),
    ),
    "Weights": lambda p, a, genesis: (
        *(a[name] for name in ("Staking", "Subnets", "Neurons")),
        *(genesis, p.tick_seconds),
    ),
    "YumaKernel": lambda p, a, _: (),
    "Examiner": lambda p, a, _: tuple(
        a[n] for n in ("Subnets", "Neurons", "Weights", "YumaKernel", "Rewards")
    ),
    "Settlement": lambda p, a, genesis: (
        *(a[n] for n in ("Tao", "Emission", "Subnets", "Neurons", "Examiner", "Rewards")),
        *(a["Timelock"], genesis, p.tick_seconds, p.min_bond_rao, p.deposit_rao),
    ),
    "Rewards": lambda p, a, _: tuple(a[n] for n in ("Tao", "Staking", "Neurons", "Settlement")),
    "Governor": lambda p, a, genesis: (
        *(a["Staking"], a["Timelock"], genesis, p.tick_seconds),
        *(p.voting_delay_ticks, p.voting_period_ticks, p.threshold_ppm, p.quorum_ppm),
    ),
}
# numbers of the worlds on each chain
_WORLDS: WeakKeyDictionary[boa.Env, Iterator[int]] = WeakKeyDictionary()
# 1 January 2026: the time of a new chain, so that no run depends on its day
BEGINNING = 1_767_225_600
NAMES = tuple(dict.fromkeys((*CONSTRUCTORS, "Subnets", "Neurons", "Settlement")))


@dataclass(frozen=True, slots=True)
class World:
    """A deployed network. `world.tao` is the contract Tao, `world.address["Tao"]` its address."""

    preset: Preset
    genesis_at: int
    address: Addresses
    contracts: dict[str, Any] = field(default_factory=dict)

    def __getattr__(self, name: str) -> Any:
        for contract in self.contracts:
            if contract.lower() == name:
                return self.contracts[contract]
        raise AttributeError(f"the world has no contract {name!r}, only {sorted(self.contracts)}")

    @property
    def tick(self) -> int:
        return (boa.env.timestamp - self.genesis_at) // self.preset.tick_seconds

    def warp(self, ticks: int) -> int:
        """Let whole ticks pass; the tick it is then."""
        boa.env.timestamp += ticks * self.preset.tick_seconds
        return self.tick

    def warp_to(self, tick: int) -> None:
        """Go on to the first second of a tick that has not begun."""
        assert tick >= self.tick, f"it is tick {self.tick}, the past cannot be reached"
        boa.env.timestamp = self.genesis_at + tick * self.preset.tick_seconds

    def give(self, account: str, amount_rao: int, spender: str = "") -> None:
        """Send tokens from the faucet, and let `spender` take them from the account."""
        self.tao.transfer(account, amount_rao, sender=self.address["faucet"])
        if spender:
            self.tao.approve(spender, amount_rao, sender=account)


def role_address(role: str) -> str:
    """The same address for a role in every run, so that failures can be compared."""
    return boa.util.abi.Address(sha256(f"evmtensor test {role}".encode()).digest()[:20])


@cache
def compiled(name: str) -> Any:
    """A contract or mock of the repository, compiled with the tests' settings."""
    path = CONTRACTS / f"{name}.vy"
    if not path.exists():
        path = CONTRACTS / "mocks" / f"{name}.vy"
    return boa.load_partial(str(path.relative_to(REPOSITORY)), compiler_args=COMPILER)


@contextmanager
def chain_of_its_own() -> Iterator[None]:
    """Within it `boa.env` is a new chain, each time with the same clock, senders and addresses."""
    env = boa.Env()
    env.set_random_seed("evmtensor")
    env.eoa = env.generate_address("eoa")
    env.timestamp = BEGINNING
    with boa.swap_env(env):
        yield


def deploy_world(
    preset: Preset = MINIMAL, *, only: Collection[str] = NAMES, **patched: Any
) -> World:
    """Deploy every contract that exists, each knowing the others' addresses.

    `only` names the contracts that are deployed; the others' addresses are ordinary accounts.
    `patched` replaces contracts: `deploy_world(MINIMAL, Staking=seeded(...))`.
    """
    genesis_at = boa.env.timestamp
    # worlds beside each other must not write into each other's storage
    number = next(_WORLDS.setdefault(boa.env, count()))
    address = {name: role_address(f"{name} of world {number}") for name in NAMES}
    address |= {name: role_address(name) for name in ("deployer", "faucet")}
    contracts = {}
    with boa.env.prank(address["deployer"]):
        for name, arguments in CONSTRUCTORS.items():
            if name not in only or not (CONTRACTS / f"{name}.vy").exists():
                continue
            source = patched.get(name) or compiled(name)
            contracts[name] = source.deploy(
                *arguments(preset, address, genesis_at), override_address=address[name]
            )
    return World(preset, genesis_at, address, contracts)


def seeded(name: str, *bugs: tuple[str, str, str]) -> Any:
    """A contract compiled from a copy of the sources with bugs in it.

    A bug is (file below contracts/, text that occurs there exactly once, text in its place).
    """
    with _sources_with(bugs) as root:
        set_search_paths([str(root)])
        try:
            return boa.load_partial(str(root / "contracts" / f"{name}.vy"), compiler_args=COMPILER)
        finally:
            set_search_paths([])


@contextmanager
def _sources_with(bugs: tuple[tuple[str, str, str], ...]) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        shutil.copytree(CONTRACTS, root / "contracts")
        for file, right, wrong in bugs:
            path = root / "contracts" / file
            text = path.read_text()
            assert text.count(right) == 1, f"{file}: {text.count(right)} times {right!r}, not once"
            path.write_text(text.replace(right, wrong))
        yield root
