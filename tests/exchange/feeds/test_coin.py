"""COIN's messages: what each becomes, and that what COIN's own library builds is read."""

import gzip
import json
from copy import deepcopy
from datetime import UTC, datetime

import pytest

from portdip.errors import BadRowError, FeedError
from portdip.exchange import rows
from portdip.exchange.changes import PORT_RANGE_MAX
from portdip.exchange.feeds import coin
from portdip.exchange.feeds.options import BadRows
from tests.exchange.feeds.samples import changes, files_of, take

FEED = "coin"
(STREAM,) = files_of(FEED, "stream")
JULY = datetime(2026, 7, 1, 8, 5, tzinfo=UTC)


@pytest.fixture
def messages():
    return [json.loads(line) for line in STREAM.read_text().splitlines()]


@pytest.fixture
def write(tmp_path):
    def write(*messages, name="messages.jsonl"):
        path = tmp_path / name
        path.write_text("".join(json.dumps(message) + "\n" for message in messages))
        return path

    return write


@pytest.fixture
def ported(messages):
    """A message of a porting performed, and the series in it."""
    message = messages[2]
    return message, message["message"]["body"]["portingperformed"]["repeats"][0]["seq"]["numberseries"]


def test_a_stream_of_messages():
    ported = {"carrier": "XTELA", "donor": "XTELB", "effective": JULY, "order": "XTELA-0000001"}
    assert changes(FEED, [STREAM]) == [
        (
            "assign",
            {
                "number": 31612340000,
                "last": 31612349999,
                "carrier": "XTELB",
                "effective": datetime(2026, 6, 14, 22, tzinfo=UTC),
                "order": "XTELB-0000003",
            },
        ),
        ("port", {"number": 31612340001, **ported}),
        ("port", {"number": 31612340010, "last": 31612340019, **ported}),
        ("release", {"number": 31612340010, "last": 31612340012, "order": "XTELA-0000002"}),
        (
            "withdraw",
            {
                "number": 31612345000,
                "last": 31612345999,
                "effective": datetime(2026, 11, 30, 23, tzinfo=UTC),
                "order": "XTELB-0000004",
            },
        ),
    ]


def test_what_a_stream_leads_to():
    taken = take(FEED, [STREAM])
    assert taken.ranges == [(31612340000, 31612349999, "XTELB", ""), (31612345000, 31612345999, None, "")]
    assert sorted(taken.served()) == [31612340001, *range(31612340013, 31612340020)]
    assert taken.numbers[0]["donor"] == "XTELB"
    assert taken.numbers[0]["effective"] == JULY
    assert rows.place_of(taken.numbers[0]["place"]) == (0, 3)


def test_an_assignment_takes_the_place_of_what_was_inside_it(messages, write):
    activation, deactivation = messages[0], messages[4]
    assert take(FEED, [write(deactivation, activation)]).ranges == [(31612340000, 31612349999, "XTELB", "")]


def test_one_message_and_an_array():
    one, array = files_of(FEED, "portingperformed", "ranges")
    assert [operation for operation, _ in changes(FEED, [one])] == ["port", "port"]
    assert [operation for operation, _ in changes(FEED, [array])] == ["assign", "withdraw"]


def test_compressed_lines(tmp_path):
    path = tmp_path / "stream.jsonl.gz"
    path.write_bytes(gzip.compress(b"\n" + STREAM.read_bytes()))
    assert changes(FEED, [path]) == changes(FEED, [STREAM])


def test_a_long_series_becomes_as_many_ports_as_it_needs(ported, write):
    message, series = ported
    series |= {"start": "0612300000", "end": "0612312344"}
    spans = [(row["number"], row["last"]) for _, row in changes(FEED, [write(message)])[:2]]
    assert spans == [(31612300000, 31612309999), (31612310000, 31612312344)]
    assert spans[0][1] - spans[0][0] + 1 == PORT_RANGE_MAX


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("20260329013000", datetime(2026, 3, 29, 0, 30, tzinfo=UTC)),
        ("20260329033000", datetime(2026, 3, 29, 1, 30, tzinfo=UTC)),
        ("20261025023000", datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
    ],
)
def test_times_are_those_of_amsterdam(ported, write, text, moment):
    message, _ = ported
    message["message"]["body"]["portingperformed"]["actualdatetime"] = text
    assert changes(FEED, [write(message)])[0][1]["effective"] == moment


def test_without_a_time_a_port_answers_at_once(ported, write):
    message, _ = ported
    del message["message"]["body"]["portingperformed"]["actualdatetime"]
    assert "effective" not in changes(FEED, [write(message)])[0][1]


