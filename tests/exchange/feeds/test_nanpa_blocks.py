"""NANPA's report of blocks of 1,000 numbers."""

import pytest

from portdip.errors import BadRowError, FeedError
from tests.exchange.feeds.samples import files_of, take

FEED = "nanpa-blocks"
HEADER = "Region,State,NPA,NXX,Block,Status,A,B,C,Rate Center,D,E,Company,OCN"


def test_assigned_blocks():
    taken = take(FEED, files_of(FEED))
    assert taken.carriers == {"X001": "Example Telephone, Inc.", "X002": "Example Wireless"}
    assert taken.ranges == [(12025550000, 12025550999, "X001", ""), (12025551000, 12025551999, "X002", "")]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("1,DC,202,555,0,AS,,,,R,,,Example", "13 columns instead of 14"),
        ("1,DC,202,555,,AS,,,,R,,,Example,X001", "'' is not digits"),
        ("1,DC,2O2,555,0,AS,,,,R,,,Example,X001", "'2O2' is not digits"),
        ("1,DC,202,555,0,AS,,,,R,,,Example,", "no carrier"),
    ],
)
def test_a_damaged_row_is_refused(tmp_path, line, reason):
    path = tmp_path / "report.txt"
    path.write_text(f"{HEADER}\n{line}\n")
    with pytest.raises(BadRowError, match=rf"{reason}; at .*report\.txt, row 2"):
        take(FEED, [path])


@pytest.mark.parametrize("header", ["Region,State", HEADER.replace("Region", "Zone")])
def test_another_file_is_refused(tmp_path, header):
    path = tmp_path / "report.txt"
    path.write_text(f"{header}\n")
    with pytest.raises(FeedError, match="not a file of this feed"):
        take(FEED, [path])
