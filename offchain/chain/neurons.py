# SPDX-License-Identifier: Apache-2.0
"""Neurons in domain words: registration, seats, endpoints, model commitments."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from eth_abi.abi import encode
from eth_hash.auto import keccak

from offchain.chain.contract import Call, Contract, Event, Query
from offchain.chain.errors import NodeRefused
from offchain.protocol.errors import ConfigError
from offchain.protocol.identifiers import NONE

# More than twice of what either uses, also for a neuron that is about to be replaced. A miner that
# comes up waits for no estimate; to Ganache one costs seconds.
SERVE_AXON_GAS = 250_000
COMMIT_MODEL_GAS = 300_000

# of a seat's word in `Neurons.standing_at`: the holder keeps its seat in the epoch after
KEEPS_SEAT = 1 << 255


@dataclass(frozen=True, slots=True)
class NeuronRegistered(Event):
    """A hotkey bought a uid; it serves from `from_epoch` on."""

    netuid: int
    uid: int
    hotkey: str
    coldkey: str
    registration_id: int
    from_epoch: int
    burn_rao: int


@dataclass(frozen=True, slots=True)
class SeatTaken(Event):
    """A poke gave a seat to a registration, from `from_epoch` on."""

    netuid: int
    seat: int
    uid: int
    registration_id: int
    from_epoch: int


@dataclass(frozen=True, slots=True)
class ModelCommitted(Event):
    """A miner named the model that it serves."""

    netuid: int
    uid: int
    registration_id: int
    model_hash: bytes
    profile_hash: bytes


@dataclass(frozen=True, slots=True)
class Axon:
    """Where a neuron answers; `served_tick` is when it said so."""

    ip: str
    port: int
    version: int
    served_tick: int


@dataclass(frozen=True, slots=True)
class ModelCommitment:
    """Hashes of a model file and of its profile, and when they were committed."""

    model_hash: bytes
    profile_hash: bytes
    committed_tick: int


@dataclass(frozen=True, slots=True)
class Seat:
    """Who holds a seat in an epoch, and since when without a break."""

    seat: int
    registration_id: int
    since_epoch: int

    @property
    def uid(self) -> int:
        return self.registration_id >> 48 & 0xFFFF


@dataclass(frozen=True, slots=True)
class Standing:
    """An epoch's set. seats: in order; None: empty. generations: of every uid; 0: empty."""

    seats: tuple[Seat | None, ...]
    generations: tuple[int, ...]


