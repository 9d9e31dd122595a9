# SPDX-License-Identifier: Apache-2.0
"""The command line: one program over everything below. `evmtensor --help` says the rest."""

from __future__ import annotations


def main() -> None:
    """The console script; exits with the command's code."""
    import sys

    from offchain.cli.app import run

    sys.exit(run(sys.argv[1:]))
