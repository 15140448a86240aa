"""What becomes of a slot, with processes that are none."""

import signal
import socket

import pytest

from portdip.service.process import Process
from portdip.service.slot import Slot


class Told(Process):
    """Remembers what it was sent."""

    def __init__(self, row: int) -> None:
        ours, theirs = socket.socketpair()
        theirs.close()
        super().__init__(1000 + row, ours, row, 0.0)
        self.signals: list[int] = []

    def signal(self, number: int) -> None:
        self.signals.append(number)


@pytest.fixture
def slot():
    slot = Slot(3)
    yield slot
    for process in slot.processes:
        process.channel.close()


def fork(_: Slot, row: int) -> Told:
    return Told(row)


def test_old_and_new_count_in_rows_of_their_own(slot):
    slot.start(fork)
    rows = [slot.worker.row]
    for _ in range(3):
        slot.take_over(fork)
        assert slot.successor.row != slot.worker.row
        slot.successor.is_ready = True
        assert slot.promote()
        rows.append(slot.worker.row)
        slot.reaped(slot.leaving)
    assert set(rows) == {6, 7}


def test_the_old_one_goes_only_when_the_new_one_answers(slot):
    slot.start(fork)
    old = slot.worker
    slot.take_over(fork)
    assert not slot.promote()
    assert old.signals == []
    slot.successor.is_ready = True
    assert slot.promote()
    assert (old.signals, slot.leaving, slot.is_ready) == ([signal.SIGTERM], old, True)


def test_a_successor_that_dies_changes_nothing(slot):
    slot.start(fork)
    old = slot.worker
    slot.take_over(fork)
    slot.reaped(slot.successor)
    assert (slot.worker, slot.successor, old.signals) == (old, None, [])


def test_a_successor_takes_the_place_of_one_that_died_meanwhile(slot):
    slot.start(fork)
    slot.take_over(fork)
    new = slot.successor
    slot.reaped(slot.worker)
    assert (slot.worker, slot.successor, slot.is_ready) == (new, None, False)


def test_the_sockets_are_closed_when_nobody_is_left(slot):
    class Sockets(dict):
        closed = False

        def close(self):
            self.closed = True

    slot.sockets = Sockets()
    slot.start(fork)
    slot.take_over(fork)
    slot.reaped(slot.worker)
    assert not slot.sockets.closed
    slot.reaped(slot.worker)
    assert slot.sockets.closed
