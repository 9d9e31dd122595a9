# SPDX-License-Identifier: Apache-2.0
"""Models that miners publish, fetched once and kept by their hashes."""

import asyncio
from hashlib import sha256
from pathlib import Path
from time import monotonic

from offchain.chain.files import write_durably
from offchain.subnets.base import ModelInterface
from offchain.wire import CallError, Code, Dendrite, Endpoint
from offchain.wire import manifest as manifests
from offchain.wire.published import fetch_file

FETCH_S = 60.0  # for all files of a model
KEPT_BYTES = 2**31
_EMPTY = sha256(b"").digest()


class ModelStore:
    """Files by hash, in a folder of at most KEPT_BYTES; the newest model may be larger."""

    def __init__(self, dendrite: Dendrite, folder: Path) -> None:
        self._dendrite, self._folder = dendrite, folder

    async def fetch(
        self, endpoint: Endpoint, model: bytes, interface: ModelInterface
    ) -> dict[str, bytes] | None:
        """The model's files by name, in the order of the manifest; a model of one file has no name
        for it. None if this miner does not publish them.

        CallError if they are larger than the subnet permits, other files, or slow to come.
        """
        until = monotonic() + FETCH_S
        if not interface.is_folder:
            content = await self._file(endpoint, model, interface.max_bytes, until)
            return None if content is None else {"": content}
        manifest = await self._file(endpoint, model, manifests.MAX_BYTES, until)
        if manifest is None:
            return None
        files: dict[str, bytes] = {}
        left = interface.max_bytes - len(manifest)
        for name, digest in manifests.read_manifest(manifest).items():
            found = await self._file(endpoint, digest, left, until)
            if found is None:
                raise CallError(Code.BAD_ANSWER, f"{endpoint.hotkey}: does not publish {name}")
            files[name] = found
            left -= len(found)
        return files

    async def _file(
        self, endpoint: Endpoint, digest: bytes, max_bytes: int, until: float
    ) -> bytes | None:
        if digest == _EMPTY:
            return b""
        path = self._folder / f"{digest.hex()}.bin"
        kept = await asyncio.to_thread(_read, path, digest)
        if kept is not None and len(kept) <= max_bytes:
            return kept
        fetched = await fetch_file(
            self._dendrite, endpoint, digest, max_bytes=max_bytes, timeout_s=until - monotonic()
        )
        if fetched is not None:
            await asyncio.to_thread(self._store, path, fetched)
        return fetched

    def _store(self, path: Path, content: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_durably(path, content)
        left = KEPT_BYTES
        for file in sorted(path.parent.glob("*.bin"), key=_age, reverse=True):
            left -= file.stat().st_size
            if left < 0 and file != path:
                file.unlink(missing_ok=True)


def _read(path: Path, digest: bytes) -> bytes | None:
    """A kept file; None if there is none, or if it has changed on the disk."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    return content if sha256(content).digest() == digest else None


def _age(path: Path) -> float:
    return path.stat().st_mtime
