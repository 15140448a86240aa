"""Annotating a file as a whole: formats by name, and a target that is complete or not there."""

import gzip
import io
from datetime import datetime, timedelta

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from portdip.batch import columnar, delimited
from portdip.batch.annotate import annotate, annotate_file
from portdip.batch.place import Place
from portdip.batch.question import Question
from portdip.batch.record_batches import annotator
from portdip.errors import AnnotateError
from portdip.lookup.engine import open_engine
from portdip.lookup.load import init_store
from portdip.table.store import Store
from tests.lookup import stores


@pytest.mark.parametrize(("source", "target"), [("in.csv", "out.parquet"), ("in.arrow", "out.csv")])
def test_text_and_columns_do_not_turn_into_each_other(engine, tmp_path, source, target):
    with pytest.raises(AnnotateError, match=r"do not go together.*expected a name that ends in"):
        annotate_file(engine, tmp_path / source, tmp_path / target, "n")


@pytest.mark.parametrize(("source", "target"), [("in.xlsx", "out.xlsx"), ("in.csv", "out")])
def test_an_unknown_format_is_refused_with_those_there_are(engine, tmp_path, source, target):
    with pytest.raises(AnnotateError, match=r"\.parquet, \.arrow, \.arrows, \.csv"):
        annotate_file(engine, tmp_path / source, tmp_path / target, "n")


@pytest.mark.parametrize("suffix", [".parquet", ".arrow", ".arrows", ".csv", ".csv.gz"])
def test_a_source_that_is_not_there_is_the_systems_error(engine, tmp_path, suffix):
    with pytest.raises(FileNotFoundError):
        annotate_file(engine, tmp_path / f"in{suffix}", tmp_path / f"out{suffix}", "n")


def test_a_file_may_be_annotated_in_place(engine, tmp_path):
    (tmp_path / "a.csv").write_text("n\n1\n")
    annotate_file(engine, tmp_path / "a.csv", tmp_path / "a.csv", "n")
    assert (tmp_path / "a.csv").read_text().splitlines()[1] == "1,,,false,unallocated"


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, ValueError])
def test_an_interrupted_annotation_leaves_what_was_there(engine, tmp_path, interrupt):
    (tmp_path / "in.csv").write_text("n\n" + "1\n" * 100)
    (tmp_path / "out.csv").write_text("old")

    def report(rows, share):
        raise interrupt

    with pytest.raises(interrupt):
        annotate_file(engine, tmp_path / "in.csv", tmp_path / "out.csv", "n", report=report)
    assert (tmp_path / "out.csv").read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 2


def test_times_in_a_parquet_file_and_in_text_are_answered_alike(grown, tmp_path):
    engine = open_engine(grown)
    imported = Store.open(grown).chain.read(1).header.created
    moments = [imported + timedelta(days=days) for days in (-0.5, 0.5, 1.5, 2.5)]
    table = pa.table(
        {"n": pa.array([stores.PORTED] * 4, pa.uint64()), "at": pa.array(moments, pa.timestamp("us", tz="UTC"))}
    )
    pq.write_table(table, tmp_path / "in.parquet")
    (tmp_path / "in.csv").write_text("n,at\n" + "".join(f"{stores.PORTED},{moment}\n" for moment in moments))
    for suffix in (".parquet", ".csv"):
        counts = annotate_file(engine, tmp_path / f"in{suffix}", tmp_path / f"out{suffix}", "n", at_column="at")
        assert counts == {
            "ported": 3, "native": 1, "unallocated": 0, "invalid": 0, "before-history": 0, "invalid-time": 0, "null": 0,
        }  # fmt: skip
    assert pq.read_table(tmp_path / "out.parquet")["carrier"].to_pylist() == ["CU", "CU", "ILEC", "CM"]
    rows = (tmp_path / "out.csv").read_text().splitlines()
    assert [row.split(",")[2] for row in rows[1:]] == ["CU", "CU", "ILEC", "CM"]


def test_records_before_history_begins_say_so_and_are_counted(engine, tmp_path):
    (tmp_path / "in.csv").write_text(
        f"n,at\n{stores.NATIVE},1999-01-01T00:00Z\n{stores.NATIVE},?\nx,1999-01-01T00:00Z\n"
    )
    counts = annotate_file(engine, tmp_path / "in.csv", tmp_path / "out.csv", "n", at_column="at")
    assert (counts["before-history"], counts["invalid-time"], counts["invalid"]) == (1, 1, 1)
    assert [row.rpartition("Z,")[2] for row in (tmp_path / "out.csv").read_text().splitlines()[1::2]] == [
        ",,,before-history", ",,false,invalid",
    ]  # fmt: skip


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_times_without_a_zone_are_read_as_those_of_the_zone_given(engine, tmp_path, suffix):
    if suffix == ".csv":
        (tmp_path / "in.csv").write_text(
            f"n,at\n{stores.PORTED},2024-01-02 11:04:04\n{stores.PORTED},2024-01-02 11:04:05\n"
        )
    else:
        times = pa.array([datetime(2024, 1, 2, 11, 4, 4), datetime(2024, 1, 2, 11, 4, 5)], pa.timestamp("s"))
        pq.write_table(pa.table({"n": [str(stores.PORTED)] * 2, "at": times}), tmp_path / "in.parquet")
    source, target = tmp_path / f"in{suffix}", tmp_path / f"out{suffix}"
    with pytest.raises(AnnotateError, match=r"have no zone.*--time-zone"):
        annotate_file(engine, source, target, "n", at_column="at")
    assert not target.exists()
    counts = annotate_file(engine, source, target, "n", at_column="at", time_zone="Asia/Shanghai")
    assert (counts["before-history"], counts["ported"]) == (1, 1)


