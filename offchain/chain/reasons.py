# SPDX-License-Identifier: Apache-2.0
"""From a contract's refusal to what the person at the terminal does next.

A contract says what *is*; this table says what to do. Tests read every reason out of `contracts/`:
each has an entry here or one for its contract, and no entry outlives its reason.
"""

from __future__ import annotations

_STATUS = "`evmtensor chain status` shows the phases."
_NEXT_EPOCH = f"Wait for the next epoch; {_STATUS}"
_REGISTER = "Run `evmtensor neuron register` first."
_OWNER = "Use the owner's coldkey with --key; `evmtensor subnet show` names it."
_NOTHING_TO_DO = "Nothing is left to do."
_FAULT = "Run it again with -v and report it: our program should not have sent this."

NEXT_STEP: dict[str, str] = {
    # subnets
    "subnets: unknown netuid": "See `evmtensor subnet list`.",
    "subnets: cost above maximum": "Raise --max-cost, or wait: the price falls with time.",
    "subnets: all are immune": "Wait: `evmtensor subnet list` says when each immunity ends.",
    "subnets: created too recently": "Wait: subnets are created some ticks apart.",
    "subnets: no consent": "Sign with the owner's hotkey itself, for this coldkey and chain.",
    "subnets: not offered to you": "Ask the owner for `evmtensor subnet offer`.",
    "subnets: hotkey set too recently": "Wait 50400 ticks after the last change.",
    "subnets: frozen before boundary": "Wait for the next epoch; it begins in a few ticks.",
    "subnets: not started": "Its owner runs `evmtensor subnet start`; for the root, anybody "
    "`evmtensor root start`.",
    "subnets: already started": _NOTHING_TO_DO,
    "subnets: not the owner": _OWNER,
    "subnets: not the timelock": "This parameter is set by a vote only.",
    "subnets: beyond owner's bound": "Stay inside the owner's bound, or ask for a vote.",
    "subnets: out of bounds": "See `evmtensor subnet hyperparameters` for the bounds.",
    "subnets: changed too recently": "Wait until the last change has held for two epochs.",
    "subnets: start not in future": "Raise --in-ticks.",
    "subnets: start too far ahead": "Lower --in-ticks.",
    "subnets: too early": "Wait for the next block.",
    "subnets: not a power of two": "Choose 16, 32, 64, 128, 256, 512 or 1024 uids.",
    "subnets: max_uids out of bounds": "Choose 16, 32, 64, 128, 256, 512 or 1024 uids.",
    "subnets: bad seats": "Choose 1 to 64 seats, and no more than uids.",
    "eras: changed too recently": "Wait until the last change has held for two epochs.",
    "eras: tempo out of bounds": "Choose a tempo of at most 3600 ticks.",
    "eras: reveal out of bounds": "Choose 1 tick to half of the tempo.",
    "eras: window out of bounds": "Choose 1 tick to the whole tempo.",
    # neurons
    "neurons: not registered": _REGISTER,
    "neurons: no longer registered": "Register again; another neuron took the uid.",
    "neurons: already registered": _NOTHING_TO_DO,
    "neurons: registration closed": "Wait until a vote allows it again; for a seat of the root, "
    "`evmtensor root poke`.",
    "neurons: burn above maximum": "Raise --max-burn, or wait: the price falls with time.",
    "neurons: no uid available": "Wait for the next epoch, or for an immunity to end.",
    "neurons: no consent": "Sign with the hotkey itself, for this coldkey and chain.",
    "neurons: no stake": "Add stake, and wait until the next epoch has begun.",
    "neurons: holder has more stake": "Add stake; it counts from the next epoch on.",
    "neurons: already seated": _NOTHING_TO_DO,
    "neurons: already taken": "Somebody was faster; try another seat.",
    "neurons: no such seat or uid": "See `evmtensor subnet show` and `evmtensor metagraph`.",
    "neurons: uid is worn out": "Register again: another uid makes room.",
    "neurons: serving too often": "Wait; an endpoint changes every so many ticks only.",
    "neurons: bad ip": "Give a public address; on localnet use 127.0.0.2.",
    "neurons: bad port": "Choose a port from 1 to 65535.",
    "neurons: model already committed": _NOTHING_TO_DO,
    # weights
    "weights: not your seat": f"The seat is lost or was never yours: add stake. {_STATUS}",
    "weights: seat is empty": f"Poke a seat for the next epoch. {_STATUS}",
    "weights: already committed": f"One commit per epoch: {_NEXT_EPOCH}",
    "weights: already revealed": _NOTHING_TO_DO,
    "weights: epoch not over": f"Reveal when the epoch is over; {_STATUS}",
    "weights: reveal phase over": f"It is too late for this epoch. {_NEXT_EPOCH}",
    "weights: not the commit": "Row and salt are not what was committed; check the journal.",
    # settlement
    "examiner: not the time to close": f"Close after the reveals, before the next close. {_STATUS}",
    "examiner: epoch is null": f"Too few validators revealed: this epoch pays nobody. {_STATUS}",
    "settlement: already closed": _NOTHING_TO_DO,
    "settlement: already proposed": _NOTHING_TO_DO,
    "settlement: window is open": f"Wait until the window is over. {_STATUS}",
    "settlement: parent is open": "Finalize the epoch before it first.",
    "settlement: two unfinal epochs": "Finalize an earlier epoch first.",
    "settlement: bond too small": "Propose with the bond that `bond_rao` says.",
    "settlement: too early to void": f"Wait three tempos after the close. {_STATUS}",
    "settlement: too early": f"Wait. {_STATUS}",
    "settlement: nothing to withdraw": _NOTHING_TO_DO,
    "settlement: proven": "It is right, so there is nothing to cancel.",
    "settlement: already cancelled": "If it is false, a watcher strikes it.",
    "settlement: not the guardian": "`evmtensor guardian show` says who is.",
    "settlement: not the last final": "Ask for a block of a living subnet's last final epoch.",
    "settlement: demand expired": _NOTHING_TO_DO,
    "slots: not live": "The proposal has ended; look for a newer one.",
    # staking
    "staking: below minimum": "Stake more; `evmtensor stake show` names the pool.",
    "staking: too little would stay": "Unbond all of it, or less.",
    "staking: no shares": "See `evmtensor stake show`.",
    "staking: unknown hotkey": _REGISTER,
    "staking: no coldkey": "Name a coldkey, not the zero address.",
    "staking: still unbonding": "`evmtensor stake list` says from which tick it can be removed.",
    "staking: not your unbonding": "Use the coldkey that began it.",
    "staking: not the owner": "Use the coldkey that registered the hotkey.",
    "staking: owned by another": "This hotkey belongs to another coldkey; use a new one.",
    "staking: same hotkey": "Name two different hotkeys.",
    "staking: take above 18 %": "Choose a take of at most 18 %.",
    "staking: take rises too fast": "Raise it by 0.05 at most, again when that counts.",
    "share_pool: not enough shares": "Unbond less; see `evmtensor stake show`.",
    "staking: retired hotkey": "It was swapped; `evmtensor stake list` names the one in its place.",
    "staking: retired coldkey": "It was swapped; use the coldkey that took its place.",
    "staking: hotkey is taken": "Choose a hotkey that never registered.",
    "staking: coldkey is taken": "Choose a coldkey that never took another's place.",
    "share_pool: same member": "Name another coldkey.",
    # keys
    "keys: not the owner": "Use the coldkey that registered the hotkey.",
    "keys: unknown or retired hotkey": "Name a hotkey that is registered and was not swapped.",
    "keys: not admitted": "Its owner runs `evmtensor stake children admit` first.",
    "keys: lends itself": "It lends in this subnet; only own stake is lent, so end that first.",
    "keys: has parents": "Others lend to it in this subnet; only own stake is lent.",
    "keys: has five parents": "Free a place with `evmtensor stake children dismiss`.",
    "keys: lends still": "Wait one unbonding period after its last loan has ended.",
    "keys: not a parent": "See `evmtensor stake children show`.",
    "keys: own child": "Name another hotkey.",
    "keys: child twice": "Name each child once.",
    "keys: share is zero": "Give each child a share, or leave it away.",
    "keys: shares above one": "Shares add up to at most 1.",
    "keys: not a subnet": "Name one that `evmtensor subnet list` shows, not the root.",
    "keys: no consent": "Sign with the new hotkey itself, for this place, coldkey and chain.",
    "keys: swapped lately": "Wait one unbonding period after the last swap.",
    "keys: not announced": "Nothing is announced for this key; the old coldkey announces first.",
    "keys: notice not over": "`evmtensor stake list OLD` says from which tick it can be done.",
    "keys: same coldkey": "Name another coldkey.",
    "keys: no coldkey": "Name a coldkey, not the zero address.",
    "keys: retired coldkey": "It was swapped; use the coldkey that took its place.",
    # governor
    "governor: below the threshold": "Name hotkeys with `evmtensor gov hotkeys`, or add stake.",
    "governor: for another proposer": "Propose it with the key that its description names.",
    "governor: proposed before": "Change the description to propose it again.",
    "governor: nothing to vote with": "You had no stake there, or have voted with it.",
    "governor: not in that state": "`evmtensor gov show` says where the proposal stands.",
    "governor: unknown proposal": "See `evmtensor gov list`.",
    "governor: not the proposer": "Use the proposer's key with --key.",
    "governor: over": _NOTHING_TO_DO,
    "governor: not the timelock": "Propose it: only a vote changes this.",
    # rewards
    "rewards: no root of this depth": "Wait until the epoch is final.",
}

