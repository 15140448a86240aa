"""Pieces come out in order, a bounded number at a time, and errors come out where they belong."""

import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portdip.batch.flow import in_order


@given(count=st.integers(0, 30), threads=st.integers(1, 4))
def test_results_are_in_the_order_of_the_pieces(count, threads):
    assert list(in_order(iter(range(count)), lambda piece: piece * 2, threads)) == [2 * n for n in range(count)]


def test_slow_pieces_do_not_lose_their_place():
    def work(piece):
        time.sleep(0.002 * (piece % 3))
        return piece

    assert list(in_order(iter(range(20)), work, threads=4)) == list(range(20))


def test_no_more_pieces_are_in_memory_than_promised():
    taken, read, most = 0, 0, 0

    def pieces():
        nonlocal read, most
        for piece in range(50):
            read += 1
            most = max(most, read - taken)
            yield piece

    for _ in in_order(pieces(), lambda piece: piece, threads=2):
        taken += 1
        time.sleep(0.001)
    assert most <= 5  # threads + 2, and the one that is being handed over


@pytest.mark.parametrize("where", ["reading", "working"])
def test_an_error_comes_after_the_results_before_it(where):
    def pieces():
        for piece in range(10):
            if where == "reading" and piece == 4:
                raise ZeroDivisionError
            yield piece

    def work(piece):
        if where == "working" and piece == 4:
            raise ZeroDivisionError
        return piece

    results = in_order(pieces(), work, threads=2)
    assert [next(results) for _ in range(4)] == [0, 1, 2, 3]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_stopping_early_leaves_no_thread_behind():
    before = threading.active_count()
    results = in_order(iter(range(100)), lambda piece: piece, threads=2)
    assert next(results) == 0
    results.close()
    assert threading.active_count() == before
