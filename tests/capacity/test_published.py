from urllib.parse import urlparse

from portdip.capacity.published import systems


def test_every_row_has_a_source_a_date_and_a_figure():
    rows = systems()
    assert len(rows) > 10
    assert len({row.name for row in rows}) == len(rows)
    for row in rows:
        assert row.source
        assert row.date.year >= 2026
        assert row.kind in {"measured", "published"}
        assert row.asked in {"network", "process"}
        assert row.core_rate or row.total_rate
        if row.kind == "published":
            assert urlparse(row.source.partition(";")[0]).scheme == "https"
