"""Parquet and Arrow files: everything that was there passes, four columns are added, memory does not grow."""

import contextlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from portdip.batch import columnar
from portdip.batch.annotate import annotate_file
from portdip.errors import AnnotateError, MissingColumnError, PortdipError
from tests.lookup import stores

ADDED = ["carrier", "routing_number", "ported", "status"]
SUFFIXES = [".parquet", ".arrow", ".arrows"]

TABLE = pa.table(
    {
        "seen": pa.array([1, None, 3], pa.timestamp("ms", tz="Asia/Shanghai")),
        "called_number": [f"+{stores.PORTED}", None, "12x"],
        "tags": pa.array([["a", "b"], [], None], pa.list_(pa.string())),
        "site": pa.array(["north", "south", "north"]).dictionary_encode(),
    }
).replace_schema_metadata({"made": "today"})

ANSWERS = [
    {"carrier": "CU", "routing_number": "D002", "ported": True, "status": "ported"},
    dict.fromkeys(ADDED),
    {"carrier": None, "routing_number": None, "ported": False, "status": "invalid"},
]


def write(table, path):
    if path.suffix == ".parquet":
        pq.write_table(table, path, row_group_size=2)
    else:
        new = pa.ipc.new_file if path.suffix == ".arrow" else pa.ipc.new_stream
        with new(path, table.schema) as writer:
            writer.write_table(table)
    return path


def read(path):
    if path.suffix == ".parquet":
        return pq.read_table(path)
    return (pa.ipc.open_file if path.suffix == ".arrow" else pa.ipc.open_stream)(path.read_bytes()).read_all()


@pytest.mark.parametrize("suffix_in", SUFFIXES)
@pytest.mark.parametrize("suffix_out", SUFFIXES)
def test_every_other_column_passes_and_the_answers_are_added(engine, tmp_path, suffix_in, suffix_out):
    source = write(TABLE, tmp_path / f"in{suffix_in}")
    counts = annotate_file(engine, source, tmp_path / f"out{suffix_out}", "called_number", threads=2)
    out = read(tmp_path / f"out{suffix_out}")
    assert out.select(TABLE.schema.names).cast(TABLE.schema).equals(TABLE)
    assert out.schema.metadata[b"made"] == b"today"
    assert out.schema.names == [*TABLE.schema.names, *ADDED]
    assert out.select(ADDED).to_pylist() == ANSWERS
    assert counts == {"ported": 1, "native": 0, "unallocated": 0, "invalid": 1, "null": 1}


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_order_is_kept_over_many_batches(engine, tmp_path, monkeypatch, suffix, threads):
    monkeypatch.setattr(columnar, "_BATCH_ROWS", 7)
    table = pa.table({"row": range(500), "n": pa.array(stores.KINDS * 62 + stores.KINDS[:4], pa.uint64())})
    reports = []
    annotate_file(
        engine, write(table, tmp_path / f"in{suffix}"), tmp_path / f"out{suffix}", "n",
        threads=threads, report=lambda rows, share: reports.append((rows, share)),
    )  # fmt: skip
    out = read(tmp_path / f"out{suffix}")
    assert out["row"].to_pylist() == list(range(500))
    assert out["status"].to_pylist() == [engine.dip(n).status for n in table["n"].to_pylist()]
    assert reports == sorted(reports)
    assert reports[-1] == (500, pytest.approx(1, abs=0.01))


@pytest.mark.parametrize(
    "kind",
    [
        pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string()),
        pa.dictionary(pa.int32(), pa.large_string()), pa.int64(), pa.uint64(),
    ],
)  # fmt: skip
def test_numbers_may_be_text_or_whole_numbers(engine, tmp_path, kind):
    column = pa.array([str(stores.PORTED), None, str(stores.NATIVE)])
    column = column.cast(pa.int64()).cast(kind) if pa.types.is_integer(kind) else column.cast(kind)
    source = write(pa.table({"n": column}), tmp_path / "in.arrow")
    annotate_file(engine, source, tmp_path / "out.arrow", "n")
    assert read(tmp_path / "out.arrow")["status"].to_pylist() == ["ported", None, "native"]


