# SPDX-License-Identifier: Apache-2.0
"""The specification's functions on examples worked out by hand, and a published table of
Bittensor's.
"""

from __future__ import annotations

import importlib
from dataclasses import replace
from typing import Any

import pytest

from offchain.yuma import fast, specification
from offchain.yuma.errors import InvalidEpoch
from offchain.yuma.types import EpochInput, EpochParameters, Rows, SeatEpoch
from tests.yuma.by_hand import EXAMPLES, NO_DIVIDENDS, SEAT_EXAMPLES

RUNNERS = (specification.run_epoch, fast.run_epoch)


@pytest.mark.parametrize("module, function, arguments, result", EXAMPLES)
def test_function__example__gives_the_result_by_hand(
    module: str, function: str, arguments: tuple[Any, ...], result: object
) -> None:
    package = importlib.import_module(f"offchain.yuma.specification.{module}")
    assert getattr(package, function)(*arguments) == result


@pytest.mark.parametrize("epoch, pays", SEAT_EXAMPLES)
def test_run_seat_epoch__dividends_at_the_edge__decide_whether_anybody_is_paid(
    epoch: SeatEpoch, pays: bool
) -> None:
    for run_seat_epoch in (specification.run_seat_epoch, fast.run_seat_epoch):
        result = run_seat_epoch(epoch)
        assert result.total_rank > 0
        assert result.pays is pays
        assert (sum(result.server_emission) > 0) is pays


def test_seat_shares__negative_stake__is_named() -> None:
    with pytest.raises(InvalidEpoch, match=r"stakes\[1\]: got -1, the limit is 0"):
        specification.seat_shares((5, -1))


@pytest.mark.parametrize("run", (specification.run_seat_epoch, fast.run_seat_epoch))
@pytest.mark.parametrize(
    "change, field",
    (
        ({"kappa": 65536}, "kappa"),
        ({"bonds_penalty": -1}, "bonds_penalty"),
        ({"rao_emission": -1}, "rao_emission"),
        ({"keeps_seat": (True,)}, "keeps_seat"),
        ({"rows": ((0,) * 256,)}, "rows"),
        ({"rows": ((0,) * 256, (0,) * 255)}, "rows[1]"),
        ({"rows": ((0,) * 256, (65536,) * 256)}, "rows[1]"),
        ({"active_stake_bits": (2**32, 1)}, "active_stake_bits"),
        ({"active_stake_bits": (-1, 1)}, "active_stake_bits[0]"),
    ),
)
def test_run_seat_epoch__input_out_of_range__is_named(
    run: Any, change: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidEpoch) as caught:
        run(replace(NO_DIVIDENDS, **change))
    assert caught.value.field == field


WEIGHTS: Rows = (
    ((4, 65535), (5, 32768)),
    ((4, 40000), (5, 65535), (6, 20000)),
    ((6, 65535),),
    ((4, 65535),),
    (),
    (),
    (),
)


def published(**changes: Any) -> tuple[EpochParameters, EpochInput]:
    """The world of Bittensor's bond tables (mechanics 2.10): seven uids, four validators, kappa
    one half.
    """
    parameters = EpochParameters(n=7, rao_emission=10**9, max_allowed_validators=4, **changes)
    return parameters, EpochInput(
        block=20,
        last_step_block=15,
        stakes=(500, 300, 150, 50, 0, 0, 0),
        tao_stakes=(0,) * 7,
        last_update=(10,) * 7,
        registered_block=(0,) * 7,
        validator_permits=(True,) * 4 + (False,) * 3,
        weights=WEIGHTS,
        bonds=((),) * 7,
        active_commit_blocks=(None,) * 7,
    )


@pytest.mark.parametrize("run_epoch", RUNNERS)
def test_run_epoch__published_table__yuma3(run_epoch: Any) -> None:
    output = run_epoch(*published())
    assert output.stake_weight_u16 == (32767, 19660, 9830, 3276, 0, 0, 0)
    assert output.consensus_u16 == (0, 0, 0, 0, 43689, 21845, 0)
    assert output.validator_trust_u16 == (65534, 42727, 0, 43689, 0, 0, 0)
    assert output.incentive_u16 == (0, 0, 0, 0, 41559, 23975, 0)
    assert output.dividends_u16 == (44410, 18534, 0, 2589, 0, 0, 0)
    assert output.bonds_u16[:4] == (
        ((4, 4368), (5, 2184)),
        ((4, 2088), (5, 2184)),
        (),
        ((4, 4368),),
    )
    assert output.server_emission == (0, 0, 0, 0, 317080385, 182919614, 0)
    assert output.validator_emission == (338833288, 141406796, 0, 19759914, 0, 0, 0)


@pytest.mark.parametrize("run_epoch", RUNNERS)
def test_run_epoch__published_table__classic(run_epoch: Any) -> None:
    output = run_epoch(*published(yuma3=False))
    assert output.dividends_u16[:4] == (44953, 17584, 0, 2996)
    assert output.bonds_u16[:2] == (((4, 65535), (5, 65535)), ((4, 18793), (5, 39320)))
    assert output.bonds_u16[3] == ((4, 6553),)
    assert output.validator_emission[:4] == (342970789, 134164607, 0, 22864602)


@pytest.mark.parametrize("run_epoch", RUNNERS)
def test_run_epoch__published_table__liquid_alpha(run_epoch: Any) -> None:
    output = run_epoch(*published(liquid_alpha=True))
    assert output.bonds_u16[0] == ((4, 30641), (5, 15321))
    assert output.bonds_u16[1] == ((4, 14645), (5, 15321))


@pytest.mark.parametrize("run_epoch", RUNNERS)
def test_run_epoch__nobody_has_weights__validators_are_paid_by_stake(run_epoch: Any) -> None:
    parameters, epoch = published()
    output = run_epoch(parameters, replace(epoch, weights=((),) * 7))
    assert output.validator_emission == (500000000, 299999999, 149999999, 49999999, 0, 0, 0)
    assert output.server_emission == (0,) * 7


@pytest.mark.parametrize("run_epoch", RUNNERS)
def test_run_epoch__equal_stakes__permits_go_to_the_higher_uids(run_epoch: Any) -> None:
    parameters, epoch = published()
    parameters = replace(parameters, max_allowed_validators=2)
    output = run_epoch(parameters, replace(epoch, stakes=(5, 5, 5, 5, 0, 0, 0)))
    assert output.new_validator_permits == (False, False, True, True, False, False, False)


@pytest.mark.parametrize("run_epoch", RUNNERS)
def test_run_epoch__input_out_of_range__is_named(run_epoch: Any) -> None:
    parameters, epoch = published()
    with pytest.raises(InvalidEpoch, match=r"stakes\[0\]: got -1"):
        run_epoch(parameters, replace(epoch, stakes=(-1, *epoch.stakes[1:])))
