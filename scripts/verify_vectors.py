# SPDX-License-Identifier: Apache-2.0
"""Compare a deployed kernel and the arithmetic of finalize with a vector file, bit for bit.

    ape run verify_vectors tests/vectors/epoch_vectors.json

Prints what the protocol does otherwise on purpose, every difference, and `N fields, D differences`.
Exit code 0 means 0 differences, 1 some, 2 a file that cannot be used.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from offchain.chain.vector_check import Block, Report, Words

SHOWN_DIFFERENCES = 20
NOBODY = "0x" + "00" * 20


@click.command(help=__doc__.partition("\n")[0] if __doc__ else "")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--network", default="ethereum:local:foundry", help="An ape network.")
def cli(file: Path, network: str) -> None:
    from offchain.yuma.errors import InvalidScenario
    from offchain.yuma.scenarios import parse_scenarios

    try:
        scenarios = parse_scenarios(file.read_text(encoding="utf-8"))
        report = verify(scenarios, network)
    except (OSError, UnicodeDecodeError, InvalidScenario) as problem:
        click.echo(f"{file}: {problem}", err=True)
        sys.exit(2)
    for deviation in report.deviations:
        click.echo(f"on purpose: {deviation}")
    for difference in report.differences[:SHOWN_DIFFERENCES]:
        click.echo(difference)
    click.echo(str(report))
    sys.exit(1 if report.differences else 0)


def verify(scenarios: Sequence[Any], network: str) -> Report:
    """Deploy kernel and examiner on a network of ape's, and check all scenarios there."""
    from ape import accounts, networks

    from offchain.chain.vector_check import check

    with networks.parse_network_choice(network):
        deployer = accounts.test_accounts[0]
        kernel = deployer.deploy(_container("YumaKernel"))
        examiner = deployer.deploy(
            _container("Examiner"), NOBODY, NOBODY, NOBODY, kernel.address, NOBODY
        )

        def recompute(block: Block) -> Words | None:
            return _recompute(kernel, block)

        def finalize(*words: Sequence[int]) -> Sequence[int]:
            pay = examiner.finalize(0, *(list(part) for part in words), [], [0] * 4)
            return list(pay.cumulatives)

        return check(scenarios, recompute, finalize)


def _recompute(kernel: Any, block: Block) -> Words | None:
    from ape.exceptions import ContractLogicError

    try:
        words = kernel.recompute(block)
    except ContractLogicError as error:
        if "kernel: wrong hint" not in str(error):
            raise
        return None
    return list(words.ranks), bytes(words.bonds_hash), bytes(words.partial_hash)


def _container(name: str) -> Any:
    """A contract from the built artefacts: ape would compile the whole project for it."""
    from ape.contracts import ContractContainer
    from ethpm_types import ContractType

    from offchain.chain.artifacts import load_artifact
    from offchain.chain.build import build

    build("cancun")
    artifact = load_artifact(name, "cancun")
    made = {
        "contractName": name,
        "abi": artifact.abi,
        "deploymentBytecode": {"bytecode": "0x" + artifact.initcode.hex()},
    }
    return ContractContainer(ContractType.model_validate(made))
