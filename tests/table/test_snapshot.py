"""What a snapshot says of a number, and what it does with damaged files."""

from datetime import UTC, datetime

import pyarrow as pa
import pytest

from portdip.errors import DamagedSnapshotError
from portdip.exchange import rows
from portdip.route import Carrier, Route
from portdip.table import schema
from portdip.table.snapshot import Record

JANUARY = datetime(2024, 1, 31, 1, 2, 3, 456, tzinfo=UTC)


def test_an_empty_one(store):
    snapshot = store.current()
    assert snapshot.manifest.counts == {"numbers": 0, "ranges": 0, "routes": 0, "carriers": 0, "pending": 0}
    assert snapshot.routes == {}
    assert snapshot.carriers == {}
    assert snapshot.record(861) is None
    snapshot.verify()


def test_a_record_is_everything_known_of_a_number(store, bring, ported):
    bring(ported((861, "A", "0012", "B", JANUARY), (863, "A")))
    snapshot = store.current()
    assert snapshot.record(861) == Record(861, Route(1, Carrier("A"), "0012"), Carrier("B"), 1, JANUARY)
    assert snapshot.record(863) == Record(863, Route(2, Carrier("A")), None, 1, None)
    assert [snapshot.record(number) for number in (1, 862, 864)] == [None] * 3


def test_records_are_found_in_every_batch(store, bring, ported, monkeypatch):
    monkeypatch.setattr(schema, "BATCH_ROWS", 3)
    bring(ported(*((number, "A") for number in range(10, 30, 2))))
    snapshot = store.current()
    assert snapshot.numbers.column("number").num_chunks > 2
    found = [number for number in range(1, 40) if snapshot.record(number)]
    assert found == list(range(10, 30, 2))


def test_carriers_have_their_names(store, bring, ported):
    bring(pa.record_batch([["A"], ["First"]], schema=rows.CARRIERS), ported((861, "A")))
    assert store.current().routes[1].carrier == Carrier("A", "First")


@pytest.mark.parametrize("name", ["numbers.arrow", "ranges.arrow", "routes.arrow", "carriers.arrow", "index.image"])
def test_verify_names_the_damaged_file(store, bring, ported, name):
    bring(ported((861, "A")))
    snapshot = store.current()
    path = snapshot.path / name
    damaged = bytearray(path.read_bytes())
    damaged[len(damaged) // 2] ^= 4
    path.write_bytes(damaged)
    with pytest.raises(DamagedSnapshotError, match=f"{name}, block 0"):
        snapshot.verify()


@pytest.mark.parametrize("content", [b"", b"ARROW1", b"nonsense" * 100])
def test_a_file_that_is_no_arrow_file_is_an_error(store, content):
    snapshot = store.current()
    (snapshot.path / "routes.arrow").write_bytes(content)
    with pytest.raises(DamagedSnapshotError, match=r"routes\.arrow"):
        _ = snapshot.routes


def test_a_file_with_other_columns_is_an_error(store):
    snapshot = store.current()
    (snapshot.path / "routes.arrow").write_bytes((snapshot.path / "carriers.arrow").read_bytes())
    with pytest.raises(DamagedSnapshotError, match=r"expected code, carrier.*got id, name"):
        _ = snapshot.routes
