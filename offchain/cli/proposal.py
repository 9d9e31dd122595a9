# SPDX-License-Identifier: Apache-2.0
"""What a person writes on the line for `evmtensor gov propose`, as calls of the timelock.

What the contracts would refuse after the vote is refused here, before it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from offchain.cli.options import rao
from offchain.cli.session import Session
from offchain.protocol.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from offchain.chain.contract import Call
    from offchain.chain.network import Network


def guardian(session: Session, account: str) -> Iterator[Call]:
    """Name the guardian, which happens once; nothing for an empty account."""
    from offchain.chain.guardian import ZERO

    if not account:
        return
    settlement = session.network.settlement
    named = settlement.guardian()
    if named != ZERO:
        raise ConfigError(
            f"the guardian is {named} for ever", next_step="Leave --set-guardian away."
        )
    yield settlement.set_guardian(session.address_of(account))


def parameters(session: Session, settings: Sequence[str]) -> Iterator[Call]:
    """Hyperparameters: NETUID:NAME=VALUE."""
    for setting in settings:
        netuid, _, rest = setting.partition(":")
        name, equals, value = rest.partition("=")
        if not equals:
            raise _malformed("--set-parameter", setting, "1:kappa_u16=32767")
        subnets = session.network.subnets
        call = subnets.set_parameter(_whole(netuid, setting), name, _whole(value, setting))
        _check_subnet(session, int(netuid))
        yield call


def schedules(session: Session, settings: Sequence[str]) -> Iterator[Call]:
    """Tempo, reveal and window: NETUID:T,R,W."""
    from offchain.protocol.eras import check_schedule
    from offchain.protocol.errors import InvalidSubmission

    for setting in settings:
        netuid, _, rest = setting.partition(":")
        words = rest.split(",")
        if len(words) != 3:
            raise _malformed("--set-schedule", setting, "0:360,100,150")
        tempo, reveal, window = (_whole(word, setting) for word in words)
        try:
            check_schedule(tempo, reveal, window)
        except InvalidSubmission as error:
            raise ConfigError(
                f"--set-schedule {setting!r}: {error}", next_step="Choose inside the bounds."
            ) from None
        number = _whole(netuid, setting)
        _check_subnet(session, number)
        yield session.network.subnets.set_schedule(number, tempo, reveal, window)


def _check_subnet(session: Session, netuid: int) -> None:
    if not session.network.subnets.exists(netuid):
        raise ConfigError(f"there is no subnet {netuid}", next_step="See `evmtensor subnet list`.")


def governance(network: Network, settings: Sequence[str]) -> Iterator[Call]:
    """Numbers of the governor and the timelock: NAME=VALUE, inside their hard bounds."""
    governor, timelock = network.governor, network.timelock
    setters = {
        "voting_delay_ticks": (governor.set_voting_delay, governor.delay_bounds),
        "voting_period_ticks": (governor.set_voting_period, governor.period_bounds),
        "threshold_ppm": (governor.set_threshold, governor.threshold_bounds),
        "quorum_ppm": (governor.set_quorum, governor.quorum_bounds),
        "delay_seconds": (timelock.update_delay, timelock.delay_bounds),
    }
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals or name not in setters:
            raise ConfigError(
                f"--set-governance {setting!r} is none of {', '.join(setters)}",
                next_step="Write it like quorum_ppm=100000.",
            )
        (setter, bounds), number = setters[name], _whole(value, setting)
        least, most = bounds()
        if not least <= number <= most:
            raise ConfigError(
                f"{name} is {number}, wanted {least} to {most}",
                next_step="Choose a value inside the bounds.",
            )
        yield setter(number)


def transfers(session: Session, payments: Sequence[str]) -> Iterator[Call]:
    """Payments out of the treasury: TO:TAO."""
    for payment in payments:
        receiver, colon, amount = payment.rpartition(":")
        if not colon:
            raise _malformed("--transfer", payment, "0x12..ab:12.5")
        yield session.network.tao.transfer(session.address_of(receiver), rao(amount))


def raw(session: Session, calls: Sequence[str]) -> Iterator[Call]:
    """Any call: TARGET:0xDATA."""
    from offchain.chain.contract import Call

    for text in calls:
        target, _, data = text.rpartition(":")
        try:
            bytes.fromhex(data.removeprefix("0x"))
        except ValueError:
            raise _malformed("--call", text, "Subnets:0x1a2b3c4d") from None
        if not target or not data.startswith("0x"):
            raise _malformed("--call", text, "Subnets:0x1a2b3c4d")
        contracts = session.network.deployment.contracts
        address = contracts[target].address if target in contracts else session.address_of(target)
        yield Call(to=address, data=data, doing="call")


def _whole(text: str, where: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise ConfigError(
            f"{text!r} in {where!r} is not a whole number", next_step="Use digits alone."
        )
    return int(text)


def _malformed(option: str, text: str, example: str) -> ConfigError:
    return ConfigError(
        f"{option} {text!r} is not understood", next_step=f"Write it like {example}."
    )
