# SPDX-License-Identifier: Apache-2.0
"""Every bad input ends in one sentence with the next step, and sends nothing (issue 2)."""

from __future__ import annotations

import json
import secrets
import socket
from hashlib import sha256
from pathlib import Path

import pytest

from offchain.chain.coldkey import Coldkey
from offchain.chain.errors import NoSeat, Reverted
from offchain.chain.hotkey import Hotkey
from offchain.cli.output import show_error
from offchain.keys import KeyStore, Signer
from offchain.protocol.errors import ConfigError
from offchain.protocol.identifiers import RAO_PER_TAO
from offchain.protocol.rows import pack_row
from tests.chain.conftest import Localnet
from tests.cli.conftest import Command

pytestmark = pytest.mark.chain
PASSWORD = "correct horse"


def keys_in(home: Path) -> KeyStore:
    return KeyStore(home / "keys", scrypt_n=2)


def on(localnet: Localnet) -> list[str]:
    return ["--url", localnet.url, "--deployment", str(localnet.path)]


def test_rpc_down__is_one_sentence(evmtensor: Command) -> None:
    with socket.socket() as mute:  # its port is nobody else's, and nobody listens there
        mute.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{mute.getsockname()[1]}"
        sentence = evmtensor("metagraph", 1, "--url", url).sentence()
    assert f"no node answers at {url}" in sentence
    assert "evmtensor localnet up" in sentence


def test_rpc_is_a_web_page__is_one_sentence(evmtensor: Command) -> None:
    sentence = evmtensor("metagraph", 1, "--url", "here.example.org").sentence()
    assert "Use one like http://127.0.0.1:8545" in sentence


def test_wrong_chain__is_one_sentence(anvil: Localnet, evmtensor: Command, tmp_path: Path) -> None:
    other = json.loads(anvil.path.read_text()) | {"chain_id": 10}
    (tmp_path / "10.json").write_text(json.dumps(other))
    sentence = evmtensor(
        "metagraph", 1, "--url", anvil.url, "--deployment", tmp_path / "10.json"
    ).sentence()
    assert "is chain 31337, but the deployment is on chain 10" in sentence
    assert "--deployment" in sentence


def test_no_deployment__is_one_sentence(anvil: Localnet, evmtensor: Command) -> None:
    sentence = evmtensor("metagraph", 1, "--url", anvil.url).sentence()
    assert "no deployment file deployments/31337.json" in sentence
    assert "evmtensor chain deploy" in sentence


def test_undeployed_address__is_one_sentence(
    anvil: Localnet, evmtensor: Command, tmp_path: Path
) -> None:
    other = json.loads(anvil.path.read_text())
    other["contracts"]["Neurons"]["address"] = "0x" + "34" * 20
    (tmp_path / "d.json").write_text(json.dumps(other))
    sentence = evmtensor(
        "chain", "status", "--url", anvil.url, "--deployment", tmp_path / "d.json"
    ).sentence()
    assert "there is no contract at 0x3434" in sentence
    assert "where Neurons should be" in sentence


def test_missing_key__is_one_sentence(anvil: Localnet, evmtensor: Command) -> None:
    sentence = evmtensor("token", "transfer", "dev:1", 1, "--key", "alice", *on(anvil)).sentence()
    assert "no key 'alice'" in sentence
    assert "evmtensor wallet create alice" in sentence


def test_no_key_named__is_one_sentence(anvil: Localnet, evmtensor: Command) -> None:
    sentence = evmtensor("token", "transfer", "dev:1", 1, *on(anvil)).sentence()
    assert "no coldkey is named. Give --key NAME, or set EVMTENSOR_KEY." in sentence


def test_locked_key__nobody_to_ask__is_one_sentence(
    anvil: Localnet, evmtensor: Command, home: Path
) -> None:
    keys_in(home).create("alice", "coldkey", PASSWORD)
    sentence = evmtensor("token", "transfer", "dev:1", 1, "--key", "alice", *on(anvil)).sentence()
    assert "key 'alice' is locked" in sentence
    assert "EVMTENSOR_PASSWORD_FILE" in sentence


