# SPDX-License-Identifier: Apache-2.0
"""Somebody else's decoder, run in the sandbox to see whether answers are its own."""

from collections.abc import Mapping, Sequence

import msgspec

from miners.errors import ModelError
from miners.llm.verify import Claim
from miners.sandbox import SandboxLimits, in_sandbox

TASK = __name__
LIMITS = SandboxLimits(cpu_s=60, wall_s=90.0)  # a question has sixteen prompts


class _Order(msgspec.Struct):
    files: dict[str, bytes]
    claims: list[Claim]
    tolerance: float


def judge_untrusted(
    files: Mapping[str, bytes],
    claims: Sequence[Claim],
    tolerance: float,
    limits: SandboxLimits | None = None,
) -> list[bool]:
    """For each claim whether it is what the decoder in these files (name -> content) answers.

    Raises ModelError if the decoder is refused, fails, or is killed for what it used; SandboxError
    if it never got that far.
    """
    order = msgspec.msgpack.encode(_Order(dict(files), list(claims), tolerance))
    raw = in_sandbox(TASK, order, limits or LIMITS)
    try:
        found = msgspec.msgpack.decode(raw, type=list[bool])
    except msgspec.MsgspecError as error:
        raise ModelError("sandbox: the child's answer is not one") from error
    if len(found) != len(claims):
        raise ModelError("sandbox: answers are missing")
    return found


def prepare() -> None:
    """What `execute` needs, while files can be read."""
    import onnx  # noqa: F401
    import onnxruntime  # noqa: F401

    import miners.llm.cached
    import miners.llm.tokens  # noqa: F401


def execute(raw: bytes) -> bytes:
    """The verdicts; ModelError if the files are no decoder that can be run here."""
    from pathlib import Path

    from miners.llm.cached import CachedDecoder
    from miners.llm.folder import CONFIG, TOKENIZER_FILE, DecoderFolder
    from miners.llm.tokens import ByteTokenizer
    from miners.llm.verify import Verifier

    order = msgspec.msgpack.decode(raw, type=_Order)
    files = order.files
    folder = DecoderFolder.described(Path(), files.get(CONFIG, b""), files.get(TOKENIZER_FILE, b""))
    if not folder.is_bytes:
        raise ModelError("a decoder whose tokens are no bytes cannot be re-executed")
    content = files.get(folder.model_file.name, b"")
    backend = CachedDecoder(folder, content=content, providers=["CPUExecutionProvider"])
    verifier = Verifier(folder, backend, ByteTokenizer())
    return msgspec.msgpack.encode([verifier.holds(c, order.tolerance) for c in order.claims])
