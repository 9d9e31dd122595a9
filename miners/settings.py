# SPDX-License-Identifier: Apache-2.0
"""How a miner meets the world."""

from dataclasses import dataclass, field

from miners.payday import ClaimPolicy
from offchain.wire import Limits


@dataclass(frozen=True, slots=True)
class Settings:
    """How a miner meets the world.

    host, port: where it listens; port 0 takes a free one. public_host, public_port: what the chain
    is told; `host` if empty, `port` if 0. max_burn_rao: register for at most this if unregistered;
    0: never register.
    refresh_s: how often seats and stake are read from the chain. claim: when pay is fetched; None:
    never. publish: give the model's files to validators, which may then re-execute it. dial_out: do
    not listen and announce no address, but connect to every validator that listens.
    """

    host: str = "0.0.0.0"
    port: int = 0
    public_host: str = ""
    public_port: int = 0
    max_burn_rao: int = 0
    refresh_s: float = 1.0
    claim: ClaimPolicy | None = field(default_factory=ClaimPolicy)
    publish: bool = False
    dial_out: bool = False
    http_port: int | None = None
    http_token: str = field(default="", repr=False)
    localnet: bool = False
    limits: Limits | None = None
