# SPDX-License-Identifier: Apache-2.0
"""The laboratory: attacks on the mechanism as numbers, on the same integer epoch that pays.

`retention` repeats Bittensor's published Monte Carlo; `attacks` plays one attack per file against
honest play; `gate` holds them to published `bounds`; `recommend` turns measurements into
parameters; `decentralisation` measures a metagraph exactly. Utilities and plots are floats, every
epoch is `offchain.yuma.fast.run_batch`. All of it is seeded: the same command writes the same
files.
"""
