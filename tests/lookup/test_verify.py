"""Verification: silent on a good store, loud and exact on a damaged one."""

import dataclasses
import time
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from portdip.errors import DamagedSnapshotError, ImageError, PortdipError, UntrustedSnapshotError
from portdip.exchange.feeds.options import Options
from portdip.index import build
from portdip.lookup.load import fold, import_feed, init_store
from portdip.lookup.verify import verify
from portdip.table import schema
from portdip.table.manifest import Seal


@pytest.fixture
def store(tmp_path):
    store = init_store(tmp_path / "store", "test")
    files = {
        "ranges.csv": "first,last,carrier\n100000,199999,A\n120000,129999,B\n125000,125099,\n",
        "ported.csv": "number,carrier\n100001,B\n125050,C\n300000,C\n",
    }
    for name, content in files.items():
        (tmp_path / name).write_text(content)
        import_feed(store.path, "csv", [tmp_path / name], Options(), lambda count, share: None)
    return store


def seal_again(snapshot, **counts):
    """A manifest that fits the files as they are now, as a writer with a fault would leave it."""
    old = snapshot.manifest
    seals = {name: Seal.of(snapshot.path / name) for name in old.files}
    made = dataclasses.replace(old, counts=old.counts | counts, files=seals)
    (snapshot.path / schema.MANIFEST_FILE).write_bytes(made.render())


def rewrite(snapshot, name, change):
    """Put `change(columns)` in the place of the columns of one Arrow file, under a fitting manifest."""
    path = snapshot.path / name
    table = pa.ipc.open_file(path.read_bytes()).read_all()
    changed = pa.table(change(table.to_pydict()), schema=table.schema)
    with pa.ipc.new_file(path, table.schema) as writer:
        writer.write_table(changed)
    seal_again(snapshot)


def test_a_good_store(store):
    checked = {check.what: check.extent for check in verify(store.path)}
    assert checked["index against numbers"] == "3 numbers"
    assert checked["index against ranges"] == "12 boundaries of 3 ranges"
    assert {*schema_files(store)} <= checked.keys()


def schema_files(store):
    return store.current().manifest.files


@pytest.mark.parametrize("name", ["numbers.arrow", "ranges.arrow", "routes.arrow", "carriers.arrow", "index.image"])
def test_every_file_is_checked_against_its_checksum(store, name):
    path = store.current().path / name
    damaged = bytearray(path.read_bytes())
    damaged[-9] ^= 1
    path.write_bytes(damaged)
    with pytest.raises(DamagedSnapshotError, match=f"{name}, block 0"):
        list(verify(store.path))


