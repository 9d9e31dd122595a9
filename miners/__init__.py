# SPDX-License-Identifier: Apache-2.0
"""The miner: ONNX engine, batcher, server, exporters from torch."""
