# SPDX-License-Identifier: Apache-2.0
"""Contracts, deployment, transactions, events: the only package that knows web3."""
