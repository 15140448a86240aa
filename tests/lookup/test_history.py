"""The evidence of `history`: which delta began a holding."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from portdip.exchange import rows
from portdip.lookup.engine import open_engine
from portdip.lookup.load import init_store, write_image
from portdip.table.store import Store

RANGE = 8613800000000, 8613800000099
NUMBER, NEIGHBOUR = 8613800000005, 8613800000006


def month(number: int) -> datetime:
    return datetime(2026, number, 1, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store whose range is A's by sequence 1."""
    path = tmp_path / "store"
    with init_store(path, "test").writer() as writer:
        writer.assign(*RANGE, "A", effective=datetime(2025, 1, 1, tzinfo=UTC))
    return path


def publish(store: Path, operation: str, *arguments: object, effective: datetime | None = None) -> None:
    """A delta of one change."""
    with Store.open(store).writer() as writer:
        getattr(writer, operation)(*arguments, effective=effective)


def last(store: Path, number: int = NUMBER) -> tuple[str, int, str]:
    """Carrier, sequence and operation of the last holding."""
    holding = open_engine(store).history(number)[-1]
    return holding.carrier.id if holding.carrier else "", holding.sequence, holding.operation


CHANGES = {
    "assign": ((*RANGE, "B"), ("B", 2, "assign")),
    "withdraw": (RANGE, ("", 2, "withdraw")),
    "mass_change": (("A", "B"), ("B", 2, "mass-change")),
}


@pytest.mark.parametrize("operation", CHANGES)
@pytest.mark.parametrize("effective", [1, 2], ids=["before", "at the same moment"])
def test_what_befalls_a_range_is_not_credited_to_a_release_that_ended_nothing(store, operation, effective):
    arguments, expected = CHANGES[operation]
    publish(store, operation, *arguments, effective=month(2))
    publish(store, "release", NUMBER, effective=month(effective))
    assert last(store) == last(store, NEIGHBOUR) == expected


@pytest.mark.parametrize("operation", CHANGES)
def test_what_befalls_a_range_after_a_port_was_ended_is_not_credited_to_the_release(store, operation):
    arguments, expected = CHANGES[operation]
    publish(store, operation, *arguments, effective=month(4))
    publish(store, "port", NUMBER, "C", effective=month(2))
    publish(store, "release", NUMBER, effective=month(3))
    assert [one.sequence for one in open_engine(store).history(NUMBER)] == [1, 3, 4, 2]
    assert last(store) == expected


@pytest.mark.parametrize("operation", CHANGES)
@pytest.mark.parametrize("effective", [3, 4], ids=["before", "at the same moment"])
def test_the_end_of_a_port_is_credited_to_the_release_whatever_befell_the_range(store, operation, effective):
    """In whichever order both were published: the number goes back to its range by the release alone."""
    arguments, (carrier, _, _) = CHANGES[operation]
    publish(store, "port", NUMBER, "C", effective=month(2))
    publish(store, "release", NUMBER, effective=month(4))
    publish(store, operation, *arguments, effective=month(effective))
    assert last(store) == (carrier, 3, "release")


def test_changes_without_a_moment_count_from_when_they_were_made(store):
    publish(store, "port", NUMBER, "C")
    publish(store, "release", NUMBER)
    assert last(store) == ("A", 3, "release")
    publish(store, "assign", *RANGE, "B")
    assert last(store) == ("B", 4, "assign")


def test_an_imported_range_is_credited_to_the_import(store):
    publish(store, "release", NUMBER, effective=month(1))
    plan = [{"first": RANGE[0], "last": RANGE[1], "carrier": "B", "routing_number": ""}]
    with Store.open(store).draft(lambda *_: None) as draft:
        draft.add(pa.RecordBatch.from_pylist(plan, schema=rows.RANGES))
        write_image(draft)
    assert last(store) == last(store, NEIGHBOUR) == ("B", 3, "assign")


def test_a_release_in_a_range_that_nobody_holds_is_told(store):
    publish(store, "port", 8613900000000, "C", effective=month(1))
    publish(store, "release", 8613900000000, effective=month(2))
    assert last(store, 8613900000000) == ("", 3, "release")
