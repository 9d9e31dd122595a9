# SPDX-License-Identifier: Apache-2.0
"""The errors of the transport.

    EvmtensorError
    +-- ConfigError
    |   +-- WireConfigError      this side was set up wrongly
    +-- InvalidSubmission
        +-- WireError            base of everything that one remote party can cause
            +-- HandshakeError   the other side is not who it should be, or of another deployment
            +-- FrameError       a message that breaks the framing, the MAC or the schema
            +-- TensorError      a payload with a wrong type, shape or size, or not finite
            +-- ReceiptError     a receipt that does not cover what was answered
            +-- EgressError      an address that we refuse to connect to
            +-- CallError        a call without an answer; `code` says why

Nothing else leaves this package because of what a remote party did.
"""

from enum import IntEnum

from offchain.protocol.errors import ConfigError, InvalidSubmission


class Code(IntEnum):
    """The whole vocabulary of refusals on the wire: a number, never a text."""

    BUSY = 1  # try again later, or elsewhere
    DENIED = 2  # no seat, or the miner's blacklist said so
    NO_ROUTE = 3  # this miner does not serve that message
    BAD_REQUEST = 4  # the message breaks its schema
    TOO_LARGE = 5  # over the byte cap of this message
    LATE = 6  # the deadline passed
    INTERNAL = 7  # the miner's own code failed
    UNREACHABLE = 8  # set by the caller: no connection
    CLOSED = 9  # set by the caller: the connection ended before the answer
    BAD_ANSWER = 10  # set by the caller: the answer breaks the schema, the MAC or a cap
    CLOCK_SKEW = 11  # the two sides' chain times differ too much
    UNAUTHENTIC = 12  # the handshake failed


class WireConfigError(ConfigError):
    """This side's own settings cannot work."""


class WireError(InvalidSubmission):
    """Base of everything that one remote party can cause; it never concerns another party."""


class HandshakeError(WireError):
    """The other side is not who it should be, or belongs to another deployment."""

    def __init__(self, message: str, code: Code = Code.UNAUTHENTIC) -> None:
        super().__init__(message)
        self.code = code


class FrameError(WireError):
    """A message that breaks the framing, the MAC or the schema."""


class TensorError(WireError):
    """A payload with a wrong type, shape or size, or a value that is not finite."""


class ReceiptError(WireError):
    """A receipt that does not cover what was answered."""


class EgressError(WireError):
    """An address that we refuse to connect to."""


class CallError(WireError):
    """A call without an answer."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code
