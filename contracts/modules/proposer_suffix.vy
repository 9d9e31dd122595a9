# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Proposer suffix
@license AGPL-3.0-only
@notice A proposal's number does not name its proposer, so that somebody who sees one coming could
        make it first, and cancel it. A description that ends in "#proposer=0x" and an address can
        be used by that account alone.
        Source: OpenZeppelin Contracts 5, Governor._isValidDescriptionForProposer.
"""


MARKER: constant(Bytes[12]) = b"#proposer=0x"
DIGITS: constant(uint256) = 40
SUFFIX: constant(uint256) = 12 + DIGITS


@internal
@pure
def _may_propose(description: String[4096], proposer: address) -> bool:
    """
    @notice Whether the description leaves the proposal to this account.
    """
    length: uint256 = len(description)
    if length < SUFFIX:
        return True
    tail: Bytes[SUFFIX] = slice(convert(description, Bytes[4096]), length - SUFFIX, SUFFIX)
    if slice(tail, 0, 12) != MARKER:
        return True
    named: uint256 = 0
    for i: uint256 in range(DIGITS):
        digit: uint256 = self._digit(convert(slice(tail, 12 + i, 1), uint256))
        # not an address: it binds nobody
        if digit > 15:
            return True
        named = (named << 4) | digit
    return named == convert(proposer, uint256)


@internal
@pure
def _digit(character: uint256) -> uint256:
    """
    @notice Value of a hexadecimal digit in ASCII, 16 for any other character.
    """
    if character >= 48 and character <= 57:
        return character - 48
    if character >= 97 and character <= 102:
        return character - 87
    if character >= 65 and character <= 70:
        return character - 55
    return 16
