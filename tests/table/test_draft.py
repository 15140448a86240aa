"""What an import does to numbers and ranges that are there."""

from datetime import UTC, datetime, timedelta

import pytest

from portdip.exchange.changes import Operation
from portdip.table import past

JANUARY, FEBRUARY = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)
#: What the clock of this machine has not reached.
LATER = datetime.now(UTC) + timedelta(days=1)


def numbers_of(snapshot):
    routes = snapshot.routes
    return {row["number"]: routes[row["route"]].carrier.id for row in snapshot.numbers.to_pylist()}


def ranges_of(snapshot):
    routes = snapshot.routes
    return [
        (row["first"], row["last"], routes[row["route"]].carrier.id if row["route"] else None)
        for row in snapshot.ranges.to_pylist()
    ]


def test_a_number_imported_again_replaces_the_older_row(store, bring, ported):
    bring(ported((861, "A"), (862, "A")))
    draft = bring(ported((862, "B"), (863, "B")))
    assert numbers_of(store.current()) == {861: "A", 862: "B", 863: "B"}
    assert (draft.taken, draft.rows_replaced) == (2, 1)
    assert [row["version"] for row in store.current().numbers.to_pylist()] == [1, 2, 2]


def test_a_number_twice_in_one_import_stays_as_it_came_first(store, bring, ported):
    heard = []
    draft = bring(ported((862, "A"), (861, "A")), ported((862, "B")), on_repeat=lambda *r: heard.append(r))
    assert numbers_of(store.current()) == {861: "A", 862: "A"}
    assert [number for number, _, _ in heard] == [862]
    assert draft.taken == 2


def test_a_range_imported_again_replaces_that_of_the_same_interval(store, bring, held):
    bring(held((100, 199, "A"), (120, 129, "B")))
    draft = bring(held((100, 199, "C"), (100, 199, "C"), (130, 139, None)))
    assert ranges_of(store.current()) == [(100, 199, "C"), (120, 129, "B"), (130, 139, None)]
    assert (draft.taken, draft.rows_replaced) == (3, 1)


def test_the_ranges_of_a_draft_are_for_the_index_to_judge(store, held):
    """Two codes for one interval both stay, so that the index can refuse them."""

    class IndexRefusesError(Exception):
        pass

    def bring():
        with store.draft(None) as draft:
            draft.add(held((100, 199, "A"), (100, 199, "B"), (100, 199, "A")))
            assert draft.ranges.tolist() == [[100, 199, 1], [100, 199, 2]]
            raise IndexRefusesError

    with pytest.raises(IndexRefusesError):
        bring()
    assert store.current().manifest.sequence == 0


def test_an_import_of_nothing_makes_a_snapshot_with_the_same_content(store, bring, ported, held):
    bring(ported((861, "A")), held((100, 199, "A")))
    bring()
    assert store.current().manifest.sequence == 2
    assert numbers_of(store.current()) == {861: "A"}
    assert ranges_of(store.current()) == [(100, 199, "A")]


def test_codes_mean_the_same_in_every_snapshot(store, bring, ported):
    bring(ported((861, "A", "1"), (862, "B", "2")))
    before = store.current().routes
    bring(ported((863, "C", "3"), (861, "B", "2")))
    assert store.current().routes.items() >= before.items()


