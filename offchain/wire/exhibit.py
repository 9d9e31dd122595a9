# SPDX-License-Identifier: Apache-2.0
"""Evidence with the question and the answer themselves, so that a stranger can read what was said
and run the model again.
"""

import msgspec
from blake3 import blake3

from offchain.wire.errors import ReceiptError
from offchain.wire.frames import Id
from offchain.wire.handshake import Bytes32
from offchain.wire.receipts import Evidence, check_evidence, request_hash, stream_hash
from offchain.wire.synapse import S, codec


class Exhibit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`number` and `route` as in the request's frame; `question` and `answer` as they travelled.
    Of a streamed answer that is its last part, and `parts` has the hashes of all of them.
    """

    evidence: Evidence
    number: Id
    route: str
    question: bytes
    answer: bytes
    parts: list[Bytes32] = []

    def to_json(self) -> bytes:
        """Byte strings become base64; `from_json` reads it back."""
        return msgspec.json.encode(self)

    @classmethod
    def from_json(cls, text: bytes) -> "Exhibit":
        """ReceiptError for anything but an exhibit."""
        try:
            return msgspec.json.decode(text, type=cls)
        except (msgspec.MsgspecError, RecursionError) as error:
            raise ReceiptError(f"exhibit: {error}") from error

    def read(self, kind: type[S]) -> tuple[S, S]:
        """(question, question with the answer filled in); ReceiptError unless they are of this
        message.
        """
        messages = codec(kind)
        try:
            question = messages.decode_question(memoryview(self.question))
            return question, messages.decode_answer(question, memoryview(self.answer))
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise ReceiptError(f"exhibit: no {kind.__name__}: {error}") from error


def check_exhibit(exhibit: Exhibit) -> None:
    """ReceiptError unless the evidence holds, and is about this question and this answer."""
    evidence = exhibit.evidence
    check_evidence(evidence)
    asked = blake3(exhibit.question).digest()
    if request_hash(evidence.session, exhibit.number, exhibit.route, asked) != evidence.request:
        raise ReceiptError("exhibit: the question is not the one that was answered")
    given = blake3(exhibit.answer).digest()
    if exhibit.parts:
        is_last = exhibit.parts[-1] == given
        given = stream_hash(exhibit.parts) if is_last else b""
    if given != evidence.answer:
        raise ReceiptError("exhibit: the answer is not the one that was signed")
