# SPDX-License-Identifier: Apache-2.0
"""Check evidence files: `python -m offchain.wire.evidence ONE.json [OTHER.json]`.

One file: did that hotkey sign that answer? Two files: do they show two answers to one request?
Exit code 0 if they do, 1 if they do not.
"""

import argparse
from pathlib import Path

from offchain.wire.errors import ReceiptError
from offchain.wire.exhibit import Exhibit, check_exhibit
from offchain.wire.receipts import Evidence, check_equivocation, check_evidence

_NAME_A_FILE = (
    "Name a file that a validator kept in its folder audits/evidence, or one written by "
    "`Evidence.to_json`."
)


def read_evidence(path: Path) -> Evidence | Exhibit:
    """The evidence in a file, with or without the bodies, unchecked; ReceiptError for anything
    else.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ReceiptError(
            f"evidence: {path} cannot be read ({error.strerror})", next_step=_NAME_A_FILE
        ) from error
    try:
        return Exhibit.from_json(content)
    except ReceiptError:  # a file without bodies: the error of that form says more
        pass
    try:
        return Evidence.from_json(content)
    except ReceiptError as error:
        raise ReceiptError(f"{error}, in {path}", next_step=_NAME_A_FILE) from error


def checked(found: Evidence | Exhibit) -> Evidence:
    """The evidence, if everything in the file holds; ReceiptError otherwise."""
    if isinstance(found, Exhibit):
        check_exhibit(found)
        return found.evidence
    check_evidence(found)
    return found


def verdict(paths: list[Path]) -> str:
    """One sentence about one or two files; ReceiptError if they show nothing."""
    found = [read_evidence(path) for path in paths]
    if len(found) == 2:
        one, other = (checked(item) for item in found)
        return f"{check_equivocation(one, other)} signed two different answers to one request"
    evidence = checked(found[0])
    bodies = ", both in this file" if isinstance(found[0], Exhibit) else ""
    return (
        f"{evidence.signer} answered request {evidence.request.hex()} of {evidence.caller} "
        f"with {evidence.answer.hex()}{bodies}, model {evidence.model.hex()}"
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
