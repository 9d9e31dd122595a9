# SPDX-License-Identifier: Apache-2.0
"""A language model earns on a network whose validators measure text."""

from pathlib import Path

import pytest

from miners import Miner
from offchain.localnet.first_rao import earn
from tests.miners.conftest import decoder  # noqa: F401  # the same decoder as in tests/miners


@pytest.mark.e2e
@pytest.mark.timeout(240)
def test_text_miner__real_decoder_and_real_validators__is_paid(decoder: Path) -> None:  # noqa: F811
    told: list[str] = []
    assert earn(lambda _folder: Miner.from_decoder(decoder), say=told.append, mechanism="text") > 0
