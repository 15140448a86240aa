"""What becomes of bad rows."""

import pytest

from portdip.errors import BadRowError, FeedError
from portdip.exchange.feeds.options import BadRows


def test_stop_raises_with_file_and_row():
    with pytest.raises(BadRowError, match=r"not a number; at ported\.csv, row 7; got abc\. Correct the row"):
        BadRows().refuse("ported.csv", 7, "not a number", "abc")


def test_skip_counts_and_writes(tmp_path):
    with BadRows(tmp_path / "rejected.csv") as bad_rows:
        bad_rows.refuse("ported.csv", 7, "not a number", 'a,"b"')
        bad_rows.refuse("ported.csv", 9, "no carrier", "861,")
    assert bad_rows.count == 2
    assert (tmp_path / "rejected.csv").read_text().splitlines() == [
        "file,row,reason,content",
        'ported.csv,7,not a number,"a,""b"""',
        'ported.csv,9,no carrier,"861,"',
    ]


def test_no_bad_row_no_file(tmp_path):
    with BadRows(tmp_path / "rejected.csv"):
        pass
    assert not list(tmp_path.iterdir())


def test_an_import_that_fails_leaves_no_reject_file(tmp_path):
    def stopped_by_hand():
        with BadRows(tmp_path / "rejected.csv") as bad_rows:
            bad_rows.refuse("ported.csv", 7, "not a number", "abc")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped_by_hand()
    assert not list(tmp_path.iterdir())


def test_a_reject_file_that_cannot_be_written(tmp_path):
    bad_rows = BadRows(tmp_path / "nowhere" / "rejected.csv")
    with pytest.raises(FeedError, match="reject file cannot be written"):
        bad_rows.refuse("ported.csv", 7, "not a number", "abc")