class Neurons(Contract):
    """Uids and generations, burn-priced registration, seats, endpoints, model commitments."""

    NAME = "Neurons"

    def domain_separator(self) -> bytes:
        """EIP-712 domain of hotkeys' consents, as the contract computes it."""
        return bytes(self.read("DOMAIN_SEPARATOR"))

    def nonce_of(self, hotkey: str) -> int:
        """Nonce of the hotkey's next consent."""
        return int(self.read("nonce_of", hotkey))

    def life_count(self, hotkey: str) -> int:
        """In how many lives of subnets a hotkey registered; a swap has to name them all."""
        return int(self.read("lives_of", hotkey))

    def burn_rao(self, netuid: int) -> int:
        """Price of a registration now."""
        return int(self.read("burn_rao", netuid))

    def uid_of(self, netuid: int, hotkey: str, epoch: int) -> int | None:
        """Uid of a hotkey in the set of an epoch (current - 2 to current + 1), or None."""
        uid = int(self.read("uid_of", netuid, hotkey, epoch))
        return None if uid == NONE else uid

    def registration_at(self, netuid: int, uid: int, epoch: int) -> int:
        """Registration id behind a uid in an epoch; its generation is 0 for an empty uid."""
        return int(self.read("registration_at", netuid, uid, epoch))

    def standing_at(self, netuid: int, epoch: int, block: int | str = "latest") -> Standing:
        """Who serves and who sits in an epoch (current - 2 to current + 1)."""
        seats, generations = self.read("standing_at", netuid, epoch, block=block)
        return Standing(
            tuple(
                Seat(index, (word & ~KEEPS_SEAT) >> 64, word & (1 << 64) - 1) if word else None
                for index, word in enumerate(seats)
            ),
            tuple(
                word >> 32 * (7 - lane) & 0xFFFF_FFFF for word in generations for lane in range(8)
            ),
        )

    def hotkey_of(self, registration_id: int) -> str:
        return str(self.read("hotkey_of", registration_id))

    def hotkey_query(self, registration_id: int) -> Query[str]:
        return self.query("hotkey_of", registration_id)

    def seats_at(
        self, netuid: int, epoch: int, block: int | str = "latest"
    ) -> tuple[Seat | None, ...]:
        """Every seat of an epoch (current - 2 to current + 1), in order; None: empty."""
        return self.standing_at(netuid, epoch, block).seats

    def axon_of(self, netuid: int, uid: int) -> Axon | None:
        """The endpoint of a uid, or None if it never served."""
        return axon_from(self.read("axon_of", netuid, uid))

    def axon_query(self, netuid: int, uid: int) -> Query[tuple[int, ...]]:
        return self.query("axon_of", netuid, uid)

    def model_of(self, registration_id: int) -> ModelCommitment | None:
        """The model that a registration committed to, or None."""
        return model_from(self.read("model_of", registration_id))

    def model_query(self, registration_id: int) -> Query[tuple[bytes, bytes, int]]:
        return self.query("model_of", registration_id)

    def register(self, netuid: int, hotkey: str, max_burn_rao: int, signature: bytes) -> Call:
        """The coldkey calls, with the hotkey's consent; the allowance must be there."""
        return self.call(
            "register",
            netuid,
            hotkey,
            max_burn_rao,
            signature,
            doing=f"register in subnet {netuid}",
        )

    def poke(self, netuid: int, seat: int, uid: int) -> Call:
        """Give `seat` of the next epoch to `uid`, which had more stake than its holder."""
        return self.call("poke", netuid, seat, uid, doing=f"poke seat {seat} of subnet {netuid}")

    def member_of(self, hotkey: str) -> int | None:
        """Registration id of a hotkey as a member of the root, or None."""
        return int(self.read("member_of", hotkey)) or None

    def poke_root(self, seat: int, hotkey: str) -> Call:
        """Give a seat of the root's next epoch to a hotkey with more stake than its holder."""
        return self.call("poke_root", seat, hotkey, doing=f"poke seat {seat} of the root")

    def serve_axon(self, netuid: int, ip: str, port: int, version: int = 1) -> Call:
        """Announce where the calling hotkey answers; `ip` is IPv4 or IPv6. ConfigError for a name:
        the contract holds addresses only.
        """
        try:
            address = ipaddress.ip_address(ip)
        except ValueError:
            raise ConfigError(
                f"{ip} is no IP address, and the chain holds no names",
                next_step="Give this machine's address with --external-ip.",
            ) from None
        return self.call(
            "serve_axon",
            netuid,
            int(address),
            port,
            address.version,
            4,
            version,
            gas=SERVE_AXON_GAS,
            doing="announce the endpoint",
        )

    def commit_model(self, netuid: int, model_hash: bytes, profile_hash: bytes) -> Call:
        return self.call(
            "commit_model",
            netuid,
            model_hash,
            profile_hash,
            gas=COMMIT_MODEL_GAS,
            doing="commit the model's hash",
        )


def axon_from(values: tuple[int, ...]) -> Axon | None:
    """The contract's `Axon` struct; port 0 means that it never served."""
    ip, port, ip_type, _protocol, version, served_tick = values
    if port == 0:
        return None
    text = str(ipaddress.IPv6Address(ip) if ip_type == 6 else ipaddress.IPv4Address(ip))
    return Axon(text, port, version, served_tick)


def model_from(values: tuple[bytes, bytes, int]) -> ModelCommitment | None:
    """The contract's `ModelCommitment` struct; zero hash: none."""
    return ModelCommitment(*values) if any(values[0]) else None


def eip712_separator(domain: tuple[object, ...]) -> bytes:
    """Hash of what ERC-5267's `eip712Domain()` says, for the fields name, version, chain, contract.

    Raises `NodeRefused` when the contract uses other fields.
    """
    fields, name, version, chain_id, contract, *_ = domain
    if fields != b"\x0f":
        raise NodeRefused(f"the domain has fields {fields!r}, wanted the first four")
    kind = b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
    return keccak(
        encode(
            ["bytes32", "bytes32", "bytes32", "uint256", "address"],
            [
                keccak(kind),
                keccak(str(name).encode()),
                keccak(str(version).encode()),
                chain_id,
                contract,
            ],
        )
    )
