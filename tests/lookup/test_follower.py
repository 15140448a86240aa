"""From generation to generation: deltas, folds, imports, rollbacks, clocks and damage."""

import itertools
import shutil
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from portdip.errors import DamagedDeltaError, DamagedSnapshotError, PortdipError
from portdip.exchange import rows
from portdip.lookup import follower as followers
from portdip.lookup.follower import Follower
from portdip.lookup.load import write_image

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def follower(fresh):
    return Follower(fresh, False, NOW)


@pytest.fixture
def bring(fresh):
    """Imports numbers, a carrier each."""

    def bring(**carriers):
        table = [
            {"number": int(number[1:]), "carrier": held, "routing_number": ""} for number, held in carriers.items()
        ]
        with fresh.draft(pytest.fail, NOW) as draft:
            draft.add(pa.RecordBatch.from_pylist(table, schema=rows.NUMBERS))
            write_image(draft)

    return bring


def port(number, carrier, effective=None):
    return lambda writer: writer.port(number, carrier, effective=effective)


def carrier(follower, number):
    generation = follower.generation
    code = generation.index[number]
    return generation.routes[code].carrier.id if code else None


def damage(path):
    content = path.read_bytes()
    path.write_bytes(content[:100] + bytes([content[100] ^ 1]) + content[101:])
    return content


def test_nothing_new_is_no_new_generation(follower):
    before = follower.generation
    assert not follower.refresh(NOW + HOUR)
    assert follower.generation is before


def test_each_delta_is_a_generation(follower, publish):
    seen = []
    for number in (861, 862):
        publish(port(number, "A"))
        assert follower.refresh(NOW)
        assert not follower.refresh(NOW)
        seen.append(follower.generation)
    assert [generation.sequence for generation in seen] == [1, 2]
    assert [generation.index[862] for generation in seen] == [0, 1]


@pytest.mark.parametrize(("deltas", "numbers"), [(3, 10**6), (100, 5)])
def test_many_deltas_come_in_steps(follower, publish, monkeypatch, deltas, numbers):
    monkeypatch.setattr(followers, "_DELTAS_TOGETHER", deltas)
    monkeypatch.setattr(followers, "_ROWS_TOGETHER", numbers)
    for first in range(0, 14, 2):
        publish(lambda writer, first=first: (writer.port(861 + first, "A"), writer.port(862 + first, "A")))
    steps = []
    while follower.refresh(NOW):
        steps.append(follower.generation.sequence)
    assert steps == [3, 6, 7]


def test_a_fold_changes_no_answer(follower, publish, fold):
    publish(port(861, "A"))
    publish(port(862, "B"))
    follower.refresh(NOW)
    before = follower.generation
    fold(NOW)
    assert follower.refresh(NOW)
    assert (follower.generation.sequence, follower.changed) == (2, 0)
    assert follower.generation.snapshot.manifest.sequence == 2
    assert follower.generation.routes == before.routes
    assert carrier(follower, 862) == "B"


def test_an_import_is_live_at_its_delta(follower, publish, bring):
    publish(port(861, "A"))
    bring(n861="B", n862="B")
    publish(port(862, "C"))
    follower.refresh(NOW)
    assert [carrier(follower, number) for number in (861, 862)] == ["B", "C"]
    assert follower.generation.sequence == 3


def test_an_import_whose_snapshot_is_not_live_yet_is_found_by_its_delta(follower, fresh, publish, bring):
    """As after a crash between the two: nobody who reads has to wait for a repair."""
    publish(port(861, "A"))
    bring(n862="B")
    fresh.make_current(0)
    for found in (follower, Follower(fresh, False, NOW)):
        found.refresh(NOW)
        assert (carrier(found, 862), found.generation.sequence) == ("B", 2)


def test_a_snapshot_that_the_chain_does_not_speak_of_is_refused(follower, fresh, publish, bring):
    publish(port(861, "A"))
    bring(n862="B")
    fresh.make_current(0)
    shutil.rmtree(fresh.snapshot_path(2))
    with pytest.raises(DamagedSnapshotError):
        follower.refresh(NOW)
    shutil.copytree(fresh.snapshot_path(0), fresh.snapshot_path(2))
    with pytest.raises(DamagedSnapshotError):
        follower.refresh(NOW)
    assert (follower.generation.sequence, carrier(follower, 861)) == (1, "A")


def test_back_and_forth(follower, fresh, publish, fold):
    for number in (861, 862, 863):
        publish(port(number, "A"))
        if number == 861:
            fold(NOW)
    follower.refresh(NOW)
    newest = follower.generation
    fresh.hold(2)
    assert follower.refresh(NOW)
    assert (follower.generation.sequence, carrier(follower, 863)) == (2, None)
    publish(port(864, "A"))
    assert not follower.refresh(NOW)
    fresh.resume()
    assert follower.refresh(NOW)
    assert follower.generation.sequence == 4
    assert newest.index[863] == 1, "what was answered from goes on answering"


