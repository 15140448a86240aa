"""The CSV twin: a delta goes out and comes back, and what people write by hand becomes one or is refused."""

import dataclasses

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from portdip.errors import ChangeError, MissingColumnError
from portdip.exchange import delta, delta_csv
from portdip.exchange.changes import CHANGES
from portdip.exchange.delta import Header
from portdip.exchange.keys import SigningKey
from tests.exchange.changes_made import MADE, good_rows, made, ports, rows

HEADER = (
    '# {"dataset":"test","sequence":1,"previous":"' + "00" * 32 + '","created":"2026-01-02T03:04:05.678901+00:00"}\n'
)
COLUMNS = ",".join(CHANGES.names) + "\n"
FACTS = {"dataset": "test", "sequence": 7, "previous": "ab" * 32}


def back(text, **facts):
    return delta_csv.from_csv(text.encode(), "file.csv", **facts)


def test_as_people_see_it():
    changes = rows(
        {"operation": 1, "number": 8613800138000, "carrier": "CUCC", "routing_number": "0B17", "effective": MADE},
        {"operation": 5, "carrier": 'a "b", c', "donor": "B", "donor_routing_number": ""},
        {"operation": 4, "number": 100, "last": 199, "order": "移动"},
    )
    assert delta_csv.to_csv(made(changes)) == (
        f'{HEADER[:-2]},"signer":""}}\n'
        "operation,number,last,carrier,routing_number,donor,donor_routing_number,version,effective,order,text\n"
        "port,8613800138000,,CUCC,0B17,,,,2026-01-02T03:04:05.678901Z,,\n"
        'mass-change,,,"a ""b"", c",,B,"",,,,\n'
        "withdraw,100,199,,,,,,,移动,\n"
    )


@given(st.lists(good_rows, max_size=50))
def test_rows_come_back_exactly(drawn):
    found = made(rows(*drawn))
    header, changes = back(delta_csv.to_csv(found))
    assert header == found.header
    assert pa.Table.from_batches([changes]) == found.rows


def test_every_operation_comes_back_as_the_same_bytes():
    found = made()
    assert delta.encode(*back(delta_csv.to_csv(found)), None) == found.content


def test_a_full_delta_comes_back():
    found = made(ports(delta.ROWS_MAX))
    assert pa.Table.from_batches([back(delta_csv.to_csv(found))[1]]) == found.rows


def test_the_signature_does_not_come_back():
    found = made(key=SigningKey.new())
    header, _ = back(delta_csv.to_csv(found))
    assert header == dataclasses.replace(found.header, signer="")


def test_without_a_header_the_facts_are_given():
    header, changes = back(COLUMNS + "release,1,,,,,,,,,\n", **FACTS, created=MADE.isoformat())
    assert header == Header("test", 7, "ab" * 32, 1, MADE, "")
    assert changes.column("number").to_pylist() == [1]


def test_facts_take_the_place_of_the_header():
    header, _ = back(HEADER + COLUMNS, sequence=9)
    assert header == Header("test", 9, "00" * 32, 0, MADE, "")


def test_when_it_was_made_is_now_if_nobody_says():
    header, _ = back(COLUMNS, **FACTS)
    assert header.created > MADE


@pytest.mark.parametrize("missing", FACTS)
def test_facts_that_nobody_gives(missing):
    with pytest.raises(ChangeError, match=rf"not complete; at file\.csv, line 1; .*got '{missing}'"):
        back(COLUMNS, **{name: value for name, value in FACTS.items() if name != missing})


@pytest.mark.parametrize("header", ["# {", "# []", "# 5", "#", '# {"dataset": 5}', "# " + "[" * 100_000])
def test_a_header_that_is_none(header):
    with pytest.raises(ChangeError, match="header of the delta"):
        back(f"{header}\n{COLUMNS}")


@pytest.mark.parametrize(
    ("row", "error"),
    [
        ("prot,1,,,,,,,,,", r"not what `operation` can be; at file\.csv, line 4; got prot"),
        ("port,abc,,A,,,,,,,", r"not what `number` can be; at file\.csv, line 4; got abc"),
        ("port,1,,A,,,,,never,,", r"not what `effective` can be; at file\.csv, line 4; got never"),
        ("port,1,,,,,,,,,", r"no sense; at file\.csv, line 4; got port needs `carrier`"),
        ("port,1,2,A,,,,,,,", r"no sense; at file\.csv, line 4; got port of a range"),
        ("port,1,2,A", r"too many or too few columns; at file\.csv, line 4; expected 11; got 4"),
    ],
)
def test_a_wrong_row_is_named_by_its_line(row, error):
    with pytest.raises(ChangeError, match=error):
        back(f"{HEADER}{COLUMNS}release,1,,,,,,,,,\n{row}\nrelease,2,,,,,,,,,\n")


def test_times_without_a_zone_are_utc():
    _, changes = back(f"{HEADER}{COLUMNS}release,1,,,,,,,2026-01-02T03:04:05.678901,,\n")
    assert changes.column("effective").to_pylist() == [MADE]


def test_other_columns():
    with pytest.raises(MissingColumnError, match=r"file\.csv, line 2; expected operation,number,last"):
        back(f"{HEADER}operation,number\nrelease,1\n")


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", HEADER.encode()])
def test_what_is_no_twin(content):
    with pytest.raises(ChangeError):
        delta_csv.from_csv(content, "file.csv", **FACTS)


def test_more_rows_than_a_delta_has():
    with pytest.raises(ChangeError, match="too many rows"):
        back(HEADER + COLUMNS + "release,1,,,,,,,,,\n" * (delta.ROWS_MAX + 1))
