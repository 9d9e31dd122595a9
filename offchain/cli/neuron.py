# SPDX-License-Identifier: Apache-2.0
"""Neurons: register a hotkey, see its place, take a seat for it."""

from __future__ import annotations

from typing import Annotated

import typer

from offchain.cli.options import HotkeyAddress, HotkeyName, Key, Netuid, rao, tao
from offchain.cli.output import progress, show
from offchain.cli.seats import take_seat
from offchain.cli.session import Session
from offchain.protocol.errors import ConfigError

app = typer.Typer(name="neuron", help="Neurons: register, show, poke.", no_args_is_help=True)


@app.command()
def register(
    context: typer.Context,
    netuid: Netuid,
    key: Key = "",
    hotkey: HotkeyName = "",
    max_burn: Annotated[str, typer.Option(help="Most that it may cost, in TAO.")] = "",
) -> None:
    """Buy a uid for a hotkey, which consents with its own key.

    evmtensor neuron register -n 1 -k alice -H alice-hot --max-burn 2
    """
    session: Session = context.obj
    coldkey = session.coldkey(key)
    signer = session.signer(session.hotkey_name(hotkey))
    # without a limit: what it costs now and a quarter more, as others may buy meanwhile
    most = rao(max_burn) if max_burn else session.network.neurons.burn_rao(netuid) * 5 // 4
    with progress("registering"):
        made = coldkey.register(netuid, signer, most)
    text = f"uid {made.uid} of subnet {netuid} for {tao(made.burn_rao)} TAO"
    show(session.flags.json, made, f"{text}, from epoch {made.from_epoch} on")


@app.command("show")
def show_neuron(context: typer.Context, netuid: Netuid, hotkey: HotkeyAddress = "") -> None:
    """Show where a hotkey stands in a subnet.

    evmtensor neuron show --netuid 1 --hotkey alice-hot
    """
    from offchain.chain.hotkey import not_registered, uid_now

    session: Session = context.obj
    network = session.network
    address = session.hotkey_address(hotkey)
    uid = uid_now(network, netuid, address)
    if uid is None:
        raise not_registered(address, netuid)
    axon = network.neurons.axon_of(netuid, uid)
    value = {
        "netuid": netuid,
        "uid": uid,
        "hotkey": address,
        "coldkey": network.staking.owner_of(address),
        "stake_rao": network.staking.stake_of(address),
        "axon": f"{axon.ip}:{axon.port}" if axon else None,
    }
    stake = tao(network.staking.stake_of(address))
    text = f"uid {uid} of subnet {netuid}, {stake} TAO, answers at {value['axon'] or 'no endpoint'}"
    show(session.flags.json, value, text)


@app.command()
def poke(
    context: typer.Context,
    netuid: Netuid,
    hotkey: HotkeyAddress = "",
    seat: Annotated[int, typer.Option(help="The seat; the best one by default.")] = -1,
    key: Annotated[str, typer.Option("--key", "-k", help="Who pays the gas.")] = "",
) -> None:
    """Give a seat of a subnet to a hotkey with more stake, from the next epoch on.

    A running validator does it by itself.

    evmtensor neuron poke --netuid 1 --hotkey alice-hot --key alice
    """
    from offchain.chain.hotkey import Hotkey

    session: Session = context.obj
    if netuid == 0:
        raise ConfigError("the root has seats of its own", next_step="Use `evmtensor root poke`.")
    address = session.hotkey_address(hotkey)
    neuron = Hotkey(session.network, session.coldkey(key).sender, netuid, address)
    neuron.require_uid()
    look = "See `evmtensor metagraph`; stake counts from the next tick or epoch on."
    take_seat(session, neuron, seat, f"subnet {netuid}", look)
