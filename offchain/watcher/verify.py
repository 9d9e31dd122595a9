# SPDX-License-Identifier: Apache-2.0
"""Whether the chain's root of an epoch is right, from logs alone."""

from __future__ import annotations

from dataclasses import dataclass

from offchain.chain.contract import Place
from offchain.chain.emission import SharesSet
from offchain.chain.events import read_events
from offchain.chain.hotkey import final_result
from offchain.chain.network import Network
from offchain.chain.settlement import EpochFinalized
from offchain.chain.subnet_history import SubnetHistory
from offchain.chain.subnets import SubnetCreated, SubnetEvicted, SubnetStarted
from offchain.protocol.errors import ConfigError
from offchain.settlement.history import ClosedEpoch, History, State
from offchain.settlement.payouts import Cumulative, PayTree, settle
from offchain.settlement.root import COLUMNS, ROOT_NETUID, shares
from offchain.watcher.words import WrongWord, wrong_words

SHOWN_WORDS = 4  # in the sentence; all of them are in the JSON


@dataclass(frozen=True, slots=True)
class Verification:
    """What was found.

    state: "final", "void", "closed" or "null". is_right: nothing the chain says of it is wrong.
    expected_root: what its inputs give; posted_root: the chain's; both empty without a root.
    wrong_words: of this epoch's final or live proposal. wrong_since: the first epoch whose false
    result this one's root carries on; itself if it is the first.
    """

    netuid: int
    epoch: int
    state: str
    is_right: bool
    sentence: str
    expected_root: bytes = b""
    posted_root: bytes = b""
    wrong_words: tuple[WrongWord, ...] = ()
    wrong_since: int | None = None


def verify_epoch(network: Network, netuid: int, epoch: int) -> Verification:
    """Rebuild an epoch from the first log on and compare.

    Raises `ConsensusMismatch` if the node's logs contradict themselves, `ConfigError` for a number
    that no subnet has.
    """
    follower = SubnetHistory(network, netuid)
    follower.poll()
    history = follower.history
    record = history.epochs.get(epoch)
    if record is None:
        if netuid != ROOT_NETUID and not network.subnets.exists(netuid):
            raise ConfigError(
                f"there is no subnet {netuid}", next_step="See `evmtensor subnet list`."
            )
        closed = sorted(history.epochs)[-8:]
        text = (
            f"epoch {epoch} of subnet {netuid} is null or not closed yet: it has no root and pays "
            f"nobody; closed epochs: {closed or 'none yet'}"
        )
        return Verification(netuid, epoch, "null", True, text)
    if record.state is State.VOID:
        text = "is void: it has no root, nobody is paid and its emission was recycled"
        return Verification(netuid, epoch, "void", True, _say(record, text))
    if record.state is State.CLOSED:
        return _open(record, history)
    if netuid == ROOT_NETUID:
        return _final_root(network, record, history)
    event = final_result(network, netuid, epoch)
    posted = event.root if event else bytes(32)
    chain_id, rewards = network.deployment.chain_id, network.rewards.address
    pay, wrong_since = true_pay(history, epoch)
    root = PayTree(record.frozen, pay, chain_id, rewards).root
    return _final(record, history, posted, root, wrong_since)


def _final_root(network: Network, record: ClosedEpoch, history: History) -> Verification:
    """The root has no tree: its word is the share vector that its trace gave to Emission.

    Subnets that had ended by then have no share; which those are, the logs of Subnets say.
    """
    words = _words(record, history)
    final = final_result(network, record.netuid, record.epoch)
    assert final is not None  # its history says that it is final
    given = _shares_set(network, final)
    living = _living_at(network, final.at)
    wanted = shares(record.frozen, history.result(record.epoch).trace, living)
    is_right = not words and given == wanted
    if words:
        text = f"is final and WRONG: {_list(words)}"
    elif given is None:
        text = "is final and right; no subnet got a share, so the shares stayed as they were"
    elif is_right:
        total = sum(given)
        text = "is final and right; it set the shares " + ", ".join(
            f"{column + 1}: {share / total:.4f}" for column, share in enumerate(given) if share
        )
    else:
        text = "is final and WRONG: the shares that it set are not those of its ranks"
    return Verification(
        record.netuid,
        record.epoch,
        "final",
        is_right,
        _say(record, text),
        wrong_words=words,
        wrong_since=None if is_right else record.epoch,
    )


