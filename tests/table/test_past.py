"""What was folded into snapshots, found again by number."""

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest

from portdip.errors import DamagedSnapshotError
from portdip.exchange.chain import Head
from portdip.exchange.changes import Operation
from portdip.table import past
from portdip.table.past import BEFORE, EVENTS, Past
from tests.exchange.changes_made import made, rows

JANUARY, FEBRUARY = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)


def delta_of(sequence, *changes, created=JANUARY):
    return made(rows(*changes), Head("test", sequence - 1, "00" * 32, JANUARY), created=created)


def port(number, carrier="A"):
    return {"operation": Operation.PORT, "number": number, "carrier": carrier}


def places(table):
    return list(zip(table.column("sequence").to_pylist(), table.column("row").to_pylist(), strict=True))


@pytest.fixture
def history(tmp_path):
    return Past(tmp_path / "history")


def test_nothing_was_folded_yet(history):
    assert history.of(861, 10) == EVENTS.empty_table()
    assert history.last(10) is None
    assert history.stretches() == []
    assert list(history.verify()) == []


def test_a_delta_s_rows_with_when_it_was_made_and_by_whom():
    (first, second) = past.events(delta_of(7, port(861), port(862), created=FEBRUARY)).to_pylist()
    assert (first["number"], first["sequence"], first["row"], first["created"]) == (861, 7, 0, FEBRUARY)
    assert (second["number"], second["row"], second["signer"]) == (862, 1, "")


def test_events_of_a_number_and_all_that_tell_of_many(history):
    first = delta_of(
        1,
        port(861),
        port(862),
        {"operation": Operation.ASSIGN, "number": 800, "last": 899, "carrier": "A"},
        {"operation": Operation.ASSIGN, "number": 700, "last": 799, "carrier": "A"},
        {"operation": Operation.MASS_CHANGE, "carrier": "A", "donor": "B"},
        {"operation": Operation.MASS_CHANGE, "number": 700, "last": 799, "carrier": "A", "donor": "B"},
        {"operation": Operation.RELEASE, "number": 860, "last": 861},
        {"operation": Operation.CARRIER, "carrier": "A", "text": "First"},
    )
    second = delta_of(2, {"operation": Operation.SNAPSHOT, "text": "ab" * 32})
    history.write(1, 2, [past.events(second), past.events(first)])
    assert places(history.of(861, 2)) == [(1, 2), (1, 4), (1, 6), (2, 0), (1, 0)]
    assert places(history.of(750, 2)) == [(1, 3), (1, 4), (1, 5), (2, 0)]
    assert places(history.of(999, 2)) == [(1, 4), (2, 0)]


def test_a_number_is_found_in_every_batch(history, monkeypatch):
    monkeypatch.setattr(past, "_BATCH_ROWS", 3)
    numbers = [861, 863, 863, 863, 863, 863, 865, 867]
    history.write(1, 1, [past.events(delta_of(1, *map(port, numbers)))])
    assert [len(history.of(number, 1)) for number in range(860, 869)] == [0, 1, 0, 5, 0, 1, 0, 1, 0]


def test_what_the_table_held_before(history):
    replaced = past.of_table(
        pa.array([3], pa.uint64()), BEFORE, operation=[Operation.PORT], number=[861], carrier=["A"]
    )
    history.write(4, 5, [replaced])
    (event,) = history.of(861, 5).to_pylist()
    assert (event["sequence"], event["row"], event["created"], event["carrier"]) == (3, BEFORE, None, "A")


def test_stretches_beyond_a_sequence_are_not_asked(history):
    """A reader of an older snapshot reads the rest from the chain."""
    for sequence in (1, 2, 3):
        history.write(sequence, sequence, [past.events(delta_of(sequence, port(861)))])
    assert places(history.of(861, 2)) == [(1, 0), (2, 0)]
    assert (history.last(2), history.last(9), history.last(0)) == (2, 3, None)


def test_all_of_it_comes_stretch_by_stretch_those_of_one_number_apart(history):
    withdrawn = {"operation": Operation.WITHDRAW, "number": 860, "last": 869}
    history.write(1, 2, [past.events(delta_of(1, port(862), port(861))), past.events(delta_of(2, withdrawn))])
    history.write(3, 3, [past.events(delta_of(3, port(861)))])
    found = [(places(numbers), places(others)) for numbers, others in history.all(3)]
    assert found == [([(1, 1), (1, 0)], [(2, 0)]), ([(3, 0)], [])]
    assert len(list(history.all(2))) == 1


def test_what_a_crash_left_gives_way(history):
    """A stretch whose snapshot never went live, to the same sequence or to another."""
    history.write(1, 2, [past.events(delta_of(1, port(861)))])
    for last in (3, 5):
        history.write(3, last, [past.events(delta_of(3, port(861, "B")))])
    history.write(3, 4, [past.events(delta_of(3, port(862)))])
    assert [path.name.partition("-")[0].lstrip("0") for path in history.stretches()] == ["1", "3"]
    assert places(history.of(861, 9)) == [(1, 0)]


def test_verify_reads_every_byte(history):
    history.write(1, 1, [past.events(delta_of(1, port(861)))])
    history.write(2, 2, [past.events(delta_of(2, port(861)))])
    assert list(history.verify()) == history.stretches()
    for name in ("numbers.arrow", "others.arrow"):
        path = history.stretches()[1] / name
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
        with pytest.raises(DamagedSnapshotError, match=name):
            list(history.verify())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)


@pytest.mark.parametrize("content", [b"", b"nonsense" * 50])
def test_a_file_that_is_no_arrow_file_is_an_error(history, content):
    history.write(1, 1, [past.events(delta_of(1, port(861)))])
    (history.stretches()[0] / "others.arrow").write_bytes(content)
    with pytest.raises(DamagedSnapshotError, match=r"others\.arrow"):
        history.of(861, 1)


def test_pruning_removes_what_is_old_as_a_whole(history):
    history.write(1, 2, [past.events(delta_of(1, port(861))), past.events(delta_of(2, port(861), created=FEBRUARY))])
    history.write(3, 3, [past.events(delta_of(3, port(861), created=FEBRUARY))])
    assert history.prune(FEBRUARY) == []
    removed = history.prune(datetime(2026, 2, 2, tzinfo=UTC))
    assert len(removed) == 2
    assert history.stretches() == []


def test_rows_that_tell_of_a_number_in_one_delta():
    table = past.events(delta_of(1, port(861), port(862), {"operation": Operation.RELEASE, "number": 860, "last": 863}))
    assert past.tells_of(table, 861).to_pylist() == [True, False, True]
    assert np.count_nonzero(past.tells_of(table, 10**15 - 1).to_numpy()) == 0
