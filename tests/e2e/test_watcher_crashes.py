# SPDX-License-Identifier: Apache-2.0
"""A watcher that is killed anywhere strikes its lie, once, and its account is right.

One chain, one subnet with a lie per crash point; every watcher looks after one subnet.
"""

import json
import os
import subprocess
import sys
import time

import pytest

from tests.e2e.crashing_watcher import POINTS
from tests.e2e.liars import WATCHERS, Town, open_town

PATIENCE_SECONDS = 300.0  # decides only how late a broken build fails


def start(town: Town, folder, point: str, index: int, netuid: int) -> subprocess.Popen:
    arguments = ["--key", f"dev:{index}", "--netuid", str(netuid), *town.where()]
    command = [sys.executable, "-m", "tests.e2e.crashing_watcher", point, folder / f"{point}.died"]
    environment = os.environ | {"EVMTENSOR_HOME": str(folder / point)}
    with (folder / f"{point}.log").open("a") as log:
        return subprocess.Popen([*command, *arguments], env=environment, stdout=log, stderr=log)


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    """Accounts and transactions by crash point, after everybody was killed and restarted."""
    folder = tmp_path_factory.mktemp("watchers")
    with open_town(folder, len(POINTS)) as town:
        town.mine_at_once()
        lies = {town.lie(netuid, word=netuid % 7): netuid for netuid in town.netuids}
        town.tick_every_second()
        runs = dict(zip(POINTS, zip(WATCHERS, town.netuids, strict=False), strict=True))
        running = {}
        try:
            for point, (index, netuid) in runs.items():
                running[point] = start(town, folder, point, index, netuid)
            died = {p: process.wait(PATIENCE_SECONDS) for p, process in running.items()}
            for point, (index, netuid) in runs.items():
                running[point] = start(town, folder, point, index, netuid)
            _wait(lambda: len(town.strikes()) >= len(lies) and _all_booked(folder))
        finally:
            for process in running.values():
                process.terminate()
            for process in running.values():
                process.wait(30)
        sent = {p: town.challenges_of([index]) for p, (index, _) in runs.items()}
        books = {p: _totals(folder, p) for p in POINTS}
        struck = {lies[s.proposal_id]: s.challenger for s in town.strikes()}
        accounts = {p: (town.address(i), netuid) for p, (i, netuid) in runs.items()}
        yield died, sent, books, struck, accounts, folder


def _wait(is_done) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_done() and time.monotonic() < deadline:
        time.sleep(0.5)


def _totals(folder, point) -> dict:
    files = list((folder / point).rglob("0x*.json"))
    return json.loads(files[0].read_text())["totals"] if files else {}


def _all_booked(folder) -> bool:
    return all(_totals(folder, point).get("struck") == 1 for point in POINTS)


@pytest.mark.e2e
@pytest.mark.timeout(900)
@pytest.mark.parametrize("point", POINTS)
def test_watcher__killed_there__strikes_once_and_books_it(outcome, point):
    died, sent, books, struck, accounts, folder = outcome
    log = (folder / f"{point}.log").read_text()[-2000:]
    assert died[point] == -9, log
    address, netuid = accounts[point]
    assert struck.get(netuid) == address, log
    assert sent[point] == [True], log
    assert books[point]["struck"] == 1
    assert books[point]["sent"] <= 2  # the strike, and taking its reward home
    assert books[point]["reverted"] == 0
