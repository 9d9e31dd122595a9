# SPDX-License-Identifier: Apache-2.0
"""Batches of epochs on whatever device torch sees, equal to `fast.run_batch` in every bit.

The only operations used are 64-bit integer ones, which are exact everywhere, and IEEE double
products whose result is then corrected by an integer remainder, so a device cannot round
differently in a way that shows. An epoch is a slice of tensors B x V x N; no loop runs over
epochs, only over chunks that fit the memory.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from offchain.yuma.errors import InvalidEpoch
from offchain.yuma.fast.batch import (
    BatchResult,
    EpochBatch,
    batch_settings,
    check_batch,
    kept_columns,
    kept_seats,
)
from offchain.yuma.fast.kernels import Ints, U16s

ONE = 1 << 32
LOW = ONE - 1
HALF = ONE >> 1
E_BITS = 11674931200
EXP_LIMIT = 20 * ONE
EXP_LAST_TERM = 31
CLASSIC, LIQUID = 0, 2

TENSORS_IN_USE = 16
"""64-bit tensors of B x V x N alive at once in the hungriest step, liquid alpha, rounded up."""
DEFAULT_BUDGET = 2 * 2**30


@dataclass(frozen=True, slots=True, eq=False)
class _Chunk:
    """Some epochs of a batch on the device. B x V x N, B x V, B x N, or B."""

    weights: Tensor
    bonds: Tensor | None
    kept: Tensor
    keeps: Tensor
    stake: Tensor
    kind: int
    kappa: Tensor
    penalty: Tensor
    rate: Tensor
    slope: Tensor
    low: Tensor
    high: Tensor


def run_batch(
    batch: EpochBatch,
    device: str = "cuda",
    store_bonds: bool = False,
    memory_bytes: int = DEFAULT_BUDGET,
) -> BatchResult:
    """Run every epoch of the batch on `device` and bring the results back as numpy arrays.

    `memory_bytes` bounds the device memory in use by cutting the batch into chunks. Raises
    `InvalidEpoch` for arrays that do not fit together, or a device that torch does not have.
    """
    check_batch(batch)
    target = _device(device)
    epochs, seats, n = batch.weights.shape
    per_epoch = max(1, 8 * seats * n * TENSORS_IN_USE)
    step = max(1, memory_bytes // per_epoch)
    pieces = [
        _run_chunk(_chunk(batch, first, min(first + step, epochs), target), store_bonds)
        for first in range(0, epochs, step)
    ]
    if not pieces:
        raise InvalidEpoch("weights", "got a batch of 0 epochs, the limit is 1")
    numbers = [np.concatenate(parts) for parts in zip(*(piece for piece, _ in pieces), strict=True)]
    bonds = np.concatenate([piece for _, piece in pieces]) if store_bonds else None
    consensus, rank, incentive, trust, totals, dividends = numbers
    return BatchResult(consensus, rank, incentive, trust, totals, dividends, bonds)


def _device(name: str) -> torch.device:
    try:
        device = torch.device(name)
    except RuntimeError as problem:
        raise InvalidEpoch("device", f"got {name!r}, torch knows no such device") from problem
    if device.type == "cuda" and not torch.cuda.is_available():
        raise InvalidEpoch("device", "got 'cuda', but torch sees no GPU; use 'cpu'")
    return device


def _chunk(batch: EpochBatch, first: int, last: int, device: torch.device) -> _Chunk:
    """Epochs [first, last) as tensors; u16 travel as they are and become int64 on the device."""

    def column(index: int) -> Tensor:
        return torch.from_numpy(settings[:, index].copy()).to(device).reshape(-1, 1, 1)

    settings = batch_settings(batch)[first:last]
    bonds = None if batch.bonds is None else _u16(batch.bonds[first:last], device)
    kind = int(settings[0, 0]) if len(settings) else CLASSIC
    return _Chunk(
        weights=_u16(batch.weights[first:last], device),
        bonds=bonds,
        kept=torch.from_numpy(kept_columns(batch)[first:last]).to(device).long(),
        keeps=torch.from_numpy(kept_seats(batch)[first:last]).to(device).long(),
        stake=torch.from_numpy(np.ascontiguousarray(batch.active_stake[first:last])).to(device),
        kind=kind,
        kappa=column(1),
        penalty=column(2),
        rate=column(3),
        slope=column(4),
        low=column(5),
        high=column(6),
    )


def _u16(array: U16s, device: torch.device) -> Tensor:
    """u16 values as int64; torch moves them as int16, the sign is put right on the device."""
    signed = torch.from_numpy(np.ascontiguousarray(array).view(np.int16)).to(device)
    return signed.long() & 0xFFFF


def _run_chunk(chunk: _Chunk, store_bonds: bool) -> tuple[list[Ints], U16s]:
    """The Q32 fields of `BatchResult` in their order, and the stored bonds (without epochs if not
    wanted).
    """
    weight = _share(chunk.weights, chunk.weights.sum(dim=2, keepdim=True))
    consensus = _consensus(weight, chunk.stake, chunk.kappa)
    clipped = torch.minimum(weight, consensus)
    trust = clipped.sum(dim=2)
    stake = chunk.stake[:, :, None]
    rank = _multiply(clipped, stake).sum(dim=1)
    incentive = _normalize(rank)

    bonded = _weights_for_bonds(weight, consensus, clipped, chunk.penalty)
    if chunk.kind == CLASSIC:
        ema = _classic_bonds(chunk, bonded)
        totals = _multiply(ema, incentive[:, None, :]).sum(dim=2)
        dividends = _normalize(totals)
        stored = _share(ema, ema.amax(dim=1, keepdim=True)) if store_bonds else ema
    else:
        ema = _yuma3_bonds(chunk, bonded, consensus)
        share = _share(ema, ema.sum(dim=1, keepdim=True))
        totals = _multiply(share, incentive[:, None, :]).sum(dim=2)
        dividends = _normalize(_multiply(totals, chunk.stake))
        stored = ema
    results = (consensus[:, 0, :], rank, incentive, trust, totals, dividends)
    wanted = stored if store_bonds else stored[:0]
    bonds = ((wanted * 65535) >> 32) * chunk.keeps[: len(wanted), :, None]
    return [result.cpu().numpy() for result in results], bonds.cpu().numpy().astype(np.uint16)


def _multiply(a: Tensor, b: Tensor) -> Tensor:
    """a * b rounded down for 0 <= a, b <= ONE; the one product that 64 bits cannot hold is ONE *
    ONE.
    """
    return (((a * b) >> 32) & LOW) | (a & b & ONE)


def _divide(a: Tensor, b: Tensor) -> Tensor:
    """a / b rounded down for 0 <= a <= b and 0 < b < 2**62."""
    quotient = (a.double() * (float(ONE) / b.double())).long()
    rest = (a << 32) - quotient * b
    return quotient + (rest >> 63) - ((b - 1 - rest) >> 63)


def _share(part: Tensor, whole: Tensor) -> Tensor:
    """part / whole, 0 where the whole (and with it every part) is 0."""
    return _divide(part, whole.clamp(min=1))


def _normalize(values: Tensor) -> Tensor:
    """B x K, each row over its sum."""
    return _share(values, values.sum(dim=1, keepdim=True))


def _consensus(weight: Tensor, stake: Tensor, kappa: Tensor) -> Tensor:
    """The largest value that votes of at least kappa support, B x 1 x N, by bisection below the
    largest weight.
    """
    votes = _normalize(stake)[:, :, None]
    total = votes.sum(dim=1, keepdim=True)
    needed = torch.minimum(kappa.clamp(min=1), total)
    weight = torch.where(votes > 0, weight, 0)
    low = torch.zeros_like(weight[:, :1, :])
    high = weight.amax(dim=1, keepdim=True) + 1 if weight.shape[1] else low + 1
    for _ in range(int(high.max()).bit_length() + 1):
        middle = (low + high) >> 1
        enough = torch.where(weight >= middle, votes, 0).sum(dim=1, keepdim=True) >= needed
        low, high = torch.where(enough, middle, low), torch.where(enough, high, middle)
    return torch.where(total > 0, low, 0)


def _weights_for_bonds(
    weight: Tensor, consensus: Tensor, clipped: Tensor, penalty: Tensor
) -> Tensor:
    """w - ceil(penalty * (w - clipped)); a penalty of ONE takes the clipped ones."""
    excess = (weight - consensus).clamp(min=0)
    blended = weight - (((excess * penalty + LOW) >> 32) & LOW)
    return torch.where(penalty == ONE, clipped, blended)


def _average(rate: Tensor, new: Tensor, old: Tensor | None) -> Tensor:
    """rate * new + (1 - rate) * old, the halves rounded down apart."""
    kept = _multiply(rate, new)
    return kept if old is None else kept + _multiply(ONE - rate, old)


def _classic_bonds(chunk: _Chunk, weight: Tensor) -> Tensor:
    """Shares of each column before and after the average."""
    old = None
    if chunk.bonds is not None:
        kept = chunk.bonds * chunk.kept[:, None, :]
        old = _share(kept, kept.sum(dim=1, keepdim=True))
    bought = _multiply(weight, chunk.stake[:, :, None])
    bought = _share(bought, bought.sum(dim=1, keepdim=True))
    ema = _average(chunk.rate, bought, old)
    return _share(ema, ema.sum(dim=1, keepdim=True))


def _yuma3_bonds(chunk: _Chunk, weight: Tensor, consensus: Tensor) -> Tensor:
    """The average of the weights themselves, at the fixed rate or at one per pair."""
    old = None
    if chunk.bonds is not None:
        kept = chunk.bonds * chunk.kept[:, None, :]
        old = kept * 65537 + ((kept + 1) >> 16)
    fixed = _average(chunk.rate, weight, old)
    if chunk.kind != LIQUID:
        return fixed
    rate = _liquid_rate(chunk, weight, torch.zeros_like(weight) if old is None else old, consensus)
    liquid = _average(rate, weight, old).clamp(max=ONE)
    any_consensus = consensus.amax(dim=(1, 2), keepdim=True) > 0
    return torch.where(any_consensus, torch.where(weight > 0, liquid, 0), fixed)


def _liquid_rate(chunk: _Chunk, weight: Tensor, old: Tensor, consensus: Tensor) -> Tensor:
    """The EMA rate of every pair: the specification's series, term by term."""
    gap = torch.where(weight >= old, weight - consensus, old - weight).clamp(0, ONE) - HALF
    slope_high, slope_low = chunk.slope.abs() >> 32, chunk.slope.abs() & LOW
    product = slope_low * gap.abs()
    negative = (gap < 0) != (chunk.slope < 0)
    exponent = slope_high * gap.abs() + (product >> 32)
    exponent = (exponent + (negative & ((product & LOW) != 0)).long()).clamp(max=EXP_LIMIT)
    total, term = exponent + ONE, exponent
    for i in range(2, EXP_LAST_TERM + 1):
        term = _exp_term(term, exponent, i)
        total = total + term
    power = torch.where(exponent == ONE, E_BITS, total)
    one = torch.full_like(power, ONE)
    sigmoid = _divide(one, torch.where(negative, _divide(one, power), power) + ONE)
    span = (chunk.high - chunk.low).clamp(min=0)
    rate = torch.minimum(chunk.low + _multiply(sigmoid, span), chunk.high)
    return torch.maximum(rate, chunk.low)


def _exp_term(term: Tensor, exponent: Tensor, i: int) -> Tensor:
    """term * exponent / i, rounded down after each; the product of two 64-bit numbers in pieces
    that fit.
    """
    high, low = exponent >> 32, exponent & LOW
    product = term * high + (term >> 32) * low + ((((term & LOW) * low) >> 32) & LOW)
    return product // i