def test_locked_key__wrong_password__is_one_sentence(
    anvil: Localnet, evmtensor: Command, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys_in(home).create("alice", "coldkey", PASSWORD)
    monkeypatch.setenv("EVMTENSOR_PASSWORD", "wrong mule")
    sentence = evmtensor("token", "transfer", "dev:1", 1, "--key", "alice", *on(anvil)).sentence()
    assert "the password of key 'alice' is wrong" in sentence
    assert "wrong mule" not in sentence


def test_insufficient_balance__sends_nothing(
    anvil: Localnet, evmtensor: Command, home: Path
) -> None:
    poor = anvil.funded(tao=0)
    keys_in(home).add(poor.signer, "poor", "hotkey")  # type: ignore[arg-type]
    words = ("token", "transfer", "dev:1", "2.5", "--key", "poor")
    sentence = evmtensor(*words, *on(anvil)).sentence()
    assert f"{poor.address} has 0 TAO, needs 2.5" in sentence
    assert "nothing was sent" in sentence
    assert anvil.network.connection.nonce(poor.address) == 0


def test_insufficient_gas__sends_nothing(anvil: Localnet, evmtensor: Command, home: Path) -> None:
    signer = Signer.random()
    Coldkey(anvil.network, anvil.development(0)).transfer(signer.address, RAO_PER_TAO)
    keys_in(home).add(signer, "no-gas", "hotkey")
    words = ("token", "transfer", "dev:1", "0.5", "--key", "no-gas")
    sentence = evmtensor(*words, *on(anvil)).sentence()
    assert "has 0.000000 ETH for gas" in sentence
    assert anvil.network.tao.balance_of(signer.address) == RAO_PER_TAO


@pytest.mark.parametrize("amount", ["many", "-1", "1e-10", "nan", "inf", "1.0000000001"])
def test_amount_that_is_none__is_one_sentence(
    amount: str, anvil: Localnet, evmtensor: Command
) -> None:
    words = ("token", "transfer", "dev:1", "--key", "dev:0", *on(anvil), "--", amount)
    assert "is not an amount of TAO" in evmtensor(*words).sentence()


def test_unregistered_hotkey__cannot_be_staked_on(anvil: Localnet, evmtensor: Command) -> None:
    hotkey = Signer.random().address
    before = anvil.network.connection.nonce(anvil.development(0).address)
    words = ("stake", "add", 1, "--hotkey", hotkey, "--key", "dev:0")
    sentence = evmtensor(*words, *on(anvil)).sentence()
    assert "was never registered" in sentence
    assert "evmtensor neuron register" in sentence
    assert anvil.network.connection.nonce(anvil.development(0).address) == before


def test_unknown_subnet__is_one_sentence(anvil: Localnet, evmtensor: Command) -> None:
    sentence = evmtensor("metagraph", 99, *on(anvil)).sentence()
    assert "subnets: unknown netuid" in sentence
    assert "evmtensor subnet list" in sentence


def test_unknown_subnet__has_no_epoch_to_verify(anvil: Localnet, evmtensor: Command) -> None:
    sentence = evmtensor("verify-epoch", "-n", 99, "-e", 0, *on(anvil)).sentence()
    assert "there is no subnet 99. See `evmtensor subnet list`." in sentence


@pytest.fixture(scope="module")
def netuid(anvil: Localnet) -> int:
    """A subnet of dev:1, whose hotkey dev:2 is registered and seated from its first epoch on."""
    network = anvil.network
    Coldkey(network, anvil.development(0)).transfer(anvil.development(1).address, 10**13)
    owner = Coldkey(network, anvil.development(1))
    hotkey = anvil.development(2)
    made = owner.create_subnet(hotkey.signer, 16, 2, 10**15).netuid  # type: ignore[arg-type]
    owner.register(made, hotkey.signer, 10**12)  # type: ignore[arg-type]
    owner.add_stake(hotkey.address, 10**11)
    anvil.jump_to(network.clock.tick() + 1)
    started = owner.start_subnet(made, network.clock.tick() + 100)
    Hotkey(network, hotkey, made).poke(0, 0)
    anvil.jump_to(started.start_tick)
    return made


def test_unregistered_hotkey__cannot_mine(
    anvil: Localnet, netuid: int, evmtensor: Command, tmp_path: Path
) -> None:
    model = write_model(tmp_path / "model.onnx", "images", ["batch", 8, 8])
    words = ("miner", "run", model, "-n", netuid, "--hotkey", "dev:9", "--port", 0)
    sentence = evmtensor(*words, *on(anvil)).sentence()
    assert "is not registered in this subnet" in sentence
    assert "--max-burn" in sentence


@pytest.mark.parametrize("words", [("--host", "localhost"), ("--external-ip", "my-host")])
def test_miner_at_a_name__sends_nothing(
    anvil: Localnet, netuid: int, evmtensor: Command, tmp_path: Path, words: tuple[str, str]
) -> None:
    model = write_model(tmp_path / "model.onnx", "images", ["batch", 8, 8])
    line = ("miner", "run", model, "-n", netuid, "--hotkey", "dev:2", "--port", 0, *words)
    before = anvil.network.connection.nonce(anvil.development(2).address)
    sentence = evmtensor(*line, *on(anvil)).sentence()
    assert f"{words[1]} is no IP address" in sentence
    assert "--external-ip" in sentence
    assert anvil.network.connection.nonce(anvil.development(2).address) == before


def test_announcing_a_name__library__is_one_sentence(anvil: Localnet, netuid: int) -> None:
    with pytest.raises(ConfigError, match="is no IP address"):
        anvil.network.neurons.serve_axon(netuid, "localhost", 8091)


def test_check_with_a_netuid__says_what_a_place_costs_and_whose_the_model_is(
    anvil: Localnet, netuid: int, evmtensor: Command, tmp_path: Path
) -> None:
    model = write_model(tmp_path / "model.onnx", "images", ["batch", 8, 8])
    line = ("miner", "check", model, "--rounds", 2, "--netuid", netuid, *on(anvil))
    said = evmtensor(*line)
    assert said.code == 0, said.error
    assert f"a place in subnet {netuid} costs " in said.out
    assert "committed this model first" not in said.out
    owner = anvil.development(2)
    Hotkey(anvil.network, owner, netuid).commit_model(
        sha256(model.read_bytes()).digest(), bytes(32)
    )
    assert f"{owner.address} committed this model first: a copy of it scores 0" in (
        evmtensor(*line).out
    )
    place = json.loads(evmtensor(*line, "--json").out)["place"]
    assert place["owner"] == owner.address
    assert place["burn_rao"] > 0


def test_check_with_an_unknown_netuid__is_one_sentence(
    anvil: Localnet, evmtensor: Command, tmp_path: Path
) -> None:
    model = write_model(tmp_path / "model.onnx", "images", ["batch", 8, 8])
    line = ("miner", "check", model, "--rounds", 2, "--netuid", 99, *on(anvil))
    assert "unknown netuid. See `evmtensor subnet list`" in evmtensor(*line).sentence()


@pytest.mark.parametrize("name", ["base", "nothing", "../vision"])
def test_check_for_a_subnet_that_is_none__is_one_sentence(
    evmtensor: Command, tmp_path: Path, name: str
) -> None:
    model = write_model(tmp_path / "model.onnx", "images", ["batch", 8, 8])
    sentence = evmtensor("miner", "check", model, "--subnet", name).sentence()
    assert "Name a module of offchain/subnets, such as vision or text." in sentence


@pytest.mark.parametrize(
    ("content", "step"),
    [(b"", "Export it with"), (b"import torch", "Export it with"), (bytes(17 * 2**20), "smaller")],
    ids=["empty", "source", "too large"],
)
def test_check_of_a_file_that_is_no_model__says_what_to_do(
    evmtensor: Command, tmp_path: Path, content: bytes, step: str
) -> None:
    (tmp_path / "model.onnx").write_bytes(content)
    assert step in evmtensor("miner", "check", tmp_path / "model.onnx").sentence()


def test_check_of_a_folder_that_is_no_decoder__says_what_to_do(
    evmtensor: Command, tmp_path: Path
) -> None:
    folder = tmp_path / "decoder"
    folder.mkdir()
    (folder / "genai_config.json").write_text("{}")
    sentence = evmtensor("miner", "check", folder).sentence()
    assert "missing required field `model`. Lay it out as" in sentence


def test_engine_that_is_none__is_one_sentence(evmtensor: Command) -> None:
    line = ("miner", "run", "model.onnx", "-n", 1, "--hotkey", "dev:2", "--engine", "tpu")
    assert "Name one of them with --engine." in evmtensor(*line).sentence()


def test_server_without_a_hash__asks_one_question(evmtensor: Command) -> None:
    url = ("--engine-url", "http://127.0.0.1:1", "--model", "x")
    line = ("miner", "run", "-n", 1, "--hotkey", "dev:2", "--engine", "openai", *url)
    sentence = evmtensor(*line).sentence()
    assert "for the model at the server? Name its file" in sentence


def test_server_at_no_address__is_one_sentence(evmtensor: Command) -> None:
    url = ("--engine-url", "triton", "--model", "x", "--model-hash", "11" * 32)
    line = ("miner", "run", "-n", 1, "--hotkey", "dev:2", "--engine", "oip", *url)
    assert "triton is no web address. Give one like http" in evmtensor(*line).sentence()


@pytest.mark.parametrize("engine", ["oip", "openai"])
def test_server_that_is_down__is_one_sentence(
    anvil: Localnet, netuid: int, evmtensor: Command, engine: str
) -> None:
    url = ("--engine-url", "http://127.0.0.1:1", "--model", "x", "--model-hash", "11" * 32)
    words = ("-n", netuid, "--hotkey", "dev:2", "--engine", engine, *url, "--port", 0)
    sentence = evmtensor("miner", "run", *words, *on(anvil)).sentence()
    assert "does not answer" in sentence
    assert "Start the inference server first." in sentence


@pytest.mark.parametrize("content", [None, "{}", "[]", "no json", "\xff"])
def test_evidence_that_is_none__is_one_sentence(
    evmtensor: Command, tmp_path: Path, content: str | None
) -> None:
    path = tmp_path / "evidence.json"
    if content is not None:
        path.write_text(content, encoding="latin-1")
    sentence = evmtensor("evidence", "check", path).sentence()
    assert str(path) in sentence
    assert "Name a file that a validator kept" in sentence


def test_model_that_is_not_onnx__sends_nothing(
    anvil: Localnet, evmtensor: Command, tmp_path: Path
) -> None:
    (tmp_path / "model.onnx").write_text("import torch")
    words = ("miner", "run", tmp_path / "model.onnx", "-n", 1, "--hotkey", "dev:9", "--max-burn", 9)
    sentence = evmtensor(*words, *on(anvil)).sentence()
    assert "not an ONNX model" in sentence
    assert anvil.network.connection.nonce(anvil.development(9).address) == 0


def test_model_that_does_not_exist__is_one_sentence(anvil: Localnet, evmtensor: Command) -> None:
    words = ("miner", "run", "nothing.onnx", "-n", 1, "--hotkey", "dev:9")
    sentence = evmtensor(*words, *on(anvil)).sentence()
    assert "nothing.onnx: cannot be read (No such file or directory). Name an ONNX file" in sentence


def test_model_with_other_inputs__sends_nothing(
    anvil: Localnet, evmtensor: Command, tmp_path: Path
) -> None:
    model = write_model(tmp_path / "model.onnx", "tokens", ["batch", 3])
    words = ("miner", "run", model, "-n", 1, "--hotkey", "dev:9", "--max-burn", 9)
    sentence = evmtensor(*words, *on(anvil)).sentence()
    assert "tokens" in sentence
    assert anvil.network.connection.nonce(anvil.development(9).address) == 0


def write_model(path: Path, input_name: str, shape: list[object]) -> Path:
    """A model that gives ten equal scores for whatever it gets."""
    import onnx
    from onnx import TensorProto, helper

    flat = helper.make_node("Flatten", [input_name], ["flat"], axis=1)
    summed = helper.make_node("ReduceSum", ["flat", "axis"], ["sum"], keepdims=1)
    zero = helper.make_node("Sub", ["sum", "sum"], ["zero"])
    tiled = helper.make_node("Add", ["zero", "tenths"], ["probabilities"])
    graph = helper.make_graph(
        [flat, summed, zero, tiled],
        "constant",
        [helper.make_tensor_value_info(input_name, TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", 10])],
        [
            helper.make_tensor("axis", TensorProto.INT64, [1], [1]),
            helper.make_tensor("tenths", TensorProto.FLOAT, [10], [0.1] * 10),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.save(model, str(path))
    return path


def told(error: Exception, capsys: pytest.CaptureFixture[str]) -> str:
    """What the command line says about an error of a service."""
    capsys.readouterr()
    show_error(error, verbose=False, as_json=False)
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    return lines[0]


def test_lost_seat__commit_sends_nothing(
    anvil: Localnet, netuid: int, capsys: pytest.CaptureFixture[str]
) -> None:
    network, stranger = anvil.network, anvil.funded(tao=0)
    window = network.subnets.epoch_at(netuid, network.clock.tick())
    hotkey = Hotkey(network, stranger, netuid)
    with pytest.raises(NoSeat) as none:
        hotkey.require_seat(window.epoch)
    assert "Add stake" in told(none.value, capsys)
    with pytest.raises(Reverted) as refused:
        hotkey.commit(window, 0, secrets.token_bytes(32))
    assert "weights: not your seat. The seat is lost" in told(refused.value, capsys)
    assert network.connection.nonce(stranger.address) == 0


def test_closed_window__reveal_sends_nothing(
    anvil: Localnet, netuid: int, capsys: pytest.CaptureFixture[str]
) -> None:
    network, stranger = anvil.network, anvil.funded(tao=0)
    clock = network.clock
    window = network.subnets.epoch_at(netuid, clock.tick())
    anvil.jump_to(window.end_tick + window.reveal_ticks)
    hotkey = Hotkey(network, stranger, netuid)
    call = network.weights.reveal(
        netuid, window.epoch, 0, pack_row([1] * 16), secrets.token_bytes(32), 0, 0
    )
    with pytest.raises(Reverted) as refused:
        hotkey.reveal(window, call)
    sentence = told(refused.value, capsys)
    assert "weights: reveal phase over" in sentence
    assert "Wait for the next epoch" in sentence
    assert network.connection.nonce(stranger.address) == 0


def test_price_above_the_limit__sends_nothing(
    anvil: Localnet, netuid: int, evmtensor: Command
) -> None:
    before = anvil.network.connection.nonce(anvil.development(1).address)
    words = ("neuron", "register", "-n", netuid, "--key", "dev:1", "--hotkey", "dev:8")
    sentence = evmtensor(*words, "--max-burn", "0.000001", *on(anvil)).sentence()
    assert "more than the maximum of 0.000001" in sentence
    assert "Raise --max-burn" in sentence
    assert anvil.network.connection.nonce(anvil.development(1).address) == before


def test_not_the_owner__sends_nothing(anvil: Localnet, netuid: int, evmtensor: Command) -> None:
    words = ("subnet", "set", netuid, "immunity_ticks", 9, "--key", "dev:7")
    sentence = evmtensor(*words, *on(anvil)).sentence()
    assert "subnets: not the owner" in sentence
    assert anvil.network.connection.nonce(anvil.development(7).address) == 0


def test_verbose__shows_where(anvil: Localnet, evmtensor: Command) -> None:
    outcome = evmtensor("metagraph", 1, "--url", anvil.url, "-v")
    assert outcome.code != 0
    assert "Traceback" in outcome.error


def test_json__error_is_an_object(anvil: Localnet, evmtensor: Command) -> None:
    outcome = evmtensor("--json", "metagraph", 1, "--url", anvil.url)
    error = json.loads(outcome.error)
    assert error["error"] == "NotDeployed"
    assert error["next_step"]


def test_root_without_its_words__is_one_sentence(
    anvil: Localnet, evmtensor: Command, tmp_path: Path
) -> None:
    """The root has no neurons, is not measured, and takes weights only as NETUID=WEIGHT."""
    where = on(anvil)
    assert "evmtensor root show" in evmtensor("metagraph", 0, *where).sentence()
    for words in (["--netuid", 0], ["--netuid", 1, "--weights", tmp_path / "w.toml"]):
        told = evmtensor("validator", "run", *words, "--hotkey", "dev:3", *where).sentence()
        assert "Give --weights FILE with --netuid 0" in told
    for pairs in (["1"], ["1=x"], ["1=1", "1=2"]):
        told = evmtensor("root", "weights", "set", *pairs, "--hotkey", "dev:3", *where).sentence()
        assert "subnet" in told or "NETUID=WEIGHT" in told
    weightless = tmp_path / "w.toml"
    weightless.write_text("[other]\n")
    told = evmtensor(
        "validator", "run", "-n", 0, "--weights", weightless, "--hotkey", "dev:3", *where
    ).sentence()
    assert "has no weights" in told


def test_root_not_started__is_one_sentence(anvil: Localnet, evmtensor: Command) -> None:
    told = evmtensor("root", "weights", "set", "1=1", "--hotkey", "dev:3", *on(anvil)).sentence()
    assert "the root is not started" in told
    assert "evmtensor root start" in told
    assert (
        "not started"
        in evmtensor("root", "poke", "-H", "dev:3", "-k", "dev:4", *on(anvil)).sentence()
    )
