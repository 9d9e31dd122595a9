# SPDX-License-Identifier: Apache-2.0
"""Serve a model: `ape run miner model.onnx --netuid 1 --hotkey dev:3`."""

from scripts._ape import command

cli = command(("miner", "run"), __doc__)
