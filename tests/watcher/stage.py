# SPDX-License-Identifier: Apache-2.0
"""A watcher in front of the real contracts in titanoboa: its plan, its calls, its calldata.

Only the node is missing: what the watcher would send is executed at once, and what happens is fed
to the history that it plans from.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import boa
from web3 import Web3

from offchain.chain.network import Network
from offchain.chain.settlement import Settlement
from offchain.settlement.history import Demand, State
from offchain.watcher.calls import call_for, pulled_rao
from offchain.watcher.plan import Mandate, Move, Outlook, Verb, moves
from tests.contracts.deployment import role_address
from tests.contracts.Settlement.worlds import Stage

WATCHER = "watcher"
TRANSACTION_GAS = 2**24


class BoaSettlement(Settlement):
    """Reads from titanoboa; encodes as on a real chain."""

    def __init__(self, stage: Stage) -> None:
        connection = cast(Any, SimpleNamespace(web3=Web3()))
        super().__init__(connection, stage.settlement.address, stage.settlement.abi)
        self._contract = stage.settlement

    def read(self, function: str, *arguments: Any, block: int | str = "latest") -> Any:
        return getattr(self._contract, function)(*arguments)


@dataclass
class StagedWatcher:
    """gas: of everything it has sent."""

    stage: Stage
    mandate: Mandate = field(default_factory=Mandate)
    gas: list[int] = field(default_factory=list)

    @property
    def address(self) -> str:
        return role_address(WATCHER)

    def plan(self) -> list[Move]:
        """What it would do now."""
        history, settlement = self.stage.history, self.stage.settlement
        live = [
            r.live.proposal_id
            for r in history.epochs.values()
            if r.live is not None and r.state is State.CLOSED
        ]
        outlook = Outlook(
            tick=self.stage.tick,
            proposed_ticks={i: settlement.proposal_of(i).tick for i in live},
            proven={i: settlement.proven_of(i) for i in live},
            account=self.address,
        )
        return moves(history, outlook, self.mandate)

    def make(self, move: Move) -> None:
        """Execute the move's calldata as a transaction, and feed what it did to the history."""
        tao = SimpleNamespace(balance_of=self.stage.tao.balanceOf)
        network = cast(Network, SimpleNamespace(settlement=BoaSettlement(self.stage), tao=tao))
        needed = pulled_rao(network, move)
        if needed:
            self.stage.fund(WATCHER, needed)
        call = call_for(network, self.stage.history, move, self.address)
        assert call is not None
        done = boa.env.execute_code(
            to_address=self.stage.settlement.address,
            sender=self.address,
            data=bytes.fromhex(call.data[2:]),
            override_bytecode=None,
        )
        if done.is_error:
            raise boa.BoaError.create(done, self.stage.settlement)
        self.gas.append(done.get_gas_used())
        assert self.gas[-1] < TRANSACTION_GAS
        self.stage.settlement._computation = done
        self._feed(move)

    def run(self, most: int = 20) -> list[Verb]:
        """Make the first move until there is none; what was made."""
        made: list[Verb] = []
        while planned := self.plan():
            assert len(made) < most, made
            self.make(planned[0])
            made.append(planned[0].verb)
        return made

    def _feed(self, move: Move) -> None:
        stage = self.stage
        history = stage.history
        match move.verb:
            case Verb.CHALLENGE_BLOCK | Verb.CHALLENGE_SUM:
                stage._struck()
            case Verb.FINALIZE:
                (log,) = stage.logs("EpochFinalized")
                history.epoch_finalized(move.epoch, move.proposal_id, log.cumulatives)
            case Verb.DEMAND:
                (log,) = stage.logs("BlockDemanded")
                demand = Demand(str(log.account), log.deadline_tick)
                history.block_demanded(move.epoch, move.block, demand)
            case Verb.ANSWER:
                (log,) = stage.logs("BlockAnswered")
                history.block_answered(move.epoch, move.block, log.bonds)
            case Verb.EXPIRE:
                stage._end_dropped()
                history.block_zeroed(move.epoch, move.block)
            case Verb.VOID:
                stage._end_dropped()
                history.epoch_voided(move.epoch)
            case Verb.PROPOSE:
                (log,) = stage.logs("EpochProposed")
                stage_proposed(stage, move.epoch, log)


def stage_proposed(stage: Stage, epoch: int, log: Any) -> None:
    """Feed a proposal that was not made by `Stage.propose`."""
    from offchain.settlement.history import Proposal

    proposal = Proposal(
        log.proposal_id, log.parent_id, str(log.proposer), log.bond_rao, tuple(log.trace), 0
    )
    stage.history.epoch_proposed(epoch, proposal)
