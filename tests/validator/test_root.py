# SPDX-License-Identifier: Apache-2.0
"""What an operator of the root writes down, and the row that it becomes."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from offchain.chain.root import COLUMNS, root_row
from offchain.protocol.errors import ConfigError
from offchain.validator.root import parse_weights, read_weights


def network(*started: int) -> Any:
    """A chain on which these subnets are started."""
    incarnations = tuple(int(netuid in started) for netuid in range(1, COLUMNS + 1))
    subnets = SimpleNamespace(incarnations_at=lambda tick: incarnations)
    return SimpleNamespace(subnets=subnets)


def test_parse_weights__pairs():
    assert parse_weights(["1=0.7", "128=3"]) == {1: Decimal("0.7"), 128: Decimal(3)}


@pytest.mark.parametrize("pairs", [["1"], ["one=2"], ["1=x"], ["=1"], ["1=1", "1=2"], ["1=0,5"]])
def test_parse_weights__anything_else__says_how(pairs):
    with pytest.raises(ConfigError) as caught:
        parse_weights(pairs)
    assert caught.value.next_step


def test_read_weights__file__exact(tmp_path):
    file = tmp_path / "root.toml"
    file.write_text("[weights]\n1 = 0.1\n2 = 3\n")
    assert read_weights(file) == {1: Decimal("0.1"), 2: Decimal(3)}


@pytest.mark.parametrize("text", [None, "", "weights = 3", "[weights\n", '[weights]\nx = "y"\n'])
def test_read_weights__no_such_table__says_what_to_write(tmp_path, text):
    file = tmp_path / "root.toml"
    if text is not None:
        file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_weights(file)
    assert caught.value.next_step


def test_root_row__largest_weight_is_the_largest_u16():
    row = root_row(network(1, 2, 5), parse_weights(["1=0.7", "2=0.3", "5=0"]))
    assert len(row) == COLUMNS
    assert row[:6] == [65_535, 28_086, 0, 0, 0, 0]  # 28,086.43 rounds down
    assert root_row(network(1, 2), parse_weights(["1=2e-9", "2=1e-9"]))[:2] == [65_535, 32_768]


@pytest.mark.parametrize("pairs", ["3=1", "0=1", "129=1", "1=-1", "1=0", "", "1=nan", "1=inf"])
def test_root_row__weight_that_helps_nobody__is_refused(pairs):
    with pytest.raises(ConfigError) as caught:
        root_row(network(1, 2), parse_weights(pairs.split()))
    assert caught.value.next_step