def _shares_set(network: Network, final: EpochFinalized) -> tuple[int, ...] | None:
    """What Emission was told in the transaction that made an epoch of the root final."""
    block = final.at.block_number
    for event in read_events(network.emission, SharesSet, block, block):
        if event.at.transaction_hash == final.at.transaction_hash:
            return event.shares
    return None


def _living_at(network: Network, place: Place) -> tuple[int, ...]:
    """Incarnation of every started subnet when a log was written, 0 for none."""
    subnets, first = network.subnets, network.deployment.first_block
    life: list[SubnetCreated | SubnetStarted | SubnetEvicted] = []
    for kind in (SubnetCreated, SubnetStarted, SubnetEvicted):
        life += read_events(subnets, kind, first, place.block_number)
    created: dict[int, int] = {}
    started: dict[int, int] = {}
    for event in sorted(life, key=lambda event: _order(event.at)):
        if _order(event.at) > _order(place):
            break
        match event:
            case SubnetCreated(netuid=netuid, incarnation=incarnation):
                created[netuid] = incarnation
            case SubnetStarted(netuid=netuid) if netuid != ROOT_NETUID:
                started[netuid] = created[netuid]
            case SubnetEvicted(netuid=netuid):
                started.pop(netuid, None)
    return tuple(started.get(column + 1, 0) for column in range(COLUMNS))


def _order(place: Place) -> tuple[int, int]:
    return place.block_number, place.log_index


def true_pay(history: History, epoch: int) -> tuple[tuple[Cumulative, ...], int | None]:
    """Cumulatives after a final epoch if every epoch had been settled truly, and the first final
    epoch that was not.
    """
    base: tuple[Cumulative, ...] = ()
    replaced: tuple[bool, ...] = ()
    wrong_since = None
    for record in _line(history, epoch):
        if record.state is State.VOID:
            flags = record.frozen.header.replaced
            replaced = tuple(a or b for a, b in zip(flags, replaced or flags, strict=True))
            continue
        result = history.result(record.epoch)
        if wrong_since is None and record.live and record.live.trace != result.words:
            wrong_since = record.epoch
        base = settle(record.frozen, result.trace, base, replaced).cumulatives
        replaced = ()
    return base, wrong_since


def _line(history: History, epoch: int) -> list[ClosedEpoch]:
    """An epoch and what it builds on, oldest first."""
    line: list[ClosedEpoch] = []
    record: ClosedEpoch | None = history.epochs[epoch]
    while record is not None:
        line.append(record)
        record = history.parent_of(record.epoch)
    return line[::-1]


def _open(record: ClosedEpoch, history: History) -> Verification:
    """Not final yet: judge the live proposal."""
    if record.live is None:
        text = "is closed but has no proposal: there is no root yet"
        return Verification(record.netuid, record.epoch, "closed", True, _say(record, text))
    words = _words(record, history)
    if words:
        text = f"is not final; its live proposal is WRONG: {_list(words)}"
    else:
        text = "is not final; its live proposal is right"
    return Verification(
        record.netuid, record.epoch, "closed", not words, _say(record, text), wrong_words=words
    )


def _final(
    record: ClosedEpoch, history: History, posted: bytes, expected: bytes, wrong_since: int | None
) -> Verification:
    words = _words(record, history)
    is_right = posted == expected and not words
    shown = f"is final and its root 0x{posted.hex()} is"
    if is_right:
        text = f"{shown} right"
    elif words:
        text = f"{shown} WRONG: {_list(words)}; its inputs give 0x{expected.hex()}"
    elif wrong_since is not None:
        text = (
            f"{shown} WRONG: it carries on what epoch {wrong_since} got wrong; "
            f"true epochs give 0x{expected.hex()}"
        )
    else:
        text = f"{shown} WRONG although every word is right; its inputs give 0x{expected.hex()}"
    return Verification(
        record.netuid,
        record.epoch,
        "final",
        is_right,
        _say(record, text),
        expected,
        posted,
        words,
        None if is_right else wrong_since,
    )


def _words(record: ClosedEpoch, history: History) -> tuple[WrongWord, ...]:
    if record.live is None:
        return ()
    true = history.result(record.epoch).words
    return tuple(wrong_words(record.live.trace, true, record.frozen.header.blocks))


def _list(words: tuple[WrongWord, ...]) -> str:
    more = f" and {len(words) - SHOWN_WORDS} more" if len(words) > SHOWN_WORDS else ""
    return "; ".join(str(word) for word in words[:SHOWN_WORDS]) + more


def _say(record: ClosedEpoch, text: str) -> str:
    return f"epoch {record.epoch} of subnet {record.netuid} {text}"
