# SPDX-License-Identifier: Apache-2.0
"""What a command works with: the flags, and network and keys opened when first needed."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from offchain.cli.environment import Environment, read_environment, split_urls
from offchain.protocol.errors import ConfigError

if TYPE_CHECKING:
    from offchain.chain.coldkey import Coldkey
    from offchain.chain.connection import Connection
    from offchain.chain.hotkey import Hotkey
    from offchain.chain.network import Network
    from offchain.chain.transactions import Sender
    from offchain.keys import KeyStore, Signer


SERVICE_ATTEMPTS = 8


@dataclass(slots=True)
class Flags:
    """Flags that every command takes, wherever they stand."""

    json: bool = False
    verbose: bool = False
    url: str = ""
    deployment: str = ""
    password_file: str = ""


@dataclass
class Session:
    """One run of the command line."""

    flags: Flags = field(default_factory=Flags)
    environment: Environment = field(default_factory=read_environment)
    attempts: int = 3  # at an answer of a node; a service is more patient than a person

    @property
    def urls(self) -> tuple[str, ...]:
        return split_urls(self.flags.url) or self.environment.urls

    @cached_property
    def connection(self) -> Connection:
        from offchain.chain.connection import open_connection
        from offchain.chain.rpc import RetryPolicy

        return open_connection(self.urls, RetryPolicy(attempts=self.attempts))

    @cached_property
    def network(self) -> Network:
        """The deployment, its chain checked."""
        from offchain.chain.deployment_file import load_deployment
        from offchain.chain.network import check_chain, network_of

        deployment = load_deployment(self.deployment_path())
        check_chain(self.connection, deployment)
        return network_of(self.connection, deployment)

    def deployment_path(self) -> Path:
        """The flag, the environment, ./deployments, the home: the first that there is."""
        from offchain.chain.deployment_file import find_deployment

        named = Path(self.flags.deployment) if self.flags.deployment else None
        named = named or self.environment.deployment
        if named is not None:
            return named
        return find_deployment(self.connection.chain_id, self.environment.home)

    def deployment_folder(self) -> Path:
        """Where a new deployment is written: ./deployments, unless a file elsewhere is named."""
        named = Path(self.flags.deployment) if self.flags.deployment else None
        named = named or self.environment.deployment
        return named.parent if named else Path("deployments")

    @cached_property
    def keys(self) -> KeyStore:
        from offchain.keys import KeyStore

        return KeyStore(self.environment.home / "keys")

    def signer(self, reference: str) -> Signer:
        """The key of that name, or the test account `dev:N` on a local chain."""
        from offchain.keys.development import development_signer, is_development
        from offchain.keys.passwords import password_source

        if is_development(reference):
            return development_signer(reference, self.connection.chain_id)
        file = Path(self.flags.password_file) if self.flags.password_file else None
        ask = password_source(
            file=file or self.environment.password_file, value=self.environment.password
        )
        return self.keys.load(reference, ask)

    def sender(self, signer: Signer) -> Sender:
        """Sends for one key; what it sends is on disk first."""
        from offchain.chain.outbox import outbox_of
        from offchain.chain.transactions import Sender

        outbox = outbox_of(self.connection, self.environment.home, signer.address)
        return Sender(self.connection, signer, outbox)

    def coldkey(self, reference: str) -> Coldkey:
        from offchain.chain.coldkey import Coldkey

        signer = self.signer(self.coldkey_name(reference))
        return Coldkey(self.network, self.sender(signer))

    def hotkey(self, reference: str, netuid: int) -> Hotkey:
        from offchain.chain.hotkey import Hotkey

        signer = self.signer(self.hotkey_name(reference))
        return Hotkey(self.network, self.sender(signer), netuid)

    def coldkey_name(self, reference: str) -> str:
        return _named(reference or self.environment.key, "coldkey", "--key", "EVMTENSOR_KEY")

    def hotkey_name(self, reference: str) -> str:
        return _named(
            reference or self.environment.hotkey, "hotkey", "--hotkey", "EVMTENSOR_HOTKEY"
        )

    def address_of(self, reference: str) -> str:
        """An address as it is, or that of a key, which is not opened for it."""
        from eth_utils.address import is_address, to_checksum_address

        from offchain.keys.development import is_development

        if is_address(reference):
            return str(to_checksum_address(reference))
        if is_development(reference):
            return self.signer(reference).address
        return self.keys.info(reference).address

    def hotkey_address(self, reference: str) -> str:
        """The address of the hotkey that is named, on the line or in the environment."""
        return self.address_of(self.hotkey_name(reference))


def _named(reference: str, kind: str, flag: str, variable: str) -> str:
    if not reference:
        raise ConfigError(f"no {kind} is named", next_step=f"Give {flag} NAME, or set {variable}.")
    return reference