def test_a_generation_goes_on_after_its_snapshot_was_removed(follower, fresh, publish, fold):
    publish(port(861, "A"))
    fold(NOW)
    follower.refresh(NOW)
    old = follower.generation
    for number in range(870, 875):
        publish(port(number, "A"))
        fold(NOW)
    assert not old.snapshot.path.exists()
    assert old.index[861] == 1
    assert old.snapshot.record(861).route.carrier.id == "A"
    assert len(old.snapshot.ranges) == 0


class TestClock:
    def test_a_change_answers_with_the_first_refresh_of_its_moment(self, follower, publish):
        publish(port(861, "A", NOW + HOUR))
        follower.refresh(NOW)
        assert not follower.refresh(NOW + HOUR - timedelta(microseconds=1))
        assert follower.refresh(NOW + HOUR)
        assert carrier(follower, 861) == "A"

    @pytest.mark.parametrize("back", [HOUR, 30 * 24 * HOUR, NOW - datetime(1970, 1, 1, tzinfo=UTC)])
    def test_what_has_taken_effect_stays_so_when_the_clock_goes_back(self, follower, fresh, publish, fold, back):
        publish(port(861, "A", NOW))
        follower.refresh(NOW)
        publish(port(862, "B"))
        follower.refresh(NOW - back)
        assert [carrier(follower, number) for number in (861, 862)] == ["A", "B"]
        fold(NOW - back)
        follower.refresh(NOW - back)
        assert follower.generation.snapshot.manifest.sequence == 2
        assert carrier(follower, 861) == "A"
        assert carrier(Follower(fresh, False, NOW - back), 861) is None, "who starts anew goes by the clock"
        assert carrier(Follower(fresh, False, NOW), 861) == "A"

    def test_a_leap_ahead_is_a_leap_for_what_was_to_come(self, follower, publish):
        publish(port(861, "A", NOW + 24 * HOUR))
        publish(port(862, "A", datetime(2040, 1, 1, tzinfo=UTC)))
        follower.refresh(datetime(2038, 2, 1, tzinfo=UTC))
        assert [carrier(follower, number) for number in (861, 862)] == ["A", None]
        assert follower.to_come == 1

    @pytest.mark.parametrize("jumps", list(itertools.permutations([-30 * HOUR, -HOUR, 2 * HOUR, 50 * HOUR])))
    def test_the_order_is_that_of_the_chain_whatever_the_clock_does(self, follower, publish, jumps):
        publish(port(861, "A", NOW + 3 * HOUR))
        for name, jump in zip("BCDE", jumps, strict=True):
            publish(port(861, name))
            follower.refresh(NOW + jump)
            assert carrier(follower, 861) == name


class TestDamage:
    def test_up_to_a_damaged_delta_and_on_when_it_is_good_again(self, follower, fresh, publish):
        for number in (861, 862, 863):
            publish(port(number, "A"))
        content = damage(fresh.chain.file(2))
        for _ in range(2):
            with pytest.raises(DamagedDeltaError):
                follower.refresh(NOW)
            assert (follower.generation.sequence, carrier(follower, 861)) == (1, "A")
        with pytest.raises(DamagedDeltaError):
            Follower(fresh, False, NOW)
        fresh.chain.file(2).write_bytes(content)
        assert follower.refresh(NOW)
        assert follower.generation.sequence == 3

    def test_what_takes_effect_does_so_beyond_damage(self, follower, fresh, publish):
        publish(port(861, "A", NOW + HOUR))
        follower.refresh(NOW)
        publish(port(862, "A"))
        damage(fresh.chain.file(2))
        with pytest.raises(DamagedDeltaError):
            follower.refresh(NOW + HOUR)
        assert carrier(follower, 861) == "A"

    def test_a_new_snapshot_that_is_damaged_holds_nothing_up(self, follower, fresh, publish, fold):
        publish(port(861, "A"))
        follower.refresh(NOW)
        publish(port(862, "A"))
        fold(NOW)
        content = damage(fresh.current().image)
        publish(port(863, "A"))
        for _ in range(2):
            with pytest.raises(PortdipError):
                follower.refresh(NOW)
            assert (follower.generation.sequence, carrier(follower, 863)) == (3, "A")
        fresh.current().image.write_bytes(content)
        follower.refresh(NOW)
        assert follower.generation.snapshot.manifest.sequence == 2

    def test_it_never_goes_back(self, follower, fresh, publish, fold):
        """A delta that was read before it was damaged: the new snapshot leads no further than to it."""
        publish(port(861, "A"))
        publish(port(862, "A"))
        follower.refresh(NOW)
        shutil.copytree(fresh.path, fresh.path.with_name("aside"))
        with fresh.fold(NOW) as draft:
            write_image(draft)
            publish(port(863, "A"))
            follower.refresh(NOW)
        damage(fresh.chain.file(3))
        with pytest.raises(DamagedDeltaError):
            follower.refresh(NOW)
        assert (follower.generation.sequence, carrier(follower, 863)) == (3, "A")
