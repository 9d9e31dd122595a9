# SPDX-License-Identifier: Apache-2.0
"""Keystores, signers and EIP-712 payloads."""
