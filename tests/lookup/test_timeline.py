"""The past of all numbers at once answers as the past of each one does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import hypothesis
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import rule

from portdip.exchange import changes, rows
from portdip.index import ENTRY
from portdip.lookup import history
from portdip.lookup.engine import Engine, open_engine
from portdip.lookup.history import dip_at
from portdip.lookup.load import write_image
from portdip.lookup.steps import LONG_AGO as LONG_AGO_COUNT
from portdip.lookup.timeline import Timeline
from portdip.route import Status
from portdip.table.outstanding import microseconds
from portdip.table.store import Store
from tests.lookup import stores
from tests.lookup.oracle import LONG_AGO
from tests.lookup.test_follow_machine import ASKED, BEGAN, EPOCH, HOT, FollowMachine, said


class TimelineMachine(FollowMachine):
    """What the machine does to a store, and then the past of it, asked in bulk."""

    def look(self, wanted: bool) -> None:
        super().look(wanted)
        if wanted:
            self.ask_the_past(None)

    def teardown(self) -> None:
        self.engine.refresh(self.clock)
        self.ask_the_past(None)
        super().teardown()

    @rule(back=st.sampled_from([None, 0, 10, 30]))
    def ask_the_past(self, back: int | None) -> None:
        generation = self.engine.generation
        sequence = generation.sequence
        told = {moment for number in ASKED for moment in self.oracle.moments(number, sequence)} - {LONG_AGO}
        edges = {moment + timedelta(microseconds=beside) for moment in told for beside in (-1, 0, 1)}
        moments = sorted({EPOCH, BEGAN, *edges})
        if back is None:
            timeline = Timeline.of(self.store, generation)
        else:
            since = self.clock - timedelta(hours=back)
            moments = [moment for moment in moments if moment >= since] or [since]
            timeline = Timeline.of(self.store, generation, microseconds(since))
        pairs = [(number, moment) for number in ASKED for moment in moments]
        found = timeline.match_many(
            np.array([number for number, _ in pairs], dtype=np.uint64),
            np.array([microseconds(moment) for _, moment in pairs], dtype=np.int64),
        )
        for (number, moment), match in zip(pairs, found.tolist(), strict=True):
            expected = said(self.oracle.at(number, sequence, moment))
            assert self.meaning(match) == expected, (number, moment)
        self.compare_with_the_scalar_path(timeline, moments)

    def compare_with_the_scalar_path(self, timeline: Timeline, moments: list[datetime]) -> None:
        chosen = [(number, moment) for number in HOT for moment in moments[:: max(len(moments) // 3, 1)]]
        unknown = np.full(len(chosen), 9, dtype=np.uint8)
        found = timeline.match_many(
            np.array([number for number, _ in chosen], dtype=np.uint64),
            np.array([microseconds(moment) for _, moment in chosen], dtype=np.int64),
            unknown,
        )
        for (number, moment), match, is_unknown in zip(chosen, found.tolist(), unknown.tolist(), strict=True):
            dip = dip_at(self.store, timeline.generation, number, moment)
            assert self.meaning(match) == (dip.status, dip.carrier and dip.carrier.id, dip.routing_number)
            expected = microseconds(moment) < timeline.begins and not self.is_dated(timeline, number, moment)
            assert is_unknown == expected, (number, moment)

    def is_dated(self, timeline: Timeline, number: int, moment: datetime) -> bool:
        """Whether what the number's entry or its range says at the moment has a date."""
        events = history._events(self.store, timeline.generation, number)
        in_force = [event for event in events if event.effective <= moment]
        answer = history._answer(in_force)
        if answer.ported:
            return answer.own.effective != history._LONG_AGO
        around = [event for event in in_force if event.operation in history._OF_RANGES]
        return bool(around) and max(around, key=lambda event: event.rank).effective != history._LONG_AGO

    def meaning(self, match: int) -> tuple[Status, str | None, str]:
        if not match:
            return Status.UNALLOCATED, None, ""
        route = self.engine.routes[match % ENTRY]
        return Status.PORTED if match >= ENTRY else Status.NATIVE, route.carrier.id, route.routing_number


TestTimelineMachine = TimelineMachine.TestCase
EXAMPLES = hypothesis.settings.default.max_examples
TestTimelineMachine.settings = hypothesis.settings(max_examples=300 if EXAMPLES > 100 else 10, stateful_step_count=25)


def bulk(engine: Engine, number: int, moments: list[datetime]) -> list[tuple[int, int]]:
    """Match and doubt of a number at some moments."""
    unknown = np.empty(len(moments), dtype=np.uint8)
    asked = np.full(len(moments), number, dtype=np.uint64)
    at = np.array([microseconds(moment) for moment in moments], dtype=np.int64)
    found = engine.timeline().match_many(asked, at, unknown)
    return list(zip(found.tolist(), unknown.tolist(), strict=True))


