# SPDX-License-Identifier: Apache-2.0
"""What a coldkey says of itself, typed and shown."""

from __future__ import annotations

import pytest

from tests.cli import test_stake_commands
from tests.cli.test_stake_commands import Desk

pytestmark = pytest.mark.chain
desk = test_stake_commands.desk  # the same, on a chain of its own


def test_wallet_identity__said_shown_and_taken_back(desk: Desk) -> None:
    set_it, key = ("wallet", "set-identity"), ("--key", "owner")
    assert "says nothing" in desk("wallet", "get-identity", "owner").out
    hostile = "Acme \x1b[2J\u202e"
    done = desk.json(*set_it, "--name", hostile, "--site", "https://acme.example", *key)
    coldkey = str(done["coldkey"])
    assert done["identity"] == desk.json("wallet", "get-identity", "owner")["identity"]
    changed = desk(*set_it, "--description", "validates\nsubnet 1", *key)
    assert changed.out == f"{coldkey} is called Acme \\x1b[2J\\u202e\n", changed.error
    shown = desk("wallet", "get-identity", "one").out  # a hotkey leads to its owner
    assert shown.splitlines() == [
        f"coldkey: {coldkey}",
        "name: Acme \\x1b[2J\\u202e",
        "url: https://acme.example",
        "description: validates\\nsubnet 1",
    ]
    graph = desk.json("metagraph", desk.netuid)
    assert [neuron["name"] for neuron in graph["neurons"]] == [hostile] * 2  # type: ignore[union-attr,index]
    for words in (("metagraph", desk.netuid), ("stake", "list", "owner")):
        table = desk(*words).out
        assert "Acme \\x1b[2J" in table
        assert all(c == "\n" or c.isprintable() for c in table)
    pool = desk("stake", "show", "--hotkey", "two").out
    assert "two" not in pool
    assert "(Acme \\x1b[2J\\u202e): 10 TAO" in pool
    assert "says nothing any more" in desk(*set_it, "--remove", *key).out
    assert desk.json("wallet", "get-identity", "owner")["identity"] is None


def test_wallet_identity__bad_input__is_one_sentence_with_the_next_step(desk: Desk) -> None:
    for words, said, next_step in (
        (("--key", "owner"), "nothing is said", "--remove alone"),
        (("--name", "a", "--remove", "--key", "owner"), "at once", "--remove alone"),
        (("--name", "x" * 257, "--key", "owner"), "name has 257 bytes", "Shorten --name"),
        (("--site", "é" * 129, "--key", "owner"), "site has 258 bytes", "Shorten --site"),
        (("--image", "x" * 1_025, "--key", "owner"), "1025 bytes", "Shorten --image"),
        (("--name", "\udcff", "--key", "owner"), "--name is no text", "UTF-8"),
        (("--name", "a", "--key", "friend"), "never registered a hotkey", "neuron register"),
        (("--name", "a"), "no coldkey is named", "EVMTENSOR_KEY"),
    ):
        sentence = desk("wallet", "set-identity", *words).sentence()
        assert said in sentence, (words, sentence)
        assert next_step in sentence, (words, sentence)
