# SPDX-License-Identifier: Apache-2.0
"""Everything of evmtensor that runs beside the chain; imports point down the list in the architecture page."""
