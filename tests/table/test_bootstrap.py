"""A node that begins: from which snapshot, on whose word, and what it does not believe."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pyarrow import fs

from portdip.errors import ForeignDeltaError, SnapshotAwaitedError, StoreError
from portdip.exchange.chain import file_name
from portdip.exchange.intake import Kind
from portdip.exchange.keys import SigningKey, Trust, TrustedKey
from portdip.exchange.location import LocalLocation, Location, RemoteLocation
from portdip.lookup.load import write_image
from portdip.table import bootstrap
from portdip.table.backup import Backup
from portdip.table.backup_check import content_digest
from portdip.table.bootstrap import Founded, Supplier, check_source
from portdip.table.manifest import Manifest
from portdip.table.store import Store
from tests.table.grown import Gardener, Grown, grown

__all__ = ["grown"]

UNSIGNED = Trust()


def trusting(*keys: SigningKey | TrustedKey) -> Trust:
    trust = Trust()
    for key in keys:
        trust = trust.with_key(TrustedKey(key.public))
    return trust


def found(path: Path, source: Path | Location, anchors: Trust = UNSIGNED) -> Founded | None:
    location = LocalLocation(source) if isinstance(source, Path) else source
    return bootstrap.found(path, location, anchors, write_image)


def began(path: Path, source: Path | Location, anchors: Trust = UNSIGNED) -> Store:
    founded = found(path, source, anchors)
    assert founded
    return founded.store


@pytest.fixture
def source(grown, tmp_path) -> Grown:
    """A copy of the store, to be changed."""
    return grown.copy(tmp_path / "source")


@pytest.fixture
def anchors(grown) -> Trust:
    """The key that signs at the end, known to be good."""
    return trusting(list(grown.trusts[13].keys.values())[-1])


def change_manifest(store: Path, sequence: int, change: Callable[[Manifest], Manifest]) -> None:
    path = store / "snapshots" / f"{sequence:020d}" / "manifest.json"
    path.write_bytes(change(Manifest.read(path)).render())


def test_a_node_begins_with_the_newest_snapshot(source, anchors, tmp_path):
    founded = found(tmp_path / "node", source.path, anchors)
    assert founded
    assert (founded.sequence, founded.unproven) == (11, [])
    store = founded.store
    assert store.chain.head == store.current().manifest.head == store.chain.base
    assert content_digest(store) == source.contents[11]
    assert store.trust.read() == source.trusts[11]
    for name in (*store.current().manifest.files, "manifest.json"):
        ours, theirs = store.current().path / name, source.store.snapshot_path(11) / name
        assert ours.read_bytes() == theirs.read_bytes()
    outcome = store.intake().offer(source.store.chain.file(12).read_bytes(), "source")
    assert outcome.kind is Kind.APPLIED


def test_without_a_key_to_go_by_it_trusts_those_of_the_snapshot_and_says_so(source, tmp_path):
    founded = found(tmp_path / "node", source.path)
    assert founded
    assert founded.unproven == list(source.trusts[11].keys)


def test_a_backup_and_an_object_store_are_sources(source, anchors, tmp_path):
    place = RemoteLocation(fs._MockFileSystem(datetime.now(UTC)), "bucket/prefix", "mock://bucket/prefix")
    backup = Backup(source.store, place, timedelta(0), False)
    assert [*backup.copy_deltas(), *backup.copy_others()]
    assert content_digest(began(tmp_path / "node", place, anchors)) == source.contents[11]


def test_where_nothing_is_there_yet_there_is_no_node_yet(tmp_path):
    (tmp_path / "empty").mkdir()
    for place in (tmp_path / "nowhere", tmp_path / "empty"):
        assert found(tmp_path / "node", place) is None
    assert not (tmp_path / "node").exists()


def test_a_chain_from_its_beginning_needs_no_snapshot(source, tmp_path):
    shutil.rmtree(source.path / "snapshots")
    store = began(tmp_path / "node", source.path)
    assert (store.dataset, store.chain.head.sequence, store.current().manifest.sequence) == ("test", 0, 0)
    assert store.intake().offer(source.store.chain.file(1).read_bytes(), "source").kind is Kind.APPLIED


def test_nor_does_a_directory_with_nothing_but_deltas(source, tmp_path):
    (tmp_path / "drop").mkdir()
    for sequence in (1, 2):
        shutil.copy(source.store.chain.file(sequence), tmp_path / "drop")
    assert began(tmp_path / "node", tmp_path / "drop").dataset == "test"


def test_a_chain_without_its_beginning_does(source, tmp_path):
    shutil.rmtree(source.path / "snapshots")
    (source.path / "deltas" / "BASE").write_bytes(source.store.chain.head.render())
    with pytest.raises(StoreError, match="no snapshot there can begin a store"):
        found(tmp_path / "node", source.path)


def test_nothing_is_founded_over_something(source, tmp_path):
    (tmp_path / "node").mkdir()
    (tmp_path / "node" / "mine").touch()
    with pytest.raises(StoreError, match="something at this path"):
        found(tmp_path / "node", source.path)


@pytest.mark.parametrize("name", ["numbers.arrow", "index.image", "routes.arrow", "pending.arrow", "manifest.json"])
def test_a_damaged_snapshot_is_passed_over_for_the_one_before(source, anchors, tmp_path, name):
    path = source.store.snapshot_path(11) / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    store = began(tmp_path / "node", source.path, anchors)
    assert store.chain.head.sequence == 9
    assert content_digest(store) == source.contents[9]
    assert not (tmp_path / "node" / "fetching").exists()


def test_a_file_cut_short_or_gone_too(source, anchors, tmp_path):
    image = source.store.snapshot_path(11) / "index.image"
    image.write_bytes(image.read_bytes()[:4096])
    (source.store.snapshot_path(9) / "numbers.arrow").unlink()
    shutil.rmtree(source.path / "snapshots" / f"{5:020d}")
    (source.path / "deltas" / "BASE").unlink()
    source.store.chain.file(1).unlink()
    with pytest.raises(StoreError, match=r"no snapshot there.*index\.image.*numbers\.arrow"):
        found(tmp_path / "node", source.path, anchors)
    assert not (tmp_path / "node").exists()


def _unsigned(manifest: Manifest) -> Manifest:
    return dataclasses.replace(manifest, signer="", signature="")


def _without_signature(manifest: Manifest) -> Manifest:
    return dataclasses.replace(manifest, signature="")


def _in_another_s_name(manifest: Manifest) -> Manifest:
    return dataclasses.replace(manifest.signed(SigningKey.new()), signer=manifest.signer)


def _by_another_key(manifest: Manifest) -> Manifest:
    mallory = SigningKey.new()
    return dataclasses.replace(manifest, keys=trusting(mallory).as_json()).signed(mallory)


def _of_later(manifest: Manifest) -> Manifest:
    return dataclasses.replace(manifest, chain_created=manifest.chain_created + timedelta(days=1))


def _with_more_keys(manifest: Manifest) -> Manifest:
    return dataclasses.replace(manifest, keys=[*manifest.keys, *trusting(SigningKey.new()).as_json()])


FORGERIES = [_unsigned, _without_signature, _in_another_s_name, _by_another_key, _of_later, _with_more_keys]


@pytest.mark.parametrize("forge", FORGERIES)
def test_a_snapshot_that_the_key_has_not_signed_is_refused(source, anchors, tmp_path, forge):
    for sequence in source.store.snapshots():
        change_manifest(source.path, sequence, forge)
    assert began(tmp_path / "node", source.path, anchors).current().manifest.sequence == 0
    source.store.chain.file(1).unlink()
    with pytest.raises(StoreError, match=r"not signed|unknown key|signature is wrong|contradict"):
        found(tmp_path / "other", source.path, anchors)
    assert not (tmp_path / "other").exists()


def test_one_of_another_key_than_the_one_named_is_refused(source, tmp_path):
    with pytest.raises(StoreError, match=r"signed by an unknown key.*--key"):
        found(tmp_path / "node", source.path, trusting(SigningKey.new()))


def test_a_key_vouches_for_what_came_before_it_was_trusted(source, anchors, tmp_path):
    """Deltas 1 to 3 are not signed, 4 to 7 by an older key; 8 is the first that the key named has signed."""
    shutil.rmtree(source.path / "snapshots")
    (source.path / "snapshots").mkdir()
    for sequence in (2, 5, 11):
        shutil.copytree(Store.open(source.at(sequence)).snapshot_path(sequence), source.store.snapshot_path(sequence))
        if sequence == 11:
            change_manifest(source.path, sequence, _unsigned)
    store = began(tmp_path / "node", source.path, anchors)
    supplier, intake = Supplier(store, LocalLocation(source.path)), store.intake()
    with pytest.raises(SnapshotAwaitedError) as raised:
        intake.drain()
    supplier(raised.value)
    with pytest.raises(SnapshotAwaitedError) as raised:
        intake.drain()
    supplier(raised.value)
    intake.drain()
    assert (store.chain.head.sequence, intake.missing) == (8, [])
    assert content_digest(store) == source.contents[8]


def test_a_beginning_that_the_key_has_not_signed_is_refused(source, anchors, tmp_path):
    shutil.rmtree(source.path / "snapshots")
    (tmp_path / "other").mkdir()
    other = Gardener(tmp_path / "other")
    other.port("X", "D9")
    shutil.copy(other.grown.store.chain.file(1), source.path / "deltas")
    with pytest.raises(StoreError, match="continues another chain"):
        found(tmp_path / "node", source.path, anchors)
    with pytest.raises(StoreError, match=file_name(2)):
        found(tmp_path / "node", other.grown.path, anchors)


def test_one_signed_by_the_old_key_before_it_ended_is_good(source, tmp_path):
    first = next(iter(source.trusts[13].keys.values()))
    store = began(tmp_path / "node", source.path, trusting(first))
    assert store.chain.head.sequence == 5
    for sequence in range(6, 11):
        assert store.intake().offer(source.store.chain.file(sequence).read_bytes(), "source").kind is Kind.APPLIED


def test_a_name_that_leads_elsewhere_is_refused(source, tmp_path):
    def lead_out(manifest: Manifest) -> Manifest:
        return dataclasses.replace(manifest, files={f"../../{name}": seal for name, seal in manifest.files.items()})

    for sequence in source.store.snapshots():
        change_manifest(source.path, sequence, lead_out)
    shutil.rmtree(source.store.snapshot_path(0), ignore_errors=True)
    (source.path / "deltas" / "BASE").write_bytes(source.store.chain.head.render())
    with pytest.raises(StoreError, match="the manifest is of another snapshot"):
        found(tmp_path / "node", source.path)


def test_a_snapshot_that_contradicts_the_chain_beside_it_is_refused(source, tmp_path):
    (tmp_path / "other").mkdir()
    other = Gardener(tmp_path / "other")
    for _ in range(12):
        other.port("X", "D9")
    other.fold()
    shutil.copytree(other.grown.store.snapshot_path(12), source.store.snapshot_path(12))
    assert began(tmp_path / "node", source.path).chain.head.sequence == 11
    change_manifest(source.path, 12, lambda manifest: dataclasses.replace(manifest, dataset="another", sequence=12))
    source.store.chain.file(12).unlink()
    assert began(tmp_path / "again", source.path).chain.head.sequence == 11


def test_keys_that_are_none_are_damage(source, tmp_path):
    for sequence in source.store.snapshots():
        change_manifest(source.path, sequence, lambda manifest: dataclasses.replace(manifest, keys=[{"public": "x"}]))
    (source.path / "deltas" / "BASE").write_bytes(source.store.chain.head.render())
    with pytest.raises(StoreError, match="not a"):
        found(tmp_path / "node", source.path)


class TestCheckSource:
    def test_the_same_history_is_good_whoever_is_ahead(self, grown, tmp_path):
        for ours, theirs in ((4, 13), (13, 4), (13, 13), (0, 13), (13, 0)):
            check_source(Store.open(grown.at(ours)), LocalLocation(grown.at(theirs)))
        check_source(grown.store, LocalLocation(tmp_path / "nowhere"))

    def test_a_node_and_what_it_began_from(self, source, tmp_path):
        node = began(tmp_path / "node", source.path)
        check_source(node, LocalLocation(source.path))
        check_source(source.store, LocalLocation(node.path))

    def test_another_dataset_or_history_is_refused(self, grown, tmp_path):
        (tmp_path / "other").mkdir()
        other = Gardener(tmp_path / "other")
        other.port("X", "D9")
        with pytest.raises(ForeignDeltaError, match="another history"):
            check_source(grown.store, LocalLocation(other.grown.path))
        base = tmp_path / "other" / "store" / "deltas" / "BASE"
        base.write_bytes(json.dumps(json.loads(base.read_bytes()) | {"dataset": "another"}).encode())
        other.grown.store.chain.file(1).unlink()
        with pytest.raises(ForeignDeltaError, match="another history"):
            check_source(grown.store, LocalLocation(other.grown.path))

    def test_what_cannot_be_told_is_left_to_the_intake(self, source, grown):
        path = source.store.chain.file(13)
        path.write_bytes(path.read_bytes()[:-9])
        check_source(grown.store, LocalLocation(source.path))


class TestSupplier:
    """The import of 5, for a node that has 1 to 4; and what else there may be in its place."""

    @pytest.fixture
    def node(self, grown, tmp_path) -> Store:
        return Store.open(shutil.copytree(grown.at(4), tmp_path / "node"))

    def offer(self, node: Store, grown: Grown, sequence: int) -> Kind:
        return node.intake().offer(grown.store.chain.file(sequence).read_bytes(), "source").kind

    def awaited(self, node: Store, grown: Grown, sequence: int = 5) -> SnapshotAwaitedError:
        with pytest.raises(SnapshotAwaitedError, match=f"waits for the snapshot of sequence {sequence}") as raised:
            self.offer(node, grown, sequence)
        return raised.value

    def test_an_import_waits_for_its_snapshot_and_goes_in_with_it(self, node, grown, source):
        live = node.current().manifest.sequence
        awaited = self.awaited(node, grown)
        assert (awaited.sequence, awaited.chain) == (5, grown.store.chain.read(5).digest)
        assert not node.quarantine.exists()
        Supplier(node, LocalLocation(source.path))(awaited)
        assert (node.chain.head.sequence, node.current().manifest.sequence) == (4, live)
        assert self.offer(node, grown, 5) is Kind.APPLIED
        assert (node.chain.head.sequence, node.current().manifest.sequence) == (5, 5)
        assert content_digest(node) == grown.contents[5]

    def test_one_that_is_not_there_yet_is_asked_for_again_but_not_at_once(self, node, grown, source):
        hidden = source.path / "hidden"
        (source.path / "snapshots").rename(hidden)
        now = 0.0
        supplier = Supplier(node, LocalLocation(source.path), lambda: now)
        awaited = self.awaited(node, grown)
        with pytest.raises(SnapshotAwaitedError, match="no such snapshot is there yet"):
            supplier(awaited)
        hidden.rename(source.path / "snapshots")
        with pytest.raises(SnapshotAwaitedError, match="no such snapshot is there yet"):
            supplier(awaited)
        now += 1
        supplier(awaited)
        assert self.offer(node, grown, 5) is Kind.APPLIED

    @pytest.mark.parametrize("forge", [_unsigned, _by_another_key, _of_later])
    def test_one_that_is_not_what_was_announced_is_refused(self, node, grown, source, forge):
        change_manifest(source.path, 5, forge)
        with pytest.raises(SnapshotAwaitedError, match=r"not signed|unknown key|signature is wrong"):
            Supplier(node, LocalLocation(source.path))(self.awaited(node, grown))
        assert node.snapshots() == Store.open(grown.at(4)).snapshots()

    def test_so_is_a_good_one_in_its_place(self, node, grown, source):
        shutil.rmtree(source.store.snapshot_path(5))
        shutil.copytree(grown.store.snapshot_path(9), source.store.snapshot_path(5))
        with pytest.raises(SnapshotAwaitedError, match="of another snapshot"):
            Supplier(node, LocalLocation(source.path))(self.awaited(node, grown))

    def test_one_put_there_by_hand_is_held_against_the_delta(self, node, grown):
        shutil.copytree(grown.store.snapshot_path(9), node.snapshot_path(5))
        self.awaited(node, grown)
        shutil.rmtree(node.snapshot_path(5))
        shutil.copytree(grown.store.snapshot_path(5), node.snapshot_path(5))
        assert self.offer(node, grown, 5) is Kind.APPLIED

    def test_where_it_is_gone_a_later_one_will_do_once_the_chain_leads_there(self, grown, source, tmp_path):
        node = Store.open(shutil.copytree(grown.at(1), tmp_path / "node"))
        awaited = self.awaited(node, grown, 2)
        middle = source.store.chain.file(7)
        middle.rename(source.path / "aside")
        with pytest.raises(SnapshotAwaitedError, match=file_name(7)):
            Supplier(node, LocalLocation(source.path))(awaited)
        (source.path / "aside").rename(middle)
        Supplier(node, LocalLocation(source.path))(awaited)
        assert node.current().manifest.sequence == 0
        assert self.offer(node, grown, 2) is Kind.APPLIED
        assert (node.chain.head.sequence, node.current().manifest.sequence) == (2, 11)
        assert content_digest(node) == grown.contents[11]
        for sequence in range(3, 14):
            assert self.offer(node, grown, sequence) is Kind.APPLIED
        assert content_digest(node) == grown.contents[13]
        assert node.trust.read() == grown.trusts[13]

    def test_a_store_that_is_held_goes_on_from_it_when_it_is_resumed(self, node, grown, source):
        node.hold(3)
        Supplier(node, LocalLocation(source.path))(self.awaited(node, grown))
        assert self.offer(node, grown, 5) is Kind.APPLIED
        assert node.current().manifest.sequence < 4
        node.resume()
        assert node.current().manifest.sequence == 5
        assert content_digest(node) == grown.contents[5]
