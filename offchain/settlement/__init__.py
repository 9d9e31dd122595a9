# SPDX-License-Identifier: Apache-2.0
"""Trace of an epoch, column blocks, Merkle tree, disputes. Pure."""
