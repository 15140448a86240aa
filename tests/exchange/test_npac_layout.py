"""Which kind a download file is, and what its name says."""

from pathlib import Path

import pytest

from portdip.errors import FeedError
from portdip.exchange.npac_layout import LAYOUTS, Kind, Span, detect, span
from portdip.exchange.reading import Source

DPC = ["111222333", "0"] * 4
RECORDS = {
    (Kind.SV, "frs-3.0", 18): ["1", "2025550101", "2025560199", "X002", "20260101000000", *DPC, "", "00", "", "0", "0"],
    (Kind.SV, "frs-3.4", 22): ["1", "2025550101", "", "", "", *DPC, "", "00", "", "1", "1", "", "", "0", "X004"],
    (Kind.NPB, "frs-3.0", 14): ["1", "2025551", "2025560199", "X002", "20260101000000", *DPC, "0"],
    (Kind.NPB, "frs-3.0", 16): ["1", "2025551", "2025560199", "X002", "20260101000000", *DPC, "111222333", "0", "2"],
    (Kind.NPB, "frs-3.4", 16): ["1", "2025551", "2025560199", "X002", "20260101000000", *DPC, "0", "1", "X004"],
    (Kind.NPB, "frs-3.4", 18): ["1", "2025551", "2025560199", "X002", "20260101000000", *DPC, "", "", "0", "1", "X004"],
    (Kind.LRN, "frs-3.0", 5): ["X001", "1", "2025550199", "20260101000000", "0"],
    (Kind.NPA_NXX, "frs-3.0", 6): ["X001", "1", "202555", "20260101000000", "20260101000000", "0"],
    (Kind.NPA_NXX_X, "frs-3.0", 7): ["X001", "1", "2025551", *["20260101000000"] * 3, "0"],
    (Kind.SPID, "frs-3.0", 3): ["X001", "Example", "0"],
}


@pytest.mark.parametrize("expected", RECORDS, ids=str)
def test_kind_and_preset(expected, tmp_path):
    path = tmp_path / "file"
    path.write_text("|".join(RECORDS[expected]) + "\r")
    layout, width = detect(Source(path))
    assert (layout.kind, width) == (expected[0], expected[2])
    if expected[:3] != (Kind.NPB, "frs-3.4", 16):
        assert layout.preset == expected[1]
    if "reason" in layout.positions:
        assert RECORDS[expected][layout.positions["reason"]] in "0123"


def test_no_record_fits_two_kinds():
    for (kind, _, _), record in RECORDS.items():
        assert {layout.kind for layout in LAYOUTS if layout.fits(record)} == {kind}


def test_a_file_of_no_kind_is_refused_by_name(tmp_path):
    path = tmp_path / "file"
    path.write_text("a|b\r" * 200)
    with pytest.raises(FeedError, match=r"at .*file; .*got 2 fields: a\|b"):
        detect(Source(path))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("202555-202559.11-10-2006123015.00-00-0000000000.99-99-9999999999", Span(20061011123015, True, False)),
        ("202555-202559.11-10-2006123015.10-10-2006000000.11-10-2006000000.gz", Span(20061011123015, False, True)),
        ("SPID.11-10-2006123015", Span(20061011123015, False, False)),
        ("ported.txt", Span(0, False, False)),
    ],
)
def test_what_names_say(name, expected):
    assert span(Source(Path(name))) == expected
