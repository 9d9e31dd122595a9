# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# Numbers that more than one contract uses. A number that belongs to one subject stands in that
# subject's module.

# one TAO in rao; the token has 9 decimals
RAO_PER_TAO: constant(uint256) = 10**9
# cap of the token, in rao: 21 million TAO
MAX_SUPPLY_RAO: constant(uint256) = 21_000_000 * 10**9

# shares of 65,535: take, the owner's cut, kappa, penalties
U16_MAX: constant(uint256) = 65_535
# the subnet owner's cut, in 65,535ths (mechanics 1.7)
OWNER_CUT_U16: constant(uint256) = 11_796
# 1.0 in parts per million
PPM: constant(uint256) = 1_000_000
# 1.0 in the engine's fixed point
Q32_ONE: constant(uint256) = 2**32

# subnets beside the root; netuids 1 to 128
MAX_SUBNETS: constant(uint256) = 128
# the root, which accrues one thousandth of the emission and has no neurons
ROOT_NETUID: constant(uint256) = 0
# uids of a subnet: a power of two between these
MIN_UIDS: constant(uint256) = 16
MAX_UIDS: constant(uint256) = 1_024
# validators of a subnet
MAX_SEATS: constant(uint256) = 64

# "there is none": an index, a uid, a tick, an epoch
NOT_FOUND: constant(uint256) = max_value(uint256)
