# SPDX-License-Identifier: Apache-2.0
"""What every contract's file builds on: view calls, unsent transactions, typed events."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, ClassVar, Generic, TypeVar

from eth_utils.abi import collapse_if_tuple, event_abi_to_log_topic
from eth_utils.address import to_checksum_address
from web3.contract.contract import Contract as Web3Contract
from web3.exceptions import MismatchedABI

from offchain.chain.codec import CODEC
from offchain.chain.connection import Connection, ViewCall
from offchain.chain.errors import NodeRefused, Reverted
from offchain.protocol.errors import ConfigError

MAX_GAS = 1 << 24  # what one transaction may use (EIP-7825)
_UNSIGNED = re.compile(r"uint(\d+)")


@dataclass(frozen=True, slots=True)
class Call:
    """A transaction that is not signed yet.

    to: None creates a contract. gas: None lets the sender estimate; a number needs no node, so it
    can be signed in advance.
    """

    to: str | None
    data: str
    doing: str
    gas: int | None = None
    value_wei: int = 0

    def view(self, sender: str) -> ViewCall:
        """The same call as a rehearsal."""
        return ViewCall(to=self.to, data=self.data, sender=sender, doing=self.doing)


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the chain an event is."""

    block_number: int
    block_hash: str
    transaction_hash: str
    log_index: int


@dataclass(frozen=True, slots=True)
class Event:
    """Base of all events; fields have the names of the ABI's, plus where it happened."""

    at: Place


E_ = TypeVar("E_", bound=Event)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Query(Generic[T]):
    """A view call together with how its answer is read; collect many with `read_all`."""

    call: ViewCall
    output_types: tuple[str, ...]
    convert: Callable[[tuple[Any, ...]], T]

    def decode(self, data: bytes) -> T:
        if not data:
            raise Reverted("", doing=f"{self.call.doing} (no contract answers at {self.call.to})")
        return self.convert(CODEC.decode(self.output_types, data))


class Contract:
    """One deployed contract. Children give it domain words."""

    NAME: ClassVar[str]

    def __init__(self, connection: Connection, address: str, abi: Sequence[Any]) -> None:
        self.connection = connection
        self.address = to_checksum_address(address)
        self.abi = list(abi)
        self._outputs = {
            entry["name"]: tuple(collapse_if_tuple(o) for o in entry["outputs"])
            for entry in self.abi
            if entry["type"] == "function"
        }

    @cached_property
    def web3(self) -> Web3Contract:
        """web3's own object, for people at a console."""
        return self.connection.web3.eth.contract(address=self.address, abi=self.abi)

    def has(self, function: str) -> bool:
        """Whether the deployed contract has a function of that name."""
        return function in self._outputs

    def query(self, function: str, *arguments: Any) -> Query[Any]:
        """One view call: its value, or the tuple of its values. Addresses are checksummed."""
        call = ViewCall(
            to=self.address,
            data=self._encode(function, arguments),
            doing=f"{self.NAME}.{function}",
        )
        outputs = self._outputs[function]
        convert = _only if len(outputs) == 1 else _plain
        return Query(call, outputs, convert)

    def read(self, function: str, *arguments: Any, block: int | str = "latest") -> Any:
        """The answer of `query`, now."""
        query = self.query(function, *arguments)
        return query.decode(self.connection.view(query.call, block))

    def call(self, function: str, *arguments: Any, gas: int | None = None, doing: str = "") -> Call:
        """An unsent transaction."""
        return Call(
            to=self.address,
            data=self._encode(function, arguments),
            doing=doing or f"{self.NAME}.{function}",
            gas=gas,
        )

    def events(self, kind: type[E_], logs: Iterable[Mapping[str, Any]]) -> list[E_]:
        """The events of one kind among raw logs; logs of other contracts are passed over."""
        topic = self.topic(kind)
        return [
            self._event(kind, log)
            for log in logs
            if log["topics"]
            and log["topics"][0] == topic
            and to_checksum_address(log["address"]) == self.address
        ]

    def topic(self, kind: type[Event]) -> str:
        """First topic of an event's logs; raises `NodeRefused` when the contract has none such."""
        for entry in self.abi:
            if entry["type"] == "event" and entry["name"] == kind.__name__:
                return "0x" + event_abi_to_log_topic(entry).hex()
        raise NodeRefused(f"the deployed {self.NAME} has no event {kind.__name__}")

    def _event(self, kind: type[E_], log: Mapping[str, Any]) -> E_:
        decoded = self.web3.events[kind.__name__]().process_log(_for_web3(log))
        values = {
            field.name: _plain_value(decoded["args"][field.name])
            for field in fields(kind)
            if field.name != "at"
        }
        return kind(at=place_of(log), **values)

    def _encode(self, function: str, arguments: Sequence[Any]) -> str:
        """Raises `ConfigError` for a number that its type does not hold."""
        try:
            return str(self.web3.encode_abi(function, args=list(arguments)))
        except MismatchedABI:
            self._check_numbers(function, arguments)
            raise

    def _check_numbers(self, function: str, arguments: Sequence[Any]) -> None:
        for entry in self.abi:
            if entry.get("name") != function or len(entry["inputs"]) != len(arguments):
                continue
            for part, value in zip(entry["inputs"], arguments, strict=True):
                bits = _UNSIGNED.fullmatch(part["type"])
                if bits and isinstance(value, int) and not 0 <= value < 2 ** int(bits[1]):
                    raise ConfigError(
                        f"{self.NAME}.{function}: {part['name']} is {value}, wanted 0 to "
                        f"2**{bits[1]} - 1",
                        next_step="Choose a number that fits.",
                    )