def streamed(engine, content: bytes, **options) -> bytes:
    """What comes out of a pipe for what goes in."""
    source, out = Place.incoming(io.BytesIO(content)), io.BytesIO()
    annotate(engine, source, Place.outgoing(out, source), Question("n"), **options)
    return out.getvalue()


def test_a_stream_of_text_gives_text(engine):
    plain = f"n\n{stores.NATIVE}\n".encode()
    expected = f"n,carrier,routing_number,ported,status\n{stores.NATIVE},CM,,false,native\n".encode()
    for content in (plain, gzip.compress(plain), pa.compress(plain, codec="zstd", asbytes=True)):
        assert streamed(engine, content) == expected


def test_a_stream_of_arrow_gives_arrow(engine):
    table, sink = pa.table({"n": pa.array(stores.KINDS, pa.uint64())}), io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    out = pa.ipc.open_stream(streamed(engine, sink.getvalue())).read_all()
    assert out["status"].to_pylist() == [engine.dip(number).status for number in stores.KINDS]


@pytest.mark.parametrize("begins", [b"PAR1....", b"ARROW1\0\0"])
def test_what_is_read_from_its_end_cannot_come_through_a_pipe(engine, begins):
    with pytest.raises(AnnotateError, match=r"cannot be read from a pipe.*Name the file"):
        streamed(engine, begins)


@pytest.mark.parametrize("content", [b"\x28\xb5\x2f\xfdxxxx", b"\x1f\x8bxxxx", b"\xff\xff\xff\xffxxxx", b""])
def test_a_damaged_stream_is_refused(engine, content):
    with pytest.raises(AnnotateError, match="standard input"):
        streamed(engine, content)


def test_text_in_many_frames_is_read_to_its_end(engine, tmp_path, monkeypatch):
    monkeypatch.setattr(delimited, "_BLOCK_BYTES", 100)
    rows = "".join(f"{row},{stores.NATIVE}\n" for row in range(50))
    (tmp_path / "in.csv").write_text(f"row,n\n{rows}")
    annotate_file(engine, tmp_path / "in.csv", tmp_path / "a.csv.zst", "n", threads=2)
    annotate_file(engine, tmp_path / "a.csv.zst", tmp_path / "b.tsv.zst", "n", prefix="b_")
    unpacked = pa.CompressedInputStream(pa.OSFile(str(tmp_path / "b.tsv.zst")), "zstd").read().decode().splitlines()
    assert [row.split(",")[0] for row in unpacked[1:]] == [str(row) for row in range(50)]
    whole = (tmp_path / "a.csv.zst").read_bytes()
    (tmp_path / "cut.csv.zst").write_bytes(whole[: len(whole) - 5])
    with pytest.raises(AnnotateError, match="damaged zstd"):
        annotate_file(engine, tmp_path / "cut.csv.zst", tmp_path / "c.csv", "n", prefix="c_")


@pytest.mark.parametrize("suffix", [".arrow", ".parquet"])
def test_a_file_is_answered_from_one_state_though_the_engine_goes_on(tmp_path, monkeypatch, suffix):
    monkeypatch.setattr(columnar, "_BATCH_ROWS", 2)
    store = init_store(tmp_path / "store", "test")

    def go_on(rows: int, share: float | None = None) -> None:
        with store.writer() as writer:
            writer.port(stores.PORTED, f"C{rows}", str(rows))
        engine.refresh()

    engine = open_engine(store.path)
    go_on(0)
    source, target = tmp_path / "in.parquet", tmp_path / f"out{suffix}"
    pq.write_table(pa.table({"n": [stores.PORTED] * 6}), source)
    annotate_file(engine, source, target, "n", report=go_on)
    found = pq.read_table(target) if suffix == ".parquet" else pa.ipc.open_file(target).read_all()
    assert found["carrier"].to_pylist() == ["C0"] * 6
    assert engine.dip(stores.PORTED).carrier.id == "C6"


WRITTEN = [
    "138 0000-0001",
    "013800000001",
    "8613800000001",
    "+86 (138) 0000 0001",
    "+1 202 555 0123",
    "",
    "call me",
    "x\xff",
]


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_numbers_as_people_of_a_country_write_them(engine, tmp_path, suffix):
    source, target = tmp_path / f"in{suffix}", tmp_path / f"out{suffix}"
    if suffix == ".csv":
        source.write_bytes(("n,x\n" + "".join(f"{text},1\n" for text in WRITTEN)).encode("latin-1"))
    else:
        pq.write_table(pa.table({"n": [text or None for text in WRITTEN]}), source)
    counts = annotate_file(engine, source, target, "n", region="CN")
    assert counts == {"ported": 4, "native": 1, "unallocated": 0, "invalid": 2, "null": 1}
    counts = annotate_file(engine, source, target, "n")
    assert counts == {"ported": 1, "native": 0, "unallocated": 0, "invalid": 6, "null": 1}
    with pytest.raises(AnnotateError, match=r"ISO 3166 code, such as CN; got 'Cathay'"):
        annotate_file(engine, source, target, "n", region="Cathay")


def test_integers_may_be_national_numbers(engine):
    batch = pa.record_batch({"n": [13800000001, 1, None]})
    assert annotator(engine, "n", region="CN")(batch)["status"].to_pylist() == ["ported", "invalid", None]
