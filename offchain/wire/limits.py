# SPDX-License-Identifier: Apache-2.0
"""Every bound of the transport in one place, and the two counters that enforce them per hotkey."""

from dataclasses import dataclass

from offchain.wire.errors import WireConfigError


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one endpoint. Bytes are counted before anything is decoded."""

    message_bytes: int = 8 * 2**20  # one WebSocket message
    bundle_bytes: int = 64 * 2**10  # small frames travel together up to this size
    # Frames of a bundle; at 16 in flight two are under way, so that neither side waits for the
    # other (`docs/wire.md` has what that is worth).
    bundle_frames: int = 8
    head_bytes: int = 64 * 2**10  # the msgpack part of one message
    handshake_s: float = 5.0  # from TCP accept to the first authentic message
    idle_ping_s: float = 20.0  # a silent connection is pinged, and dropped after as long again
    skew_s: int = 30  # between the chain times of the two sides
    session_s: int = 3_600  # chain seconds; afterwards a new handshake
    connections: int = 1_024  # accepted at once, all hotkeys
    connections_per_hotkey: int = 8
    inflight_per_hotkey: int = 256
    inflight_bytes_per_hotkey: int = 64 * 2**20
    requests_per_s: float = 20_000.0  # per hotkey, sustained
    burst: int = 40_000
    running: int = 1_024  # handlers at work at once: more than one hotkey can ask for
    longest_s: float = 3_600.0  # a question's deadline, whatever its caller says
    stall_s: float = 10.0  # for a peer that reads nothing, and for what is sent before a goodbye
    queued: int = 1_024  # waiting behind them, by priority
    send_buffer_bytes: int = 16 * 2**20  # a peer that does not read is dropped beyond this
    parts: int = 65_536  # of one streamed answer
    stream_bytes: int = 64 * 2**20  # of one streamed answer
    receipt_every: int = 256  # answers
    receipt_ms: int = 500
    # Answers without a receipt before a caller hangs up: more than any miner's `receipt_every`.
    unreceipted: int = 4_096
    dials_per_ip_per_s: float = 32.0

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if getattr(self, name) <= 0:
                raise WireConfigError(
                    f"limits.{name}: got {getattr(self, name)}, wanted a positive number"
                )


class TokenBucket:
    """`rate` permissions per second, at most `burst` saved up."""

    __slots__ = ("_burst", "_rate", "_stamp", "_tokens")

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate, self._burst, self._tokens, self._stamp = rate, burst, burst, now

    def take(self, now: float) -> bool:
        """One permission at monotonic time `now`, or False."""
        tokens = min(self._burst, self._tokens + (now - self._stamp) * self._rate)
        self._stamp = now
        if tokens < 1.0:
            self._tokens = tokens
            return False
        self._tokens = tokens - 1.0
        return True


class Quota:
    """What one hotkey uses of this endpoint, over all its connections."""

    __slots__ = ("bucket", "connections", "inflight", "inflight_bytes")

    def __init__(self, limits: Limits, now: float) -> None:
        self.bucket = TokenBucket(limits.requests_per_s, limits.burst, now)
        self.connections = 0
        self.inflight = 0
        self.inflight_bytes = 0
