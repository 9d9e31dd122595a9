# SPDX-License-Identifier: Apache-2.0
"""Incentive mechanisms: one file = one subnet. `base.py` says what such a file defines."""