def read_all(
    connection: Connection, queries: Sequence[Query[Any]], block: int | str = "latest"
) -> list[Any]:
    """Answers to many queries in few requests, all as of one block."""
    answers = connection.views([query.call for query in queries], block)
    return [query.decode(answer) for query, answer in zip(queries, answers, strict=True)]


def try_read_all(
    connection: Connection, queries: Sequence[Query[Any]], block: int | str = "latest"
) -> list[Any]:
    """Like `read_all`, with None where a contract refuses."""
    answers = connection.try_views([query.call for query in queries], block)
    return [
        query.decode(answer) if isinstance(answer, bytes) else None
        for query, answer in zip(queries, answers, strict=True)
    ]


def place_of(log: Mapping[str, Any]) -> Place:
    """Where a raw log is."""
    return Place(
        block_number=int(log["blockNumber"], 16),
        block_hash=log["blockHash"],
        transaction_hash=log["transactionHash"],
        log_index=int(log["logIndex"], 16),
    )


def _for_web3(log: Mapping[str, Any]) -> Any:
    """A raw log in the shape that web3 decodes."""
    return {
        "address": to_checksum_address(log["address"]),
        "topics": [bytes.fromhex(topic[2:]) for topic in log["topics"]],
        "data": log["data"],
        "blockNumber": int(log["blockNumber"], 16),
        "blockHash": bytes.fromhex(log["blockHash"][2:]),
        "transactionHash": bytes.fromhex(log["transactionHash"][2:]),
        "transactionIndex": int(log["transactionIndex"], 16),
        "logIndex": int(log["logIndex"], 16),
    }


def _only(values: tuple[Any, ...]) -> Any:
    return _plain_value(values[0])


def _plain(values: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(_plain_value(value) for value in values)


def _plain_value(value: Any) -> Any:
    """Lists and structs as tuples, HexBytes as bytes."""
    if isinstance(value, Mapping):  # a struct in an event
        return tuple(_plain_value(item) for item in value.values())
    if isinstance(value, (list, tuple)):
        return tuple(_plain_value(item) for item in value)
    if isinstance(value, bytes):
        return bytes(value)
    return value
