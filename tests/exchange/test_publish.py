"""The writer of a chain: what it publishes, in how many deltas, signed by whom, and what an error leaves behind."""

from __future__ import annotations

import multiprocessing
from collections import Counter
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from portdip import files
from portdip.errors import ChangeError, InvalidNumberError, RoutesFullError, StoreLockedError
from portdip.exchange import delta, publish
from portdip.exchange.changes import PORT_RANGE_MAX, Operation
from tests.exchange.changes_made import EVERYTHING, MADE, good_rows, made, ports, rows
from tests.exchange.places import Place


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


def _change(writer, *calls):
    """What happens in one block of a writer."""
    with writer:
        for call in calls:
            call()


def test_every_method_makes_its_change(place):
    with place.writer() as writer:
        writer.name_carrier("CUCC", "China Unicom")
        writer.retire_carrier("OLD")
        writer.name_route("CUCC", "0B17")
        writer.retire_route("CUCC", "0B18")
        writer.port("+8613800138000", "CUCC", "0B17", donor="CMCC", effective=MADE, order="ORD-1", version=7)
        writer.release(8613900139000, last="8613900139999")
        writer.assign(8613800000000, 8613809999999, "CMCC")
        writer.withdraw("8613810000000", 8613819999999, order="ORD-2")
        writer.mass_change("CUCC", "CUCC", "0B18", donor_routing_number="0B17", first=100, last=199)
        writer.mass_change("A", "B")
    expected = [
        {"operation": 6, "carrier": "CUCC", "text": "China Unicom"},
        {"operation": 7, "carrier": "OLD"},
        {"operation": 8, "carrier": "CUCC", "routing_number": "0B17"},
        {"operation": 9, "carrier": "CUCC", "routing_number": "0B18"},
        {
            "operation": 1,
            "number": 8613800138000,
            "carrier": "CUCC",
            "routing_number": "0B17",
            "donor": "CMCC",
            "effective": MADE,
            "order": "ORD-1",
            "version": 7,
        },
        {"operation": 2, "number": 8613900139000, "last": 8613900139999},
        {"operation": 3, "number": 8613800000000, "last": 8613809999999, "carrier": "CMCC", "routing_number": ""},
        {"operation": 4, "number": 8613810000000, "last": 8613819999999, "order": "ORD-2"},
        {
            "operation": 5,
            "number": 100,
            "last": 199,
            "carrier": "CUCC",
            "routing_number": "0B18",
            "donor": "CUCC",
            "donor_routing_number": "0B17",
        },
        {"operation": 5, "carrier": "B", "routing_number": "", "donor": "A"},
    ]
    assert place.rows() == pa.Table.from_batches([rows(*expected)])
    assert writer.published == [1]
    assert writer.counts == Counter(Operation(row["operation"]) for row in expected)


def test_single_changes_and_columns_keep_their_order(place):
    with place.writer() as writer:
        writer.port(1, "A")
        writer.add(rows({"operation": 2, "number": 2}, {"operation": 2, "number": 3}))
        writer.port(4, "A")
        writer.add(rows({"operation": 2, "number": 5}))
    assert place.rows().column("number").to_pylist() == [1, 2, 3, 4, 5]


@given(drawn=st.lists(good_rows, max_size=30), cut=st.integers(1, 10))
def test_what_is_added_is_published(tmp_path_factory, drawn, cut):
    """Whatever the batches, and single numbers as they are. Keys apart: these have a test of their own."""
    drawn = [row for row in drawn if row["operation"] not in (Operation.TRUST_KEY, Operation.REVOKE_KEY)]
    place = Place(tmp_path_factory.mktemp("place"))
    with place.writer() as writer:
        for begin in range(0, len(drawn), cut):
            writer.add(rows(*drawn[begin : begin + cut]))
    assert place.rows() == pa.Table.from_batches([rows(*drawn)])


