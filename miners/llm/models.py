# SPDX-License-Identifier: Apache-2.0
"""A small decoder in torch whose graph has the tensors that every exporter gives a decoder:

    input_ids (batch, new), attention_mask (batch, past + new), position_ids (batch, new),
    past_key_values.N.key and .value (batch, heads, past, head)
    -> logits (batch, new, vocabulary), present.N.key and .value (batch, heads, past + new, head)

One graph serves prefill (past is empty) and decoding (new is one token).
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

MASKED = -1e9  # finite: a row of padding alone must not become NaN


@dataclass(frozen=True, slots=True)
class Size:
    """Size of a decoder. `context` is the largest number of tokens, prompt and answer together."""

    vocabulary: int = 257
    width: int = 128
    layers: int = 3
    heads: int = 4
    context: int = 512

    @property
    def head(self) -> int:
        """Width of one head."""
        return self.width // self.heads


class Block(nn.Module):
    """Attention with rotary positions, then a gated feed-forward, each behind a norm."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.size = size
        self.before_attention, self.before_mixing = (
            nn.LayerNorm(size.width),
            nn.LayerNorm(size.width),
        )
        self.query_key_value = nn.Linear(size.width, 3 * size.width, bias=False)
        self.out = nn.Linear(size.width, size.width, bias=False)
        self.up = nn.Linear(size.width, 4 * size.width)
        self.down = nn.Linear(4 * size.width, size.width)

    def forward(
        self, x: Tensor, allowed: Tensor, turn: tuple[Tensor, Tensor], past: tuple[Tensor, Tensor]
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """(batch, new, width) -> the same, and the keys and values of past and new tokens."""
        batch, new, _ = x.shape
        joined = self.query_key_value(self.before_attention(x))
        split = joined.view(batch, new, 3, self.size.heads, self.size.head).permute(2, 0, 3, 1, 4)
        query, key, value = rotate(split[0], turn), rotate(split[1], turn), split[2]
        key = torch.cat([past[0], key], dim=2)  # (batch, heads, past + new, head)
        value = torch.cat([past[1], value], dim=2)
        scores = query @ key.transpose(2, 3) / self.size.head**0.5
        weights = torch.softmax(torch.where(allowed, scores, MASKED), dim=3)
        seen = (weights @ value).transpose(1, 2).reshape(batch, new, self.size.width)
        x = x + self.out(seen)
        x = x + self.down(nn.functional.gelu(self.up(self.before_mixing(x))))
        return x, (key, value)


class Decoder(nn.Module):
    """A causal language model over byte tokens."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.size = size
        self.embedding = nn.Embedding(size.vocabulary, size.width)
        self.blocks = nn.ModuleList(Block(size) for _ in range(size.layers))
        self.norm = nn.LayerNorm(size.width)
        nn.init.normal_(self.embedding.weight, std=0.05)
        speed = 10_000.0 ** (-torch.arange(0, size.head, 2) / size.head)
        angle = torch.arange(size.context)[:, None] * speed  # (context, head / 2)
        self.register_buffer("cos", angle.cos())
        self.register_buffer("sin", angle.sin())

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, position_ids: Tensor, past: list[Tensor]
    ) -> tuple[Tensor, ...]:
        """Logits, then key and value of every layer; `past` is key, value, key, value, ..."""
        new, total = input_ids.shape[1], attention_mask.shape[1]
        places = torch.arange(total, device=input_ids.device)
        causal = places[None, :] <= (places[total - new :])[:, None]  # (new, past + new)
        allowed = causal[None, None] & (attention_mask != 0)[:, None, None, :]
        turn = (self.cos[position_ids][:, None], self.sin[position_ids][:, None])
        x = self.embedding(input_ids)
        present: list[Tensor] = []
        for number, block in enumerate(self.blocks):
            x, cache = block(x, allowed, turn, (past[2 * number], past[2 * number + 1]))
            present += cache
        logits = nn.functional.linear(self.norm(x), self.embedding.weight)
        return logits, *present

    def on_whole(self, input_ids: Tensor) -> Tensor:
        """Logits of whole rows without a past, for training."""
        batch, length = input_ids.shape
        empty = input_ids.new_zeros(
            (batch, self.size.heads, 0, self.size.head), dtype=torch.float32
        )
        positions = torch.arange(length, device=input_ids.device).expand(batch, length)
        past = [empty] * (2 * self.size.layers)
        return self(input_ids, torch.ones_like(input_ids), positions, past)[0]


def rotate(x: Tensor, turn: tuple[Tensor, Tensor]) -> Tensor:
    """Turn pairs of (batch, heads, new, head) by the angles of their positions."""
    first, second = x.chunk(2, dim=3)
    cos, sin = turn
    return torch.cat([first * cos - second * sin, second * cos + first * sin], dim=3)
