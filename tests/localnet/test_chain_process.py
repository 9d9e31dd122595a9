# SPDX-License-Identifier: Apache-2.0
"""Real Anvil and Ganache processes: they answer, tick, remember, and fail in one sentence."""

import socket
import time

import pytest

from offchain.localnet import chain_process
from offchain.localnet.chain_process import CHAIN_ID_OF, ChainSettings, rpc, start_chain
from offchain.localnet.errors import ChainNotReady, MissingProgram, PortBusy
from offchain.protocol.errors import ConfigError

KINDS = ["anvil", "ganache"]
# first account of the public test mnemonic
FIRST_ACCOUNT = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266"

pytestmark = pytest.mark.chain


@pytest.fixture
def settings(tmp_path):
    def make(kind, **changes):
        return ChainSettings(kind=kind, log_file=tmp_path / f"{kind}.log", **changes)

    return make


def block_number(chain):
    return int(rpc(chain.url, "eth_blockNumber"), 16)


def wait_until(condition, otherwise, seconds=120.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.05)


@pytest.mark.parametrize("kind", KINDS)
def test_start_chain__answers_with_its_id_and_the_test_accounts(settings, kind):
    with start_chain(settings(kind, accounts=12, balance_ether=7)) as chain:
        assert int(rpc(chain.url, "eth_chainId"), 16) == CHAIN_ID_OF[kind]
        accounts = rpc(chain.url, "eth_accounts")
        assert len(accounts) == 12
        assert accounts[0].lower() == FIRST_ACCOUNT
        assert int(rpc(chain.url, "eth_getBalance", FIRST_ACCOUNT, "latest"), 16) == 7 * 10**18
    assert not chain.is_running()


@pytest.mark.parametrize("kind", KINDS)
def test_start_chain__mines_without_transactions(settings, kind):
    with start_chain(settings(kind)) as chain:
        first = block_number(chain)
        wait_until(lambda: block_number(chain) >= first + 2, "no blocks came")
        early, late = (
            int(rpc(chain.url, "eth_getBlockByNumber", hex(n), False)["timestamp"], 16)
            for n in (first + 1, first + 2)
        )
        assert late > early


@pytest.mark.parametrize("kind", KINDS)
def test_start_chain__writes_no_key_to_its_log(settings, kind):
    with start_chain(settings(kind)) as chain:
        block_number(chain)
    key_of_first_account = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
    assert key_of_first_account not in chain.settings.log_file.read_text()


@pytest.mark.parametrize("kind", KINDS)
def test_stop__state_given__next_start_remembers(settings, tmp_path, kind):
    state = tmp_path / "state"
    receiver = "0x00000000000000000000000000000000000a11ce"
    with start_chain(settings(kind, block_seconds=0, state=state)) as chain:
        transfer = {"from": FIRST_ACCOUNT, "to": receiver, "value": hex(5), "gas": hex(21_000)}
        hash_ = rpc(chain.url, "eth_sendTransaction", transfer)
        wait_until(lambda: rpc(chain.url, "eth_getTransactionReceipt", hash_), "it was not mined")
        assert int(rpc(chain.url, "eth_getBalance", receiver, "latest"), 16) == 5

    with start_chain(settings(kind, block_seconds=0, state=state)) as chain:
        assert int(rpc(chain.url, "eth_getBalance", receiver, "latest"), 16) == 5


@pytest.mark.parametrize("kind", KINDS)
def test_start_chain__genesis_time_given__first_block_has_it(settings, kind):
    with start_chain(settings(kind, genesis_time=1_900_000_000, block_seconds=0)) as chain:
        block = rpc(chain.url, "eth_getBlockByNumber", "0x0", False)
    assert abs(int(block["timestamp"], 16) - 1_900_000_000) <= 1


@pytest.mark.parametrize("kind", KINDS)
def test_start_chain__port_busy__one_sentence(settings, kind):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(PortBusy, match=f"port {port} on 127.0.0.1 is in use") as caught:
            start_chain(settings(kind, port=port))
    assert "--port" in caught.value.next_step


def test_start_chain__free_port_was_taken_meanwhile__tries_another(settings, monkeypatch):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        real = chain_process.free_port
        offered = iter([other.getsockname()[1]])
        monkeypatch.setattr(
            chain_process, "free_port", lambda host: next(offered, None) or real(host)
        )
        with start_chain(settings("anvil")) as chain:
            assert chain.port != other.getsockname()[1]


@pytest.mark.parametrize("kind", KINDS)
def test_start_chain__program_missing__says_how_to_get_it(settings, monkeypatch, tmp_path, kind):
    monkeypatch.setattr(chain_process.sys, "prefix", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingProgram, match=f"{kind} is not installed") as caught:
        start_chain(settings(kind))
    assert "make setup" in caught.value.next_step


def test_start_chain__node_ends_while_starting__error_carries_its_log(settings, tmp_path):
    state = tmp_path / "state"
    state.write_text("not a state")
    with pytest.raises(ChainNotReady, match="anvil ended with code") as caught:
        start_chain(settings("anvil", state=state))
    assert "anvil.log" in caught.value.next_step


def test_start_chain__not_a_node__times_out(settings, monkeypatch, tmp_path):
    program = tmp_path / "anvil"
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)
    monkeypatch.setenv("EVMTENSOR_ANVIL", str(program))
    with pytest.raises(ChainNotReady, match="did not answer within 1 s"):
        start_chain(settings("anvil", start_seconds=1))


@pytest.mark.parametrize("changes, says", [({"kind": "geth"}, "'geth'"), ({"port": 70_000}, "70")])
def test_settings__nonsense__refused(changes, says):
    with pytest.raises(ConfigError, match=says):
        ChainSettings(**changes)