class TestTheSdk:
    """The library of the Vereniging COIN builds messages; they are read back."""

    def test_porting_performed(self, write):
        from coin_sdk.number_portability.messages.portingperformed import PortingPerformedBuilder

        message = (
            PortingPerformedBuilder()
            .set_header("XTELA", "XTELB", "XTELA", "XTELB")
            .set_dossierid("XTELA-1234567")
            .set_recipientnetworkoperator("XTELA")
            .set_donornetworkoperator("XTELB")
            .set_actualdatetime("20260115120000")
            .set_batchporting("Y")
            .add_porting_performed_seq()
            .set_number_series("0201234560", "0201234569")
            .set_backporting("Y")
            .set_pop("Amsterdam")
            .add_enum_profiles("PROF1", "PROF2")
            .finish()
            .build()
        )
        assert changes(FEED, [write(message.to_dict())]) == [
            (
                "port",
                {
                    "number": 31201234560,
                    "last": 31201234569,
                    "carrier": "XTELA",
                    "donor": "XTELB",
                    "effective": datetime(2026, 1, 15, 11, tzinfo=UTC),
                    "order": "XTELA-1234567",
                },
            )
        ]

    def test_deactivation(self, write):
        from coin_sdk.number_portability.messages.deactivation.deactivation_builder import DeactivationBuilder

        message = (
            DeactivationBuilder()
            .set_header("XTELA", "XTELB")
            .set_dossierid("XTELA-1234568")
            .set_currentnetworkoperator("XTELA")
            .set_originalnetworkoperator("XTELB")
            .add_deactivation_seq()
            .set_number_series("0612345678", "0612345678")
            .finish()
            .build()
        )
        assert changes(FEED, [write(message.to_dict())]) == [
            ("release", {"number": 31612345678, "order": "XTELA-1234568"})
        ]

    def test_no_message_of_the_api_is_unknown(self):
        from coin_sdk.number_portability.domain import MessageType

        names = {kind.value for kind in MessageType if kind is not MessageType._VERSION_SUFFIX_V3}
        assert len(names) == 21
        assert {name for name in names if not coin._PASSED_OVER.fullmatch(name)} == set(coin._KINDS)

    def test_the_sdk_reads_the_sample(self):
        from coin_sdk.common.sendrequest import json2obj

        message = json2obj(STREAM.read_text().splitlines()[2]).message
        assert message.body.portingperformed.repeats[0].seq.numberseries.start == "0612340001"


def damaged(message, path, value):
    message = deepcopy(message)
    *parents, key = path
    part = message
    for parent in parents:
        part = part[parent]
    if value is None:
        del part[key]
    else:
        part[key] = value
    return message


BODY = ("message", "body", "portingperformed")
SERIES = (*BODY, "repeats", 0, "seq", "numberseries")


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        ((*SERIES, "start"), "612340001", "one leading 0"),
        ((*SERIES, "start"), "06-1234000", "not a number"),
        ((*SERIES, "start"), 612340001, "not of the form"),
        ((*SERIES, "end"), "0612340000", "end of the series"),
        ((*SERIES, "end"), "06123400010", "end of the series"),
        ((*SERIES, "end"), "0699999999", "more than 100,000 numbers"),
        ((*SERIES, "end"), None, "has no 'end'"),
        ((*BODY, "recipientnetworkoperator"), None, "has no 'recipientnetworkoperator'"),
        ((*BODY, "recipientnetworkoperator"), "", "`recipientnetworkoperator` is not of the form"),
        ((*BODY, "dossierid"), 7, "`dossierid` is not of the form"),
        ((*BODY, "actualdatetime"), "20260230000000", "day"),
        ((*BODY, "actualdatetime"), "2026023000000", "`actualdatetime` is not yyyymmddhhmmss"),
        ((*BODY, "repeats"), "none", "not of the form"),
        (("message", "body"), {"portingundone": {}}, "no message 'portingundone'"),
        (("message", "body"), {}, "exactly one message"),
        (("message",), [], "not of the form"),
    ],
)
def test_a_damaged_message_is_refused_as_a_whole_with_file_and_row(
    messages, ported, write, tmp_path, path, value, reason
):
    path = write(messages[0], damaged(ported[0], path, value), messages[3])
    with pytest.raises(BadRowError, match=rf"{reason}.*; at .*messages\.jsonl, row 2"):
        changes(FEED, [path])
    with BadRows(tmp_path / "rejected.csv") as bad_rows:
        assert [operation for operation, _ in changes(FEED, [path], bad_rows)] == ["assign", "release"]
    assert bad_rows.count == 1


def test_a_line_cut_short_is_refused(tmp_path):
    path = tmp_path / "stream.jsonl"
    path.write_bytes(STREAM.read_bytes()[:-40])
    with pytest.raises(BadRowError, match=r"not JSON; at .*stream\.jsonl, row 5"):
        changes(FEED, [path])


def test_a_message_cut_short_is_refused(tmp_path):
    path = tmp_path / "one.json"
    path.write_bytes(files_of(FEED, "portingperformed")[0].read_bytes()[:-40])
    with pytest.raises(BadRowError, match=r"not JSON; at .*one\.json, row 1"):
        changes(FEED, [path])


def test_a_damaged_message_in_an_array_is_named_by_its_place(messages, tmp_path):
    path = tmp_path / "array.json"
    path.write_text(json.dumps([messages[0], 7], indent=1))
    with pytest.raises(BadRowError, match=r"at .*array\.json, row 2; got 7"):
        changes(FEED, [path])


@pytest.mark.parametrize("content", ["", "\n\n", "[]"])
def test_a_file_without_messages_is_refused(tmp_path, content):
    path = tmp_path / "none.json"
    path.write_text(content)
    with pytest.raises(FeedError, match=r"no messages; at .*none\.json"):
        changes(FEED, [path])
