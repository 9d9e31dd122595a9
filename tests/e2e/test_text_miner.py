# SPDX-License-Identifier: Apache-2.0
"""A language model earns on a network whose validators measure text and run it again."""

from pathlib import Path

import pytest

from miners import Miner
from miners.llm.folder import published_files
from offchain.localnet.first_rao import FOLDER, earn
from offchain.subnets.text import MODEL
from tests.miners.conftest import decoder  # noqa: F401  # the same decoder as in tests/miners


@pytest.mark.e2e
@pytest.mark.timeout(900)
def test_text_miner__real_decoder_and_real_validators__is_paid(decoder: Path) -> None:  # noqa: F811
    wanted = {digest.hex() for digest in published_files(decoder, MODEL.max_bytes)}

    def is_audited() -> bool:
        """It publishes its folder: a validator has all of it, and found its answers its own."""
        fetched = {path.stem for path in (FOLDER / "home").rglob("audits/models/*.bin")}
        logs = "".join(path.read_text() for path in (FOLDER / "logs").glob("validator-*"))
        return wanted <= fetched and "audit agrees" in logs

    told: list[str] = []
    earned = earn(
        lambda _folder: Miner.from_decoder(decoder), "anvil", told.append, "text", is_audited
    )
    assert earned > 0
    assert not list((FOLDER / "home").rglob("audits/strikes.json"))
