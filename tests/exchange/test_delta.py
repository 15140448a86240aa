"""The delta format: what is sealed comes back, and the bytes are what the specification says."""

import dataclasses
import hashlib
import json
import struct
from datetime import UTC, datetime

import pyarrow as pa
import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from portdip.errors import DeltaVersionError, MalformedDeltaError, TornDeltaError
from portdip.exchange import delta
from portdip.exchange.changes import CHANGES, Operation
from portdip.exchange.delta import Header
from portdip.exchange.keys import SigningKey
from tests.exchange.changes_made import EVERYTHING, MADE, encoded, good_rows, made, ports, rows

HEADER = Header("test", 1, "00" * 32, len(EVERYTHING), MADE, "")
FACTS = {
    "format": 1,
    "dataset": "test",
    "sequence": 1,
    "previous": "00" * 32,
    "rows": 1,
    "created": "2026-01-02T03:04:05+00:00",
    "signer": "",
}
RELEASE = rows({"operation": Operation.RELEASE, "number": 1})


def sealed(body: bytes, version: bytes = b"1", length: int | None = None) -> bytes:
    """A seal made by the letter of the specification, over any body."""
    checks = b"".join(
        struct.pack("<Q", xxhash.xxh3_64_intdigest(body[at : at + 4096])) for at in range(0, len(body), 4096)
    )
    content = body + checks + b"PDDELTA" + version + struct.pack("<Q", len(body) if length is None else length)
    return content + hashlib.sha256(content).digest() + bytes(64)


def body(changes: pa.RecordBatch = RELEASE, *, schema: pa.Schema = CHANGES, **facts: object) -> bytes:
    """A body whose header says `facts` in place of what is true."""
    sink = pa.BufferOutputStream()
    header = {name: value for name, value in (FACTS | facts).items() if value is not None}
    with pa.ipc.new_stream(sink, schema.with_metadata({"portdip.delta": json.dumps(header)})) as writer:
        writer.write_batch(changes)
    return sink.getvalue().to_pybytes()


@given(st.lists(good_rows, max_size=50))
def test_rows_come_back(drawn):
    changes = rows(*drawn)
    assert made(changes).rows == pa.Table.from_batches([changes])


@given(
    st.text(min_size=1),
    st.integers(1, 10**20 - 1),
    st.binary(min_size=32, max_size=32),
    st.datetimes(timezones=st.just(UTC)),
)
def test_the_header_comes_back(dataset, sequence, previous, created):
    header = Header(dataset, sequence, previous.hex(), len(EVERYTHING), created, "")
    assert delta.decode(delta.encode(header, EVERYTHING, None), "x").header == header


def test_a_full_delta_comes_back():
    changes = ports(delta.ROWS_MAX)
    assert made(changes).rows == pa.Table.from_batches([changes])


def test_a_delta_made_by_the_letter_opens():
    """The uncompressed body too: readers take what Arrow takes."""
    found = delta.decode(sealed(body()), "x")
    assert found.rows == pa.Table.from_batches([RELEASE])
    assert found.header == Header("test", 1, "00" * 32, 1, datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "")


def test_rows_may_stand_in_several_batches():
    sink = pa.BufferOutputStream()
    schema = CHANGES.with_metadata({"portdip.delta": json.dumps(FACTS | {"rows": 2})})
    with pa.ipc.new_stream(sink, schema) as writer:
        writer.write_batch(RELEASE)
        writer.write_batch(RELEASE)
    assert len(delta.decode(sealed(sink.getvalue().to_pybytes()), "x").rows) == 2


def test_a_delta_without_rows_is_one():
    found = made(rows())
    assert (found.header.rows, found.rows) == (0, CHANGES.empty_table())


def test_the_signature_is_over_the_digest():
    key = SigningKey.new()
    found = made(key=key)
    assert found.header.signer == key.id
    assert found.signature == key.sign(b"portdip delta\n" + bytes.fromhex(found.digest)) == found.content[-64:]


def test_the_header_can_be_read_without_the_rows():
    """So a node can look at the chain and the signature before it unpacks what anyone may have written."""
    content = sealed(body(rows({"operation": Operation.RELEASE})))
    assert delta.open_sealed(content, "x").sequence == 1
    with pytest.raises(MalformedDeltaError):
        delta.open_sealed(content, "x").open("x")