def test_before_history_begins_only_what_has_a_date_is_known(engine):
    begins = datetime.fromtimestamp(engine.timeline().begins / 1e6, UTC)
    earlier, later = begins - timedelta(hours=1), begins + timedelta(hours=1)
    for number in stores.KINDS:
        (_, doubt), (match, sure) = bulk(engine, number, [earlier, later])
        assert doubt == (number != stores.PORTED)
        assert (match, sure) == (engine.index.match(number), 0)
    dated = [stores.PORTED_AT - timedelta(microseconds=1), stores.PORTED_AT]
    assert [doubt for _, doubt in bulk(engine, stores.PORTED, dated)] == [1, 0]


@pytest.mark.parametrize("dated", [0, 3, 6])
@pytest.mark.parametrize("days", [None, -10, 0, 10])
def test_whether_most_numbers_have_a_date_or_not_makes_no_difference(fresh, dated, days):
    number = 8613800138000
    effective = BEGAN - timedelta(days=400)
    columns = [
        [number + place for place in range(6)], ["A"] * 6, [""] * 6, [None] * 6,
        [effective if place < dated else None for place in range(6)],
    ]  # fmt: skip
    with fresh.draft(pytest.fail) as draft:
        batch = [pa.array(values, field.type) for values, field in zip(columns, rows.NUMBERS, strict=True)]
        draft.add(pa.record_batch(batch, schema=rows.NUMBERS))
        write_image(draft)
    generation = open_engine(fresh.path).generation
    begins = microseconds(fresh.chain.head.created)
    since = LONG_AGO_COUNT if days is None else begins + days * 86_400_000_000
    timeline = Timeline.of(fresh, generation, since)
    moments = [
        moment for moment in (begins - 1, begins, microseconds(effective) - 1, begins + 10**15) if moment >= since
    ]
    for place in range(6):
        unknown = np.empty(len(moments), dtype=np.uint8)
        asked = np.full(len(moments), number + place, dtype=np.uint64)
        matches = timeline.match_many(asked, np.array(moments, dtype=np.int64), unknown)
        for moment, match, doubt in zip(moments, matches.tolist(), unknown.tolist(), strict=True):
            ported = place >= dated or moment >= microseconds(effective)
            assert (match >= ENTRY) == ported
            assert doubt == (moment < begins and not (place < dated and ported))


def bring(store: Store, numbers: dict[int, str], moment: datetime) -> None:
    """Import numbers with their carriers, true for a moment."""
    with store.draft(pytest.fail, moment) as draft:
        brought = [{"number": number, "carrier": carrier, "routing_number": ""} for number, carrier in numbers.items()]
        draft.add(pa.RecordBatch.from_pylist(brought, schema=rows.NUMBERS))
        write_image(draft)


def test_what_was_to_come_at_an_import_comes_after_it_unless_it_was_outdone(fresh, publish):
    number, now = 8613800138000, datetime.now(UTC)
    soon, later = now + timedelta(hours=5), now + timedelta(hours=9)
    publish(lambda writer: writer.port(number, "A"))
    publish(lambda writer: writer.port(number, "B", effective=soon))
    publish(lambda writer: writer.port(number + 1, "B", effective=later))
    publish(lambda writer: writer.port(number + 1, "A"))
    bring(fresh, {number: "C", number + 1: "C"}, datetime.now(UTC))
    bring(fresh, {number: "D", number + 1: "D"}, datetime.now(UTC) + timedelta(hours=6))
    engine = open_engine(fresh.path)
    moments = [now - timedelta(days=1), now + timedelta(hours=1), soon, now + timedelta(hours=7), later]
    carriers = {}
    for asked in (number, number + 1):
        dips = [engine.dip(asked, at=moment) for moment in moments]
        carriers[asked] = [dip.carrier and dip.carrier.id for dip in dips]
        matches = [match for match, _ in bulk(engine, asked, moments)]
        assert [engine.routes[match % ENTRY].carrier.id if match else None for match in matches] == carriers[asked]
    assert carriers[number][1:] == ["C", "B", "D", "D"]
    assert carriers[number + 1][1:] == ["C", "C", "D", "D"]


def test_a_mass_change_there_and_back_is_seen_at_the_moments_between(fresh, publish, fold):
    number, now = 8613800138000, datetime.now(UTC)
    publish(lambda writer: writer.assign(number, number + 9, "A"))
    publish(lambda writer: writer.port(number + 1, "A", "D1"))
    publish(lambda writer: writer.port(number + 2, "A", effective=now - timedelta(days=9)))
    for donor, carrier, days in (("A", "B", 5), ("B", "A", 3)):
        publish(
            lambda writer, donor=donor, carrier=carrier, days=days: writer.mass_change(
                donor, carrier, effective=now - timedelta(days=days)
            )
        )
    publish(lambda writer: writer.release(number, last=number + 9, effective=now - timedelta(days=1)))
    moments = [now - timedelta(days=days) for days in (20, 8, 4, 2, 0)]
    for folded in (False, True):
        if folded:
            fold()
        engine = open_engine(fresh.path)
        for asked in range(number, number + 4):
            dips = [engine.dip(asked, at=moment) for moment in moments]
            matches = [match for match, _ in bulk(engine, asked, moments)]
            found = [engine.routes[match % ENTRY].carrier.id if match else None for match in matches]
            assert found == [dip.carrier and dip.carrier.id for dip in dips]
            assert [match >= ENTRY for match in matches] == [dip.ported for dip in dips]


