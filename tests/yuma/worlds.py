# SPDX-License-Identifier: Apache-2.0
"""Random epochs, extremes included: what the two implementations are compared on.

Everything comes from one seeded generator, so a failing seed is a test case.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random

from offchain.yuma.types import EpochInput, EpochParameters, Row, Rows, SeatEpoch

U16 = 65535
BLOCK = 10_000

SPLITS = ((1, 1), (2, 3), (1, 2, 1), (3, 1, 1, 1), (1, 1, 1, 1))
"""Stakes whose partial sums land on the majority boundary for the kappas below."""
KAPPAS = (0, 1, 13107, 16384, 21845, 26214, 32767, 32768, 39321, 43690, 49151, 65534, U16)


def random_world(seed: int, n: int | None = None) -> tuple[EpochParameters, EpochInput]:
    """One epoch; `n` is drawn from 1 to 32 unless given."""
    rng = Random(seed)
    n = (
        n
        if n is not None
        else rng.choices((1, 2, 3, rng.randint(4, 12), rng.randint(13, 32)), (1, 1, 2, 8, 6))[0]
    )
    validators = min(n, rng.choices((0, 1, 2, 3, max(1, n // 2), n), (1, 3, 3, 3, 6, 6))[0])
    parameters = _parameters(rng, n)
    ordered = rng.random() < 0.85
    return parameters, EpochInput(
        block=BLOCK,
        last_step_block=rng.choice((0, 0, BLOCK - 1, BLOCK - 361, BLOCK - 360)),
        stakes=_stakes(rng, n, validators),
        tao_stakes=tuple(rng.choice((0, rng.randrange(10**15))) for _ in range(n)),
        last_update=tuple(_moment(rng, parameters) for _ in range(n)),
        registered_block=tuple(_registration(rng) for _ in range(n)),
        validator_permits=tuple(
            uid < validators if rng.random() < 0.9 else rng.random() < 0.5 for uid in range(n)
        ),
        weights=_rows(rng, n, validators, ordered),
        bonds=_rows(rng, n, validators, ordered) if rng.random() < 0.8 else ((),) * n,
        active_commit_blocks=tuple(
            rng.choice((None, None, _registration(rng), BLOCK - 50)) for _ in range(n)
        ),
    )


def random_disordered_world(seed: int) -> tuple[EpochParameters, EpochInput]:
    """One epoch with liquid alpha whose rows are not in order of uid."""
    parameters, epoch = random_world(seed)
    rng = Random(seed)
    return replace(parameters, yuma3=True, liquid_alpha=True), replace(
        epoch,
        weights=tuple(tuple(rng.sample(row, len(row))) for row in epoch.weights),
        bonds=tuple(tuple(rng.sample(row, len(row))) for row in epoch.bonds),
    )


def random_seat_epoch(seed: int) -> SeatEpoch:
    """One epoch as the chain freezes it."""
    rng = Random(seed)
    seats, n = rng.choice((0, 1, 2, 3, 8, 20)), rng.choice((1, 16, 32, 48))
    stakes = _stakes(rng, max(seats, 1), seats)[:seats]
    total = sum(stakes)
    shares = [(stake << 32) // total if total else 0 for stake in stakes]
    total = sum(shares)
    return SeatEpoch(
        active_stake_bits=tuple((share << 32) // total if total else 0 for share in shares),
        rows=tuple(_dense(_row(rng, n, seat), n) for seat in range(seats)),
        old_bonds=tuple(_dense(_row(rng, n, seat), n) for seat in range(seats)),
        replaced=tuple(rng.random() < 0.1 for _ in range(n)),
        keeps_seat=tuple(rng.random() < 0.8 for _ in range(seats)),
        kappa=rng.choice(KAPPAS),
        bonds_penalty=_u16(rng),
        bonds_moving_average=rng.choice((1, 999_999, 900_000, rng.randint(1, 999_999))),
        rao_emission=rng.choice((0, 1, 1000, 10**9, 2**63, 2**64 - 1)),
    )


def _parameters(rng: Random, n: int) -> EpochParameters:
    low, high = sorted((_u16(rng), _u16(rng)))
    if rng.random() < 0.03:
        low, high = high, low
    return EpochParameters(
        n=n,
        rao_emission=rng.choice((0, 1, 1000, 10**9, 10**9, 2**63, 2**64 - 1)),
        tempo=rng.choice((1, 360, 20_000)),
        kappa=rng.choice(KAPPAS),
        bonds_moving_average=rng.choice((0, 1, 500_000, 900_000, 975_000, 999_999, 1_000_000)),
        bonds_penalty=_u16(rng),
        yuma3=rng.random() < 0.7,
        liquid_alpha=rng.random() < 0.5,
        alpha_low=low,
        alpha_high=high,
        alpha_sigmoid_steepness=rng.choice(
            (1000, 1000, 200, 0, 1, -1, 99, -750, 4000, 32767, -32768)
        ),
        activity_cutoff=rng.choice((0, 1, 100, 5000, 5000, 5000, 5000, BLOCK, 2**63)),
        max_allowed_validators=rng.choice((0, 1, 2, n, 64, U16)),
        stake_threshold=rng.choice((0, 0, 0, 0, 0, 0, 1000, 10**12)),
        owner_uid=rng.choice((None, None, rng.randrange(n))),
        tao_weight=rng.choice((0, 0, 3320413933267719290, 2**64 - 1, 2**63 - 1, 1)),
        commit_reveal=rng.random() < 0.4,
    )


def _u16(rng: Random) -> int:
    return rng.choice((0, 1, U16 - 1, U16, rng.randint(0, U16), rng.randint(0, U16)))


def _stakes(rng: Random, n: int, validators: int) -> tuple[int, ...]:
    """Even, tied on the majority boundary, spread over a ratio of 1e12, or nothing at all."""
    kinds = ("spread", "tied", "split", "extreme", "none", "tiny", "one bit")
    kind = rng.choices(kinds, (6, 3, 6, 6, 1, 2, 2))[0]
    if kind == "spread":
        stakes = [rng.randrange(10**9, 10**14) for _ in range(n)]
    elif kind == "tied":
        stakes = [10**12] * n
    elif kind == "split":
        split = rng.choice(SPLITS)
        stakes = [split[uid % len(split)] * 10**9 for uid in range(n)]
    elif kind == "extreme":
        stakes = [rng.choice((1, 1000, 10**6, 10**12, 10**15, 10**18 // n)) for _ in range(n)]
    elif kind == "one bit":  # shares of 2**-32, the smallest there are
        stakes = [2**32 - validators + 1, *(1,) * (n - 1)]
    elif kind == "tiny":
        stakes = [rng.randrange(5) for _ in range(n)]
    else:
        stakes = [0] * n
    return tuple(
        stake if uid < validators or rng.random() < 0.1 else 0 for uid, stake in enumerate(stakes)
    )


def _moment(rng: Random, parameters: EpochParameters) -> int:
    """A last update: mostly recent, sometimes one of the two blocks at the edge of activity, or
    of a registration.
    """
    edge = max(BLOCK - parameters.activity_cutoff, 0)
    usual = (BLOCK - 5,) * 12
    return rng.choice((*usual, BLOCK - 1, edge, max(edge - 1, 0), 5000, 5001))


def _registration(rng: Random) -> int:
    usual = (100,) * 12
    return rng.choice((*usual, 0, 5000, BLOCK - 361, BLOCK - 360, BLOCK - 359, BLOCK - 1, BLOCK))


def _rows(rng: Random, n: int, validators: int, ordered: bool) -> Rows:
    return tuple(
        _row(rng, n, uid, ordered) if uid < validators or rng.random() < 0.1 else ()
        for uid in range(n)
    )


def _row(rng: Random, n: int, uid: int, ordered: bool = True) -> Row:
    """Full, sparse, a single entry, itself alone, zeros, or empty."""
    kinds = ("full", "sparse", "single", "self", "zeros", "empty", "equal")
    kind = rng.choices(kinds, (6, 6, 2, 1, 1, 1, 2))[0]
    if kind == "empty":
        return ()
    if kind == "self":
        return ((uid % n, U16),)
    if kind == "single":
        return ((rng.randrange(n), rng.choice((1, U16))),)
    density = 0.3 if kind == "sparse" else 1.0
    columns = [column for column in range(n) if rng.random() < density]
    if not ordered:
        rng.shuffle(columns)
    return tuple((column, _weight(rng, kind)) for column in columns)


def _weight(rng: Random, kind: str) -> int:
    if kind == "zeros":
        return 0
    if kind == "equal":
        return U16
    return rng.choice((0, 1, U16 - 1, U16, *(rng.randint(0, U16) for _ in range(8))))


def _dense(row: Row, n: int) -> tuple[int, ...]:
    values = dict(row)
    return tuple(values.get(column, 0) for column in range(n))
