# SPDX-License-Identifier: Apache-2.0
"""The token: genesis, the single minter, the cap, 9 decimals, permits."""

from __future__ import annotations

from dataclasses import replace

import boa
import pytest
from eth_account import Account

from offchain.protocol.units import TAO_DECIMALS
from tests.contracts.deployment import MINIMAL, RAO, World, compiled, deploy_world, role_address

CAP = 21_000_000 * RAO


def test_genesis__holders__have_their_allocations(stranger: str, miner: str) -> None:
    token = compiled("Tao").deploy(role_address("emission"), [stranger, miner], [5, 7])
    assert (token.balanceOf(stranger), token.balanceOf(miner), token.totalSupply()) == (5, 7, 12)


def test_genesis__counts_as_issuance(money: World) -> None:
    assert money.tao.totalSupply() == money.emission.issuance_rao() == money.preset.genesis_rao


@pytest.mark.parametrize(
    ("holders", "amounts", "reason"),
    [(2, [1], "tao: lengths differ"), (1, [CAP + 1], "tao: above the cap")],
)
def test_genesis__nonsense__reverts(holders: int, amounts: list[int], reason: str) -> None:
    accounts = [role_address(f"holder {i}") for i in range(holders)]
    with boa.reverts(reason):
        compiled("Tao").deploy(role_address("emission"), accounts, amounts)


def test_mint__emission__supply_grows(money: World, miner: str) -> None:
    money.tao.mint(miner, 5, sender=money.emission.address)
    assert money.tao.balanceOf(miner) == 5
    assert money.tao.totalSupply() == money.preset.genesis_rao + 5


def test_A2_mint__anybody_else__reverts(money: World, stranger: str) -> None:
    for caller in {*money.address.values(), stranger} - {money.emission.address}:
        with boa.reverts("tao: not emission"):
            money.tao.mint(caller, 1, sender=caller)


def test_A2_the_deployer__keeps_no_function_of_the_library(money: World) -> None:
    names = {entry["name"] for entry in money.tao.abi if entry["type"] == "function"}
    assert not names & {"set_minter", "transfer_ownership", "renounce_ownership", "owner"}


def test_mint__up_to_the_cap_and_not_above(miner: str) -> None:
    world = deploy_world(replace(MINIMAL, genesis_rao=CAP - 1), only=("Tao", "Emission"))
    minter = world.emission.address
    with boa.reverts("tao: above the cap"):
        world.tao.mint(miner, 2, sender=minter)
    world.tao.mint(miner, 1, sender=minter)
    assert world.tao.totalSupply() == CAP
    with boa.reverts("tao: above the cap"):
        world.tao.mint(miner, 1, sender=minter)


def test_A4_decimals__nine_on_chain_and_off() -> None:
    token = compiled("Tao").deploy(role_address("emission"), [], [])
    assert token.decimals() == TAO_DECIMALS == 9
    assert (token.name(), token.symbol()) == ("Tao", "TAO")


def sign_permit(token: object, owner: Account, chain_id: int, spender: str, amount: int) -> tuple:
    """(v, r, s) of an EIP-2612 permit with nonce 0 and no deadline."""
    signed = owner.sign_typed_data(
        {
            "name": "Tao",
            "version": "1",
            "chainId": chain_id,
            "verifyingContract": token.address,
        },
        {
            "Permit": [
                {"name": "owner", "type": "address"},
                {"name": "spender", "type": "address"},
                {"name": "value", "type": "uint256"},
                {"name": "nonce", "type": "uint256"},
                {"name": "deadline", "type": "uint256"},
            ]
        },
        {
            "owner": owner.address,
            "spender": str(spender),
            "value": amount,
            "nonce": 0,
            "deadline": 2**256 - 1,
        },
    )
    return signed.v, signed.r.to_bytes(32, "big"), signed.s.to_bytes(32, "big")


def test_permit__signed__allows_once(money: World, stranger: str) -> None:
    owner = Account.create()
    v, r, s = sign_permit(money.tao, owner, boa.env.evm.patch.chain_id, stranger, 9)
    money.tao.permit(owner.address, stranger, 9, 2**256 - 1, v, r, s)
    assert money.tao.allowance(owner.address, stranger) == 9
    with boa.reverts("erc20: invalid signature"):
        money.tao.permit(owner.address, stranger, 9, 2**256 - 1, v, r, s)


def test_A5_permit__on_another_chain__reverts_and_still_works_at_home(
    money: World, stranger: str
) -> None:
    owner = Account.create()
    home = boa.env.evm.patch.chain_id
    v, r, s = sign_permit(money.tao, owner, home, stranger, 9)
    separator = money.tao.DOMAIN_SEPARATOR()
    boa.env.evm.patch.chain_id = home + 1
    assert money.tao.DOMAIN_SEPARATOR() != separator
    with boa.reverts("erc20: invalid signature"):
        money.tao.permit(owner.address, stranger, 9, 2**256 - 1, v, r, s)
    boa.env.evm.patch.chain_id = home
    money.tao.permit(owner.address, stranger, 9, 2**256 - 1, v, r, s)
    assert money.tao.allowance(owner.address, stranger) == 9
