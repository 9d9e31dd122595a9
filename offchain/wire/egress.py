# SPDX-License-Identifier: Apache-2.0
"""Where this process may connect to: names are resolved once, every address is checked, the
checked one is dialled.

Miners publish their endpoints themselves, so an endpoint is hostile input: without this, a miner
could point every validator at a cloud's metadata service, at a database on localhost, or at a
rival (security B7, B8).
"""

import asyncio
import socket
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from time import monotonic

from offchain.wire.errors import EgressError
from offchain.wire.limits import TokenBucket


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a hotkey says that it answers."""

    hotkey: str
    host: str  # an IP address or a name; nothing else (no scheme, no path, no user)
    port: int
    tls: bool = False


class Egress:
    """The gate in front of every outbound connection.

    `localnet` allows private, loopback and link-local ranges: for a deployment on one machine only.
    """

    def __init__(self, *, localnet: bool = False, dials_per_ip_per_s: float = 32.0) -> None:
        self._localnet = localnet
        self._rate = dials_per_ip_per_s
        self._buckets: dict[str, TokenBucket] = {}

    async def resolve(self, endpoint: Endpoint) -> str:
        """The one IP address to connect to; EgressError if any address of the name is out of
        bounds.
        """
        if not isinstance(endpoint.port, int) or not 1 <= endpoint.port <= 65_535:
            raise EgressError(f"endpoint of {endpoint.hotkey}: port {endpoint.port!r}")
        host = endpoint.host
        if not host or len(host) > 253 or any(c in host for c in "/@\\?#[] \t\r\n\0%"):
            raise EgressError(f"endpoint of {endpoint.hotkey}: host {host[:64]!r}")
        try:
            addresses = [str(ip_address(host))]
        except ValueError:
            addresses = await _look_up(host, endpoint.port)
        for address in addresses:
            self._check(address, endpoint)
        self._meter(addresses[0], endpoint)
        return addresses[0]

    def _check(self, address: str, endpoint: Endpoint) -> None:
        if self._localnet:
            return
        ip = ip_address(address)
        inner = [ip]
        if isinstance(ip, IPv6Address):  # an IPv4 address in disguise is judged as one
            inner += [a for a in (ip.ipv4_mapped, ip.sixtofour) if a]
            inner += list(ip.teredo or ())
        # is_reserved also refuses 64:ff9b::/96, which a gateway would turn into any IPv4 address
        if any(not a.is_global or a.is_multicast or a.is_reserved for a in inner):
            raise EgressError(f"endpoint of {endpoint.hotkey}: {address} is not a public address")

    def _meter(self, address: str, endpoint: Endpoint) -> None:
        now = monotonic()
        if len(self._buckets) > 4_096:
            self._buckets.clear()  # a bound on memory; forgetting only forgives
        bucket = self._buckets.get(address)
        if bucket is None:
            bucket = self._buckets[address] = TokenBucket(self._rate, 8 * self._rate, now)
        if not bucket.take(now):
            raise EgressError(f"endpoint of {endpoint.hotkey}: too many connections to {address}")


async def _look_up(host: str, port: int) -> list[str]:
    # Numeric hosts in odd notations (0x7f.1, 2130706433) end here too: libc turns them into
    # addresses, which are checked.
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise EgressError(f"endpoint: {host[:64]!r} does not resolve") from error
    return list(dict.fromkeys(str(entry[4][0]).split("%")[0] for entry in found))
