# SPDX-License-Identifier: Apache-2.0
"""The errors of the miner.

ConfigError
+-- MinerError           a miner that cannot start as it is set up
    +-- ModelError       a file that is not ONNX, does not fit the subnet, or is unsafe
    |   +-- EngineAway   the server that computes does not answer; the question may be good
    +-- SandboxError     the sandbox did not come up: nothing was learned about the model
InvalidSubmission
+-- RequestError         a question that this model cannot answer
"""

from offchain.protocol.errors import ConfigError, InvalidSubmission


class MinerError(ConfigError):
    """A miner that cannot start as it is set up."""


class ModelError(MinerError):
    """A model file that is not ONNX, does not fit the subnet, or is not safe to load."""


class EngineAway(ModelError):
    """The server that computes does not answer: nothing is wrong with the question."""


class SandboxError(MinerError):
    """The sandbox itself did not come up: nothing was learned about the model."""


class RequestError(InvalidSubmission):
    """A question that this model cannot answer: settings without a meaning, or too long."""
