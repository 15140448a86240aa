import multiprocessing
from itertools import pairwise

import numpy as np
import pytest

from portdip.access import OUTCOMES
from portdip.access.counters import COLUMNS, LATENCY_BUCKETS, NAMES, PROTOCOLS, Counters, State


def test_totals_are_over_workers_and_listeners_of_one_protocol():
    counters = Counters(workers=3, listeners={"enum": 2, "pdb": 1})
    for worker in range(3):
        for listener in range(2):
            counters.row(worker, "enum", listener)[NAMES.index("shed")] += 10
        counters.row(worker, "pdb")[NAMES.index("shed")] += 1
    assert counters.total("enum")["shed"] == 60
    assert counters.total("pdb")["shed"] == 3
    assert set(counters.total("http").values()) == {0}


def test_rows_overlap_neither_each_other_nor_a_cache_line():
    counters = Counters(workers=2)
    rows = [counters.row(worker, protocol) for worker in range(2) for protocol in PROTOCOLS]
    for value, row in enumerate(rows):
        row[:] = value
    for worker in range(2):
        counters.set_state(worker, State(*[99] * len(State._fields)))
    assert [set(row.tolist()) for row in rows] == [{value} for value in range(len(rows))]
    assert len({len(row) for row in rows}) == 1
    assert len(rows[0]) == COLUMNS
    starts = sorted(row.ctypes.data for row in rows)
    assert all(later // 64 > (earlier + COLUMNS * 8 - 1) // 64 for earlier, later in pairwise(starts))


def test_the_latency_is_what_follows_the_names():
    counters = Counters(workers=2)
    for worker in range(2):
        counters.row(worker, "enum")[len(NAMES) + 3] += 5
    assert counters.latency("enum").tolist() == [0, 0, 0, 10] + [0] * (LATENCY_BUCKETS - 4)
    assert set(counters.total("enum").values()) == {0}


def test_there_is_a_name_for_every_outcome():
    first = NAMES.index(OUTCOMES[0])
    assert NAMES[first : first + len(OUTCOMES)] == OUTCOMES
    assert len(set(NAMES)) == len(NAMES)


def test_what_a_process_counts_and_says_is_seen_by_its_parent_and_stays_when_it_ends():
    counters = Counters(workers=1)
    saying = State(pid=1, ready=1, sequence=7, lag=-1, as_of=2, heartbeat=3, started=4)

    def work() -> None:
        counters.row(0, "pdb")[NAMES.index("received")] += 5
        counters.set_state(0, saying)

    for _ in range(2):
        process = multiprocessing.get_context("fork").Process(target=work)
        process.start()
        process.join()
    assert counters.total("pdb")["received"] == 10
    assert counters.state(0) == saying
    counters.clear_state(0)
    assert counters.state(0) == State()


def test_counters_reach_past_32_bits():
    counters = Counters(workers=2)
    for worker in range(2):
        counters.row(worker, "http")[NAMES.index("bytes_out")] = np.uint64(2**40)
    assert counters.total("http")["bytes_out"] == 2**41


def test_a_listener_that_was_not_asked_for_has_no_row():
    with pytest.raises(AssertionError, match="1 listeners of enum"):
        Counters(workers=1).row(0, "enum", 1)
