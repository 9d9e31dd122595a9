# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
"""
@title Caller
@license AGPL-3.0-only
@notice Test double: a contract that calls on for whoever asks, as a wallet or a trap would.
@custom:invariant None.
@custom:trust None: anybody may make it call anything.
@custom:kill Never deployed.
"""


@external
def forward(target: address, payload: Bytes[16384]):
    """
    @notice Call a contract in this contract's own name.
    @param target The contract.
    @param payload Calldata.
    """
    # SAFETY: a test double that owns nothing
    raw_call(target, payload)
