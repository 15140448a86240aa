"""A node step by step: founded, kept current through imports and gaps, told of what it waits for, and folded."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from portdip.errors import ForeignDeltaError, KeyFileError, SnapshotAwaitedError
from portdip.exchange.following import Following
from portdip.exchange.keys import SigningKey, Trust, TrustedKey
from portdip.lookup.engine import open_engine
from portdip.lookup.folding import AGAIN_SECONDS, Came, Folding
from portdip.lookup.node import Node, Step, found
from portdip.lookup.status import status
from portdip.settings import Settings
from portdip.table.backup_check import content_digest
from portdip.table.store import Store
from tests.table.grown import Gardener, Grown, grown

__all__ = ["grown"]

NEVER = Settings.model_construct(fold_changes_min=1_000_000_000)


@pytest.fixture
def source(grown, tmp_path) -> Grown:
    return grown.copy(tmp_path / "source")


class Followed:
    """A node that follows, and its clock."""

    def __init__(
        self, store: Path, source: Path | None, settings: Settings = NEVER, anchors: Trust | None = None
    ) -> None:
        self.store = Store.open(store)
        self.node = Node(self.store, None if source is None else str(source), anchors or Trust(), settings)
        self.now = 0.0

    def step(self, later: float = 2.0) -> Step:
        self.now += later
        return self.node.step(self.now)

    def to_the_end(self) -> list[int]:
        came = []
        while (step := self.step()).came:
            came += [one.sequence for one in step.came]
        return came


def test_a_node_is_founded_and_catches_up(source, tmp_path):
    assert found(tmp_path / "node", str(source.path), Trust())
    followed = Followed(tmp_path / "node", source.path)
    step = followed.step()
    assert step.came == [Came(12, 5), Came(13, 1)]
    assert step.progress.caught_up
    assert content_digest(followed.store) == source.contents[13]
    assert Following.read(followed.store.following).caught_up_at


@pytest.mark.parametrize("sequence", range(14))
def test_a_node_that_stood_anywhere_catches_up(grown, tmp_path, sequence):
    """Through imports whose snapshots the source has, and those whose snapshots are gone."""
    path = Path(shutil.copytree(grown.at(sequence), tmp_path / "node"))
    with open_engine(path) as engine:
        followed = Followed(path, grown.path)
        assert followed.to_the_end() == list(range(sequence + 1, 14))
        assert content_digest(followed.store) == grown.contents[13]
        assert followed.store.trust.read() == grown.trusts[13]
        engine.refresh()
        assert engine.sequence == 13


def test_a_snapshot_that_is_not_there_yet_is_waited_for_and_named(source, tmp_path):
    node = Path(shutil.copytree(source.at(4), tmp_path / "node"))
    snapshots = source.path / "snapshots"
    snapshots.rename(source.path / "aside")
    followed = Followed(node, source.path)
    for _ in range(2):
        step = followed.step()
        assert isinstance(step.progress.problem, SnapshotAwaitedError)
        assert (step.came, step.progress.refused, step.progress.caught_up) == ([], [], False)
    found = status(followed.store)
    assert "waits for the snapshot of sequence 5" in found.problem
    assert found.quarantined == []
    (source.path / "aside").rename(snapshots)
    followed.node._fetcher._supply._again_from = 0.0  # a second has passed
    assert followed.to_the_end() == list(range(5, 14))
    assert content_digest(followed.store) == source.contents[13]


def test_an_engine_goes_on_from_what_it_has_while_a_snapshot_is_waited_for(source, tmp_path):
    node = Path(shutil.copytree(source.at(4), tmp_path / "node"))
    shutil.rmtree(source.path / "snapshots")
    (source.path / "snapshots").mkdir()
    followed = Followed(node, source.path)
    with open_engine(node) as engine:
        followed.step()
        assert not engine.refresh()
        assert engine.sequence == 4


def test_a_gap_is_waited_for(source, tmp_path):
    node = Path(shutil.copytree(source.at(11), tmp_path / "node"))
    middle = source.store.chain.file(12)
    middle.rename(source.path / "aside")
    followed = Followed(node, source.path)
    assert followed.step().progress.missing == [(12, 12)]
    (source.path / "aside").rename(middle)
    assert followed.step().came == [Came(12, 5), Came(13, 1)]


def test_what_others_put_into_the_store_is_seen_too(source):
    followed = Followed(source.path, None)
    assert followed.step().came == []
    with source.store.writer() as writer:
        writer.port(8613800000000, "H")
    assert followed.step().came == [Came(14, 1)]


def test_a_publisher_s_own_node_takes_in_what_waits(source, tmp_path):
    node = Path(shutil.copytree(source.at(11), tmp_path / "node"))
    intake = Store.open(node).intake()
    intake.offer(source.store.chain.file(13).read_bytes(), "by hand")
    followed = Followed(node, None)
    assert followed.step().progress.missing == [(12, 12)]
    shutil.copy(source.store.chain.file(12), node / "deltas")
    assert [came.sequence for came in followed.step().came] == [12, 13]


def test_another_history_is_refused_before_anything_is_taken(source, tmp_path):
    (tmp_path / "other").mkdir()
    other = Gardener(tmp_path / "other")
    other.port("X", "D9")
    with pytest.raises(ForeignDeltaError, match="another history"):
        Followed(source.path, other.grown.path)


def test_a_source_set_back_changes_nothing(source, tmp_path):
    node = Path(shutil.copytree(source.path, tmp_path / "node"))
    followed = Followed(node, source.at(4))
    assert followed.to_the_end() == []
    assert content_digest(followed.store) == source.contents[13]


def test_a_key_that_the_store_does_not_trust_is_refused(source, tmp_path):
    stranger = TrustedKey(SigningKey.new().public)
    with pytest.raises(KeyFileError, match="does not trust this key"):
        Followed(source.path, None, anchors=Trust().with_key(stranger))
    Followed(source.path, None, anchors=source.trusts[13])


class TestFolding:
    @pytest.fixture
    def store(self, source) -> Store:
        return source.store

    def folded(self, folding: Folding, now: float = 0.0) -> str:
        """What a process that makes a snapshot comes to."""
        while not (told := folding.step(now)):
            assert folding._child
            folding._child.wait()
        return told

    def test_a_snapshot_is_made_once_enough_has_changed(self, store):
        folding = Folding(store, Settings.model_construct(fold_share=0.2, fold_changes_min=5))
        folding.add([Came(12, 5)])
        assert folding.step(0.0) == ""
        folding.add([Came(13, 1)])
        assert folding.step(1.0) == "begins a snapshot: 6 changes since that of sequence 11"
        assert self.folded(folding) == "made snapshot 13"
        assert store.current().manifest.sequence == 13
        assert folding.step(2.0) == ""

    def test_a_large_table_may_change_more(self, store):
        numbers = store.current().manifest.counts["numbers"]
        folding = Folding(store, Settings.model_construct(fold_share=0.9, fold_changes_min=1))
        folding.add([Came(12, int(0.9 * numbers))])
        assert folding.step(0.0) == ""
        folding.add([Came(13, 2)])
        assert folding.step(0.0).startswith("begins")
        folding.close()
        assert store.current().manifest.sequence in (11, 13)

    def test_what_cannot_be_folded_any_further_is_not_tried_all_the_time(self, store):
        with store.writer() as writer:
            writer.mass_change("F", "X", effective=datetime(2100, 1, 1, tzinfo=UTC))
        folding = Folding(store, Settings.model_construct(fold_share=0.01, fold_changes_min=1))
        folding.add([Came(12, 5), Came(13, 1), Came(14, 1)])
        assert folding.step(0.0).startswith("begins")
        assert self.folded(folding) == "made snapshot 13"
        folding.add([Came(15, 10)])
        assert folding.step(0.0).startswith("begins")
        assert "takes effect later" in self.folded(folding)
        assert folding.step(AGAIN_SECONDS - 1) == ""
        assert folding.step(AGAIN_SECONDS).startswith("begins")
        folding.close()

    def test_a_process_that_fails_is_told_of(self, store):
        (store.snapshot_path(11) / "numbers.arrow").unlink()
        folding = Folding(store, Settings.model_construct(fold_share=0.01, fold_changes_min=1))
        folding.add([Came(12, 5)])
        folding.step(0.0)
        assert "could not make a snapshot" in self.folded(folding)
        assert folding.step(1.0) == ""

    def test_a_store_that_is_held_is_left_alone(self, store):
        store.hold(12)
        folding = Folding(store, Settings.model_construct(fold_share=0.01, fold_changes_min=1))
        folding.add([Came(12, 5), Came(13, 100)])
        assert folding.step(0.0) == ""

    def test_a_node_counts_what_has_come_since_the_snapshot(self, source):
        followed = Followed(source.path, None, Settings.model_construct(fold_share=0.01, fold_changes_min=5))
        assert followed.step().folding == "begins a snapshot: 6 changes since that of sequence 11"
        followed.node.close()
