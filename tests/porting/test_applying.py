"""From the query to the submitted order, under the Chinese rules, on both databases."""

from datetime import timedelta

import pytest

from portdip.errors import (
    AuthorizationCodeError,
    ForbiddenActError,
    IneligibleError,
    MoveRefusedError,
    PortingError,
    PortOngoingError,
    QuotaError,
)
from portdip.porting.applying import Application
from portdip.porting.database import Database
from portdip.porting.eligibility import Claim
from portdip.porting.states import State
from tests.porting.world import CLAIM, IDENTITY, World, desk, recipient


def test_a_number_goes_from_query_to_its_slot(world):
    number = world.subscriber(world.number())
    assert world.applications.query(desk("ALPHA"), world.profile, number, "ALPHA", CLAIM, "CXXZ").eligible
    order = world.submit(number, code=world.code(number))
    assert order.state is State.SCHEDULED
    assert (order.donor, order.recipient, order.range_holder) == ("ALPHA", "BETA", "ALPHA")
    assert (order.routing_number, order.donor_routing_number) == ("B2", "A1")
    assert world.acts(order) == [
        "open",
        "query",
        "issue-code",
        "submit",
        "validate",
        "accept",
        "approve",
        "schedule",
    ]
    assert order == world.now_of(order)


def test_each_carrier_of_an_order_is_told_and_no_other(world):
    order = world.port(world.number())
    assert [state for _, state in world.events("ALPHA")][-1] == "scheduled"
    assert [state for _, state in world.events("BETA")] == [
        "submitted",
        "validating",
        "awaiting-donor",
        "approved",
        "scheduled",
    ]
    assert {reference for reference, _ in world.events("ALPHA")} == {order.reference}
    assert world.events("GAMMA") == []


def test_who_is_not_eligible_gets_no_code_and_every_reason(world):
    number = world.subscriber(world.number(), arrears="5", status="lost", joined="2026-05-01T00:00:00+00:00")
    with pytest.raises(IneligibleError) as refused:
        world.code(number, claim=Claim("someone else's"))
    assert set(refused.value.reasons) == {"arrears", "not-in-use", "tenure", "identity-mismatch"}
    assert str(number) not in str(refused.value)


def test_a_wrong_code_counts_and_the_right_one_is_blocked_after_five(world):
    number = world.subscriber(world.number())
    code = world.code(number)
    for _ in range(5):
        with pytest.raises(AuthorizationCodeError) as wrong:
            world.submit(number, code="00000000" if code != "00000000" else "11111111")
        assert wrong.value.got == "wrong"
    with pytest.raises(AuthorizationCodeError) as blocked:
        world.submit(number, code=code)
    assert blocked.value.got == "blocked"
    assert world.submit(number, code=world.code(number)).state is State.SCHEDULED


def test_a_code_of_another_person_is_as_wrong_as_a_wrong_code(world):
    number = world.subscriber(world.number())
    code = world.code(number)
    with pytest.raises(AuthorizationCodeError) as other_person:
        world.submit(number, code=code, claim=Claim("44010519900101003X"))
    with pytest.raises(AuthorizationCodeError) as other_code:
        world.submit(number, code="A")
    assert str(other_person.value) == str(other_code.value)


def test_a_code_is_good_once_and_until_the_moment_it_expires(world):
    number = world.subscriber(world.number())
    code = world.code(number)
    world.clock.advance(timedelta(minutes=60))
    with pytest.raises(AuthorizationCodeError) as expired:
        world.submit(number, code=code)
    assert expired.value.got == "expired"
    code = world.code(number)
    world.clock.advance(timedelta(minutes=60) - timedelta(microseconds=1))
    order = world.submit(number, code=code)
    with pytest.raises(PortOngoingError):
        world.submit(number, "GAMMA", code=code)
    assert world.now_of(order).recipient == "BETA"


def test_another_code_voids_the_one_before(world):
    number = world.subscriber(world.number())
    first = world.code(number)
    second = world.code(number)
    assert first != second
    with pytest.raises(AuthorizationCodeError):
        world.submit(number, code=first)
    assert world.submit(number, code=second).state is State.SCHEDULED


def test_an_applicant_keeps_the_order_another_replaces_it(world):
    number = world.subscriber(world.number())
    world.code(number)
    world.code(number)
    with world.database.reading() as connection:
        assert len(world.orders.of_number(connection, number)) == 1
    world.subscriber(number, identity="44010519900101003X")
    world.code(number, claim=Claim("44010519900101003X", CLAIM.name))
    with world.database.reading() as connection:
        newer, older = world.orders.of_number(connection, number)
    assert (newer.state, older.state) == (State.CODE_ISSUED, State.CANCELLED)
    assert newer.version == older.version + 1


def test_a_number_that_nobody_serves_is_not_ported(world):
    stray = world.number() + 5000
    world.subscriber(stray)
    with pytest.raises(MoveRefusedError, match="nobody serves"):
        world.code(stray)


