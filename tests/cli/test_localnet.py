# SPDX-License-Identifier: Apache-2.0
"""By hand, as the README shows: a local chain, ape on it, and services against it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from offchain.chain.build import build

# sixty commands, each a process that a slow machine takes seconds to start
pytestmark = [pytest.mark.chain, pytest.mark.slow, pytest.mark.timeout(900)]
ROOT = Path(__file__).resolve().parents[2]
PYTHON_BIN = Path(sys.executable).parent


class Shell:
    """A user's shell in an empty directory."""

    def __init__(self, folder: Path, home: Path) -> None:
        self.folder = folder
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("EVMTENSOR_RPC", "APE_"))},
            "EVMTENSOR_HOME": str(home),
            "PYTHONPATH": str(ROOT),
            "PATH": f"{PYTHON_BIN}{os.pathsep}{os.environ['PATH']}",
        }

    def run(self, *words: object, code: int = 0, seconds: float = 200) -> str:
        """Standard output of a command that has to end with `code`."""
        ended = subprocess.run(
            [str(word) for word in words],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,  # a question would wait for ever
            capture_output=True,
            text=True,
            timeout=seconds,
        )
        assert ended.returncode == code, f"{words}: {ended.stdout}\n{ended.stderr}"
        return ended.stdout if code == 0 else ended.stderr

    def evmtensor(self, *words: object, code: int = 0) -> str:
        return self.run(sys.executable, "-m", "offchain.cli", *words, code=code)


@pytest.fixture(scope="module", params=["anvil", "ganache"])
def shell(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Shell]:
    """A local network that `up` started; the exported line is in the environment."""
    folder = tmp_path_factory.mktemp(request.param)
    made = Shell(folder, folder / "home")
    build("cancun" if request.param == "anvil" else "shanghai")
    try:
        words = ("localnet", "up", "--chain", request.param, "--port", 0)
        line = made.evmtensor(*words, "--with-pid", os.getpid()).strip().splitlines()[-1]
        name, _, value = line.removeprefix("export ").partition("=")
        assert name == "APE_FOUNDRY_HOST"
        made.environment[name] = value
        yield made
    finally:
        made.evmtensor("localnet", "down")


def have_subnet(shell: Shell) -> None:
    """Subnet 1 of dev:1, made once."""
    if json.loads(shell.evmtensor("subnet", "list", "--json")):
        return
    shell.evmtensor("localnet", "fund", "dev:1", 5_000)
    shell.evmtensor(
        *("subnet", "create", "--key", "dev:1", "--hotkey", "dev:2"),
        *("--max-uids", 16, "--max-validators", 4),
    )


def test_localnet__by_hand__subnet_miner_and_table(shell: Shell) -> None:
    status = json.loads(shell.evmtensor("localnet", "status", "--json"))
    assert status["url"] == shell.environment["APE_FOUNDRY_HOST"]
    assert "runs already" in shell.evmtensor("localnet", "up", code=1)
    have_subnet(shell)
    shell.evmtensor("neuron", "register", "-n", 1, "--key", "dev:1", "--hotkey", "dev:2")
    shell.evmtensor("stake", "add", 100, "--hotkey", "dev:2", "--key", "dev:1")
    shell.evmtensor("subnet", "start", 1, "--key", "dev:1")
    (listed,) = json.loads(shell.evmtensor("subnet", "list", "--json"))
    assert (listed["netuid"], listed["neurons"]) == (1, 1)
    graph = json.loads(shell.evmtensor("metagraph", 1, "--json"))
    assert graph["neurons"][0]["stake_rao"] == 100 * 10**9
    assert "YumaKernel" in shell.evmtensor("chain", "status")
    shell.evmtensor("stake", "unbond", "--hotkey", "dev:2", "--key", "dev:1", "--amount", 1)
    shell.evmtensor("token", "transfer", "dev:5", "1.5", "--key", "dev:1")
    assert (
        json.loads(shell.evmtensor("token", "balance", "dev:5", "--json"))["balance_rao"]
        == 15 * 10**8
    )


