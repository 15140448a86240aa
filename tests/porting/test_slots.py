"""When numbers cut over, by the profile's rule and its quotas."""

from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portdip.errors import QuotaError
from portdip.porting import profile as profiles
from portdip.porting import slots
from portdip.porting.profile import Quotas

ALL = profiles.load_all()
MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))


def first(country, now, first_possible=None, wished=None):
    return next(slots.candidates(ALL[country], now, first_possible, wished))


def test_the_next_full_hour_is_never_the_one_that_strikes():
    assert first("cn", datetime(2026, 6, 1, 8, 59, 59, tzinfo=UTC)) == datetime(2026, 6, 1, 9, tzinfo=UTC)
    assert first("cn", datetime(2026, 6, 1, 9, tzinfo=UTC)) == datetime(2026, 6, 1, 10, tzinfo=UTC)


def test_a_wish_for_a_full_hour_is_that_hour():
    now = datetime(2026, 6, 1, 9, 30, tzinfo=UTC)
    assert first("cn", now, wished=datetime(2026, 6, 2, 4, tzinfo=UTC)) == datetime(2026, 6, 2, 4, tzinfo=UTC)


def test_in_india_three_working_days_pass_and_then_it_is_night():
    saturday = datetime(2026, 6, 6, 10, tzinfo=UTC)  # half past three in the afternoon
    assert first("in", saturday) == datetime(2026, 6, 10, 17, 30, tzinfo=UTC)  # Wednesday, eleven at night


def test_the_first_possible_date_is_the_slot_unless_a_later_one_is_wished():
    now, possible, wished = (datetime(2026, 6, day, tzinfo=UTC) for day in (1, 4, 9))
    assert first("nl", now, possible) == possible
    assert first("nl", now, possible, wished) == wished
    assert first("nl", wished, possible) == wished


@given(st.sampled_from(sorted(ALL)), MOMENTS, st.none() | MOMENTS, st.none() | MOMENTS)
def test_slots_grow_and_none_is_before_now_or_the_wish(country, now, first_possible, wished):
    found = list(islice(slots.candidates(ALL[country], now, first_possible, wished), 5))
    assert found == sorted(set(found))
    assert found[0] >= max(now, wished or now, first_possible or now)
    assert all(moment.tzinfo is UTC for moment in found)


def test_a_full_slot_a_full_day_and_a_full_recipient_send_orders_on(world):
    quotas = Quotas(slot=2, day=5, recipient_day=3, source="test")
    world.profile = world.profile.model_copy(update={"quotas": quotas})
    world.profiles["cn"] = world.profile
    beta = [world.port(world.number(place)) for place in range(4)]
    gamma = [world.port(world.number(place), "GAMMA") for place in range(4, 7)]
    hour = beta[0].slot
    midnight = datetime(2026, 6, 1, 16, tzinfo=UTC)  # the next one in Shanghai
    step = timedelta(hours=1)
    assert [order.slot for order in beta] == [hour, hour, hour + step, midnight]
    assert [order.slot for order in gamma] == [hour + step, hour + 2 * step, midnight]


def test_without_any_room_the_order_is_refused_and_nothing_is_left_of_it(world, monkeypatch):
    world.profiles["cn"] = world.profile = world.profile.model_copy(update={"quotas": Quotas(slot=1, source="test")})
    monkeypatch.setattr(slots, "_LOOKED_AT", 1)
    world.port(world.number())
    number = world.subscriber(world.number(1))
    code = world.code(number)
    with pytest.raises(QuotaError):
        world.submit(number, code=code)
    monkeypatch.undo()
    assert world.submit(number, code=code).slot
