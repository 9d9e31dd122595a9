# SPDX-License-Identifier: Apache-2.0
"""Who may connect: the checks between a stranger's Hello and an open session, cheapest first."""

from collections.abc import Callable
from time import monotonic

from offchain.wire import handshake
from offchain.wire.errors import Code, HandshakeError
from offchain.wire.handshake import Hello, HelloMemory, Mode
from offchain.wire.identity import address_text
from offchain.wire.limits import Quota
from offchain.wire.link import Link
from offchain.wire.node import Node
from offchain.wire.synapse import Caller


class Door:
    """Accepts connections of one mode from permitted hotkeys.

    `permitted(hotkey)` is asked before any cryptography, so a stranger costs a dictionary
    look-up; forging somebody else's name costs one signature recovery, and then opens nothing.
    """

    def __init__(
        self,
        node: Node,
        mode: Mode,
        permitted: Callable[[str], bool],
        stake_of: Callable[[str], int],
    ) -> None:
        self._node, self._mode = node, mode
        self._permitted, self._stake_of = permitted, stake_of
        self._memory = HelloMemory(node.chain_time, node.limits.skew_s)
        self._quotas: dict[str, Quota] = {}
        self.links: dict[str, list[Link]] = {}  # by hotkey, oldest first

    def accept(self, hello: Hello) -> tuple[Link, str]:
        """The new link and the answer's header; HandshakeError for anybody who may not come in."""
        node, limits = self._node, self._node.limits
        if hello.mode is not self._mode:
            raise HandshakeError(f"handshake: mode {hello.mode.name}, wanted {self._mode.name}")
        claimed = address_text(hello.dialer)
        if not self._permitted(claimed):
            raise HandshakeError(f"handshake: {claimed} has no seat", Code.DENIED)
        if sum(map(len, self.links.values())) >= limits.connections:
            raise HandshakeError("handshake: too many connections", Code.BUSY)
        hotkey, keys, header = handshake.accept(
            hello, node.hotkey, node.domain, node.chain_time(), limits.skew_s
        )
        pending = [link for link in self.links.get(hotkey, []) if not link.authentic]
        if len(pending) >= limits.connections_per_hotkey:
            raise HandshakeError(f"handshake: {hotkey} opens too many at once", Code.BUSY)
        self._memory.admit(hello)
        link = Link(node, Caller(hotkey, self._stake_of(hotkey)), keys)
        self.links.setdefault(hotkey, []).append(link)
        return link, header

    def opened(self, link: Link) -> None:
        """The link's first authentic message has come: only now may it displace an older one."""
        links = [known for known in self.links.get(link.peer.hotkey, []) if known.authentic]
        if len(links) > self._node.limits.connections_per_hotkey:
            links[0].close("replaced by a newer connection of the same hotkey")

    def quota(self, hotkey: str) -> Quota:
        """What this hotkey uses, over all its connections."""
        quota = self._quotas.get(hotkey)
        if quota is None:
            quota = self._quotas[hotkey] = Quota(self._node.limits, monotonic())
        return quota

    def forget(self, link: Link) -> None:
        """A link of this door has closed. Quotas stay: reconnecting must not refill a bucket."""
        links = self.links.get(link.peer.hotkey, [])
        if link in links:
            links.remove(link)
        if not links:
            self.links.pop(link.peer.hotkey, None)

    def all_links(self) -> list[Link]:
        """Every open link."""
        return [link for links in self.links.values() for link in links]
