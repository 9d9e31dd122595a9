# SPDX-License-Identifier: Apache-2.0
"""Delegation, children and swaps of keys as a person types them, good and bad input."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from offchain.chain.coldkey import Coldkey
from offchain.keys import KeyStore, Signer
from offchain.protocol.identifiers import RAO_PER_TAO as TAO
from tests.chain.conftest import Localnet
from tests.cli.conftest import Command, Outcome

pytestmark = pytest.mark.chain
ALL = 65_535


@dataclass(frozen=True, slots=True)
class Desk:
    """A terminal with the keys `owner`, `friend`, `one`, `two` (hotkeys of owner) and `spare`."""

    anvil: Localnet
    run: Command
    netuid: int

    def __call__(self, *words: object) -> Outcome:
        return self.run(*words, "--url", self.anvil.url, "--deployment", self.anvil.path)

    def json(self, *words: object) -> dict[str, object]:
        outcome = self(*words, "--json")
        assert outcome.code == 0, outcome.error
        found = json.loads(outcome.out)
        assert isinstance(found, dict)
        return found


@pytest.fixture
def desk(anvil: Localnet, evmtensor: Command, home: Path) -> Desk:
    keys = KeyStore(home / "keys", scrypt_n=2)
    owner, friend = anvil.funded(5_000), anvil.funded(50)
    signers = {"owner": owner.signer, "friend": friend.signer}
    signers |= {name: Signer.random() for name in ("one", "two", "spare")}  # type: ignore[dict-item]
    for name, signer in signers.items():
        keys.add(signer, name, "hotkey")  # type: ignore[arg-type]
    coldkey = Coldkey(anvil.network, owner)
    netuid = coldkey.create_subnet(Signer.random(), 16, 4, 3_000 * TAO).netuid
    for name in ("one", "two"):
        coldkey.register(netuid, signers[name], 5 * TAO)  # type: ignore[arg-type]
        coldkey.add_stake(signers[name].address, 10 * TAO)
    return Desk(anvil, evmtensor, netuid)


def test_stake__given_moved_listed_and_its_take(desk: Desk) -> None:
    desk.json("stake", "transfer", "friend", "--hotkey", "one", "--amount", 4, "--key", "owner")
    moved = desk.json(
        *("stake", "move", "--from", "one", "--to", "two", "--amount", 1, "--key", "friend")
    )
    assert abs(int(str(moved["amount_rao"])) - TAO) <= 1
    listed = desk.json("stake", "list", "friend")
    stakes = listed["stakes"]
    assert isinstance(stakes, list)
    assert sorted(round(entry["value_rao"] / TAO) for entry in stakes) == [1, 3]
    table = desk("stake", "list", "owner").out
    assert "own hotkey" in table
    fallen = desk.json("stake", "take", "0.1", "--hotkey", "one", "--key", "owner")
    assert fallen["take_u16"] == 6_553
    steep = desk("stake", "take", "0.16", "--hotkey", "one", "--key", "owner").sentence()
    assert "rises too fast" in steep
    assert "0.05 at most" in steep
    raised = desk("stake", "take", "0.12", "--hotkey", "one", "--key", "owner").out
    assert "keeps 12.00 % from tick" in raised


def test_stake__bad_input__is_one_sentence_with_the_next_step(desk: Desk) -> None:
    key = ("--key", "owner")
    for words, said, next_step in (
        (("stake", "take", "0.2", "--hotkey", "one", *key), "above 18 %", "at most 18 %"),
        (("stake", "take", "1.2", "--hotkey", "one", *key), "not a share", "from 0 to 1"),
        (
            ("stake", "take", "0.1", "--hotkey", "one", "--key", "friend"),
            "not the owner",
            "coldkey",
        ),
        (
            ("stake", "unbond", "--hotkey", "one", "--amount", 99, *key),
            "has 10 TAO behind",
            "leave the amount away",
        ),
        (
            ("stake", "unbond", "--hotkey", "one", "--amount", "9.9999", *key),
            "less than the minimum",
            "leave the amount away",
        ),
        (
            ("stake", "transfer", "friend", "--hotkey", "spare", *key),
            "has no stake behind",
            "evmtensor stake list",
        ),
        (("stake", "transfer", "owner", "--hotkey", "one", *key), "same member", "another"),
        (("stake", "move", "--from", "one", "--to", "one", *key), "same hotkey", "two different"),
        (
            ("stake", "move", "--from", "one", "--to", "spare", *key),
            "unknown hotkey",
            "neuron register",
        ),
        (("stake", "add", "0.001", "--hotkey", "one", *key), "the least is 0.002", "Name more"),
        (
            ("stake", "move", "--from", "one", "--to", "two", "--amount", "0.001", *key),
            "too little to move, the least is 0.002",
            "Name more",
        ),
        (
            ("stake", "transfer", "friend", "--hotkey", "one", "--amount", "0.001", *key),
            "too little to give, the least is 0.002",
            "Name more",
        ),
        (("stake", "transfer", "0x" + "00" * 20, "--hotkey", "one", *key), "no coldkey", "zero"),
        (("stake", "add", "1e70", "--hotkey", "one", *key), "more than there will", "21,000,000"),
        (("stake", "remove", 2**256, *key), "unbonding_id is 1157", "that fits"),
        (
            *(("subnet", "set-schedule", 1, "--tempo", -5, "--reveal", 1, "--window", 1, *key),),
            *("tempo is -5, wanted 0 to 2**256 - 1", "that fits"),
        ),
        (("subnet", "show", 2**256), "netuid is 1157", "that fits"),
        (("stake", "gather", "--hotkey", "one", *key), "same member", "another"),
        (("stake", "remove", 99, *key), "not your unbonding", "coldkey that began it"),
    ):
        sentence = desk(*words).sentence()
        assert said in sentence, (words, sentence)
        assert next_step in sentence, (words, sentence)


def test_children__set_shown_revoked__and_bad_input(desk: Desk) -> None:
    where = ("--netuid", desk.netuid, "--hotkey")
    done = desk.json("stake", "children", "set", "two=0.25", *where, "one", "--key", "owner")
    assert done["shares_u16"] == [ALL // 4]
    shown = desk.json("stake", "children", "show", *where, "one")
    assert isinstance(shown["announced"], list)
    assert shown["announced"][0]["share_u16"] == ALL // 4
    assert "25.00 %" in desk("stake", "children", "show", *where, "one").out
    assert "parent" in desk("stake", "children", "show", *where, "two").out
    desk.json("stake", "children", "take", "0.05", *where, "two", "--key", "owner")
    desk.json("stake", "children", "revoke", *where, "one", "--key", "owner")
    for words, said, next_step in (
        (("set", "two", *where, "one"), "not HOTKEY=SHARE", "bob-hot=0.25"),
        (("set", "two=2", *where, "one"), "is not a share", "from 0 to 1"),
        (("set", "two=0.1", "two=0.2", *where, "one"), "named twice", "each child once"),
        (("set", "one=0.1", *where, "one"), "own child", "another hotkey"),
        (("set", "one=0.1", *where, "two"), "has parents", "only own stake"),
        (("set", "spare=0.1", *where, "one"), "unknown or retired", "registered"),
        (("set", "two=0.1", "--netuid", 0, "--hotkey", "one"), "not a subnet", "subnet list"),
        (("dismiss", "--parent", "two", *where, "two"), "not a parent", "children show"),
    ):
        sentence = desk("stake", "children", *words, "--key", "owner").sentence()
        assert said in sentence, (words, sentence)
        assert next_step in sentence, (words, sentence)
    assert "has no pool" in desk("stake", "children", "show", *where, "spare").sentence()


def test_wallet_swaps__hotkey_at_once_coldkey_after_a_notice(desk: Desk) -> None:
    text = desk("wallet", "swap-hotkey", "spare", "--hotkey", "one", "--key", "owner")
    assert "can do nothing any more" in text.out, text.error
    again = desk("wallet", "swap-hotkey", "one", "--hotkey", "two", "--key", "owner").sentence()
    assert "hotkey is taken" in again
    assert "never registered" in again
    begun = desk.json("wallet", "swap-coldkey", "announce", "friend", "--key", "owner")
    early = desk("wallet", "swap-coldkey", "finish", "owner", "--key", "friend").sentence()
    assert "notice not over" in early
    assert "swap announced" in desk("stake", "list", "owner").out
    desk.json("wallet", "swap-coldkey", "cancel", "--key", "owner")
    for words, said in (
        (("cancel",), "keys: not announced"),
        (("finish", "owner"), "keys: not announced"),
        (("finish",), "is not a step of a swap"),
        (("cancel", "friend"), "is not a step of a swap"),
        (("begin", "friend"), "is not a step of a swap"),
        (("announce", "owner"), "keys: same coldkey"),
    ):
        sentence = desk("wallet", "swap-coldkey", *words, "--key", "owner").sentence()
        assert said in sentence, (words, sentence)
    begun = desk.json("wallet", "swap-coldkey", "announce", "friend", "--key", "owner")
    desk.anvil.jump_to(int(str(begun["ripe_tick"])))
    done = desk("wallet", "swap-coldkey", "finish", "owner", "--key", "friend")
    assert "all stake, unbondings and hotkeys" in done.out, done.error
    stakes = desk.json("stake", "list", "friend")["stakes"]
    assert isinstance(stakes, list)
    assert len(stakes) == 2
    retired = desk("stake", "add", 1, "--hotkey", "two", "--key", "owner").sentence()
    assert "retired coldkey" in retired


def test_neuron_poke__anybody_takes_a_seat_for_who_has_stake(desk: Desk) -> None:
    def poke(hotkey: str, *more: object) -> tuple[object, ...]:
        return ("neuron", "poke", "--hotkey", hotkey, "--key", "friend", *more)

    where = ("--netuid", desk.netuid)
    assert "not started" in desk(*poke("one", *where)).sentence()
    desk.anvil.jump_to(desk.anvil.network.clock.tick() + 1)
    desk.json("subnet", "start", desk.netuid, "--key", "owner")
    done = desk.json(*poke("one", *where))
    seats = desk.anvil.network.neurons.seats_at(desk.netuid, 0)
    (held,) = [seat for seat in seats if seat is not None]
    assert (held.seat, held.uid) == (done["seat"], 0)
    assert "has a seat" in desk(*poke("one", *where)).sentence()
    assert "no such seat" in desk(*poke("two", *where, "--seat", 99)).sentence()
    assert "not registered" in desk(*poke("spare", *where)).sentence()
    assert "evmtensor root poke" in desk(*poke("one", "--netuid", 0)).sentence()