def test_subnet__named_handed_over_and_back__by_command(shell: Shell) -> None:
    have_subnet(shell)
    shell.evmtensor("localnet", "fund", "dev:3", 10)
    cost = json.loads(shell.evmtensor("subnet", "cost", "--json"))
    assert (cost["subnets"], cost["evicts"]) == (1, None)
    shell.evmtensor(
        "subnet", "identity", 1, "--name", "digits", "--site", "https://a.org", "-k", "dev:1"
    )
    assert "bytes" in shell.evmtensor(
        *("subnet", "identity", 1, "--name", "x" * 65, "--key", "dev:1"), code=1
    )
    assert json.loads(shell.evmtensor("subnet", "show", 1, "--json"))["url"] == "https://a.org"
    shell.evmtensor("subnet", "offer", 1, "--to", "dev:3", "--key", "dev:1")
    assert "not offered" in shell.evmtensor("subnet", "accept", 1, "--key", "dev:1", code=1)
    heir = json.loads(shell.evmtensor("subnet", "accept", 1, "--key", "dev:3", "--json"))
    (listed,) = json.loads(shell.evmtensor("subnet", "list", "--json"))
    assert (listed["name"], listed["owner"], listed["life"]) == ("digits", heir["owner"], 1)
    shell.evmtensor("subnet", "set-hotkey", 1, "--hotkey", "dev:4", "--key", "dev:3")
    rows = json.loads(shell.evmtensor("subnet", "parameters", 1, "--json"))
    assert {row["name"]: row["now"] for row in rows}["owner_cut_enabled"] == 1
    table = {row["name"]: row for row in rows}
    bonds = table["bonds_moving_average_ppm"]
    assert (bonds["most"], bonds["owner's most"], bonds["freeze"]) == (999_999, 975_000, "yes")
    assert (table["kappa_u16"]["owner's most"], table["kappa_u16"]["freeze"]) == ("", "no")
    assert "in the last 10 ticks" in shell.evmtensor("subnet", "hyperparameters", 1)
    shell.evmtensor("subnet", "offer", 1, "--to", "dev:1", "--key", "dev:3")
    shell.evmtensor("subnet", "accept", 1, "--key", "dev:1")


def test_ape__scripts__speak_to_the_local_chain(shell: Shell) -> None:
    deployment = next((shell.folder / "deployments").glob("*1337.json"))
    flags = ("--deployment", deployment)
    for script in ("scripts", "ape-config.yaml", "ape_console_extras.py"):
        target = shell.folder / script
        if not target.exists():
            target.symlink_to(ROOT / script)
    before = deployment.read_text()
    assert str(deployment) in shell.run("ape", "run", "deploy", *flags)
    assert deployment.read_text() == before  # it was found, not made anew
    have_subnet(shell)
    if deployment.name == "31337.json":  # ape's own provider knows Anvil only
        shell.environment["EVMTENSOR_DEPLOYMENT"] = str(deployment)
        code = "print(tao.totalSupply(), neurons.address, settlement.address); metagraph(1)"
        code += "; identity(keys.address); print(keys.name_of(keys.address), 'no name')"
        words = ("console", "--network", "ethereum:local:foundry", "-c", code)
        printed = shell.run("ape", *words)
        stored = json.loads(deployment.read_text())["contracts"]
        assert stored["Neurons"]["address"] in printed
        assert stored["Settlement"]["address"] in printed
        assert f"{stored['Keys']['address']} says nothing" in printed
        assert "subnet 1, epoch" in printed  # who is in it depends on the tests before
        assert "evmtensor miner run" in shell.run("ape", "run", "miner", "--help")


