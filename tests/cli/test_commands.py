# SPDX-License-Identifier: Apache-2.0
"""The command line without a chain: help, flags, keys, amounts."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.main import get_command

from offchain.cli.app import _SWITCHES, _VALUES, app, run, take_flags
from offchain.cli.environment import DEFAULT_URL, read_environment
from offchain.cli.help import EXAMPLE, summary
from offchain.cli.miner import check_reachable
from offchain.cli.options import rao, tao
from offchain.cli.output import brief, progress, show_table, to_json
from offchain.protocol.errors import ConfigError
from tests.cli.conftest import Command

HEAVY = ("web3", "torch", "ape", "onnxruntime", "numba", "numpy", "eth_account", "rich", "httpx")


def commands(node: object, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], object]]:
    children = getattr(node, "commands", None)
    if children is None:
        yield path, node
        return
    for name, child in children.items():
        yield from commands(child, (*path, name))


ALL = dict(commands(get_command(app)))


def test_commands__that_a_user_expects__are_there() -> None:
    wanted = """wallet create|wallet list|wallet import|subnet create|subnet start|subnet list
    |subnet show|subnet set|subnet hyperparameters|neuron register|stake add|stake unbond
    |stake cancel|stake remove|stake move|stake show|stake transfer|stake list|stake take
    |stake gather|stake children show|stake children set|stake children revoke
    |stake children take|stake children admit|stake children dismiss|wallet swap-hotkey
    |wallet swap-coldkey|wallet set-identity|wallet get-identity|weights show|miner run
    |validator run|metagraph|claim|token schedule|token supply|token balance|token transfer
    |localnet up|localnet down|localnet status|demo|chain status|chain deploy|miner check
    |miner quantize|evidence check|watcher run
    |verify-epoch|lab run|gov propose|gov vote|gov override|gov queue|gov execute|gov cancel
    |gov list|gov show|gov hotkeys|gov status|root start|root show|root seats|root poke
    |root weights set|root weights show|subnet cost|subnet identity|subnet offer|subnet accept
    |subnet set-hotkey|subnet set-schedule|neuron poke|withdraw|guardian show|guardian cancel"""
    for words in wanted.split("|"):
        assert tuple(words.split()) in ALL, words


@pytest.mark.parametrize("path", [p for p in ALL if p != ("register",)], ids=" ".join)
def test_help__of_every_command__has_an_example(path: tuple[str, ...]) -> None:
    text = str(ALL[path].help)  # type: ignore[attr-defined]
    assert f"evmtensor {' '.join(path)}" in text


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_help__of_every_command__examples_fit_80_columns(path: tuple[str, ...]) -> None:
    text = str(ALL[path].help)  # type: ignore[attr-defined]
    lines = [line for line in text.splitlines() if line.startswith(EXAMPLE)]
    assert [line for line in lines if len(line) > 78] == []
    with_examples = [part for part in text.split("\n\n") if EXAMPLE in part]
    assert all(EXAMPLE not in part[:10] for part in with_examples)  # each is kept as written


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Make a new key.\n\nevmtensor wallet create alice", "Make a new key"),
        ("Start the root. Nobody owns it.", "Start the root"),
        (
            "Show every neuron of a subnet: its stake, its seat, its pay, and where it answers.",
            "Show every neuron of a subnet: its stake, its seat",
        ),
        (
            "Put a new hotkey in the place of a lost or stolen one of yours at once.",
            "Put a new hotkey in the place of a lost or stolen one",
        ),
    ],
)
def test_summary__ends_where_a_sentence_or_a_clause_does(text: str, said: str) -> None:
    assert summary(text) == said


@pytest.mark.parametrize(
    "words", [[], *([name] for name in sorted({path[0] for path in ALL if len(path) > 1}))], ids=str
)
def test_help__list_of_commands__is_cut_nowhere_in_80_columns(
    words: list[str], evmtensor: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    listed = evmtensor(*words, "--help").out.partition("Commands:")[2]
    assert listed
    assert "..." not in listed


def test_help__loads_nothing_heavy() -> None:
    code = (
        "import sys; from offchain.cli.app import run; run(['--help']); "
        f"print([m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=280
    )
    assert ended.stderr.strip() == "[]"
    assert "evmtensor demo" in ended.stdout


def test_flags__stand_anywhere() -> None:
    flags, rest = take_flags(
        ["metagraph", "1", "--json", "--url", "http://a", "--deployment=d", "-v"]
    )
    assert (flags.json, flags.verbose, flags.url, flags.deployment) == (True, True, "http://a", "d")
    assert rest == ["metagraph", "1"]


def test_flags__demo_keeps_its_own_json() -> None:
    flags, rest = take_flags(["demo", "--json", "out.json"])
    assert not flags.json
    assert rest == ["demo", "--json", "out.json"]


@pytest.mark.parametrize("path", [p for p in ALL if p != ("demo",)], ids=" ".join)
def test_flags__of_every_command__are_none_that_may_stand_anywhere(path: tuple[str, ...]) -> None:
    """`subnet identity --url` would take a page for a node."""
    options = {word for one in ALL[path].params for word in one.opts}  # type: ignore[attr-defined]
    assert options & {*_SWITCHES, *_VALUES} == set()


def test_flags__after_two_dashes__are_words() -> None:
    assert take_flags(["a", "--", "--json"])[1] == ["a", "--", "--json"]


@pytest.mark.parametrize("words", [["foo"], ["subnet", "foo"], ["metagraph"], ["metagraph", "x"]])
def test_usage__wrong_line__is_one_sentence(words: list[str], evmtensor: Command) -> None:
    outcome = evmtensor(*words)
    assert outcome.code == 2
    assert "--help" in outcome.sentence()


def test_wallet__create_list__shows_no_key(
    evmtensor: Command, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVMTENSOR_PASSWORD", "correct horse")
    assert evmtensor("wallet", "create", "alice").code == 0
    assert evmtensor("wallet", "create", "hot", "--hotkey", "--no-password").code == 0
    listed = json.loads(evmtensor("wallet", "list", "--json").out)
    assert [(k["name"], k["kind"], k["password"]) for k in listed] == [
        ("alice", "coldkey", "yes"),
        ("hot", "hotkey", "no"),
    ]
    assert "exists" in evmtensor("wallet", "create", "alice").sentence()


def test_wallet__short_password__is_one_sentence(
    evmtensor: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVMTENSOR_PASSWORD", "short")
    sentence = evmtensor("wallet", "create", "alice").sentence()
    assert "8 characters" in sentence
    assert "short" not in sentence.replace("shorter", "")


def test_wallet__import__reads_standard_input(
    evmtensor: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin.readline", lambda: "0x" + "11" * 32 + "\n", raising=False)
    outcome = evmtensor("wallet", "import", "hot", "--hotkey", "--no-password")
    assert "0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A" in outcome.out
    assert "11" * 32 not in outcome.out


@pytest.mark.parametrize("text", ["hello", "0x12", "00" * 32, "ff" * 32])
def test_wallet__import_of_no_key__is_one_sentence(
    text: str, evmtensor: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin.readline", lambda: text, raising=False)
    sentence = evmtensor("wallet", "import", "hot", "--hotkey", "--no-password").sentence()
    assert text not in sentence


def test_environment__defaults_and_overrides() -> None:
    assert read_environment({}).urls == (DEFAULT_URL,)
    assert read_environment({"APE_FOUNDRY_HOST": "http://a"}).urls == ("http://a",)
    both = {"EVMTENSOR_RPC": "http://b, http://c", "APE_FOUNDRY_HOST": "http://a"}
    assert read_environment(both).urls == ("http://b", "http://c")


@pytest.mark.parametrize(
    ("text", "value"), [("1", 10**9), ("0.000000001", 1), ("12.5", 12_500_000_000), ("1e3", 10**12)]
)
def test_rao__exact(text: str, value: int) -> None:
    assert rao(text) == value
    assert rao(tao(value).replace(",", "")) == value


@pytest.mark.parametrize("text", ["", "one", "-1", "0.0000000001", "nan", "inf", "1,5"])
def test_rao__not_an_amount__is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="not an amount"):
        rao(text)


def test_json__bytes_and_dataclasses() -> None:
    assert json.loads(to_json({"b": b"\x01", "a": (1, None)})) == {"a": [1, None], "b": "0x01"}


def test_progress__speaks_after_two_seconds_only(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with progress("doing"):
        pass
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("offchain.cli.output.PROGRESS_AFTER_SECONDS", 0.01)
    with progress("doing"):
        assert spoken(capsys).startswith("... doing (0 s)\n")


def test_progress__on_a_terminal__is_one_line_that_goes_away(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("offchain.cli.output.PROGRESS_AFTER_SECONDS", 0.01)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    with progress("doing"):
        said = spoken(capsys)
    said += capsys.readouterr().err
    assert said.startswith("\r... doing (0 s)")
    assert said.endswith("\r\033[K")
    assert "\n" not in said


def spoken(capsys: pytest.CaptureFixture[str]) -> str:
    """Wait for a first word on standard error, however slow this machine is."""
    while not (said := capsys.readouterr().err):
        time.sleep(0.01)
    return said


@pytest.mark.parametrize("address", ["0.0.0.0", "10.0.0.7", "127.0.0.2", "::1"])
def test_miner__address_that_nobody_reaches__costs_nothing_on_a_real_chain(address: str) -> None:
    check_reachable(address, 31_337)
    with pytest.raises(ConfigError, match="validators cannot reach") as told:
        check_reachable(address, 10)
    assert "--external-ip" in told.value.next_step


@pytest.mark.parametrize("chain_id", [10, 31_337])
@pytest.mark.parametrize("address", ["my-host", "localhost", "300.1.1.1", ""])
def test_miner__name_instead_of_an_address__costs_nothing(address: str, chain_id: int) -> None:
    with pytest.raises(ConfigError, match="is no IP address") as told:
        check_reachable(address, chain_id)
    assert "--external-ip" in told.value.next_step


@pytest.mark.parametrize("address", ["8.8.8.8", "2001:4860:4860::8888"])
def test_miner__public_address__passes(address: str) -> None:
    check_reachable(address, 10)


TAKES_A_HOTKEY = [
    "stake add 1",
    "stake unbond",
    "stake transfer dev:1",
    "stake take 0.1",
    "stake gather",
    "stake show",
    "stake children show -n 1",
    "stake children revoke -n 1",
    "neuron show -n 1",
    "root poke",
    "subnet create",
    "subnet set-hotkey 1",
]


@pytest.mark.parametrize("line", TAKES_A_HOTKEY)
def test_hotkey__not_on_the_line__comes_from_the_environment(
    line: str, evmtensor: Command, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line is complete: what fails is that there is no chain or no such key (1), not it (2)."""
    monkeypatch.setenv("EVMTENSOR_RPC", "http://127.0.0.1:1")  # nobody can listen there
    monkeypatch.setenv("EVMTENSOR_HOTKEY", "ghost")
    outcome = evmtensor(*line.split())
    outcome.sentence()
    assert outcome.code == 1


