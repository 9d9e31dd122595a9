# SPDX-License-Identifier: Apache-2.0
"""The epoch itself, bit-exact on integers. Pure."""
