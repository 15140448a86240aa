"""Counts over a snapshot."""

from portdip.table.summary import summarize


def test_counts_by_carrier_and_by_length(store, bring, ported, held):
    bring(
        ported((1, "A"), (9, "A"), (10, "B"), (99, "A"), (8613800138000, "B", "1"), (10**15 - 1, "B", "2")),
        held((100, 199, "A"), (110, 119, None), (200, 299, "A")),
    )
    summary = summarize(store.current())
    assert summary.ported_by_carrier == {"A": 3, "B": 3}
    assert summary.ranges_by_carrier == {"A": 2, "": 1}
    assert summary.numbers_by_length == {1: 2, 2: 2, 13: 1, 15: 1}
    assert summary.bytes_by_file["numbers.arrow"] == (store.current().path / "numbers.arrow").stat().st_size


def test_an_empty_store(store):
    summary = summarize(store.current())
    assert summary.ported_by_carrier == summary.ranges_by_carrier == summary.numbers_by_length == {}
