# SPDX-License-Identifier: Apache-2.0
"""How services talk: authenticated, receipted questions and answers over WebSocket. Knows no chain.

A message is one class (`synapse.py`):

    class Classify(Synapse):
        ANSWERS: ClassVar = ("probabilities",)
        images: Tensor
        probabilities: Tensor | None = None

The answering side:

    axon = Axon(hotkey, domain, has_seat=..., stake_of=..., chain_time=..., model_hash=...)
    axon.attach(forward, blacklist, priority)     # forward(s: Classify) -> Classify
    await axon.serve("0.0.0.0", 8091)

The asking side:

    dendrite = Dendrite(hotkey, domain, chain_time=..., egress=Egress(localnet=False))
    question = (Endpoint(hotkey, host, port), Classify(images=Tensor.of(x)))
    replies = await dendrite.query([question, ...], timeout_s=1.0)
    for reply in replies:                         # same order; never raises for what a miner did
        if reply.ok:                              # numpy() raises TensorError if it is another
            p = reply.synapse.probabilities.numpy(dtype="float32", shape=(None, 10))
        else:
            reply.code, reply.detail              # Code.LATE, Code.BUSY, ...
        reply.latency_s, reply.evidence()         # Evidence once the receipt came (0.5 s)

Streaming: `forward` as an async generator sends every synapse that it yields at once;
`async for reply in dendrite.stream(endpoint, question, timeout_s)` sees them as they come.

`hotkey` is a `LocalHotkey` or anything with `.address` and `.sign_digest(digest) -> 65 bytes`;
`domain` is `Domain(chain_id, address of Neurons)`. `has_seat(hotkey)`, `stake_of(hotkey)` and
`chain_time()` (seconds) are plain functions that answer from memory. Miners behind a firewall:
`axon.dial_out(endpoint, egress)` and `dendrite.listen(host, port, permitted)`; a call then finds
the miner by its hotkey, whatever the endpoint says.

What it guarantees: both hotkeys proved before anything but one header is read; a MAC and a
sequence number on every message; freshness against chain time; nothing recorded can be replayed,
after a restart neither; every cap is checked before decoding; refusals are a number; one hostile
miner costs its own answer only. It does not hide contents: use wss (`tls=`) for that. TLS
certificates prove nothing here; the hotkey does.
"""

from offchain.wire.axon import Axon
from offchain.wire.dendrite import Dendrite, Reply
from offchain.wire.egress import Egress, Endpoint
from offchain.wire.errors import (
    CallError,
    Code,
    EgressError,
    FrameError,
    HandshakeError,
    ReceiptError,
    TensorError,
    WireConfigError,
    WireError,
)
from offchain.wire.identity import Domain, Hotkey, LocalHotkey
from offchain.wire.jobs import Busy
from offchain.wire.limits import Limits
from offchain.wire.receipts import Batch, Evidence, check_equivocation, check_evidence
from offchain.wire.synapse import Caller, Synapse
from offchain.wire.tensor import Tensor

__all__ = [
    "Axon",
    "Batch",
    "Busy",
    "CallError",
    "Caller",
    "Code",
    "Dendrite",
    "Domain",
    "Egress",
    "EgressError",
    "Endpoint",
    "Evidence",
    "FrameError",
    "HandshakeError",
    "Hotkey",
    "Limits",
    "LocalHotkey",
    "ReceiptError",
    "Reply",
    "Synapse",
    "Tensor",
    "TensorError",
    "WireConfigError",
    "WireError",
    "check_equivocation",
    "check_evidence",
]
