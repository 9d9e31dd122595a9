# SPDX-License-Identifier: Apache-2.0
"""Can anybody reach the address that a service is about to announce?"""

import ipaddress

from offchain.keys.development import LOCAL_CHAIN_IDS
from offchain.protocol.errors import ConfigError


def check_reachable(
    address: str, chain_id: int, nobody: str = "validators cannot reach a miner"
) -> None:
    """ConfigError for an address that nobody on a real network could reach, before it costs."""
    try:
        is_public = ipaddress.ip_address(address).is_global
    except ValueError:
        raise ConfigError(
            f"{address} is no IP address, and the chain holds no names",
            next_step="Give this machine's address with --external-ip.",
        ) from None
    if not is_public and chain_id not in LOCAL_CHAIN_IDS:
        raise ConfigError(
            f"{nobody} at {address}",
            next_step="Give this machine's public address with --external-ip.",
        )