class TestFolding:
    """What the chain has brought becomes part of the table."""

    @pytest.fixture
    def publish(self, store):
        """Publishes what is done with a writer as one delta."""

        def publish(change):
            with store.writer() as writer:
                change(writer)

        return publish

    @pytest.fixture
    def fold(self, store, write_image):
        def fold(moment=JANUARY):
            with store.fold(moment) as draft:
                if draft:
                    write_image(draft)
            return store.current()

        return fold

    def test_numbers_of_the_chain_go_over_those_of_the_table(self, bring, ported, publish, fold):
        bring(ported((861, "A"), (862, "A"), (863, "A")))
        publish(lambda writer: writer.port(862, "B"))
        publish(lambda writer: writer.release(863))
        publish(lambda writer: (writer.port(862, "C", donor="B"), writer.port(864, "A", effective=JANUARY)))
        snapshot = fold()
        assert numbers_of(snapshot) == {861: "A", 862: "C", 864: "A"}
        assert [row["version"] for row in snapshot.numbers.to_pylist()] == [1, 4, 4]
        record = snapshot.record(862)
        assert (record.donor.id, record.effective, snapshot.record(864).effective) == ("B", None, JANUARY)
        assert (snapshot.manifest.sequence, snapshot.manifest.as_of) == (4, JANUARY)

    def test_what_takes_effect_later_is_kept_with_its_place(self, publish, fold):
        publish(lambda writer: writer.port(861, "A", effective=FEBRUARY, order="ORD-1"))
        publish(lambda writer: (writer.port(862, "A"), writer.release(863, effective=FEBRUARY)))
        snapshot = fold()
        assert numbers_of(snapshot) == {862: "A"}
        pending = snapshot.pending.to_pylist()
        assert [(row["number"], row["sequence"], row["row"], row["order"]) for row in pending] == [
            (861, 1, 0, "ORD-1"),
            (863, 2, 1, None),
        ]
        assert snapshot.manifest.counts["pending"] == 2
        publish(lambda writer: writer.port(864, "A"))
        snapshot = fold(FEBRUARY)
        assert numbers_of(snapshot) == {861: "A", 862: "A", 864: "A"}
        assert snapshot.record(861).version == 1
        assert len(snapshot.pending) == 0

    def test_a_change_to_come_that_a_later_one_outdoes_is_not_kept(self, publish, fold):
        publish(lambda writer: (writer.port(861, "A", effective=FEBRUARY), writer.port(862, "A", effective=FEBRUARY)))
        publish(lambda writer: (writer.release(861), writer.release(860, last=865)))
        assert len(fold().pending) == 0

    def test_a_mass_change_moves_what_was_accepted_for_later_too(self, publish, fold):
        def accept(writer):
            writer.port(861, "A", "1", effective=FEBRUARY)
            writer.port(862, "B", effective=FEBRUARY)

        publish(accept)
        publish(lambda writer: writer.mass_change("A", "C", "D7"))
        publish(lambda writer: writer.port(863, "A", effective=FEBRUARY))
        rows = [(row["number"], row["carrier"], row["routing_number"]) for row in fold().pending.to_pylist()]
        assert rows == [(861, "C", "D7"), (862, "B", ""), (863, "A", "")]
        publish(lambda writer: writer.port(864, "A"))
        assert numbers_of(fold(FEBRUARY)) == {861: "C", 862: "B", 863: "A", 864: "A"}

    def test_an_import_does_not_undo_what_was_accepted_for_later(self, store, bring, ported, publish, fold):
        publish(lambda writer: writer.port(861, "B", effective=LATER))
        bring(ported((861, "A"), (862, "A")))
        assert numbers_of(store.current()) == {861: "A", 862: "A"}
        publish(lambda writer: writer.port(863, "A"))
        assert numbers_of(fold(LATER))[861] == "B"

    def test_assigned_ranges_leave_the_nesting_to_imports(self, store, bring, held, publish, fold):
        """A plan imported again takes what is around an assigned range, and leaves that there."""
        bring(held((100, 199, "A"), (150, 159, "B")))
        publish(lambda writer: (writer.assign(120, 129, "C"), writer.withdraw(155, 164)))
        assert ranges_of(fold()) == [(100, 199, "A"), (120, 129, "C"), (150, 154, "B"), (155, 164, None)]
        bring(held((100, 199, "D")))
        assert ranges_of(store.current()) == [(100, 199, "D"), (120, 129, "C"), (150, 154, "B"), (155, 164, None)]

    def test_a_fold_without_ranges_leaves_them_as_they_are(self, bring, held, publish, fold):
        bring(held((100, 199, "A"), (110, 119, None), (112, 113, "B")))
        publish(lambda writer: writer.port(150, "C"))
        assert ranges_of(fold()) == [(100, 199, "A"), (110, 119, None), (112, 113, "B")]

    def test_a_mass_change_moves_numbers_and_ranges(self, bring, ported, held, publish, fold):
        bring(ported((151, "A"), (152, "B")), held((100, 199, "A")))
        publish(lambda writer: writer.mass_change("A", "C", first=150, last=159))
        snapshot = fold()
        assert numbers_of(snapshot) == {151: "C", 152: "B"}
        assert ranges_of(snapshot) == [(100, 199, "A"), (150, 159, "C")]
        assert [row["version"] for row in snapshot.numbers.to_pylist()] == [2, 1]

    def test_what_gives_way_becomes_history(self, store, bring, ported, held, publish, fold):
        bring(ported((151, "A"), (152, "A")), held((100, 199, "A")))
        publish(lambda writer: (writer.port(151, "B"), writer.assign(150, 159, "C")))
        fold()
        bring(ported((152, "B")), held((150, 159, "D")))

        def told(number):
            events = store.past.of(number, 3).to_pylist()
            return [(event["operation"], event["sequence"], event["row"], event["carrier"]) for event in events]

        assert told(151) == [
            (Operation.SNAPSHOT, 1, 0, None),
            (Operation.ASSIGN, 1, past.IMPORTED, "A"),
            (Operation.ASSIGN, 1, past.BEFORE, "A"),
            (Operation.ASSIGN, 2, 1, "C"),
            (Operation.PORT, 1, past.BEFORE, "A"),
            (Operation.PORT, 2, 0, "B"),
            (Operation.ASSIGN, 2, past.BEFORE, "C"),
            (Operation.SNAPSHOT, 3, 0, None),
            (Operation.ASSIGN, 3, past.IMPORTED, "D"),
        ]
        assert (Operation.PORT, 1, past.BEFORE, "A") in told(152)
        assert not [event for event in told(199) if event[1] == 3 and event[3]]
