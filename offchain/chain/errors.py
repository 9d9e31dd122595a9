# SPDX-License-Identifier: Apache-2.0
"""What can go wrong between us and a chain.

ConfigError                    the operator
+-- WrongChain                 the node is on another chain than the deployment
+-- NotDeployed                no deployment file, or no code at its addresses
+-- DeploymentUnfit            a deployment that cannot be continued or used
+-- InsufficientFunds          not enough rao, or not enough of the chain's coin for gas
+-- NotRegistered              the hotkey has no uid in the subnet
+-- NoSeat                     the hotkey has no seat in the epoch
+-- OutboxLocked               another process is sending with this key
+-- OutboxFull                 the disk refuses what must be on it before it is sent
ChainError                     try again
+-- NodeUnreachable            no node answers
+-- NodeRefused                a node answers with an error
+-- NodeBehind                 a node's head is too old
+-- NodesDisagree              nodes contradict each other: nothing bonded is sent
+-- Unconfirmed                too few blocks lie on top of what a bond would rely on
+-- Reorged                    a block that we relied on is no longer in the chain
+-- Reverted                   a contract says no; `reason` is its own text
+-- TransactionFailed          a transaction ended without doing its work
    +-- DeadlinePassed         not mined in time; it was cancelled
    +-- NonceTaken             another sender used the nonce
ConsensusMismatch              stop and page
+-- PowersHeld                 a key has a power that the protocol does not give it
"""

from offchain.chain.reasons import next_step_for
from offchain.protocol.errors import ChainError, ConfigError, ConsensusMismatch


class WrongChain(ConfigError):
    """The node is on another chain than the deployment."""


class NotDeployed(ConfigError):
    """There is no deployment to talk to."""


class DeploymentUnfit(ConfigError):
    """The deployment cannot be continued or used."""


class InsufficientFunds(ConfigError):
    """An account cannot pay."""


class NotRegistered(ConfigError):
    """The hotkey has no uid in the subnet."""


class NoSeat(ConfigError):
    """The hotkey has no seat in the epoch."""


class OutboxLocked(ConfigError):
    """Another process holds this key's outbox."""


class OutboxFull(ConfigError):
    """The disk refuses what must be on it before it is sent."""


class NodeUnreachable(ChainError):
    """None of the nodes answers."""


class NodeRefused(ChainError):
    """A node answers a request with an error of its own.

    `code` and `data` are JSON-RPC's.
    """

    def __init__(
        self, message: str, *, code: int = 0, data: object = None, next_step: str = ""
    ) -> None:
        super().__init__(message, next_step=next_step)
        self.code = code
        self.data = data


class NodeBehind(ChainError):
    """The node's head is too old to act on."""


class NodesDisagree(ChainError):
    """Nodes contradict each other about the same block."""


class Unconfirmed(ChainError):
    """Too few blocks lie on top of what a bond would rely on."""


class Reorged(ChainError):
    """A block that we relied on was replaced."""


class Reverted(ChainError):
    """A contract refused; `reason` is its own text, empty when it gave none."""

    def __init__(self, reason: str, *, doing: str = "") -> None:
        what = f"{doing}: " if doing else ""
        super().__init__(
            f"{what}{reason or 'the contract refuses without a reason'}",
            next_step=next_step_for(reason),
        )
        self.reason = reason


class TransactionFailed(ChainError):
    """A transaction ended without doing its work."""


class DeadlinePassed(TransactionFailed):
    """A transaction was not mined in time and was cancelled."""


class NonceTaken(TransactionFailed):
    """Somebody else sends with the same key."""


class PowersHeld(ConsensusMismatch):
    """A key has a power that the protocol does not give it."""
