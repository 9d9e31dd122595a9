# SPDX-License-Identifier: Apache-2.0
"""How contracts' answers and events are decoded: as web3 does, but a text may be any bytes.

Vyper stores what it is sent, so whoever names something chooses the bytes. What is no UTF-8 is read
as `\\xff`, and what only looks like an address stays as it is: no name stops others from reading.
"""

from __future__ import annotations

from eth_abi.codec import ABICodec
from eth_abi.decoding import AddressDecoder, StringDecoder
from eth_abi.registry import BaseEquals
from eth_utils.address import to_checksum_address
from web3._utils.abi import build_strict_registry


class _AnyText(StringDecoder):
    def __init__(self) -> None:
        super().__init__("backslashreplace")  # type: ignore[no-untyped-call]


class _Checksummed(AddressDecoder):
    decoder_fn = staticmethod(to_checksum_address)


def _made() -> ABICodec:
    registry = build_strict_registry()
    for name, decoder in (("string", _AnyText), ("address", _Checksummed)):
        registry.unregister_decoder(name)
        is_type = BaseEquals(name)  # type: ignore[no-untyped-call]
        registry.register_decoder(is_type, decoder, label=name)
    return ABICodec(registry)


CODEC = _made()
