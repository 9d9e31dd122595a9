# SPDX-License-Identifier: Apache-2.0
"""Everything of evmtensor beside the chain; imports point down the list in the README."""