@pytest.mark.parametrize(
    ("number", "path", "said"),
    [
        (errno.ENOSPC, None, "the disk is full. Free some space"),
        (errno.EDQUOT, "/x", "the disk is full. Free some space"),
        (errno.EACCES, "/x", "/x: Permission denied. Use a place that belongs to you"),
        (errno.ENOTDIR, "/x/y", "/x/y: Not a directory. Correct the path"),
    ],
)
def test_system__refuses__fact_and_next_step(
    number: int,
    path: str | None,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    evmtensor: Command,
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number), path)

    monkeypatch.setattr("offchain.keys.KeyStore.list", refuse)
    outcome = evmtensor("wallet", "list")
    assert outcome.code == 1
    assert outcome.sentence().startswith(f"evmtensor: {said}")


def test_interrupt__is_one_word(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], home: Path
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("offchain.keys.KeyStore.list", interrupt)
    assert run(["wallet", "list"]) == 130
    assert capsys.readouterr().err == "evmtensor: interrupted\n"


def test_B10_table__what_somebody_wrote_on_the_chain__is_shown_and_not_obeyed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Neither the terminal nor the table's own markup takes orders from a subnet's name."""
    hostile = [
        "\x1b[2J\x1b[31mgone",
        "bell\x07\r\nfake line",
        "[bold red]loud[/] [link=http://evil]x[/link]",
        "<script>alert(1)</script>",
        "right\u202eleft\u200bhidden\x9b31m",
        "\x00",
    ]
    show_table(False, "subnets", ("name",), [(name,) for name in hostile])
    for name in hostile:
        cut = brief(name, 12)
        assert len(cut) <= 12
        assert cut.isprintable()
    shown = capsys.readouterr().out
    assert all(c == "\n" or c.isprintable() for c in shown)
    for text in ("\\x1b[2J", "\\x07\\r\\nfake", "[bold red]loud[/]", "<script>", "\\u202e"):
        assert text in shown
    show_table(True, "subnets", ("name",), [(name,) for name in hostile])
    out = capsys.readouterr().out
    assert [row["name"] for row in json.loads(out)] == hostile
    assert out.isascii()
