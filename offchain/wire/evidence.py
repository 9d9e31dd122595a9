# SPDX-License-Identifier: Apache-2.0
"""Check evidence files: `python -m offchain.wire.evidence ONE.json [OTHER.json]`.

One file: did that hotkey sign that answer? Two files: do they show two answers to one request?
Exit code 0 if they do, 1 if they do not.
"""

import argparse
from pathlib import Path

from offchain.wire.errors import ReceiptError
from offchain.wire.receipts import Evidence, check_equivocation, check_evidence


def read_evidence(path: Path) -> Evidence:
    """The evidence in a file, unchecked; ReceiptError for anything else."""
    try:
        return Evidence.from_json(path.read_bytes())
    except OSError as error:
        raise ReceiptError(f"evidence: {path} cannot be read ({error.strerror})") from error


def verdict(paths: list[Path]) -> str:
    """One sentence about one or two files; ReceiptError if they show nothing."""
    if len(paths) == 2:
        one, other = (read_evidence(path) for path in paths)
        return f"{check_equivocation(one, other)} signed two different answers to one request"
    evidence = read_evidence(paths[0])
    check_evidence(evidence)
    return (
        f"{evidence.signer} answered request {evidence.request.hex()} of {evidence.caller} "
        f"with {evidence.answer.hex()}, model {evidence.model.hex()}"
    )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Check signed answers of miners")
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE", help="one or two")
    files = parser.parse_args().files
    if len(files) > 2:
        parser.error("one or two files, please")
    try:
        print(verdict(files))
    except ReceiptError as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main()
