"""Brazil's porting tickets: which of them counts, and what is refused."""

import gzip
from datetime import UTC, datetime

import pytest

from portdip.errors import BadRowError, FeedError
from portdip.exchange import rows
from portdip.exchange.feeds.options import BadRows
from tests.exchange.feeds.samples import changes, files_of, take

FEED = "br-pip"
JUNE, JULY = files_of(FEED)
HEADER, *TICKETS = gzip.decompress(JUNE.read_bytes()).decode("latin-1").splitlines()


@pytest.fixture
def write(tmp_path):
    def write(*lines, name="tickets.csv", encoding="utf-8"):
        path = tmp_path / name
        path.write_text("\n".join([HEADER, *lines]) + "\n", encoding=encoding)
        return path

    return write


def ticket(bp="9000001", number="11955500101", recipient="0901", day="11/06/2026 00:00:00", status="Ativo", back="Nao"):
    return f"1;{bp};{number};{recipient};Exemplo {recipient};0902;Exemplo Fixa;{day};1;{status};{back}"


def test_one_month():
    taken = take(FEED, [JUNE])
    assert taken.carriers == {"0901": "Exemplo Móvel", "0902": "Exemplo Fixa"}
    assert [(row["number"], row["carrier"], row["donor"], rows.place_of(row["place"])) for row in taken.numbers] == [
        (5511955500101, "0901", "0902", (0, 2)),
        (552155500102, "0902", "0901", (0, 3)),
        (5511955500103, "0901", "0902", (0, 4)),
    ]
    assert taken.numbers[0]["effective"] == datetime(2026, 6, 11, 3, tzinfo=UTC)
    assert taken.numbers[1]["effective"] == datetime(2018, 11, 15, 2, tzinfo=UTC), "summer time"


@pytest.mark.parametrize("files", [[JUNE, JULY], [JULY, JUNE]])
def test_of_several_tickets_the_one_scheduled_last_counts(files):
    assert take(FEED, files).served() == {552155500102: ("0902", ""), 5511955500101: ("0902", "")}


def test_of_tickets_scheduled_for_one_moment_the_highest_counts(write):
    assert take(FEED, [write(ticket("9", recipient="0909"), ticket("10", recipient="0910"))]).served() == {
        5511955500101: ("0910", "")
    }


def test_a_delta():
    found = changes(FEED, [JULY])
    assert found == [
        ("carrier", {"carrier": "0902", "text": "Exemplo Fixa"}),
        ("carrier", {"carrier": "0901", "text": "Exemplo Móvel"}),
        (
            "release",
            {
                "number": 5511955500103,
                "version": 9000010,
                "order": "9000010",
                "effective": datetime(2026, 7, 20, 13, tzinfo=UTC),
            },
        ),
        (
            "port",
            {
                "number": 5511955500101,
                "carrier": "0902",
                "donor": "0901",
                "version": 9000011,
                "order": "9000011",
                "effective": datetime(2026, 7, 21, 13, tzinfo=UTC),
            },
        ),
    ]


def test_one_ticket_in_two_reports_is_no_matter_unless_it_differs(write):
    assert len(take(FEED, [JUNE, JUNE]).numbers) == 3
    with pytest.raises(BadRowError, match=r"served differently; at .*tickets\.csv, row 3"):
        take(FEED, [write(ticket(), ticket(recipient="0903"))])


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_either_encoding(write, encoding):
    path = write(ticket().replace("Exemplo Fixa", "Telefônica"), encoding=encoding)
    assert take(FEED, [path]).carriers["0902"] == "Telefônica"


def test_quotation_marks_are_no_more_than_that(write):
    path = write(ticket().replace("Exemplo Fixa", '"Exemplo'), ticket("2", "11955500102"))
    assert take(FEED, [path]).carriers["0902"] == '"Exemplo'


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (ticket(number="1195550010"[:9]), "TN INICIAL"),
        (ticket(number="119555001011"), "TN INICIAL"),
        (ticket(number="1195550010x"), "TN INICIAL"),
        (ticket(bp="x"), "NUMERO BP"),
        (ticket(recipient=""), "RECEPTORA"),
        (ticket(day="2026-06-11"), "DATA AGENDAMENTO"),
        (ticket(day="31/02/2026 00:00:00"), "DATA AGENDAMENTO"),
        (ticket(day=""), "DATA AGENDAMENTO"),
        (ticket(day="01/01/0001 00:00:00"), "DATA AGENDAMENTO"),
        (ticket(status="Suspenso"), "neither active nor cancelled"),
        (ticket(back="talvez"), "neither Sim nor Nao"),
        (ticket() + ";", "12 columns instead of 11"),
    ],
)
def test_a_damaged_ticket_is_refused_with_file_and_row(write, tmp_path, line, reason):
    path = write(ticket("1", "11955500102"), line, ticket("2", "11955500103"))
    for read in (take, changes):
        with pytest.raises(BadRowError, match=rf"{reason}.*; at .*tickets\.csv, row 3"):
            read(FEED, [path])
    with BadRows(tmp_path / "rejected.csv") as bad_rows:
        assert sorted(take(FEED, [path], bad_rows).served()) == [5511955500102, 5511955500103]
    assert bad_rows.count == 1


def test_another_report_is_refused(tmp_path):
    path = tmp_path / "other.csv"
    path.write_text("A;B\n1;2\n")
    with pytest.raises(FeedError, match=r"not a report of porting tickets; at .*other\.csv"):
        take(FEED, [path])
