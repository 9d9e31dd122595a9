# SPDX-License-Identifier: Apache-2.0
"""Ticks, eras, phases, row packing, hashes, hyperparameters. Pure."""
