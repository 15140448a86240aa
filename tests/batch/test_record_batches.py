"""The pure function from batch to batch: what it adds, to batches of any schema, from any thread."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pandas as pd
import pyarrow as pa
import pytest

from portdip.batch.record_batches import annotator
from portdip.errors import AnnotateError, MissingColumnError
from portdip.lookup.engine import open_engine
from portdip.table.store import Store
from tests.lookup import stores

ADDED = ["carrier", "routing_number", "ported", "status"]


def test_answers_stand_beside_what_was_there(engine):
    annotate = annotator(engine, "called", prefix="to_")
    for numbers in (pa.array(stores.KINDS, pa.uint64()), pa.array([f"+{number}" for number in stores.KINDS])):
        batch = pa.record_batch({"id": range(len(stores.KINDS)), "called": numbers})
        out = annotate(batch)
        assert out.schema.names == ["id", "called", *(f"to_{name}" for name in ADDED)]
        assert out.select(["id", "called"]).equals(batch)
        assert out["to_status"].to_pylist() == [engine.dip(number).status for number in stores.KINDS]


def test_a_batch_without_rows_gets_the_columns(engine):
    out = annotator(engine, "n")(pa.record_batch({"n": pa.array([], pa.string())}))
    assert (out.num_rows, out.schema.names) == (0, ["n", *ADDED])


def test_columns_without_any_value_are_nulls_as_others_are(engine):
    """A partition without values has columns of no type, as Dask and pandas make them."""
    empty = pa.nulls(2)
    none = empty.dictionary_encode()
    for numbers, moments in ((empty, empty), (none, none), (pa.array(["1", None]), empty)):
        out = annotator(engine, "n", "at")(pa.record_batch({"n": numbers, "at": moments}))
        assert out.select(ADDED).to_pylist() == [dict.fromkeys(ADDED)] * 2
    annotate = annotator(engine, "n")
    for frame in (pd.DataFrame({"n": [None, None]}), pd.DataFrame({"n": pd.Series([], dtype=object)})):
        assert annotate(pa.RecordBatch.from_pandas(frame))["status"].null_count == len(frame)


def test_dictionaries_of_string_views_are_read(engine):
    views = pa.array([f"+{stores.PORTED}", "2030-01-01T00:00:00Z"], pa.string_view())
    numbers, moments = (pa.DictionaryArray.from_arrays(pa.array([place, None], pa.int8()), views) for place in (0, 1))
    out = annotator(engine, "n", "at")(pa.record_batch({"n": numbers, "at": moments}))
    assert out["status"].to_pylist() == ["ported", None]


def test_with_times_each_record_is_answered_as_of_its_own(grown):
    engine = open_engine(grown)
    imported = Store.open(grown).chain.read(1).header.created
    moments = [imported + timedelta(days=days) for days in (-0.5, 0.5, 1.5, 2.5)]
    numbers = [stores.PORTED, stores.NATIVE]
    batch = pa.record_batch(
        {
            "n": pa.array([number for number in numbers for _ in moments], pa.uint64()),
            "at": pa.array(moments * 2, pa.timestamp("ns", tz="Asia/Shanghai")),
        }
    )
    rows = annotator(engine, "n", "at")(batch).to_pylist()
    assert [row["carrier"] for row in rows] == ["CU", "CU", "ILEC", "CM", None, "CM", "CM", "CM"]
    assert [row["status"] for row in rows[3:6]] == ["native", "before-history", "native"]
    for row in rows:
        dip = engine.dip(row["n"], at=row["at"])
        if row["status"] != "before-history":
            assert (row["status"], row["carrier"]) == (dip.status, dip.carrier and dip.carrier.id)


def test_what_is_missing_or_no_time_is_told_apart(engine):
    batch = pa.record_batch(
        {"n": [str(stores.NATIVE), None, "x", str(stores.NATIVE), "x"], "at": [None, "2030-01-01T00:00Z", "?", "?", ""]}
    )
    rows = annotator(engine, "n", "at")(batch).to_pylist()
    assert [row["status"] for row in rows] == [None, None, "invalid", "invalid-time", None]
    assert [row["ported"] for row in rows] == [None, None, False, None, None]


def test_what_cannot_be_read_is_refused_when_it_comes(engine):
    annotate = annotator(engine, "n", "at")
    with pytest.raises(MissingColumnError, match="--at-column"):
        annotate(pa.record_batch({"n": ["1"]}))
    with pytest.raises(AnnotateError, match="no zone"):
        annotate(pa.record_batch({"n": ["1"], "at": ["2026-01-01 00:00"]}))
    with pytest.raises(AnnotateError, match="prints none of them reliably"):
        annotate(pa.record_batch({"n": [1.5], "at": ["2026-01-01 00:00Z"]}))
    with pytest.raises(AnnotateError, match="already"):
        annotate(pa.record_batch({"n": ["1"], "at": ["2026-01-01 00:00Z"], "status": [1]}))
    with pytest.raises(AnnotateError, match="no time zone"):
        annotator(engine, "n", "at", time_zone="Mars")


def test_many_threads_may_ask_one_of_the_past(grown):
    annotate = annotator(open_engine(grown), "n", "at")
    batch = pa.record_batch({"n": pa.array(stores.KINDS * 9, pa.uint64()), "at": ["2030-01-01T00:00:00Z"] * 72})
    expected = annotate(batch)
    with ThreadPoolExecutor(8) as pool:
        assert all(out.equals(expected) for out in pool.map(annotate, [batch] * 16))
