"""Who waits for the database gets in before who has just written, between threads and processes alike."""

import multiprocessing
import os
import signal
import threading
import time
from pathlib import Path

import pytest

from portdip.errors import DatabaseError
from portdip.porting.turns import Turns

PATIENCE_S = 20.0


def greedy(path: Path, begun, stop) -> None:
    """Have the turn all the time, but for an instant."""
    turns = Turns(path, PATIENCE_S)
    while not stop.is_set():
        with turns.next():
            begun.set()
            time.sleep(0.01)


def test_one_at_a_time_has_the_turn(tmp_path):
    turns, inside, most = Turns(tmp_path / "db", PATIENCE_S), [0], []

    def work():
        for _ in range(50):
            with turns.next():
                inside[0] += 1
                most.append(inside[0])
                time.sleep(0.0001)
                inside[0] -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(most), max(most)) == (200, 1)


def test_a_process_that_writes_all_the_time_keeps_nobody_out(tmp_path):
    context = multiprocessing.get_context("spawn")
    begun, stop = context.Event(), context.Event()
    process = context.Process(target=greedy, args=(tmp_path / "db", begun, stop))
    process.start()
    try:
        assert begun.wait(PATIENCE_S)
        turns = Turns(tmp_path / "db", PATIENCE_S)
        for _ in range(50):
            with turns.next():
                pass
    finally:
        stop.set()
        process.join(PATIENCE_S)
    assert process.exitcode == 0


def test_a_turn_goes_with_the_process_that_had_it(tmp_path):
    context = multiprocessing.get_context("spawn")
    begun, stop = context.Event(), context.Event()
    process = context.Process(target=greedy, args=(tmp_path / "db", begun, stop))
    process.start()
    assert begun.wait(PATIENCE_S)
    process.kill()
    process.join(PATIENCE_S)
    with Turns(tmp_path / "db", PATIENCE_S).next():
        pass


def test_a_block_that_raises_gives_its_turn_up(tmp_path):
    turns = Turns(tmp_path / "db", PATIENCE_S)
    for _ in range(2):
        try:
            with turns.next():
                raise ValueError
        except ValueError:
            pass


def stopped(path: Path, has_turn) -> None:
    """Have the turn, and be stopped."""
    with Turns(path, PATIENCE_S).next():
        has_turn.set()
        os.kill(os.getpid(), signal.SIGSTOP)


def test_nobody_waits_for_a_stopped_writer_longer_than_the_limit(tmp_path):
    context = multiprocessing.get_context("spawn")
    has_turn = context.Event()
    process = context.Process(target=stopped, args=(tmp_path / "db", has_turn))
    process.start()
    try:
        assert has_turn.wait(PATIENCE_S)
        for _ in range(2):  # the second waits behind what the first left
            with pytest.raises(DatabaseError, match="does not come to an end"), Turns(tmp_path / "db", 0.1).next():
                pass
    finally:
        os.kill(process.pid, signal.SIGCONT)
        process.join(PATIENCE_S)
    with Turns(tmp_path / "db", PATIENCE_S).next():  # who gave up has not got it later
        pass
