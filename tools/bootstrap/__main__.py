# SPDX-License-Identifier: Apache-2.0
"""`tools/setup WHAT [--chain anvil|ganache]`: prepare a checkout for a target of the Makefile."""

from __future__ import annotations

import argparse
import os
import sys

from tools.bootstrap import install, node_tools, project
from tools.bootstrap.failure import SetupError, explain_os_error
from tools.bootstrap.lock import write_locks
from tools.bootstrap.steps import LOG, Step, run_steps


def plan(what: str, chain: str) -> list[Step]:
    """The steps in order. Tests run on both chains, everything else on the chosen one."""
    steps = [install.environment(), install.packages(), install.torch(), install.ourselves()]
    if what == "lock":
        return steps[:1]
    both = what == "test"
    steps += [node_tools.anvil()]
    if both or chain == "ganache":
        steps += [node_tools.ganache()]
    steps += [project.contracts("cancun")]
    if both or chain == "ganache":
        steps += [project.contracts("shanghai")]
    return [*steps, project.engine(), project.models()]


def main() -> int:
    parser = argparse.ArgumentParser(prog="tools/setup", description=__doc__)
    parser.add_argument("what", choices=("demo", "test", "lock"))
    parser.add_argument("--chain", choices=("anvil", "ganache"), default="anvil")
    options = parser.parse_args()
    try:
        run_steps(plan(options.what, options.chain))
        if options.what == "lock":
            write_locks()
    except KeyboardInterrupt:
        return _stop(SetupError("interrupted", "run the same command again to go on"))
    except SetupError as error:
        return _stop(error)
    except OSError as error:
        return _stop(explain_os_error(error))
    return 0


def _stop(error: SetupError) -> int:
    details = f" (all that the programs said is in {os.path.relpath(LOG)})" if LOG.exists() else ""
    print(f"Set-up stopped: {error.fact}; {error.next_step}{details}.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
