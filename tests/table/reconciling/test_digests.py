"""Digests by block: the compiled ones against plain Python, and what they notice."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from portdip.errors import DamagedSnapshotError
from portdip.exchange import rows
from portdip.table import schema
from portdip.table.catalogue import Catalogue, Labels
from portdip.table.reconciling import _digests, digests
from portdip.table.reconciling.digests import Digester, Hashes, Particulars

from . import plain_digests

BOTH, NEITHER = Particulars(True, True), Particulars(False, False)
numbers = st.integers(1, 30_000) | st.integers(1, 10**15 - 1)
texts = st.text(max_size=20)
entries = st.lists(
    st.tuples(numbers, texts, texts, st.none() | texts, st.none() | st.integers(-(2**63) + 1, 2**63 - 1)), max_size=60
)


def batch(found):
    columns = zip(*found, strict=True) if found else [[]] * 5
    arrays = [pa.array(list(column), field.type) for column, field in zip(columns, rows.NUMBERS, strict=True)]
    return pa.record_batch(arrays, schema=rows.NUMBERS)


def digested(found, covers=BOTH):
    digester = Digester(covers)
    digester.add(batch(found))
    return digester.finish()


def by_block(made):
    columns = (made.block, made.count, made.routes, made.particulars)
    return {block: figures for block, *figures in zip(*(column.tolist() for column in columns), strict=True)}


@given(entries, st.integers(0, 60))
def test_they_are_those_of_plain_python_whatever_the_batches_and_their_order(found, cut):
    digester = Digester(BOTH)
    whole = batch(found)
    for part in (whole.slice(cut), whole.slice(0, cut)):
        digester.add(part)
    expected = {block: list(figures) for block, figures in plain_digests.digests(found).items()}
    assert by_block(digester.finish()) == expected
    assert digester.finish().block.tolist() == sorted(expected)


@given(entries)
def test_a_table_in_codes_has_those_of_its_texts(found):
    catalogue = Catalogue.empty()
    whole = batch(found)
    columns = [
        whole.column("number"),
        catalogue.codes(whole.column("carrier"), whole.column("routing_number")),
        catalogue.donors(whole.column("donor")),
        np.zeros(len(whole), np.uint64),
        whole.column("effective"),
    ]
    digester = Digester(BOTH)
    digester.add_coded(pa.record_batch(columns, schema=schema.NUMBERS), Hashes(Labels.of(catalogue)))
    assert by_block(digester.finish()) == by_block(digested(found))


def test_the_figures_of_a_block_never_change():
    found = [(8613800138000, "CUCC", "0B17", "CMCC", 1_704_164_645_000_000), (8613800138001, "联通", "", None, None)]
    assert by_block(digested(found)) == {861380013: [2, 16145023682302029630, 6125928952613239404]}


def test_many_blocks():
    """More than the table of blocks begins with, one row in each."""
    found = [(block * 10_000 + 7, "A", "", None, None) for block in range(20_000)]
    made = digested(found)
    assert len(made) == made.rows == 20_000
    assert by_block(made) == {block: list(figures) for block, figures in plain_digests.digests(found).items()}


ROW = (8613800138000, "A", "01", "D", 5)


@pytest.mark.parametrize(
    "other",
    [
        [],
        [ROW, ROW],
        [(ROW[0] + 1, *ROW[1:])],
        [(ROW[0], "B", *ROW[2:])],
        [(*ROW[:2], "1", *ROW[3:])],
        [(*ROW[:3], None, 5)],
        [(*ROW[:4], None)],
        [(*ROW[:4], 6)],
    ],
)
def test_whatever_differs_is_noticed(other):
    assert digested([ROW]).differing(digested(other)).tolist() == [861380013]
    assert digested(other).differing(digested([ROW])).tolist() == [861380013]


def test_two_numbers_that_have_changed_places_are_noticed():
    one = [(861, "A", "1", "D", 5), (862, "B", "2", "E", 6)]
    for swapped in ([1, 2], [3], [4]):
        other = [list(row) for row in one]
        for column in swapped:
            other[0][column], other[1][column] = other[1][column], other[0][column]
        assert len(digested(one).differing(digested(other))) == 1


def test_particulars_count_only_where_both_sides_cover_them():
    other = [(*ROW[:3], "E", 6)]
    assert len(digested([ROW], NEITHER).differing(digested(other, NEITHER))) == 0
    assert len(digested([ROW]).differing(digested(other))) == 1


def test_what_is_not_covered_counts_as_not_known():
    no_times = Particulars(donors=True, times=False)
    assert by_block(digested([ROW], no_times)) == by_block(digested([(*ROW[:4], None)]))


def test_blocks_are_told_apart_and_picked():
    made = digested([(1, "A", "", None, None), (20_000, "A", "", None, None), (20_001, "A", "", None, None)])
    picked = made.within(np.array([1, 2], dtype=np.uint64))
    assert (picked.block.tolist(), picked.rows) == ([2], 2)
    assert made.counts_in(np.array([0, 1, 2, 3], dtype=np.uint64)).tolist() == [1, 0, 2, 0]
    found = digests.in_blocks(np.array([9_999, 10_000, 25_000], dtype=np.uint64), np.array([0, 2], dtype=np.uint64))
    assert found.tolist() == [True, False, True]


def test_a_code_that_has_no_route_is_damage():
    table = pa.record_batch([[861], [9], [0], [0], [None]], schema=schema.NUMBERS)
    with pytest.raises(DamagedSnapshotError):
        Digester(BOTH).add_coded(table, Hashes(Labels.of(Catalogue.empty())))


def test_columns_must_fit():
    one, two = np.zeros(1, np.uint64), np.zeros(2, np.uint64)
    blocks = _digests.BlockDigests()
    for wrong in (
        lambda: blocks.add(one, two),
        lambda: blocks.add(one, one, two),
        lambda: blocks.export(one, one, one, one),
        lambda: _digests.add_texts(pa.array(["a"]), 1, two),
        lambda: _digests.add_texts(pa.array([b"a"]), 1, one),
        lambda: _digests.add_integers(np.zeros(2, np.int64), one),
    ):
        with pytest.raises(ValueError, match="length"):
            wrong()
