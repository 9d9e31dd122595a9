# SPDX-License-Identifier: Apache-2.0
"""The list of a folder's files: what names a folder by one hash, and how its files are found.

    <SHA-256 of the file, in hex>  <name>
    ...                                        sorted by name, every line ends

as `sha256sum` prints it. A folder's hash is the SHA-256 of this text.
"""

import re
from collections.abc import Mapping

from offchain.wire.errors import CallError, Code

MAX_FILES = 64
MAX_BYTES = 2**14
# No path, no hidden file, nothing that a file system or a terminal reads as more than a name.
_LINE = re.compile(r"([0-9a-f]{64})  ([A-Za-z0-9_][A-Za-z0-9_.-]{0,99})")


def manifest_of(files: Mapping[str, bytes]) -> bytes:
    """The manifest of files by name -> SHA-256."""
    lines = [f"{digest.hex()}  {name}\n" for name, digest in sorted(files.items())]
    return "".join(lines).encode()


def read_manifest(content: bytes) -> dict[str, bytes]:
    """Name -> SHA-256, in order; CallError for anything that `manifest_of` would not write of at
    most MAX_FILES files with plain names.
    """
    lines = content.decode("ascii", "replace").splitlines()
    found = [_LINE.fullmatch(line) for line in lines[: MAX_FILES + 1]]
    files = {match[2]: bytes.fromhex(match[1]) for match in found if match is not None}
    if not 1 <= len(lines) <= MAX_FILES or manifest_of(files) != content:
        raise CallError(
            Code.BAD_ANSWER,
            f"manifest: no list of 1 to {MAX_FILES} files with plain names, sorted by name",
        )
    return files
