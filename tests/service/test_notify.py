import os

import pytest

from portdip.service.notify import Notifier
from tests.service.nodes import Manager


@pytest.fixture
def manager():
    manager = Manager()
    yield manager
    manager.close()


def test_what_is_told_arrives(manager):
    notifier = Notifier({"NOTIFY_SOCKET": manager.name})
    notifier.ready()
    notifier.alive()
    notifier.stopping()
    manager.wait("STOPPING=1")
    assert manager.heard == ["READY=1", "WATCHDOG=1", "STOPPING=1"]


def test_a_status_is_told_once(manager):
    notifier = Notifier({"NOTIFY_SOCKET": manager.name})
    for line in ("one", "one", "two"):
        notifier.status(line)
    manager.wait("two")
    assert manager.heard == ["STATUS=one", "STATUS=two"]


def test_nobody_need_listen():
    Notifier({}).ready()
    Notifier({"NOTIFY_SOCKET": "/nowhere/at/all"}).ready()


def test_a_manager_that_is_stuck_holds_nobody_up(manager):
    notifier = Notifier({"NOTIFY_SOCKET": manager.name})
    for _ in range(2000):
        notifier.alive()
    notifier.status("lost")
    with pytest.raises(AssertionError, match="no STATUS=lost"):
        manager.wait("STATUS=lost", patience_s=0.1)
    notifier.status("lost")
    manager.wait("STATUS=lost")


@pytest.mark.parametrize(
    ("environment", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_watchdog_is_fed_twice_in_its_time(environment, seconds):
    assert Notifier(environment).watchdog_seconds == seconds