@pytest.mark.parametrize("count", [1, delta.ROWS_MAX - 1, delta.ROWS_MAX, delta.ROWS_MAX + 1, 2 * delta.ROWS_MAX + 7])
def test_many_changes_are_as_few_deltas_as_can_be(place, count):
    with place.writer() as writer:
        for begin in range(0, count, 17_000):
            writer.add(ports(min(17_000, count - begin), first=1_000_000 + begin))
    full, rest = divmod(count, delta.ROWS_MAX)
    assert [found.header.rows for found in place.deltas()] == [delta.ROWS_MAX] * full + [rest] * bool(rest)
    assert place.rows().column("number").to_pylist() == list(range(1_000_000, 1_000_000 + count))
    assert writer.published == list(range(1, 1 + full + bool(rest)))
    assert not (place.path / "deltas.scratch").exists()


def test_no_change_is_no_delta(place):
    with place.writer() as writer:
        writer.add(rows())
        assert writer.publish() == []
    assert place.chain.head.sequence == 0


def test_publishing_more_than_once(place):
    with place.writer() as writer:
        writer.port(1, "A")
        assert writer.publish() == [1]
        assert place.chain.head.sequence == 1
        writer.port(2, "A")
        writer.port(3, "A")
    assert writer.published == [1, 2]
    assert [found.header.rows for found in place.deltas()] == [1, 2]


def test_a_port_of_a_range_is_a_row_for_each_number(place):
    with place.writer() as writer:
        writer.release(100, last=199)
        writer.port(8613800138000, "CUCC", "0B17", last=8613800138003, order="ORD-1")
        writer.mass_change("A", "B")
        writer.port(5, "CUCC", last=5)
    found = place.rows().to_pylist()
    assert [(row["number"], row["last"]) for row in found] == [
        (100, 199),
        *((8613800138000 + offset, None) for offset in range(4)),
        (None, None),
        (5, None),
    ]
    assert {row["order"] for row in found[1:5]} == {"ORD-1"}


@given(
    st.lists(
        st.tuples(st.sampled_from([Operation.PORT, Operation.RELEASE]), st.none() | st.integers(0, 60)), max_size=30
    )
)
def test_ranges_are_spread_in_their_order(drawn):
    """Ranges of every length between other rows, and deltas of few rows, so that there are several parts."""
    changes = rows(
        *(
            {"operation": operation, "number": 1000 * place, "last": None if more is None else 1000 * place + more}
            | ({"carrier": "A"} if operation is Operation.PORT else {})
            for place, (operation, more) in enumerate(drawn, start=1)
        )
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(delta, "ROWS_MAX", 64)
        parts = list(publish._one_number_each(changes))
    expected = [
        (1000 * place + offset, 1000 * place + more if operation is Operation.RELEASE and more is not None else None)
        for place, (operation, more) in enumerate(drawn, start=1)
        for offset in range(1 + (more or 0) * (operation is Operation.PORT))
    ]
    found = [pair for part in parts for pair in zip(part["number"].to_pylist(), part["last"].to_pylist(), strict=True)]
    assert found == expected
    assert all(len(part) <= 64 for part in parts if len(changes) > 1)


def test_ranges_lie_across_deltas(place):
    ranges = [
        {"operation": Operation.PORT, "number": first, "last": first + PORT_RANGE_MAX - 1, "carrier": "A"}
        for first in range(10**9, 10**9 + 12 * PORT_RANGE_MAX, PORT_RANGE_MAX)
    ]
    with place.writer() as writer:
        writer.add(rows(*ranges))
    assert [found.header.rows for found in place.deltas()] == [50_000, 50_000, 20_000]
    numbers = place.rows().column("number").to_numpy()
    assert (numbers == np.arange(10**9, 10**9 + 120_000, dtype=np.uint64)).all()


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda writer: writer.port("nobody", "A"), InvalidNumberError),
        (lambda writer: writer.port(10**15, "A"), ChangeError),
        (lambda writer: writer.port(1, ""), ChangeError),
        (lambda writer: writer.port(1, "A", "wrong"), ChangeError),
        (lambda writer: writer.port(10_000, "A", last=20_000), ChangeError),
        (lambda writer: writer.assign(200, 100, "A"), ChangeError),
        (lambda writer: writer.mass_change("A", "B", first=100), ChangeError),
        (lambda writer: writer.port(1, "A", effective=datetime(2026, 1, 1)), ChangeError),
        (lambda writer: writer.name_carrier("A", ""), ChangeError),
        (lambda writer: writer.add(EVERYTHING.slice(0, 3).append_column("more", pa.nulls(3))), pa.ArrowInvalid),
        (lambda writer: 1 / 0, ZeroDivisionError),
    ],
)
def test_an_error_publishes_nothing(place, change, error):
    writer = place.writer()
    with pytest.raises(error):
        _change(writer, lambda: writer.add(ports(delta.ROWS_MAX + 5)), lambda: change(writer))
    assert place.chain.sequences() == []
    assert writer.published == []
    assert not (place.path / "deltas.scratch").exists()
    with place.writer() as again:  # and the lock is free
        again.port(1, "A")
    assert again.published == [1]


