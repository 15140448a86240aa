"""A store and its chain: what a fold takes, what holds it back, what is removed, and what a start repairs."""

import contextlib
import itertools
import shutil
from datetime import UTC, datetime, timedelta

import pytest

from portdip import files
from portdip.errors import DamagedSnapshotError, RoutesFullError, StoreError, StoreLockedError
from portdip.exchange.chain import Chain
from portdip.exchange.intake import Kind
from portdip.table import catalogue
from portdip.table.store import Store

TOMORROW = datetime.now(UTC) + timedelta(days=1)


@pytest.fixture
def publish(store):
    """Publishes a port of each number to a carrier, as one delta."""

    def publish(carrier, *numbers, **particulars):
        with store.writer() as writer:
            for number in numbers:
                writer.port(number, carrier, **particulars)
        return writer.published

    return publish


@pytest.fixture
def fold(store, write_image):
    def fold(moment=None):
        with store.fold(moment) as draft:
            if draft:
                write_image(draft)
        return draft and draft.sequence

    return fold


def carriers(store):
    """Carrier id by ported number of the live snapshot."""
    snapshot = store.current()
    return {row["number"]: snapshot.routes[row["route"]].carrier.id for row in snapshot.numbers.to_pylist()}


class TestFold:
    def test_the_chain_becomes_a_snapshot(self, store, publish, fold):
        publish("A", 861)
        publish("B", 862)
        assert fold() == 2
        assert carriers(store) == {861: "A", 862: "B"}
        assert store.current().manifest.head == store.chain.head
        assert store.chain.head.sequence == 2, "a fold is no state of the chain"
        store.current().verify()

    def test_nothing_to_fold(self, store, publish, fold):
        assert fold() is None
        publish("A", 861)
        fold()
        before = store.snapshots()
        assert fold() is None
        assert store.snapshots() == before

    def test_the_chain_goes_on_meanwhile(self, store, publish, write_image):
        publish("A", 861)
        with store.fold() as draft:
            write_image(draft)
            publish("B", 862)
        assert carriers(store) == {861: "A"}
        assert store.chain.head.sequence == 2

    def test_one_at_a_time(self, store, publish, write_image):
        publish("A", 861)
        with store.fold() as draft:
            with pytest.raises(StoreLockedError, match="held by"), store.fold():
                pass
            with pytest.raises(StoreLockedError, match="held by"), store.draft(None):
                pass
            write_image(draft)

    def test_one_that_fails_leaves_the_store_as_it_was(self, store, publish):
        publish("A", 861)
        before = sorted(store.path.rglob("*"))

        def fail():
            with store.fold():
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            fail()
        assert {path.name for path in store.path.rglob("*")} - {path.name for path in before} <= {"snapshots.lock"}

    def test_it_goes_as_far_as_a_change_of_many_numbers_to_come(self, store, publish, fold):
        publish("A", 861)
        with store.writer() as writer:
            writer.mass_change("A", "B", effective=TOMORROW)
        publish("A", 862)
        assert fold() == 1
        assert fold() is None
        with pytest.raises(StoreError, match=r"of many numbers.*sequence 2.*Import when"), store.draft(None):
            pass
        assert fold(TOMORROW) == 3
        assert carriers(store) == {861: "B", 862: "A"}

    def test_a_key_that_ends_some_day_stops_nothing(self, store, publish, fold, bring):
        with store.writer() as writer:
            writer.new_key(expires=TOMORROW)
        assert fold() == 1
        bring()
        assert store.current().manifest.keys[0]["expires"] == TOMORROW.isoformat()

    def test_what_was_folded_is_in_the_history_once(self, store, publish, fold, bring, ported):
        publish("A", 861)
        publish("B", 861)
        fold()
        publish("C", 861)
        bring(ported((862, "A")))
        assert [path.name.lstrip("0").replace("-" + "0" * 19, "-") for path in store.past.stretches()] == ["1-2", "3-4"]
        assert [event["sequence"] for event in store.past.of(861, 4).to_pylist() if event["number"]] == [1, 2, 2, 3]

    def test_what_an_imported_snapshot_passed_over_is_remembered_too(self, store, publish, fold, bring, ported):
        """As on a node that gets the snapshot from its source: it has folded nothing itself."""
        publish("A", 861)
        bring(ported((862, "A")))
        for stretch in store.past.stretches():
            shutil.rmtree(stretch)
        publish("B", 863)
        fold()
        assert [event["sequence"] for event in store.past.of(861, 3).to_pylist() if event["number"]] == [1]