@pytest.mark.parametrize("suffix", [".parquet", ".arrows"])
@pytest.mark.parametrize("indices", [pa.int8(), pa.int32()])
def test_dictionaries_that_change_from_batch_to_batch_fit_into_an_arrow_file(engine, tmp_path, suffix, indices):
    kind = pa.dictionary(indices, pa.string())
    words = [["a", "b", None], ["c", "a"], ["b", "d", "c"], ["d"]]
    columns = [pa.array(each).dictionary_encode().cast(kind) for each in words]
    batches = [pa.record_batch({"n": pa.nulls(len(each), pa.string()), "word": each}) for each in columns]
    source, target = tmp_path / f"in{suffix}", tmp_path / "out.arrow"
    schema = batches[0].schema
    with pa.ipc.new_stream(source, schema) if suffix == ".arrows" else pq.ParquetWriter(source, schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
    annotate_file(engine, source, target, "n")
    found = pa.ipc.open_file(target).read_all()
    assert found["word"].to_pylist() == [word for batch in words for word in batch]
    assert found.schema.field("word").type == kind


def test_more_values_than_the_indices_of_a_dictionary_can_count_are_refused(engine, tmp_path):
    kind = pa.dictionary(pa.int8(), pa.string())
    with pa.ipc.new_stream(tmp_path / "in.arrows", pa.schema({"n": pa.string(), "word": kind})) as writer:
        for begin in (0, 100):
            words = pa.array([str(word) for word in range(begin, begin + 100)]).dictionary_encode().cast(kind)
            writer.write_batch(pa.record_batch({"n": pa.nulls(100, pa.string()), "word": words}))
    with pytest.raises(AnnotateError, match=r"cannot be written as \.arrow"):
        annotate_file(engine, tmp_path / "in.arrows", tmp_path / "out.arrow", "n")


def test_negative_and_small_integers_are_numbers_or_invalid(engine, tmp_path):
    source = write(pa.table({"n": pa.array([-1, 0, 10086, None], pa.int32())}), tmp_path / "in.arrow")
    annotate_file(engine, source, tmp_path / "out.arrow", "n")
    assert read(tmp_path / "out.arrow")["status"].to_pylist() == ["invalid", "invalid", "unallocated", None]


@pytest.mark.parametrize("kind", [pa.float64(), pa.date32(), pa.list_(pa.string())])
def test_other_types_are_refused_with_the_reason(engine, tmp_path, kind):
    source = write(pa.table({"n": pa.nulls(1, kind)}), tmp_path / "in.parquet")
    with pytest.raises(AnnotateError, match=r"expected strings or integers.*64-bit integers") as refusal:
        annotate_file(engine, source, tmp_path / "out.parquet", "n")
    assert ("digits" in refusal.value.got) == (kind == pa.float64())


def test_a_missing_column_is_named_with_those_there_are_and_the_nearest(engine, tmp_path):
    source = write(TABLE, tmp_path / "in.parquet")
    with pytest.raises(MissingColumnError, match=r"seen, called_number, tags.*--column called_number"):
        annotate_file(engine, source, tmp_path / "out.parquet", "caled_number")


def test_columns_in_the_way_need_a_prefix(engine, tmp_path):
    source = write(TABLE.append_column("status", pa.array(["ok"] * 3)), tmp_path / "in.parquet")
    with pytest.raises(AnnotateError, match=r"'status' already.*--prefix"):
        annotate_file(engine, source, tmp_path / "out.parquet", "called_number")
    annotate_file(engine, source, tmp_path / "out.parquet", "called_number", prefix="now_")
    assert read(tmp_path / "out.parquet")["now_status"].to_pylist() == ["ported", None, "invalid"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_without_rows_gets_its_columns(engine, tmp_path, suffix):
    source = write(TABLE.slice(0, 0), tmp_path / f"in{suffix}")
    counts = annotate_file(engine, source, tmp_path / f"out{suffix}", "called_number")
    assert not any(counts.values())
    assert read(tmp_path / f"out{suffix}").schema.names == [*TABLE.schema.names, *ADDED]


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("content", [b"", b"no such file at all, but long enough to hold a header"])
def test_a_file_that_is_none_of_its_kind_is_refused(engine, tmp_path, suffix, content):
    (tmp_path / f"in{suffix}").write_bytes(content)
    with pytest.raises(AnnotateError, match=f"in{suffix}"):
        annotate_file(engine, tmp_path / f"in{suffix}", tmp_path / f"out{suffix}", "n")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_cut_short_leaves_nothing_under_the_target(engine, tmp_path, suffix):
    table = pa.table({"n": np.arange(100_000, dtype=np.uint64)})
    source = write(table, tmp_path / f"in{suffix}")
    source.write_bytes(source.read_bytes()[:-2000])
    with pytest.raises(AnnotateError):
        annotate_file(engine, source, tmp_path / f"out{suffix}", "n")
    assert [path.name for path in tmp_path.iterdir()] == [source.name]


def test_memory_stays_flat_however_long_the_file_is(engine, tmp_path, monkeypatch):
    monkeypatch.setattr(columnar, "_BATCH_ROWS", 10_000)
    table = pa.table(
        {"n": np.arange(1_000_000, dtype=np.uint64), "text": pa.array(["x" * 40]).take(pa.array([0] * 1_000_000))}
    )
    source = write(table, tmp_path / "in.arrow")
    del table
    before, most = pa.total_allocated_bytes(), 0

    def report(rows, share):
        nonlocal most
        most = max(most, pa.total_allocated_bytes() - before)

    annotate_file(engine, source, tmp_path / "out.parquet", "n", threads=2, report=report)
    pq.ParquetFile(tmp_path / "out.parquet").close()
    assert most < 20 << 20


@pytest.mark.parametrize("suffix", [".arrow", ".arrows"])
def test_damage_is_refused_or_harmless_and_never_a_crash(engine, tmp_path, seed, suffix):
    random = np.random.default_rng(seed)
    sound = write(TABLE, tmp_path / f"sound{suffix}").read_bytes()
    source = tmp_path / f"in{suffix}"
    for _ in range(300):
        damaged = bytearray(sound)
        damaged[random.integers(len(sound))] ^= 1 << random.integers(8)
        source.write_bytes(damaged)
        with contextlib.suppress(PortdipError):
            annotate_file(engine, source, tmp_path / f"out{suffix}", "called_number")


def test_a_type_that_pyarrow_has_no_class_for_is_damage_like_any_other(engine, tmp_path):
    """A flipped bit in a schema made pyarrow raise KeyError, for the schema or only for the column."""
    with pytest.raises(AnnotateError, match=r"cannot be read as \.arrow"), columnar._readable(tmp_path / "in.arrow"):
        raise KeyError(22)
    sound = write(TABLE, tmp_path / "sound.arrow").read_bytes()
    footer = int.from_bytes(sound[-10:-6], "little")
    for place in range(len(sound) - 10 - footer, len(sound) - 10):
        damaged = bytearray(sound)
        damaged[place] ^= 1
        (tmp_path / "in.arrow").write_bytes(damaged)
        with contextlib.suppress(PortdipError):
            annotate_file(engine, tmp_path / "in.arrow", tmp_path / "out.arrow", "called_number")


def test_a_parquet_file_with_indices_that_point_outside_is_refused(engine, tmp_path):
    """What a flipped bit left of a dictionary column's indices was written again, past the end of its memory."""
    source = write(TABLE, tmp_path / "in.parquet")
    sound, refused = source.read_bytes(), 0
    dictionary = sound.index(b"north")
    for place in range(dictionary - 20, dictionary):  # how long it is, and how many are in it
        damaged = bytearray(sound)
        damaged[place] ^= 0x20
        source.write_bytes(damaged)
        try:
            annotate_file(engine, source, tmp_path / "out.parquet", "called_number")
        except AnnotateError as error:
            refused += "indices" in error.got
    assert refused