def test_a_wrong_row_among_columns_is_named(place):
    with pytest.raises(ChangeError, match="row 2; got release needs `number`"), place.writer() as writer:
        writer.add(rows({"operation": 2, "number": 1}, {"operation": 2}))


def test_what_was_published_stays_after_an_error(place):
    writer = place.writer()
    with pytest.raises(ZeroDivisionError):
        _change(writer, lambda: writer.port(1, "A"), writer.publish, lambda: writer.port(2, "A"), lambda: 1 / 0)
    assert place.rows().column("number").to_pylist() == [1]


def test_a_table_without_room_stops_everything(place):
    def admit(changes):
        seen.append(len(changes))
        if len(seen) == 3:
            raise RoutesFullError("too many routes")

    seen = []
    writer = place.writer(admit)
    with pytest.raises(RoutesFullError):
        _change(writer, *[lambda: writer.add(ports(5))] * 3)
    assert seen == [5, 5, 5]
    assert place.chain.sequences() == []


def test_one_writer_at_a_time(place, monkeypatch):
    monkeypatch.setattr(publish, "_PATIENCE_S", 0)
    with place.writer() as writer:
        with pytest.raises(StoreLockedError, match="held by pid"), place.writer():
            pass
        writer.port(1, "A")
    assert writer.published == [1]


def _publish(place, count):
    for number in range(1, count + 1):
        with place.writer() as writer:
            writer.port(number, "A")


def test_writers_of_several_processes_take_turns(place):
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_publish, args=(place, 10)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    assert [found.sequence for found in place.deltas()] == list(range(1, 31))


def test_no_delta_is_older_than_the_one_before(place):
    """The clock may have been set back since."""
    future = datetime.now(UTC) + timedelta(days=1)
    place.chain.append(made(ports(1), after=place.chain.head, created=future))
    with place.writer() as writer:
        writer.port(1, "A")
    assert place.chain.read(2).header.created == future


def test_a_disk_that_fails_midway_leaves_what_came_before(place, monkeypatch):
    written = files.write_new
    budget = [2]

    def write_new(path, content):
        if not budget[0]:
            raise OSError(28, "No space left on device", str(path))
        budget[0] -= 1
        written(path, content)

    monkeypatch.setattr(files, "write_new", write_new)
    writer = place.writer()
    with writer:
        writer.add(ports(3 * delta.ROWS_MAX + 1))
        with pytest.raises(OSError, match="No space left"):
            writer.publish()
        assert (writer.published, place.chain.sequences()) == ([1, 2], [1, 2])
        budget[0] = 10  # there is room again
        assert writer.publish() == [3, 4]
    assert place.rows().column("number").to_numpy()[-1] == 8613800000000 + 3 * delta.ROWS_MAX