class TestHold:
    @pytest.fixture
    def folded(self, store, publish, fold):
        """Snapshots 0, 1 and 3; the chain goes to 4."""
        publish("A", 861)
        fold()
        publish("B", 862)
        publish("C", 863)
        fold()
        publish("D", 864)
        return store

    @pytest.mark.parametrize(("sequence", "snapshot"), [(0, 0), (1, 1), (2, 1), (3, 3), (4, 3)])
    def test_the_snapshot_before_is_live_and_the_chain_ends_there(self, folded, sequence, snapshot):
        folded.hold(sequence)
        assert (folded.held, folded.current().manifest.sequence) == (sequence, snapshot)
        folded.resume()
        assert (folded.held, folded.current().manifest.sequence) == (None, 3)

    def test_from_one_sequence_to_another(self, folded):
        for sequence, snapshot in ((4, 3), (1, 1), (3, 3), (2, 1)):
            folded.hold(sequence)
            assert (folded.held, folded.current().manifest.sequence) == (sequence, snapshot)

    @pytest.mark.parametrize("sequence", [5, 10**6])
    def test_nobody_has_been_beyond_the_chain(self, folded, sequence):
        with pytest.raises(StoreError, match=r"up to 4 that follows one of \[0, 1, 3\]"):
            folded.hold(sequence)
        assert folded.held is None

    def test_no_snapshot_that_is_kept_leads_there(self, folded):
        folded.remove_snapshots(0)
        with pytest.raises(StoreError, match="no snapshot"):
            folded.hold(2)
        assert folded.held is None

    def test_an_imported_table_is_reached_from_its_own_snapshot_only(self, folded, bring, ported):
        bring(ported((865, "E")))
        folded.hold(1)
        folded.resume()
        shutil.rmtree(folded.snapshot_path(5))
        folded.make_current(3)
        with pytest.raises(StoreError, match="no snapshot"):
            folded.hold(5)

    def test_to_resume_what_is_not_held_changes_nothing(self, folded):
        folded.resume()
        assert (folded.held, folded.current().manifest.sequence) == (None, 3)

    def test_changes_come_in_and_are_folded_meanwhile_but_not_live(self, folded, publish, fold, bring, ported):
        folded.hold(1)
        publish("E", 865)
        assert fold() == 5
        bring(ported((866, "F")))
        assert (folded.held, folded.current().manifest.sequence) == (1, 1)
        assert folded.newest().manifest.sequence == 6
        folded.resume()
        assert carriers(folded) == {861: "A", 862: "B", 863: "C", 864: "D", 865: "E", 866: "F"}

    def test_the_live_snapshot_is_never_removed(self, folded, publish, fold):
        folded.hold(1)
        for number in range(870, 875):
            publish("E", number)
            fold()
        assert folded.snapshots()[0] == 1
        assert len(folded.snapshots()) == 3

    @pytest.mark.parametrize("at", ["make_current", "write"])
    def test_current_never_leads_beyond_held_whatever_cuts_it_off(self, folded, monkeypatch, at):
        calls = itertools.count()
        owner = Store if at == "make_current" else files
        real = getattr(owner, at)

        def cut_off(*arguments):
            if next(calls) == self.step:
                raise KeyboardInterrupt
            return real(*arguments)

        for start, target in itertools.product((None, 1, 2, 4), (0, 1, 3, 4)):
            for self.step in range(3):
                folded.resume() if start is None else folded.hold(start)
                calls = itertools.count()
                with monkeypatch.context() as patch, contextlib.suppress(KeyboardInterrupt):
                    patch.setattr(owner, at, cut_off)
                    folded.hold(target)
                assert folded.held in (start, target)
                assert folded.held is None or folded.current().manifest.sequence <= folded.held

    def test_a_damaged_held_is_an_error(self, folded):
        (folded.path / "HELD").write_text("soon")
        with pytest.raises(DamagedSnapshotError, match="HELD"):
            _ = folded.held


class TestRemoval:
    def test_the_newest_are_kept(self, store, bring):
        for _ in range(4):
            bring()
        assert store.snapshots() == [2, 3, 4]
        assert store.remove_snapshots(1) == [2]
        assert store.remove_snapshots(0) == [3]
        assert store.remove_snapshots(0) == []
        assert store.snapshots() == [4]