def test_a_carrier_acts_for_itself_only(world):
    number = world.subscriber(world.number())
    code = world.code(number)
    application = Application(number, "BETA", "B2", CLAIM, code=code)
    with pytest.raises(ForbiddenActError):
        world.applications.submit(recipient("GAMMA"), world.profile, application, "for others")
    assert world.submit(number, code=code).state is State.SCHEDULED


def test_what_a_donor_knows_is_for_its_own_people(world):
    number = world.subscriber(world.number(), arrears="5")
    for ask in (world.applications.query, world.applications.issue_code):
        with pytest.raises(ForbiddenActError):
            ask(desk("BETA"), world.profile, number, "ALPHA", CLAIM, "curious")


def test_tries_are_counted_by_carrier_and_all_together_are_bounded(world):
    number = world.subscriber(world.number())
    code = world.code(number)
    wrong = "00000000" if code != "00000000" else "11111111"

    def tried(carrier, given=wrong):
        with pytest.raises(AuthorizationCodeError) as refused:
            world.submit(number, carrier, code=given)
        return refused.value.got

    assert [tried("GAMMA") for _ in range(7)] == ["wrong"] * 5 + ["blocked"] * 2
    assert tried("GAMMA", code) == "blocked"
    assert [tried("BETA") for _ in range(4)] == ["wrong"] * 4
    assert world.submit(number, code=code).state is State.SCHEDULED

    number = world.subscriber(world.number(1))
    code = world.code(number)
    form = world.profile.code.model_copy(update={"attempts_in_all": 7})
    world.profile = world.profile.model_copy(update={"code": form})
    assert [tried("GAMMA") for _ in range(6)] == ["wrong"] * 5 + ["blocked"]
    assert [tried("BETA") for _ in range(3)] == ["wrong"] * 2 + ["blocked"]
    assert tried("BETA", code) == "blocked"
    assert world.submit(number, code=world.code(number)).state is State.SCHEDULED


def test_a_reference_is_refused_where_the_order_has_one_already(world):
    number = world.subscriber(world.number())
    code = world.code(number)
    with pytest.raises(MoveRefusedError, match="has had its reference since its code was issued"):
        world.submit(number, code=code, reference="BETA-1")
    order = world.submit(number, code=code)
    assert world.submit(number, code=code, reference=order.reference) == order


def test_another_donor_than_the_orders_is_refused_and_the_code_stays_good(world):
    number = world.subscriber(world.number())
    code = world.code(number)
    with pytest.raises(MoveRefusedError, match="not that donor's"):
        world.submit(number, code=code, donor="GAMMA")
    assert world.submit(number, code=code, donor="ALPHA").donor == "ALPHA"


def test_an_application_has_so_many_numbers_as_the_profile_allows(world):
    first, second = (world.subscriber(world.number(place)) for place in range(2))
    order = world.submit(first, code=world.code(first), batch="firm")
    assert order.batch == "firm"
    code = world.code(second)
    with pytest.raises(QuotaError, match="too many numbers in one application"):
        world.submit(second, code=code, batch="firm")
    assert world.submit(second, code=code, batch="another").state is State.SCHEDULED


def test_a_stranger_cannot_use_up_the_tries_of_a_code(world):
    number = world.subscriber(world.number())
    code = world.code(number)
    application = Application(number, "BETA", "B2", CLAIM, code="00000000")
    for _ in range(6):
        with pytest.raises(ForbiddenActError):
            world.applications.submit(recipient("GAMMA"), world.profile, application, "mischief")
    assert world.submit(number, code=code).state is State.SCHEDULED


def test_a_number_does_not_move_to_who_serves_it(world):
    number = world.subscriber(world.number())
    with pytest.raises(MoveRefusedError):
        world.submit(number, "ALPHA", code=world.code(number))


def test_a_suspended_recipient_gets_no_numbers(world):
    world.suspended.add("BETA")
    order = world.port(world.number())
    assert (order.state, order.reasons) == (State.REJECTED, ("recipient-suspended",))
    with pytest.raises(AuthorizationCodeError):
        world.submit(order.number, "GAMMA", code="12345678")


def test_the_same_application_under_one_reference_is_one_order(world):
    world.in_country("nl")
    number = world.number()
    first = world.submit(number, reference="BETA-1")
    again = world.submit(number, reference="BETA-1")
    assert first == again
    assert first.state is State.AWAITING_DONOR
    with pytest.raises(PortingError, match="reference"):
        world.submit(world.number(1), reference="BETA-1")


def test_nothing_personal_is_readable_in_the_database(tmp_path, clock):
    with Database.open(f"sqlite:///{tmp_path}/porting.db", clock) as database:
        world = World(database, clock)
        number = world.subscriber(world.number())
        code = world.code(number)
        world.submit(number, code=code)
        content = b"".join(path.read_bytes() for path in tmp_path.glob("porting.db*"))
    assert str(number).encode() in content or number.to_bytes(6, "big") in content
    for secret in (IDENTITY, CLAIM.name, code):
        assert secret.encode() not in content
