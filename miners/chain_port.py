# SPDX-License-Identifier: Apache-2.0
"""What a miner needs of the chain, as one small interface; `offchain.chain` implements it, tests
fake it.

`has_seat`, `stake_of` and `chain_time` answer from memory, because they are called on the event
loop for every request; `refresh` fills that memory and may block, as may all the others: the
miner calls those in a thread.
"""

from typing import Protocol

from offchain.wire import Domain


class ChainPort(Protocol):
    """One subnet of one deployment, seen by one hotkey."""

    def domain(self) -> Domain:
        """EIP-712 domain of this deployment: chain id and address of `Neurons`."""
        ...

    def chain_time(self) -> int:
        """Seconds: timestamp of the newest block known plus the time since it was seen. From
        memory.
        """
        ...

    def has_seat(self, hotkey: str) -> bool:
        """Whether this hotkey holds a validator seat in the current epoch. From memory."""
        ...

    def stake_of(self, hotkey: str) -> int:
        """Stake in rao. From memory."""
        ...

    def listeners(self) -> tuple[tuple[str, str, int], ...]:
        """(hotkey, host, port) of every other seat's holder that announced where it listens, for
        miners that dial out. From memory.
        """
        ...

    def refresh(self) -> None:
        """Read seats, stake and time anew. ChainError if the node does not answer; the old values
        stay.
        """
        ...

    def uid_of(self, hotkey: str) -> int | None:
        """The hotkey's uid in this subnet, also when it is staged for the next boundary; None if
        unregistered.
        """
        ...

    def register(self, max_burn_rao: int) -> int:
        """Register the miner's hotkey for at most this burn, and return its uid. ConfigError if
        the price is higher or the balance too small; ChainError if the transaction failed.
        """
        ...

    def committed_model(self) -> tuple[bytes, bytes]:
        """The hashes of model and profile that this hotkey has committed, 32 zero bytes if none."""
        ...

    def commit_model(self, model_hash: bytes, profile_hash: bytes) -> None:
        """Commit a model hash (SHA-256 of the ONNX file) and that of the way it is run."""
        ...

    def serve_axon(self, host: str, port: int) -> None:
        """Publish the endpoint of this hotkey; no transaction if it is published already."""
        ...

    def epoch(self) -> int | None:
        """The running epoch as of the last `refresh`; None before the subnet's start. From
        memory.
        """
        ...

    def pay_due(self) -> tuple[int, int]:
        """(rao that this hotkey can claim now, wei that claiming it would cost). ChainError if the
        node does not answer.
        """
        ...

    def claim(self) -> int:
        """Claim what the last `pay_due` found; rao paid. Called again after a crash it sends
        nothing twice. ChainError and ConfigError (no coin for gas) leave the pay where it is.
        """
        ...
