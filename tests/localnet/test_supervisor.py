# SPDX-License-Identifier: Apache-2.0
"""Services come back as their policy says, and leave together."""

import signal
import sys

import pytest

from offchain.localnet.errors import ServiceFailed
from offchain.localnet.supervisor import Service, Supervisor
from offchain.protocol.errors import ConfigError

FOREVER = (sys.executable, "-c", "import time; time.sleep(600)")


def ends_with(code):
    return (sys.executable, "-c", f"print('ends'); raise SystemExit({code})")


@pytest.fixture
def supervisor(tmp_path):
    with Supervisor(tmp_path / "logs") as made:
        yield made


def restarts_after_end(supervisor, service):
    """Run a service to its end and step far past every backoff; how often it was restarted."""
    supervisor.add(service)
    now = 0.0
    for _ in range(8):
        supervisor._entry(service.name).child.wait(120)
        supervisor.step(now)
        supervisor.step(now + 100)
        now += 1000
    return supervisor.statuses()[-1].restarts


@pytest.mark.parametrize(
    "policy, code, restarts",
    [
        ("never", 0, 0),
        ("never", 1, 0),
        ("on-failure", 0, 0),
        ("on-failure", 1, 2),
        ("always", 0, 2),
        ("always", 1, 2),
    ],
)
def test_step__service_ended__policy_decides(supervisor, policy, code, restarts):
    service = Service("one", ends_with(code), restart=policy, restart_limit=2)
    assert restarts_after_end(supervisor, service) == restarts


def test_step__backoff__doubles(supervisor):
    supervisor.add(Service("one", ends_with(1), restart="always"))
    waits = []
    now = 0.0
    for _ in range(3):
        supervisor._entry("one").child.wait(120)
        supervisor.step(now)
        start = now
        while not supervisor.step(now):
            now += 0.125
        waits.append(now - start)
    assert waits == [0.5, 1.0, 2.0]


def test_kill__policy_on_failure__comes_back_with_another_process(supervisor):
    first = supervisor.add(Service("one", FOREVER, restart="on-failure")).pid
    supervisor.kill("one")
    assert supervisor.statuses()[0].exit_code == -signal.SIGKILL

    back = supervisor.watch(lambda: supervisor.statuses()[0].is_running, timeout_seconds=120)
    assert back
    assert supervisor.statuses()[0].pid != first


def test_stop__policy_always__stays_down(supervisor):
    supervisor.add(Service("one", FOREVER, restart="always"))
    supervisor.stop("one")
    assert supervisor.step(0.0) == supervisor.step(1000.0) == []
    assert not supervisor.statuses()[0].is_running


def test_watch__service_given_up__raises_with_its_log(supervisor):
    supervisor.add(Service("one", ends_with(3), restart="on-failure", restart_limit=0))
    with pytest.raises(ServiceFailed, match=r"one ended with code 3 .* ends"):
        supervisor.watch(lambda: False, timeout_seconds=120)


def test_watch__time_over__is_false(supervisor):
    supervisor.add(Service("one", FOREVER))
    assert not supervisor.watch(lambda: False, timeout_seconds=0.2)


def test_wait_all__services_end__is_true(supervisor):
    supervisor.add(Service("one", ends_with(0)))
    supervisor.add(Service("two", ends_with(1)))
    assert supervisor.wait_all(timeout_seconds=120)
    assert [s.exit_code for s in supervisor.statuses()] == [0, 1]


def test_leaving_the_block__error_inside__stops_all(tmp_path):
    children = []
    with pytest.raises(ZeroDivisionError), Supervisor(tmp_path) as supervisor:
        children += [supervisor.add(Service(name, FOREVER)) for name in ("one", "two")]
        raise ZeroDivisionError
    assert not any(child.is_running() for child in children)


def test_logs__one_file_per_service(supervisor, tmp_path):
    supervisor.add(Service("one", ends_with(0)))
    supervisor.wait_all(timeout_seconds=120)
    assert (tmp_path / "logs" / "one.log").read_text() == "ends\n"


def test_add__name_taken__refused(supervisor):
    supervisor.add(Service("one", FOREVER))
    with pytest.raises(ConfigError, match="'one' exists"):
        supervisor.add(Service("one", FOREVER))