# by contract or module, for reasons that a careful client does not meet
BY_CONTRACT: dict[str, str] = {
    "erc20": "Check the balance with `evmtensor token balance`, and what was approved.",
    "ERC20Permit": _FAULT,
    "AccessControl": "Only accounts with that role may do this.",
    "TimelockController": "Only what was scheduled and has waited may be executed.",
    "tao": _FAULT,
    "clock": _FAULT,
    "checkpoints": "Try again: the stake moved meanwhile.",
    "emission": _FAULT,
    "staking": _FAULT,
    "share_pool": _FAULT,
    "keys": _FAULT,
    "subnets": _FAULT,
    "eras": "The epoch is not one that the subnet remembers.",
    "neurons": _FAULT,
    "weights": _FAULT,
    "settlement": _FAULT,
    "examiner": _FAULT,
    "openings": _FAULT,
    "kernel": _FAULT,
    "trace": _FAULT,
    "slots": _FAULT,
    "demands": "Look up the demand; it has ended or there is one already.",
    "rewards": _FAULT,
    "governor": _FAULT,
    "timelock": "Propose it with `evmtensor gov propose`, inside the bounds.",
}


def next_step_for(reason: str) -> str:
    """One imperative sentence, or a general one for a reason that nobody foresaw."""
    contract = reason.partition(":")[0]
    fallback = "Run the command again with -v for details."
    return NEXT_STEP.get(reason) or BY_CONTRACT.get(contract, fallback)
