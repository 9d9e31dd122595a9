# SPDX-License-Identifier: Apache-2.0
"""One epoch from stored state to stored state: the steps of `tests/vectors/README.md` in their
order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from offchain.yuma.specification import bonds as bond
from offchain.yuma.specification import consensus as agreement
from offchain.yuma.specification import liquid_alpha
from offchain.yuma.specification import stake as staking
from offchain.yuma.specification.emission import emission, emission_shares
from offchain.yuma.specification.fixed_point import from_u16, to_u16
from offchain.yuma.specification.matrix import Matrix, store
from offchain.yuma.specification.weights import weights
from offchain.yuma.types import (
    LIQUID_ALPHA_OUTPUT_UIDS,
    EpochInput,
    EpochOutput,
    EpochParameters,
)
from offchain.yuma.validation import check_input, check_parameters


@dataclass(frozen=True, slots=True)
class BondsResult:
    """What either kind of bonds hands on; matrices are Q32."""

    ema: Matrix
    scaled_for_storage: Matrix
    dividends: tuple[int, ...]
    liquid_alphas: tuple[tuple[int, ...], ...] | None = None


def run_epoch(parameters: EpochParameters, epoch: EpochInput) -> EpochOutput:
    """Run one epoch. Raises `InvalidEpoch` for inputs outside the limits of
    `offchain.yuma.validation`.
    """
    check_parameters(parameters)
    check_input(parameters, epoch)
    n = parameters.n

    active = staking.active(parameters, epoch)
    stake = staking.stake(parameters, epoch)
    permits = staking.acting_permits(parameters, epoch)
    new_permits = staking.new_validator_permits(parameters, stake)
    active_stake = staking.active_stake(stake, active, permits)

    weight = weights(parameters, epoch, permits)
    consensus = agreement.consensus(weight, active_stake, from_u16(parameters.kappa), n)
    clipped = agreement.clipped_weights(weight, consensus)
    trust = agreement.validator_trust(clipped)
    incentive = agreement.incentive(agreement.ranks(clipped, active_stake, n))

    bonded = bond.weights_for_bonds(weight, clipped, from_u16(parameters.bonds_penalty))
    if parameters.yuma3:
        result = _yuma3(parameters, epoch, bonded, consensus, incentive, active_stake)
    else:
        result = _classic(parameters, epoch, bonded, incentive, active_stake)

    shares = emission_shares(incentive, result.dividends, active_stake, stake)
    return EpochOutput(
        active=active,
        new_validator_permits=new_permits,
        stake_bits=stake,
        active_stake_bits=active_stake,
        consensus_bits=consensus,
        validator_trust_bits=trust,
        incentive_bits=incentive,
        dividends_bits=result.dividends,
        norm_server_emission_bits=shares.server,
        norm_validator_emission_bits=shares.validator,
        norm_combined_emission_bits=shares.combined,
        stake_weight_u16=_to_u16(stake),
        consensus_u16=_to_u16(consensus),
        validator_trust_u16=_to_u16(trust),
        incentive_u16=_to_u16(incentive),
        dividends_u16=_to_u16(result.dividends),
        server_emission=emission(shares.server, parameters.rao_emission),
        validator_emission=emission(shares.validator, parameters.rao_emission),
        combined_emission=emission(shares.combined, parameters.rao_emission),
        bonds_u16=store(bond.stored_bonds(result.scaled_for_storage, new_permits)),
        weights_normalized_bits=store(weight),
        weights_clipped_bits=store(clipped),
        ema_bonds_bits=store(result.ema),
        liquid_alphas_bits=result.liquid_alphas,
    )


def _yuma3(
    parameters: EpochParameters,
    epoch: EpochInput,
    weight: Matrix,
    consensus: Sequence[int],
    incentive: Sequence[int],
    active_stake: Sequence[int],
) -> BondsResult:
    """Bonds follow the weights themselves; stake enters the dividends only."""
    old = bond.old_bonds(parameters, epoch, from_u16)
    alphas = None
    if parameters.liquid_alpha and any(consensus):
        ema = liquid_alpha.moving_average(parameters, weight, old, consensus)
        if parameters.n <= LIQUID_ALPHA_OUTPUT_UIDS:
            alphas = liquid_alpha.rates(parameters, weight, old, consensus)
    else:
        ema = bond.moving_average(weight, old, bond.fixed_rate(parameters))
    return BondsResult(ema, ema, bond.yuma3_dividends(ema, incentive, active_stake), alphas)


def _classic(
    parameters: EpochParameters,
    epoch: EpochInput,
    weight: Matrix,
    incentive: Sequence[int],
    active_stake: Sequence[int],
) -> BondsResult:
    """Bonds are shares of a miner, bought with stake; a column adds up to 1."""
    ema = bond.classic_bonds(parameters, epoch, weight, active_stake)
    scaled = bond.classic_storage(ema, parameters.n)
    return BondsResult(ema, scaled, bond.classic_dividends(ema, incentive))


def _to_u16(bits: Sequence[int]) -> tuple[int, ...]:
    return tuple(map(to_u16, bits))
