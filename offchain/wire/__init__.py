# SPDX-License-Identifier: Apache-2.0
"""How services talk: envelope, handshake, sessions, receipts. Knows no chain."""
