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
@pytest.mark.timeout(240)
def test_text_miner__real_decoder_and_real_validators__is_paid(decoder: Path) -> None:  # noqa: F811
    told: list[str] = []
    assert earn(lambda _folder: Miner.from_decoder(decoder), say=told.append, mechanism="text") > 0
    # it publishes its folder: validators have fetched all of it and found its answers to be its own
    fetched = {path.stem for path in (FOLDER / "home").rglob("audits/models/*.bin")}
    assert {digest.hex() for digest in published_files(decoder, MODEL.max_bytes)} <= fetched
    assert not list((FOLDER / "home").rglob("audits/strikes.json"))
    logs = "".join(path.read_text() for path in (FOLDER / "logs").glob("validator-*"))
    assert "audit agrees" in logs