def test_the_image_is_checked_by_its_own_checksums_too(store):
    snapshot = store.current()
    damaged = bytearray(snapshot.image.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    snapshot.image.write_bytes(damaged)
    seal_again(snapshot)
    with pytest.raises(ImageError):
        list(verify(store.path))


PLAN = [(100000, 199999, 1), (120000, 129999, 2), (125000, 125099, 0)]


@pytest.mark.parametrize(
    ("numbers", "codes", "plan", "complaint"),
    [
        ([100001, 125050, 300000], [2, 3, 2], PLAN, r"wrong code in the index; at .*numbers\.arrow, row 3"),
        ([100001, 125050], [2, 3], PLAN, "row 3"),
        ([100001, 125050, 300000, 400000], [2, 3, 3, 1], PLAN, "wrong count of entries"),
        ([100001, 125050, 300000], [2, 3, 3], PLAN[:2], r"ranges disagree; at .*number 125000; expected route code 0"),
        ([100001, 125050, 300000], [2, 3, 3], [*PLAN, (200000, 200009, 1)], "number 200000"),
        ([100001, 125050, 300000], [2, 3, 3], [(100000, 200000, 1), *PLAN[1:]], "number 200000"),
    ],
)
def test_an_index_that_disagrees_with_the_table(store, numbers, codes, plan, complaint):
    """Ranges the table knows nothing of are only seen where they touch one it knows."""
    snapshot = store.current()
    build(np.array(numbers, dtype=np.uint64), np.array(codes, dtype=np.uint16), plan, snapshot.image)
    seal_again(snapshot)
    with pytest.raises(DamagedSnapshotError, match=complaint):
        list(verify(store.path))


def test_a_route_code_without_a_route(store):
    rewrite(store.current(), "numbers.arrow", lambda columns: columns | {"route": [2, 9, 3]})
    with pytest.raises(DamagedSnapshotError, match=r"known route; at .*numbers\.arrow, row 2"):
        list(verify(store.path))


def test_numbers_out_of_order(store):
    rewrite(store.current(), "numbers.arrow", lambda columns: columns | {"number": [100001, 300000, 125050]})
    with pytest.raises(DamagedSnapshotError, match=r"greater than the one before; at .*, row 3"):
        list(verify(store.path))


def test_a_number_twice(store):
    rewrite(store.current(), "numbers.arrow", lambda columns: columns | {"number": [100001, 125050, 125050]})
    with pytest.raises(DamagedSnapshotError, match=r"greater than the one before; at .*numbers\.arrow, row 3"):
        list(verify(store.path))


@pytest.mark.parametrize(
    ("numbers", "row"), [([1, 2, 3, 3, 5, 6], 4), ([1, 2, 3, 4, 4, 6], 5), ([2, 1, 3, 4, 5, 6], 2)]
)
def test_rows_are_counted_through_all_batches_of_a_file(store, numbers, row):
    """Of two rows each, where one begins with the last of the one before, or breaks within."""
    snapshot = store.current()
    path = snapshot.path / "numbers.arrow"
    table = pa.ipc.open_file(path.read_bytes()).read_all()
    columns = {name: values[:1] * len(numbers) for name, values in table.to_pydict().items()}
    made = pa.table(columns | {"number": numbers}, schema=table.schema)
    with pa.ipc.new_file(path, table.schema) as writer:
        writer.write_table(made, max_chunksize=2)
    unique = sorted(set(numbers))
    codes = np.full(len(unique), columns["route"][0], dtype=np.uint16)
    build(np.array(unique, dtype=np.uint64), codes, PLAN, snapshot.image)
    seal_again(snapshot, numbers=len(numbers))
    assert complaint(store)[:2] == (
        "wrong number greater than the one before",
        f"snapshots/{snapshot.path.name}/numbers.arrow, row {row}",
    )


def test_a_count_that_is_wrong(store):
    seal_again(store.current(), numbers=4)
    with pytest.raises(DamagedSnapshotError, match="count of numbers"):
        list(verify(store.path))


TOMORROW = datetime.now(UTC) + timedelta(days=1)


@pytest.fixture
def lived(store):
    """A store with a folded snapshot that has three changes to come, and two deltas after it."""
    with store.writer() as writer:
        writer.port("300001", "B")
        writer.port("300002", "C", effective=TOMORROW)
        writer.port("300003", "C", effective=TOMORROW)
    with store.writer() as writer:
        writer.port("300001", "C", effective=TOMORROW)
    fold(store.path, lambda count, share: None)
    for carrier in "BC":
        with store.writer() as writer:
            writer.port("125050", carrier)
    return store


def complaint(store):
    """What the first fault of a store is said to be: (what, where without the store's path, expected, got)."""
    with pytest.raises(PortdipError) as caught:
        list(verify(store.path))
    error = caught.value
    return error.what, str(error.where).replace(f"{store.path}/", ""), error.expected, error.got


def test_what_is_checked_is_told_in_order(lived):
    snapshot = lived.current()
    seals = [(name, f"{seal.bytes:,} bytes in 1 blocks") for name, seal in snapshot.manifest.files.items()]
    began = time.monotonic()
    found = list(verify(lived.path))
    assert [(checked.what, checked.extent) for checked in found] == [
        ("manifest", "dataset test, sequence 4"),
        *seals,
        ("index image", "its own checksums"),
        ("routes", "3 routes, 3 carriers"),
        ("changes to come", "3 changes"),
        ("index against numbers", "4 numbers"),
        ("index against ranges", "12 boundaries of 3 ranges"),
        ("chain", "6 deltas"),
        ("history", f"{len(lived.past.stretches())} stretches"),
        ("answers against the table", "4 numbers and 12 boundaries at sequence 6"),
    ]
    assert 0 <= sum(checked.seconds for checked in found) <= time.monotonic() - began


PENDING_CHANGES = [
    ({"number": [300002, None, 300001]}, "a change to come makes no sense", 2, "", "port needs `number`"),
    ({"last": [None, None, 300009]}, "a change to come makes no sense", 3, "", "port of a range, which in a delta"),
    ({"effective": [TOMORROW, None, TOMORROW]}, "wrong change of one number with a date", 2, "True", "False"),
    ({"sequence": [2, 2, 2], "row": [1, 1, 2]}, "wrong order of the chain", 2, "True", "False"),
    ({"sequence": [2, 2, 1]}, "wrong order of the chain", 3, "True", "False"),
    ({"sequence": [2, 3, 5]}, "wrong sequence so far", 3, "True", "False"),
]


@pytest.mark.parametrize(("columns", "what", "row", "expected", "got"), PENDING_CHANGES)
def test_changes_to_come_that_make_no_sense(lived, columns, what, row, expected, got):
    snapshot = lived.current()
    rewrite(snapshot, "pending.arrow", lambda before: before | columns)
    told = complaint(lived)
    assert told[:3] == (what, f"snapshots/{snapshot.path.name}/pending.arrow, row {row}", expected)
    assert told[3].startswith(got)


@pytest.mark.parametrize("name", ["numbers", "ranges", "routes", "carriers", "pending"])
def test_every_count_is_the_manifests(lived, name):
    snapshot = lived.current()
    count = snapshot.manifest.counts[name]
    seal_again(snapshot, **{name: count + 1})
    where = f"snapshots/{snapshot.path.name}, row 1"
    assert complaint(lived) == (f"wrong count of {name}", where, str(count + 1), str(count))


def test_a_range_of_a_route_that_is_not_there(lived):
    rewrite(lived.current(), "ranges.arrow", lambda columns: columns | {"route": [1, 9, 0]})
    where = f"snapshots/{lived.current().path.name}/ranges.arrow, row 2"
    assert complaint(lived) == ("wrong known route", where, "True", "False")


def test_a_snapshot_signed_by_whom_nobody_trusts(lived):
    with lived.writer() as writer:
        writer.new_key()
        writer.port("300002", "B")
    fold(lived.path, lambda count, share: None)
    assert list(verify(lived.path))
    snapshot = lived.current()
    made = dataclasses.replace(snapshot.manifest, signer="0" * 16)
    (snapshot.path / schema.MANIFEST_FILE).write_bytes(made.render())
    with pytest.raises(UntrustedSnapshotError, match=snapshot.path.name):
        list(verify(lived.path))


def test_a_delta_is_gone(lived):
    last = lived.chain.head.sequence
    lived.chain.file(last - 1).unlink()
    what, where, expected, _ = complaint(lived)
    assert (what, where, expected) == ("a delta of the chain is missing", "deltas", f"{last - 1:020}.delta")


def test_a_delta_signed_by_whom_nobody_trusts(lived):
    with lived.writer() as writer:
        writer.new_key()
        writer.port("300002", "B")
    with lived.writer() as writer:
        writer.port("300003", "B")
    last = lived.chain.head.sequence
    path = lived.chain.file(last)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    what, where, _, got = complaint(lived)
    assert (what, where) == ("the signature is wrong", f"deltas/{path.name}")
    assert got.startswith("key ")


def test_a_store_whose_chain_is_at_its_beginning(tmp_path):
    assert list(verify(init_store(tmp_path / "new", "test").path))


def test_a_snapshot_of_another_chain(lived):
    snapshot = lived.current()
    made = dataclasses.replace(snapshot.manifest, chain="ab" * 32)
    (snapshot.path / schema.MANIFEST_FILE).write_bytes(made.render())
    assert complaint(lived)[0] == "the live snapshot is of another chain"
    assert complaint(lived)[3] == f"digest {'ab' * 32}"