def lines_by_hand() -> list[list[str]]:
    """The commands of the README's section "By hand", up to the services."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    block = text.partition("\nBy hand:")[2].split("```")[1]
    return [line.split() for line in block.splitlines() if line.startswith("evmtensor ")]


def test_readme__by_hand__every_line_does_what_it_says(tmp_path: Path) -> None:
    shell = Shell(tmp_path, tmp_path / "home")
    lines = lines_by_hand()
    assert [" ".join(words[1:3]) for words in lines][-1] == "subnet start"
    started = shell.evmtensor("localnet", "up", "--port", 0, "--with-pid", os.getpid())
    shell.environment["APE_FOUNDRY_HOST"] = started.strip().rpartition("=")[2]
    try:
        for words in lines:
            shell.run(*words)
        (neuron,) = json.loads(shell.evmtensor("metagraph", 1, "--json"))["neurons"]
        assert neuron["stake_rao"] == 1_000 * 10**9
    finally:
        shell.evmtensor("localnet", "down")


def test_localnet__killed__takes_its_chain_along(tmp_path: Path) -> None:
    shell = Shell(tmp_path, tmp_path / "home")
    shell.evmtensor("localnet", "up", "--port", 0, "--with-pid", os.getpid())
    state = json.loads(shell.evmtensor("localnet", "status", "--json"))
    os.kill(state["pid"], signal.SIGKILL)
    for _ in range(50):
        if json.loads(shell.evmtensor("localnet", "status", "--json")) is None:
            break
    else:
        raise AssertionError("the chain outlived its keeper")
    assert "nothing is running" in shell.evmtensor("localnet", "down")


def test_localnet__its_process_ends__ends_with_it(tmp_path: Path) -> None:
    shell = Shell(tmp_path, tmp_path / "home")
    with subprocess.Popen(["sleep", "600"]) as company:
        shell.evmtensor("localnet", "up", "--port", 0, "--with-pid", company.pid)
        company.kill()
    for _ in range(50):
        if json.loads(shell.evmtensor("localnet", "status", "--json")) is None:
            return
    raise AssertionError("the network outlived its process")


def processes_in(folder: Path) -> list[str]:
    """Command lines of all processes whose working directory this is (on Linux)."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it ended meanwhile, or is not ours
            if (entry / "cwd").resolve() == folder.resolve():
                found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
    return found


@pytest.mark.usefixtures("ctrl_c")
def test_localnet__interrupted_while_it_starts__leaves_nothing_behind(tmp_path: Path) -> None:
    shell = Shell(tmp_path, tmp_path / "home")
    command = [sys.executable, "-m", "offchain.cli", "localnet", "up", "--port", "0"]
    with subprocess.Popen(
        command, cwd=tmp_path, env=shell.environment, stderr=subprocess.PIPE, text=True
    ) as starting:
        while not (tmp_path / ".localnet" / "chain.log").exists():  # the node is being started
            assert starting.poll() is None
            time.sleep(0.01)
        assert len(processes_in(tmp_path)) >= 2 or not Path("/proc/self").exists()
        starting.send_signal(signal.SIGINT)
        _, error = starting.communicate(timeout=120)
    assert starting.returncode == 130
    assert error.splitlines()[-1] == "evmtensor: interrupted"
    assert "Traceback" not in error
    while processes_in(tmp_path):  # a machine may be busy; a network that stays hits the timeout
        time.sleep(0.05)
    assert "nothing is running" in shell.evmtensor("localnet", "down")


def test_localnet__port_taken__is_one_sentence(tmp_path: Path) -> None:
    import socket

    shell = Shell(tmp_path, tmp_path / "home")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        error = shell.evmtensor("localnet", "up", "--port", taken.getsockname()[1], code=1)
    assert "is in use by another program" in error
    assert "Traceback" not in error


def test_localnet__no_node_installed__is_one_sentence(tmp_path: Path) -> None:
    shell = Shell(tmp_path, tmp_path / "home")
    shell.environment["EVMTENSOR_ANVIL"] = str(tmp_path / "nothing")
    error = shell.evmtensor("localnet", "up", "--port", 0, code=1)
    assert "did not start" in error
    assert "cannot be executed" in error
