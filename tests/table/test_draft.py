"""What an import does to numbers and ranges that are there."""

import pytest


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