class TestRepair:
    """An import that was cut off."""

    def cut_off(self, store, bring, batch, monkeypatch, owner, name):
        """Cut an import off when it calls this."""

        def cut_off(*_):
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(owner, name, cut_off)
            with pytest.raises(KeyboardInterrupt):
                bring(batch)

    def test_before_its_delta_was_in_the_chain_it_never_was(self, store, bring, ported, publish, fold, monkeypatch):
        """Its snapshot is there, and another delta gets its sequence."""
        publish("A", 861)
        self.cut_off(store, bring, ported((862, "B")), monkeypatch, Chain, "append")
        assert store.snapshots() == [0, 2]
        publish("C", 863)
        publish("C", 864)
        assert store.current().manifest.sequence == 0
        with store.writer(), contextlib.suppress(StoreError):
            pass
        assert store.current().manifest.sequence == 0
        store.hold(2)
        assert store.current().manifest.sequence == 0
        store.resume()
        assert store.current().manifest.sequence == 0
        assert fold() == 3
        assert carriers(store) == {861: "A", 863: "C", 864: "C"}
        assert [event["operation"] for event in store.past.of(862, 9).to_pylist()] == []

    def test_it_is_done_again(self, store, bring, ported, monkeypatch):
        self.cut_off(store, bring, ported((862, "B")), monkeypatch, Chain, "append")
        bring(ported((863, "C")))
        assert carriers(store) == {863: "C"}
        assert store.chain.head.sequence == 1

    @pytest.mark.parametrize("go_on", ["writer", "intake", "fold", "draft"])
    def test_once_its_delta_is_in_the_chain_it_is_live(self, store, bring, ported, monkeypatch, go_on):
        self.cut_off(store, bring, ported((862, "B")), monkeypatch, Store, "make_current")
        assert store.current().manifest.sequence == 0
        getattr(store, go_on)(*[None] * (go_on == "draft"))
        assert store.current().manifest.sequence == 1
        assert carriers(store) == {862: "B"}

    def test_a_store_that_is_held_stays_so(self, store, bring, ported, monkeypatch):
        self.cut_off(store, bring, ported((862, "B")), monkeypatch, Store, "make_current")
        store.hold(0)
        store.writer()
        assert store.current().manifest.sequence == 0
        store.resume()
        assert store.current().manifest.sequence == 1


class TestRoom:
    def test_a_writer_is_told_before_it_publishes_what_nobody_could_read(self, store, publish, fold, monkeypatch):
        publish("A", 861)
        fold()
        publish("B", 862)
        monkeypatch.setattr(catalogue, "ROUTES_MAX", 3)
        assert publish("C", 863) == [3]
        publish("A", 864)
        with pytest.raises(RoutesFullError):
            publish("D", 865)
        assert publish("B", 866) == [5]
        assert store.chain.head.sequence == 5

    def test_a_writer_for_each_delta_does_not_read_the_chain_anew(self, store, publish, monkeypatch):
        read, reading = [], Chain.read
        monkeypatch.setattr(Chain, "read", lambda self, sequence: read.append(sequence) or reading(self, sequence))
        for offset in range(8):
            publish(f"C{offset}", 861 + offset)
        assert read.count(1) == read.count(6)

    def test_an_intake_refuses_it(self, store, publish, tmp_path, write_image, monkeypatch):
        other = Store.init(tmp_path / "other", "test", write_image)
        monkeypatch.setattr(catalogue, "ROUTES_MAX", 1)
        intake = other.intake()
        publish("A", 861)
        monkeypatch.setattr(catalogue, "ROUTES_MAX", 2)
        publish("B", 862)
        monkeypatch.setattr(catalogue, "ROUTES_MAX", 1)
        contents = [store.chain.file(sequence).read_bytes() for sequence in (1, 2)]
        assert [intake.offer(content, "there").kind for content in contents] == [Kind.APPLIED, Kind.REFUSED]
        monkeypatch.setattr(catalogue, "ROUTES_MAX", 2)
        assert other.intake().offer(contents[1], "there").kind is Kind.APPLIED

    def test_more_than_this_may_be_asked_of_an_intake(self, store, publish, tmp_path, write_image):
        def refuse(delta):
            raise StoreError(f"not {delta.sequence}")

        publish("A", 861)
        other = Store.init(tmp_path / "other", "test", write_image)
        outcome = other.intake(refuse).offer(store.chain.file(1).read_bytes(), "there")
        assert (outcome.kind, outcome.reason) == (Kind.REFUSED, "not 1")
