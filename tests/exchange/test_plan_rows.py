"""Numbering plans: how the numbers of a row are made of its fields."""

import hypothesis.strategies as st
import pytest
from hypothesis import given

from portdip import number
from portdip.errors import FeedError
from portdip.exchange import plan_rows, rows
from portdip.exchange.delimited import Form
from portdip.exchange.feeds.options import Options
from portdip.exchange.plan_rows import Layout

PREFIXED = Layout("44", (0,), 1, (9, 10))
BOUNDED = Layout("52", (0, 1), 4, (10,), first=2, last=3, rest=4)


@given(st.text("0123456789", min_size=1, max_size=11).filter(lambda text: text[0] != "0"))
def test_a_prefix_is_all_numbers_of_each_length_that_begin_with_it(prefix):
    if len(prefix) > 9:
        with pytest.raises(ValueError, match="prefix does not fit"):
            PREFIXED.intervals([prefix, "A"])
        return
    intervals = PREFIXED.intervals([prefix, "A"])
    assert [len(str(first)) for first, _ in intervals] == [11, 12]
    for first, last in intervals:
        assert number.prefixes_of_interval(first, last) == [int("44" + prefix)] or len(prefix) == 9
        assert str(first).startswith("44" + prefix)
        assert str(last).startswith("44" + prefix)


@given(st.integers(200, 999), st.integers(0, 999), st.integers(0, 9999), st.integers(0, 9999))
def test_bounds_may_lack_leading_zeros(area, series, first, last):
    fields = [str(area), f"{series:03}", str(first), f"{last:04}", "A"]
    if last < first:
        with pytest.raises(ValueError, match="before the first"):
            BOUNDED.intervals(fields)
    else:
        begins = int(f"52{area}{series:03}0000")
        assert BOUNDED.intervals(fields) == [(begins + first, begins + last)]


@pytest.fixture
def read(tmp_path):
    def read(content, layout):
        path = tmp_path / "plan.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return list(plan_rows.read([path], Options(), lambda source, sample: layout, Form()))

    return read


def test_each_carrier_is_named_once_and_before_its_first_range(read, monkeypatch):
    monkeypatch.setattr(plan_rows, "_BATCH_ROWS", 2)
    content = "block,name\n" + "".join(f"77009{row},Name {row % 3}\n" for row in range(10))
    batches = read(content, PREFIXED)
    known = set()
    for batch in batches:
        if batch.schema == rows.CARRIERS:
            assert not known & set(batch.column("id").to_pylist())
            known |= set(batch.column("id").to_pylist())
        else:
            assert set(batch.column("carrier").to_pylist()) <= known
    assert sum(len(batch) for batch in batches if batch.schema == rows.RANGES) == 20


def test_names_in_latin_1(read):
    carriers, _ = read("block,name\n77009,Síminn\n".encode("latin-1"), PREFIXED)
    assert carriers.to_pylist() == [{"id": "44-siminn", "name": "Síminn"}]


def test_a_header_alone_is_no_plan(read):
    with pytest.raises(FeedError, match=r"no rows; at .*plan\.csv"):
        read("block,name\n\n", PREFIXED)
