# SPDX-License-Identifier: Apache-2.0
"""The epoch itself, bit-exact on integers. Pure.

`types`, `validation` and `errors` are what everybody shares. `specification` is the readable
epoch in plain integers, `fast` the same on numpy and numba; both have `run_epoch` (Bittensor's,
every mode) and `run_seat_epoch` (the inputs that the chain freezes). `fast.run_batch` and
`gpu.run_batch` take many epochs at once. Doors to the world: `replay` (known results), `bench`
(time and memory), `gpu` (torch).
"""
