"""Ofcom's numbering data, in its present and its older form."""

import pytest

from portdip.errors import BadRowError, FeedError
from portdip.exchange.feeds.uk_ofcom import number_lengths
from tests.exchange.feeds.samples import files_of, take

FEED = "uk-ofcom"
TELECOM, VOICE, MOBILE = "44-example-telecom-ltd", "44-sample-voice-ltd", "44-example-mobile-ltd"
HEADER = "NMS Number Block: Number Block,Block Status,CP Name,Geographic Number Length,Allocation Date,Notes"


def test_the_present_form():
    taken = take(FEED, files_of(FEED, "S1", "S7"))
    assert taken.carriers == {TELECOM: "Example Telecom Ltd", VOICE: "Sample Voice Ltd", MOBILE: "Example Mobile Ltd"}
    assert taken.ranges == [
        (441134960000, 441134969999, TELECOM, ""),
        (441134961000, 441134961999, VOICE, ""),
        (44169773000, 44169773999, TELECOM, ""),
        (441697730000, 441697739999, TELECOM, ""),
        (447700900000, 447700909999, MOBILE, ""),
    ]


def test_the_older_form_in_an_archive():
    assert take(FEED, files_of(FEED, "codelist")).ranges == [
        (441134960000, 441134969999, TELECOM, ""),
        (44169773000, 44169773999, TELECOM, ""),
        (442079460000, 442079460999, TELECOM, ""),
        (445600000000, 445600009999, VOICE, ""),
        (447700900000, 447700909999, MOBILE, ""),
        (448081570000, 448081579999, VOICE, ""),
    ]


def test_an_older_file_with_a_header(tmp_path):
    path = tmp_path / "s7_code.txt"
    labels = '"SABC","D/DE","Status","Date","Operator","Use","Notes","Change"'
    path.write_text(f'{labels}\n"7700","90","Allocated","","Example","Mobile","10 digit numbers",""\n')
    assert take(FEED, [path]).ranges == [(447700900000, 447700909999, "44-example", "")]


@pytest.mark.parametrize(
    ("text", "lengths"),
    [
        ("4+6", (10,)),
        ("5+4", (9,)),
        ("2 + 8", (10,)),
        ("0+7", (7,)),
        ("4+5 or 4+6", (9, 10)),
        ("9 digit numbers", (9,)),
    ],
)
def test_number_lengths(text, lengths):
    assert number_lengths(text) == lengths


@pytest.mark.parametrize("text", ["", "Mixed", "4+9", "11", "RTO"])
def test_a_length_that_no_number_has(text):
    with pytest.raises(ValueError, match="number length"):
        number_lengths(text)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("1134 96,Allocated,Example,3+7,", "5 columns instead of 6"),
        ("1134 X6,Allocated,Example,3+7,,", "'1134 X6' is not digits"),
        (",Allocated,Example,3+7,,", "'' is not digits"),
        ("1134 96,Allocated,,3+7,,", "no carrier"),
        ("1134 96,Allocated,Example,,,", "number length"),
        ("1134 960000 00,Allocated,Example,3+7,,", "prefix does not fit"),
        ('"1134 96,Allocated,Example,3+7,,', "unexpected end of data"),
    ],
)
def test_a_damaged_row_is_refused_and_nothing_after_it(tmp_path, line, reason):
    path = tmp_path / "S1.csv"
    path.write_text(f"{HEADER}\n\n{line}\n1134 97,Allocated,Example,3+7,,\n")
    with pytest.raises(BadRowError, match=rf"{reason}.*; at .*S1\.csv, row 3"):
        take(FEED, [path])


def test_what_ranges_are_for_is_not_who_holds_them(tmp_path):
    path = tmp_path / "sabc.txt"
    path.write_text('"1134","","Designated","Leeds","",""\n')
    with pytest.raises(FeedError, match="not a file of this feed"):
        take(FEED, [path])
