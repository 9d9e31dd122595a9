# SPDX-License-Identifier: Apache-2.0
"""Incentive mechanisms: one file is one subnet."""
