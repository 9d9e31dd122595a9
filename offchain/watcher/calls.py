# SPDX-License-Identifier: Apache-2.0
"""From a move to the call that makes it."""

from __future__ import annotations

from offchain.chain.coldkey import check_balance
from offchain.chain.contract import Call
from offchain.chain.network import Network
from offchain.settlement import challenge
from offchain.settlement.history import History
from offchain.watcher.plan import Move, Verb

BLOCKS_PER_PROOF = 16  # 16 blocks of 64 seats fill one opening


def call_for(network: Network, history: History, move: Move, account: str) -> Call | None:
    """The call; None when the history has moved on and there is nothing to send any more.

    Raises:
        UnknownBonds: a challenge needs old bonds that nobody has shown.
        InsufficientFunds: the account cannot pay the bond or the deposit.
    """
    settlement, record = network.settlement, history.epochs.get(move.epoch)
    netuid, epoch, block = move.netuid, move.epoch, move.block
    if move.verb is Verb.CLOSE:
        return settlement.close(netuid, epoch)
    if record is None or (move.proposal_id and _live_id(history, epoch) != move.proposal_id):
        return None
    match move.verb:
        case Verb.CHALLENGE_BLOCK:
            opened = challenge.challenge_block(challenge.examine(history, epoch), block)
            return settlement.open("challenge_block", opened)
        case Verb.CHALLENGE_SUM:
            opened = challenge.sums(challenge.examine(history, epoch))
            return settlement.open("challenge_sum", opened)
        case Verb.PROVE:
            return _proof(network, history, move)
        case Verb.PROPOSE:
            return _propose(network, history, move, account)
        case Verb.FINALIZE:
            assert record.live is not None  # planned only with a live proposal
            base, carried = history.base(epoch), history.carried(epoch)
            return settlement.finalize(record, record.live, base, carried)
        case Verb.DEMAND:
            check_balance(network, account, settlement.deposit_rao(), "deposit of a demand")
            return settlement.demand(netuid, epoch, block)
        case Verb.ANSWER:
            bonds = history.bonds_after(epoch)
            return settlement.open("answer", challenge.answer(record, bonds, block))
        case Verb.EXPIRE:
            return settlement.expire(netuid, epoch, block)
        case Verb.VOID:
            return settlement.open("void", challenge.void(record))
        case _:
            return settlement.release(netuid, epoch)


def pulled_rao(network: Network, move: Move) -> int:
    """What a move takes from the account, which has to allow it first."""
    if move.verb is Verb.PROPOSE:
        return network.settlement.bond_rao(move.netuid, move.epoch)
    return network.settlement.deposit_rao() if move.verb is Verb.DEMAND else 0


def _live_id(history: History, epoch: int) -> int:
    live = history.epochs[epoch].live
    return live.proposal_id if live else 0


def _proof(network: Network, history: History, move: Move) -> Call | None:
    """Blocks that are not proven yet, as many as one transaction takes; the sums at last."""
    settlement = network.settlement
    proven = settlement.proven_of(move.proposal_id)
    examination = challenge.examine(history, move.epoch)
    missing = [b for b in range(examination.frozen.header.blocks) if not proven >> b & 1]
    if missing:
        opened = challenge.prove(examination, missing[:BLOCKS_PER_PROOF])
        return settlement.open("prove", opened)
    return settlement.open("prove_sum", challenge.sums(examination)) if not proven >> 255 else None


def _propose(network: Network, history: History, move: Move, account: str) -> Call | None:
    parent_id = history.parent_id(move.epoch)
    if parent_id is None or not history.may_propose(move.epoch):
        return None
    bond = network.settlement.bond_rao(move.netuid, move.epoch)
    check_balance(network, account, bond, f"bond of epoch {move.epoch}")
    words = history.result(move.epoch).words
    return network.settlement.propose(move.netuid, move.epoch, parent_id, bond, words)