def test_history_begins_later_where_it_was_pruned(fresh, publish, fold):
    number = 8613800138000
    publish(lambda writer: writer.assign(number, number + 9, "R"))
    publish(lambda writer: writer.port(number, "A"))
    fold()
    publish(lambda writer: writer.port(number, "B"))
    publish(lambda writer: writer.port(number + 1, "B"))
    fold()
    made = [fresh.chain.read(sequence).header.created for sequence in range(1, 5)]
    whole = open_engine(fresh.path)
    assert [doubt for _, doubt in bulk(whole, number, made)] == [0, 0, 0, 0]
    assert whole.timeline().begins == microseconds(made[0])
    fresh.past.prune(made[2])
    engine = open_engine(fresh.path)
    assert engine.timeline().begins == microseconds(made[2])
    for asked, doubts in ((number, [1, 1, 0, 0]), (number + 1, [1, 1, 0, 0]), (number + 2, [1, 1, 0, 0])):
        found = bulk(engine, asked, made)
        assert [doubt for _, doubt in found] == doubts
        for moment, (match, _) in zip(made, found, strict=True):
            dip = engine.dip(asked, at=moment)
            assert (match >= ENTRY) == dip.ported
            assert (engine.routes[match % ENTRY].carrier if match else None) == dip.carrier


def test_a_moment_before_those_it_was_made_for_is_refused(engine, store):
    timeline = Timeline.of(Store.open(store), engine.generation, 1_000)
    with pytest.raises(ValueError, match="before those"):
        timeline.match_many(np.array([1], dtype=np.uint64), np.array([999]))


def test_an_engine_keeps_its_timeline_until_there_is_news_or_an_earlier_moment(fresh, publish):
    publish(lambda writer: writer.port(8613800138000, "A"))
    engine = open_engine(fresh.path)
    timeline = engine.timeline(1_000)
    assert engine.timeline(2_000) is timeline
    month = 30 * 86_400_000_000
    assert engine.timeline(1_000 - month) is timeline
    assert engine.timeline(999 - month).since == LONG_AGO_COUNT
    publish(lambda writer: writer.port(8613800138000, "B"))
    engine.refresh()
    assert engine.timeline(1_000).generation is engine.generation


def test_what_is_pinned_shares_the_timeline_and_keeps_it_when_the_engine_goes_on(fresh, publish):
    publish(lambda writer: writer.port(8613800138000, "A"))
    engine = open_engine(fresh.path)
    pinned = engine.pinned()
    timeline = pinned.timeline(1_000)
    assert engine.timeline(1_000) is timeline
    assert engine.pinned().timeline(1_000) is timeline
    publish(lambda writer: writer.port(8613800138000, "B"))
    engine.refresh()
    newer = engine.timeline(1_000)
    assert newer is not timeline
    # Who still asks the older state does not cost those of the newer one theirs.
    assert pinned.timeline(1_000) is timeline
    assert engine.timeline(1_000) is newer
    assert pinned.dip(8613800138000).carrier.id == "A"
    assert not pinned.refresh()


def test_moments_of_another_type_are_refused(engine):
    numbers = pa.array([stores.PORTED] * 2, pa.uint64())
    for moments in ([1, 2], np.array([1, 2], dtype=np.int32), np.array([1.0, 2.0]), np.array([[1], [2]])):
        with pytest.raises(TypeError, match="int64: microseconds since 1970"):
            engine.annotate(numbers, at=moments)
    every_second = np.array([0, 7, 2**60, 7])[::2]
    assert engine.annotate(numbers, at=every_second)["status"].to_pylist() == ["before-history", "ported"]


def test_a_million_changes_are_few_bytes_each_and_none_is_met_in_python(fresh, publish, fold):
    count = 200_000
    numbers = np.arange(8613800000000, 8613800000000 + count, dtype=np.uint64)
    for carrier in "AB":
        publish(
            lambda writer, carrier=carrier: writer.add(
                changes.batch(operation=[1] * count, number=numbers, carrier=[carrier] * count)
            )
        )
    fold()
    timeline = Timeline.of(fresh, open_engine(fresh.path).generation)
    assert timeline.nbytes <= 2 * count * 24 + count * 8 + 1_000


def test_numbers_without_sense_have_no_answer_at_any_time(engine):
    asked = np.array([0, 2**64 - 1, 10**15, stores.PORTED], dtype=np.uint64)
    matches = engine.timeline().match_many(asked, np.full(4, microseconds(datetime(2030, 1, 1, tzinfo=UTC))))
    assert matches.tolist()[:3] == [0, 0, 0]
    assert matches[3] >= ENTRY
