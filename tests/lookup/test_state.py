"""A snapshot and deltas in memory: what is taken, what waits, and what an error leaves."""

from datetime import UTC, datetime, timedelta

import pytest

from portdip.errors import DamagedDeltaError, RoutesFullError
from portdip.lookup.state import State
from portdip.table import catalogue

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def state(fresh):
    return State(fresh.current(), False, NOW)


@pytest.fixture
def following(fresh):
    """The deltas after a state's head."""
    return lambda state: fresh.chain.after(state.head)


def carrier(state, number):
    generation = state.generation()
    code = generation.index[number]
    return generation.routes[code].carrier.id if code else None


def test_deltas_are_taken_in_their_order(state, publish, following):
    publish(lambda writer: (writer.port(861, "A"), writer.assign(800, 899, "B")))
    publish(lambda writer: (writer.port(861, "C"), writer.mass_change("B", "D")))
    state.take(following(state), NOW)
    assert [carrier(state, number) for number in (861, 862, 900)] == ["C", "D", None]
    generation = state.generation()
    assert (generation.sequence, generation.digest, generation.moment) == (2, state.head.digest, NOW)
    assert (state.changed, state.to_come) == (1, 0)


def test_a_generation_is_the_same_object_until_something_changes(state, publish, following):
    before = state.generation()
    state.activate(NOW + HOUR)
    assert state.generation() is before
    publish(lambda writer: writer.name_carrier("A", "First"))
    state.take(following(state), NOW)
    after = state.generation()
    assert after is not before
    assert (before.sequence, after.sequence) == (0, 1)
    state.take(following(state), NOW)
    assert state.generation() is after


def test_names_and_routes_are_those_of_the_generation(state, publish, following):
    publish(lambda writer: (writer.port(861, "A"), writer.name_carrier("A", "First")))
    state.take(following(state), NOW)
    first = state.generation()
    publish(lambda writer: writer.name_carrier("A", "Second"))
    state.take(following(state), NOW)
    names = [generation.routes[1].carrier.name for generation in (first, state.generation())]
    assert names == ["First", "Second"]


def test_what_takes_effect_later_waits_for_its_moment(state, publish, following):
    def change(writer):
        writer.port(861, "A")
        writer.port(861, "B", effective=NOW + HOUR)
        writer.assign(800, 899, "C", effective=NOW + 2 * HOUR)
        writer.mass_change("C", "D", effective=NOW + 3 * HOUR)

    publish(change)
    state.take(following(state), NOW)
    assert (carrier(state, 861), carrier(state, 862), state.to_come) == ("A", None, 3)
    state.activate(NOW + HOUR - timedelta(microseconds=1))
    assert state.to_come == 3
    state.activate(NOW + HOUR)
    assert (carrier(state, 861), state.to_come, state.generation().moment) == ("B", 2, NOW + HOUR)
    state.activate(NOW + 2 * HOUR)
    assert carrier(state, 862) == "C"
    state.activate(NOW + 9 * HOUR)
    assert (carrier(state, 862), state.to_come) == ("D", 0)


def test_of_several_moments_the_chain_decides_and_not_the_clock(state, publish, following):
    publish(lambda writer: writer.port(861, "A", effective=NOW + 2 * HOUR))
    publish(lambda writer: writer.port(861, "B", effective=NOW + HOUR))
    state.take(following(state), NOW)
    for hours, expected in ((0, None), (1, "B"), (2, "B"), (3, "B")):
        state.activate(NOW + hours * HOUR)
        assert carrier(state, 861) == expected


def test_what_the_snapshot_kept_for_later_is_there_at_once_if_its_moment_has_come(fresh, publish, fold):
    publish(lambda writer: (writer.port(861, "A", effective=NOW + HOUR), writer.port(862, "A")))
    fold(NOW)
    for moment, expected in ((NOW, None), (NOW + HOUR, "A")):
        state = State(fresh.current(), False, moment)
        assert carrier(state, 861) == expected
        assert state.to_come == (expected is None)


def test_a_burst_at_one_instant(state, publish, following):
    """The full hour of a busy day."""
    publish(
        lambda writer: [writer.port(number, "A", effective=NOW + HOUR) for number in range(861000, 861000 + 20_000)]
    )
    state.take(following(state), NOW)
    before = state.generation()
    state.activate(NOW + HOUR)
    assert (state.to_come, state.changed) == (0, 20_000)
    assert state.generation().index[880_999] == 1
    assert before.index[880_999] == 0


def test_all_before_a_delta_that_cannot_be_read_is_taken(state, publish, following, fresh):
    for number in (861, 862, 863):
        publish(lambda writer, number=number: writer.port(number, "A"))
    path = fresh.chain.file(3)
    content = path.read_bytes()
    path.write_bytes(content[:100] + bytes([content[100] ^ 1]) + content[101:])
    for _ in range(2):
        with pytest.raises(DamagedDeltaError):
            state.take(following(state), NOW)
        assert (state.generation().sequence, carrier(state, 862)) == (2, "A")
    path.write_bytes(content)
    state.take(following(state), NOW)
    assert carrier(state, 863) == "A"


def test_all_before_a_delta_that_needs_too_many_routes_is_taken(state, publish, following, monkeypatch):
    publish(lambda writer: writer.port(861, "A"))
    publish(lambda writer: (writer.port(862, "B"), writer.port(862, "C")))
    with monkeypatch.context() as patch:
        patch.setattr(catalogue, "ROUTES_MAX", 2)
        for _ in range(2):
            with pytest.raises(RoutesFullError):
                state.take(following(state), NOW)
            assert (state.generation().sequence, carrier(state, 861)) == (1, "A")
    state.take(following(state), NOW)
    assert carrier(state, 862) == "C"
