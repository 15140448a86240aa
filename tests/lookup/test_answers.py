"""A column of answers is what a dip of each number says, whatever the type, the chunks and the threads."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from portdip import index
from portdip.errors import UnknownRouteError
from portdip.lookup import answers
from portdip.lookup.answers import SCHEMA, Labels, answer
from portdip.lookup.engine import open_engine
from portdip.lookup.load import init_store
from portdip.route import Carrier, Route
from tests.lookup import stores

numbers = st.sampled_from(stores.KINDS) | st.integers(8613800128000, 8613800141000) | st.integers(0, 2**64 - 1)
texts = numbers.map(str) | numbers.map(lambda number: f"+{number}") | st.sampled_from(["", "x", "+", "0123"])
threads = st.integers(1, 4)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """Blocks that a short column fills, so that block borders are crossed."""
    monkeypatch.setattr(answers, "_BLOCK", 64)


def expected_rows(engine, column):
    for given_number in column:
        if given_number is None:
            yield {"carrier": None, "routing_number": None, "ported": None, "status": None}
        else:
            dip = engine.dip(given_number)
            yield {
                "carrier": dip.carrier and dip.carrier.id,
                "routing_number": dip.routing_number if dip.carrier else None,
                "ported": dip.ported,
                "status": dip.status,
            }


def check(engine, array, column, threads):
    batch = engine.annotate(array, threads=threads)
    batch.validate(full=True)
    assert batch.schema == SCHEMA
    assert batch.to_pylist() == list(expected_rows(engine, column))


@given(column=st.lists(st.none() | texts, max_size=300), threads=threads)
def test_columns_of_text_get_the_answers_of_dips(engine, column, threads):
    for kind in (pa.string(), pa.large_string(), pa.string_view()):
        check(engine, pa.array(column, kind), column, threads)


@given(column=st.lists(st.none() | numbers, max_size=300), threads=threads)
def test_columns_of_integers_get_the_answers_of_dips(engine, column, threads):
    check(engine, pa.array(column, pa.uint64()), column, threads)


@given(chunks=st.lists(st.lists(st.none() | texts, max_size=80), max_size=6), threads=threads, start=st.integers(0, 90))
def test_chunks_and_slices_make_no_difference(engine, chunks, threads, start):
    array = pa.chunked_array(chunks, pa.string())[start:]
    check(engine, array, array.to_pylist(), threads)


def test_many_rows_on_many_threads_keep_their_order(engine):
    column = [str(number) for number in stores.KINDS] * 1000
    one = engine.annotate(pa.array(column))
    assert engine.annotate(pa.array(column), threads=3) == one
    assert one["status"].to_pylist()[: len(stores.KINDS)] == [str(engine.dip(n).status) for n in stores.KINDS]


@pytest.mark.parametrize("column", [["8613800138000"], np.array([1], np.uint64), pa.array([1.5]), pa.array([1]), None])
def test_what_is_no_column_of_numbers_is_a_type_error_that_says_what_is(engine, column):
    with pytest.raises(TypeError, match="string, large_string, string_view"):
        engine.annotate(column)


def test_a_store_without_a_route_knows_no_number(tmp_path):
    init_store(tmp_path / "empty", "test")
    batch = open_engine(tmp_path / "empty").annotate(pa.array(["1", None, "x"]))
    batch.validate(full=True)
    assert batch["carrier"].null_count == 3
    assert batch["status"].to_pylist() == ["unallocated", None, "invalid"]


def test_there_must_be_a_thread(engine):
    with pytest.raises(ValueError, match="at least 1"):
        engine.annotate(pa.array(["1"]), threads=0)


def test_carriers_and_routing_numbers_appear_once_in_the_dictionaries():
    one, two = Carrier("A"), Carrier("B")
    labels = Labels.of({1: Route(1, one, "R1"), 7: Route(7, two, "R1"), 9: Route(9, one, "")})
    assert labels.carriers.to_pylist() == ["A", "B"]
    assert labels.routing_numbers.to_pylist() == ["R1", ""]
    assert labels.indices[[1, 7, 9]].tolist() == [[0, 0], [1, 0], [0, 1]]


def test_a_code_without_a_route_is_refused_and_never_answered(tmp_path):
    index.build([100], [3], [], tmp_path / "image")
    live = index.LiveIndex(index.Index.open(tmp_path / "image"), index.Overlay())
    labels = Labels.of({1: Route(1, Carrier("A"))})
    with pytest.raises(UnknownRouteError, match="portdip verify"):
        answer(live, labels, pa.array(["100"]))