@pytest.mark.parametrize(
    ("facts", "got"),
    [
        ({"format": 2}, "format 2"),
        ({"format": None}, "format"),
        ({"dataset": ""}, "dataset ''"),
        ({"dataset": 5}, "dataset 5"),
        ({"sequence": 0}, "sequence 0"),
        ({"sequence": True}, "sequence True"),
        ({"sequence": "1"}, "sequence '1'"),
        ({"rows": 50_001}, "rows 50001"),
        ({"rows": -1}, "rows -1"),
        ({"previous": "AB" * 32}, "previous 'ABAB"),
        ({"previous": "ab" * 31}, "previous 'abab"),
        ({"signer": "no key"}, "signer 'no key'"),
        ({"created": "2026-01-02T03:04:05"}, "not in UTC"),
        ({"created": "2026-01-02T03:04:05+08:00"}, "not in UTC"),
        ({"created": "yesterday"}, "yesterday"),
    ],
)
def test_a_header_that_cannot_be_is_refused(facts, got):
    with pytest.raises(MalformedDeltaError, match=got):
        delta.decode(sealed(body(**facts)), "x")


def test_names_in_the_header_that_mean_nothing_yet_are_passed_over():
    assert delta.decode(sealed(body(comment="hello")), "x").sequence == 1


@pytest.mark.parametrize("metadata", [None, b"", b"[]", b"null", b"{", b"[" * 100_000, b"\xff"])
def test_a_body_without_a_header_is_refused(metadata):
    schema = CHANGES.with_metadata({"portdip.delta": metadata} if metadata is not None else {})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema):
        pass
    with pytest.raises(MalformedDeltaError, match="no header"):
        delta.decode(sealed(sink.getvalue().to_pybytes()), "x")


def test_the_count_in_the_header_must_be_that_of_the_rows():
    for count in (0, 2):
        with pytest.raises(MalformedDeltaError) as caught:
            delta.decode(sealed(body(rows=count)), "x")
        assert str(caught.value) == f"the header contradicts the rows; at x; expected {count} rows; got 1 rows"


def test_other_columns_are_refused():
    other = RELEASE.drop_columns(["text"])
    with pytest.raises(MalformedDeltaError) as caught:
        delta.decode(sealed(body(other, schema=other.schema)), "x")
    assert str(caught.value) == f"the delta has other columns; at x; got {', '.join(other.schema.names)}"
    number = CHANGES.get_field_index("number")
    schema = CHANGES.set(number, pa.field("number", pa.int64()))
    with pytest.raises(MalformedDeltaError, match="other columns"):
        delta.decode(sealed(body(RELEASE.cast(schema), schema=schema)), "x")


def test_a_bad_row_refuses_the_whole_and_is_named():
    changes = rows(
        {"operation": Operation.RELEASE, "number": 1}, {"operation": Operation.RELEASE, "number": 2, "carrier": "A"}
    )
    with pytest.raises(MalformedDeltaError, match=r"^a row makes no sense; at file, row 2; got release takes no"):
        delta.decode(sealed(body(changes, rows=2)), "file")


def test_text_that_is_no_text_is_refused():
    number = pa.array([1], pa.uint64())
    carrier = pa.StringArray.from_buffers(1, pa.py_buffer(struct.pack("<ii", 0, 1)), pa.py_buffer(b"\xff"))
    columns = [pa.array([Operation.PORT], pa.uint8()), number, *RELEASE.columns[2:]]
    columns[3] = carrier
    with pytest.raises(MalformedDeltaError, match=r"^the rows cannot be read; at x; got (?!None).*UTF8"):
        delta.decode(sealed(body(pa.record_batch(columns, schema=CHANGES))), "x")


def test_a_later_format_says_what_to_do():
    with pytest.raises(DeltaVersionError, match=r"expected 1; got PDDELTA2\. Update portdip"):
        delta.decode(sealed(body(), version=b"2"), "x")


def test_a_seal_that_contradicts_the_size_is_refused():
    with pytest.raises(MalformedDeltaError, match="contradicts the size"):
        delta.decode(sealed(body(), length=5), "x")


def test_nothing_is_a_torn_delta():
    with pytest.raises(TornDeltaError, match="x, offset 0"):
        delta.decode(b"", "x")


def test_a_header_tells_of_what_is_encoded():
    with pytest.raises(AssertionError):
        delta.encode(dataclasses.replace(HEADER, rows=1), EVERYTHING, None)
    with pytest.raises(AssertionError):
        delta.encode(HEADER, EVERYTHING, SigningKey.new())


def test_deltas_of_the_same_are_the_same():
    assert encoded() == encoded()
