"""Columns out of damaged files: what points outside itself is refused before anything follows it."""

import contextlib

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from portdip.errors import FeedError, PortdipError
from portdip.exchange import feeds
from portdip.exchange.feeds.options import Options
from portdip.exchange.untrusted import check_arrow, check_parquet

NUMBERS = ["8613800138000", "8613800138001", "8613800138002"]
CARRIERS = pa.array(["CMCC", "CUCC", "CMCC"]).dictionary_encode()


def pointing_outside() -> pa.Array:
    """Three texts, the second of which begins far outside."""
    offsets = pa.py_buffer(pa.array([0, 4, 1 << 20, 12], pa.int32()).buffers()[1])
    return pa.Array.from_buffers(pa.string(), 3, [None, offsets, pa.py_buffer(b"CMCCCUCCCTCC")])


def taken(feed, path):
    return list(feeds.load(feed).rows([path], Options()))


@pytest.mark.parametrize("new", [pa.ipc.new_file, pa.ipc.new_stream])
def test_an_arrow_file_with_offsets_that_point_outside_is_refused(tmp_path, new):
    path = tmp_path / "ported.arrow"
    table = pa.table({"number": NUMBERS, "carrier": pointing_outside(), "routing_number": ["D1", "D2", "D3"]})
    with new(path, table.schema) as writer:
        writer.write_table(table)
    with pytest.raises(FeedError, match=r"cannot be read.*ported\.arrow"):
        taken("arrow", path)


def test_a_parquet_file_with_indices_that_point_outside_is_refused(tmp_path):
    """Parquet's reader makes dictionaries of what a flipped bit left of their indices."""
    path = tmp_path / "ported.parquet"
    pq.write_table(pa.table({"number": NUMBERS, "carrier": CARRIERS, "routing_number": ["D1", "D2", "D3"]}), path)
    sound = path.read_bytes()
    outside = 0
    for bit in range(len(sound) * 8):
        damaged = bytearray(sound)
        damaged[bit // 8] ^= 1 << (bit % 8)
        path.write_bytes(damaged)
        if points_outside(path):
            outside += 1
            with pytest.raises(FeedError, match=r"cannot be read.*ported\.parquet"):
                taken("parquet", path)
        else:
            with contextlib.suppress(PortdipError):
                taken("parquet", path)
    assert outside


def points_outside(path) -> bool:
    try:
        carriers = pq.read_table(path).column("carrier")
    except (pa.ArrowException, OSError, ValueError, KeyError):
        return False
    if not pa.types.is_dictionary(carriers.type):
        return False
    return any(
        not 0 <= index < len(chunk.dictionary)
        for chunk in carriers.chunks
        for index in chunk.indices.drop_null().to_pylist()
    )


def test_indices_are_found_however_deep_they_lie():
    wrong = pa.DictionaryArray.from_arrays(pa.array([0, 7], pa.int8()), pa.array(["a"]), safe=False)
    deep = pa.ListArray.from_arrays(pa.array([0, 2], pa.int32()), wrong)
    for column in (wrong, deep, pa.StructArray.from_arrays([deep], ["inside"])):
        with pytest.raises(pa.ArrowInvalid):
            check_parquet([column])
        with pytest.raises(pa.ArrowInvalid):
            check_arrow([column])


def test_sound_columns_pass():
    for check in (check_arrow, check_parquet):
        check([CARRIERS, pa.array(NUMBERS), pa.array([[1], None])])
