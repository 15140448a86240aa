"""The porting matrix says what `dip(at=...)` says, number by number and moment by moment."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any

import hypothesis
import pyarrow as pa
import pytest

from portdip.batch.stats import MATRIX, porting_matrix
from portdip.errors import AnnotateError
from portdip.exchange import rows
from portdip.exchange.changes import Operation
from portdip.lookup.engine import Engine, open_engine
from portdip.lookup.follower import Follower
from portdip.lookup.load import init_store, write_image
from portdip.table.store import Store
from tests.lookup import stores
from tests.lookup.test_reverse import deltas, few, grown

JUST_BEFORE = timedelta(microseconds=1)


def matrix(store: Store, **options: Any) -> list[tuple[Any, ...]]:
    found = porting_matrix(store, open_engine(store.path).generation, **options)
    assert found.schema == MATRIX
    return [tuple(row.values()) for row in found.to_pylist()]


@hypothesis.given(deltas)
@few
def test_the_matrix_is_what_dips_say_before_and_after(drawn):
    with grown(drawn) as (store, counted_from):
        now = datetime.now(UTC)
        engine = Engine(Follower(store, False, now))
        moments: dict[int, set[datetime]] = {}
        imported: set[datetime] = set()
        for delta in map(store.chain.read, store.chain.sequences()):
            for row in delta.rows.to_pylist():
                if row["operation"] == Operation.SNAPSHOT:
                    imported.add(delta.header.created)
                elif row["operation"] <= Operation.RELEASE and row["last"] is None:
                    moments.setdefault(row["number"], set()).add(row["effective"] or delta.header.created)
        for number, (_, hours) in (pair for made in drawn if is_import(made) for pair in made[0].items()):
            dated = set() if hours is None else {counted_from + timedelta(hours=hours)}
            moments[number] = moments.get(number, set()) | dated | imported
        expected: Counter[tuple[Any, ...]] = Counter()
        pairs = [(number, moment) for number, all_of_it in moments.items() for moment in all_of_it if moment <= now]
        for number, moment in pairs:
            old, new = engine.dip(number, at=moment - JUST_BEFORE), engine.dip(number, at=moment)
            donor, recipient = old.carrier and old.carrier.id, new.carrier and new.carrier.id
            if donor != recipient and (old.ported or new.ported):
                expected[moment.date(), donor, recipient, new.ported] += 1
        found = matrix(store)
        assert found == sorted(found, key=lambda row: (row[0], row[1] or "", row[2] or ""))
        counted = Counter()
        for day, donor, recipient, ported, returned in found:
            counted[day, donor, recipient, True] += ported
            counted[day, donor, recipient, False] += returned
        assert +counted == expected


def is_import(made: list[Any] | None) -> bool:
    return bool(made) and isinstance(made[0], dict)


@pytest.fixture
def own(tmp_path) -> Store:
    return Store.open(stores.make_store(tmp_path / "own"))


def test_an_import_counts_with_the_date_and_the_donor_it_names(own):
    assert matrix(own) == [(date(2024, 1, 2), "CM", "CU", 1, 0)]
    assert matrix(own, time_zone="America/Los_Angeles") == [(date(2024, 1, 1), "CM", "CU", 1, 0)]


def test_days_are_asked_for_by_date(own):
    assert matrix(own, since=date(2024, 1, 2), until=date(2024, 1, 2))
    assert not matrix(own, since=date(2024, 1, 3))
    assert not matrix(own, until=date(2024, 1, 1))


def test_a_port_home_is_a_return(own):
    when = datetime(2025, 3, 4, tzinfo=UTC)
    with own.writer() as writer:
        writer.release(stores.PORTED, effective=when)
        writer.port(stores.NATIVE, "CT", "D100", donor="CU", effective=when)
    assert matrix(own) == [
        (date(2024, 1, 2), "CM", "CU", 1, 0),
        (date(2025, 3, 4), "CU", "CM", 0, 1),
        (date(2025, 3, 4), "CU", "CT", 1, 0),
    ]


def test_what_is_planned_and_outdone_never_counts(own):
    soon = datetime.now(UTC) + timedelta(days=1)
    with own.writer() as writer:
        writer.port(stores.NATIVE, "CT", effective=soon)
        writer.release(stores.NATIVE)
    assert len(matrix(own, until=date(2100, 1, 1))) == 1


def test_ports_to_come_count_where_they_are_asked_for(own):
    soon = datetime.now(UTC) + timedelta(days=1)
    with own.writer() as writer:
        writer.port(stores.NATIVE, "CT", effective=soon)
    assert len(matrix(own)) == 1
    assert matrix(own, until=date(2100, 1, 1))[1:] == [(soon.date(), "CM", "CT", 1, 0)]


def test_a_second_import_counts_by_day_of_import_where_it_gives_no_date(tmp_path):
    store = init_store(tmp_path / "store", "test")
    for carrier in "AB":
        with store.draft(pytest.fail) as draft:
            draft.add(pa.RecordBatch.from_pylist([{"number": 200, "carrier": carrier}], schema=rows.NUMBERS))
            write_image(draft)
    day = store.chain.head.created.date()
    assert matrix(store) == [(day, "A", "B", 1, 0)]


def test_no_such_time_zone(own):
    with pytest.raises(AnnotateError, match="no time zone"):
        matrix(own, time_zone="Mars/Olympus")
