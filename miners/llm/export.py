# SPDX-License-Identifier: Apache-2.0
"""From a torch decoder to a folder that an engine serves, compared with torch before it is kept.

The folder has the files that onnxruntime-genai and other runtimes look for: `model.onnx`,
`genai_config.json`, `tokenizer.json`, `tokenizer_config.json`.
"""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from miners.errors import ModelError
from miners.export import TOLERANCE, torch_to_onnx
from miners.llm.folder import CONFIG, END_OF_TEXT, MODEL_FILE, byte_vocabulary
from miners.llm.models import Decoder
from miners.providers import open_session


class _Flat(nn.Module):
    """The decoder with one argument per tensor, as a graph has them."""

    def __init__(self, decoder: Decoder) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, position_ids: Tensor, *past: Tensor
    ) -> tuple[Tensor, ...]:
        return self.decoder(input_ids, attention_mask, position_ids, list(past))


def export_decoder(decoder: Decoder, folder: Path) -> Path:
    """Write the folder; ModelError if the graph cannot be made or answers otherwise than torch."""
    decoder = decoder.eval().cpu()
    layers = decoder.size.layers
    names = [f"{n}.{part}" for n in range(layers) for part in ("key", "value")]
    dim = torch.export.Dim.DYNAMIC
    dynamic = ({0: dim, 1: dim},) * 3 + (tuple({0: dim, 2: dim} for _ in names),)
    content = torch_to_onnx(
        _Flat(decoder),
        _example(decoder, batch=2, past=3, new=4),
        dynamic,
        ["input_ids", "attention_mask", "position_ids", *(f"past_key_values.{n}" for n in names)],
        ["logits", *(f"present.{n}" for n in names)],
    )
    _compare(decoder, content)
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in _companions(decoder).items():
        (folder / name).write_text(json.dumps(text, indent=2) + "\n")
    temporary = folder / "model.part"
    temporary.write_bytes(content)
    os.replace(temporary, folder / MODEL_FILE)
    return folder


def _example(decoder: Decoder, *, batch: int, past: int, new: int) -> tuple[Tensor, ...]:
    size, generator = decoder.size, torch.Generator().manual_seed(0)
    ids = torch.randint(0, size.vocabulary, (batch, new), generator=generator)
    mask = torch.ones((batch, past + new), dtype=torch.int64)
    positions = torch.arange(past, past + new).expand(batch, new).contiguous()
    shape = (batch, size.heads, past, size.head)
    caches = [torch.randn(shape, generator=generator) for _ in range(2 * size.layers)]
    return ids, mask, positions, *caches


def _compare(decoder: Decoder, content: bytes) -> None:
    session, _ = open_session(content, ["CPUExecutionProvider"])
    names = [value.name for value in session.get_inputs()]
    for batch, past, new in ((1, 0, 1), (1, 0, 9), (3, 0, 5), (1, 17, 1), (3, 8, 1)):
        inputs = _example(decoder, batch=batch, past=past, new=new)
        with torch.no_grad():
            want = _Flat(decoder)(*inputs)
        got = session.run(None, {n: t.numpy() for n, t in zip(names, inputs, strict=True)})
        for ours, theirs in zip(got, want, strict=True):
            difference = float(np.abs(ours - theirs.numpy()).max(initial=0.0))
            if not difference <= TOLERANCE:
                raise ModelError(f"export: the decoder differs from torch by {difference:.1e}")


def _companions(decoder: Decoder) -> dict[str, Any]:
    size = decoder.size
    vocabulary = byte_vocabulary()
    return {
        CONFIG: {
            "model": {
                "type": "llama",
                "vocab_size": size.vocabulary,
                "context_length": size.context,
                "bos_token_id": END_OF_TEXT,
                "eos_token_id": END_OF_TEXT,
                "pad_token_id": END_OF_TEXT,
                "decoder": {
                    "session_options": {"intra_op_num_threads": 1, "provider_options": []},
                    "filename": MODEL_FILE,
                    "hidden_size": size.width,
                    "head_size": size.head,
                    "num_attention_heads": size.heads,
                    "num_key_value_heads": size.heads,
                    "num_hidden_layers": size.layers,
                    "inputs": {
                        "input_ids": "input_ids",
                        "attention_mask": "attention_mask",
                        "position_ids": "position_ids",
                        "past_key_names": "past_key_values.%d.key",
                        "past_value_names": "past_key_values.%d.value",
                    },
                    "outputs": {
                        "logits": "logits",
                        "present_key_names": "present.%d.key",
                        "present_value_names": "present.%d.value",
                    },
                },
            },
            "search": {
                "max_length": size.context,
                "do_sample": False,
                "num_beams": 1,
                "past_present_share_buffer": False,
            },
        },
        "tokenizer.json": {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": [
                {
                    "id": END_OF_TEXT,
                    "content": "<|endoftext|>",
                    "single_word": False,
                    "lstrip": False,
                    "rstrip": False,
                    "normalized": False,
                    "special": True,
                }
            ],
            "normalizer": None,
            "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "use_regex": False},
            "post_processor": None,
            "decoder": {"type": "ByteLevel", "add_prefix_space": False, "use_regex": False},
            "model": {
                "type": "BPE",
                "dropout": None,
                "unk_token": None,
                "fuse_unk": False,
                "byte_fallback": False,
                "vocab": vocabulary | {"<|endoftext|>": END_OF_TEXT},
                "merges": [],
            },
        },
        "tokenizer_config.json": {
            "tokenizer_class": "GPT2Tokenizer",
            "add_prefix_space": False,
            "bos_token": "<|endoftext|>",
            "eos_token": "<|endoftext|>",
            "unk_token": "<|endoftext|>",
            "model_max_length": size.context,
        },
    }
