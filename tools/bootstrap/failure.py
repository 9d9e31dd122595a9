# SPDX-License-Identifier: Apache-2.0
"""One clear sentence for everything that can stop a set-up."""

from __future__ import annotations

import errno
import re


class SetupError(Exception):
    """What failed, the next step as an imperative clause, and what a program said about it."""

    def __init__(self, fact: str, next_step: str, output: str = "") -> None:
        super().__init__(fact)
        self.fact = fact
        self.next_step = next_step
        self.output = output


DISK_FULL = ("the disk is full", "free some space and run the same command again")
OFFLINE = (
    "a download failed because the package registry cannot be reached",
    "check the connection and run the same command again: what is done stays done",
)
_CAUSES = [
    (r"No space left on device|ENOSPC|Disk quota exceeded", DISK_FULL),
    (
        r"DO NOT MATCH THE HASHES|EINTEGRITY",
        (
            "a downloaded file differs from the one that the lock names",
            "do not use it; run the same command again, and report it if it happens again",
        ),
    ),
    (
        r"certificate verify failed|CERTIFICATE_VERIFY_FAILED|SELF_SIGNED_CERT|UNABLE_TO_\w+_CERT"
        r"|CERT_HAS_EXPIRED|UNABLE_TO_VERIFY_LEAF",
        (
            "a download failed because this machine does not trust the registry's certificate",
            "name your network's certificates (`export PIP_CERT=FILE`, `npm config set cafile "
            "FILE`) and run the same command again: what is done stays done",
        ),
    ),
    (
        r"NameResolution|Temporary failure in name resolution|Failed to establish a new connection"
        r"|Max retries exceeded|Read timed out|ReadTimeout|ConnectTimeout|ProxyError|SSLError"
        r"|Connection (?:broken|aborted|reset|refused)|IncompleteRead|RemoteDisconnected"
        r"|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|ECONNREFUSED|ECONNRESET|ENETUNREACH|network request to"
        r"|from versions: none",
        OFFLINE,
    ),
    (
        r"No matching distribution found|\bE404\b|\bETARGET\b",
        (
            "the package registry does not have a package that the lock names for this machine",
            "read the log, and use Linux or macOS on x86-64 or arm64 with Python 3.11",
        ),
    ),
    (
        r"error: command '[^']*(?:cc|clang|g\+\+)[^']*' failed|No such file or directory: 'g?cc'",
        (
            "a package has no ready build for this machine and there is no compiler",
            "install one (`apt install build-essential`) and run the same command again",
        ),
    ),
]


def explain(output: str) -> SetupError:
    """The likeliest cause in the output of a program that failed."""
    for pattern, (fact, next_step) in _CAUSES:
        if re.search(pattern, output):
            return SetupError(fact, next_step, output)
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    lines = [line for line in lines if "complete log of this run" not in line]  # npm's last words
    last = lines[-1] if lines else "it said nothing"
    return SetupError(last, "read the log and try again", output)


def explain_os_error(error: OSError) -> SetupError:
    """The same for a system call of our own."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return SetupError(*DISK_FULL)
    if error.errno in (errno.EACCES, errno.EROFS, errno.EPERM):
        return SetupError(
            f"{error.filename or 'this folder'} cannot be written",
            "use a checkout that belongs to you and run the same command again",
        )
    return SetupError(str(error), "read the log and try again")
