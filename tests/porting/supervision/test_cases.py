"""Violations are found or reported, the regulator decides, and a case goes up the ladder one rung after the other."""

import itertools

import pytest

from portdip.errors import SupervisionError
from portdip.porting.actor import Actor, Role
from portdip.porting.states import Act, State
from portdip.porting.supervision import cases, violations
from portdip.porting.supervision.cases import MOVES, CaseState, Measure
from portdip.porting.supervision.standing import Standing, may_port_in, standing_of
from portdip.porting.supervision.violations import KEPT_DAYS, Prohibition, Status
from portdip.porting.tables.subscribers import SUBSCRIBERS
from tests.porting.supervision.office import NUMBER, START

REGULATOR = Actor("officer", Role.REGULATOR)
RIVAL = Actor("legal", Role.RECIPIENT, "CUCC")
DONOR = Actor("service", Role.DONOR, "CMCC")
SYSTEM = Actor("portdip", Role.SYSTEM)


def report(office, code=Prohibition.V6, carrier="CMCC", actor=RIVAL):
    with office.database.transaction() as tx:
        return violations.report(tx, actor, code, carrier, "a tariff for porting users only", evidence=[7])


def decide(office, found, status=Status.CONFIRMED, actor=REGULATOR):
    with office.database.transaction() as tx:
        return violations.decide(tx, actor, found, status, "seen")


def open_case(office, *found, carrier="CMCC"):
    with office.database.transaction() as tx:
        return cases.open_new(tx, REGULATOR, carrier, [one.id for one in found], "repeatedly")


def take(office, case, measure, actor=REGULATOR, **more):
    with office.database.transaction() as tx:
        return cases.take(tx, actor, case, measure, "because", **more)


@pytest.fixture
def case(office):
    return open_case(office, decide(office, report(office)))


def test_every_prohibition_is_told_in_both_languages():
    assert len(Prohibition) == 9
    assert len({code.text.zh for code in Prohibition}) == len({code.text.en for code in Prohibition}) == 9


def test_a_report_is_a_suspicion_until_the_regulator_decides_once(office):
    found = report(office)
    assert (found.status, found.evidence, found.rule) == (Status.SUSPECTED, (7,), "")
    with pytest.raises(SupervisionError, match="not yours"):
        decide(office, found, actor=RIVAL)
    with pytest.raises(SupervisionError, match="no decision"):
        decide(office, found, Status.SUSPECTED)
    assert decide(office, found, Status.DISMISSED).status is Status.DISMISSED
    with pytest.raises(SupervisionError, match="decided already"):
        decide(office, found)
    with office.database.reading() as connection:
        assert violations.find(connection, found.id) == violations.newest(connection, 5, carrier="CMCC")[0]
        with pytest.raises(SupervisionError, match="no such violation"):
            violations.find(connection, 99)


def test_nobody_reports_itself_or_nothing(office):
    with pytest.raises(SupervisionError, match="itself"):
        report(office, carrier="CUCC")
    with office.database.transaction() as tx, pytest.raises(SupervisionError, match="finding"):
        violations.report(tx, RIVAL, Prohibition.V9, "CMCC", " ")


def search(office):
    with office.database.transaction() as tx:
        return violations.search(tx, START)


def audit(office, reference, act, role, before, after, rule, times=1):
    actor = SYSTEM if role is Role.SYSTEM else DONOR
    for _ in range(times):
        with office.database.transaction() as tx:
            tx.audit(actor, act, reference, before, after, "", rule)


def test_a_donor_that_stayed_silent_is_found_once(office):
    office.order(1, State.APPROVED)
    office.order(2, State.APPROVED)
    waiting = State.AWAITING_DONOR
    audit(office, "order-1", Act.APPROVE, Role.SYSTEM, waiting, State.APPROVED, "nanp: timers.initial")
    audit(office, "order-2", Act.APPROVE, Role.DONOR, waiting, State.APPROVED, "nanp: deciding.by")
    (found,) = search(office)
    assert (found.code, found.carrier, found.rule) == (Prohibition.V1, "CMCC", "silent-donor")
    assert search(office) == []


def test_a_donor_that_delays_again_and_again_is_found(office):
    for offset, times in ((1, 2), (2, 3)):
        office.order(offset, State.AWAITING_DONOR)
        waiting = State.AWAITING_DONOR
        audit(office, f"order-{offset}", Act.DELAY, Role.DONOR, waiting, waiting, "nl: timers", times)
    (found,) = search(office)
    assert (found.rule, found.finding) == ("delayed-again", "order order-2 delayed more than 2 times")


def test_a_number_kept_after_the_subscriber_left_is_found(office):
    office.order(1, State.ACTIVE)
    row = {
        "number": NUMBER + 1, "carrier": "CUCC", "kind": "personal", "status": "closed", "area": "", "arrears": 0,
        "real_name": True, "identity": "", "identity_last4": "", "unbilled": 0, "unbilled_agreed": True,
        "joined": START, "bars": [], "changed": START,
    }  # fmt: skip
    with office.database.transaction() as tx:
        tx.connection.execute(SUBSCRIBERS.insert().values(row))
    office.wait(days=KEPT_DAYS - 1)
    assert search(office) == []
    office.wait(days=1)
    (found,) = search(office)
    assert (found.code, found.carrier) == (Prohibition.V8, "CUCC")


def test_a_case_rests_on_confirmed_violations_of_the_carrier(office):
    suspected, confirmed = report(office), decide(office, report(office))
    others = decide(office, report(office, carrier="CTCC"))
    for wrong in ([], [suspected], [confirmed, suspected], [others]):
        with pytest.raises(SupervisionError, match="rests on confirmed"):
            open_case(office, *wrong)
    open_case(office, confirmed)
    with pytest.raises(SupervisionError, match="rests on confirmed"):
        open_case(office, confirmed)


def test_the_ladder_is_gone_up_and_a_suspended_carrier_ports_nothing_in(office, case):
    warned = take(office, case, Measure.WARN, amount=5_000_000, currency="CNY", due=START)
    suspended = take(office, warned, Measure.SUSPEND)
    with office.database.transaction() as tx:
        assert not may_port_in(tx, "CMCC")
        assert may_port_in(tx, "CUCC")
    take(office, suspended, Measure.RECTIFY)
    with office.database.transaction() as tx:
        assert may_port_in(tx, "CMCC")
        (found,) = cases.newest(tx.connection, 5, carrier="CMCC")
        assert found == cases.find(tx.connection, case.reference)
        taken = [(one.measure, one.amount) for one in cases.measures_of(tx.connection, found)]
    assert taken == [(Measure.WARN, 5_000_000), (Measure.SUSPEND, 0), (Measure.RECTIFY, 0)]


def test_a_revoked_licence_is_not_given_back_by_another_case(office, case):
    other = open_case(office, decide(office, report(office)))
    for one, measures in ((case, (Measure.WARN, Measure.SUSPEND, Measure.REVOKE)), (other, (Measure.WARN,))):
        for measure in measures:
            one = take(office, one, measure)
    for measure in (Measure.SUSPEND, Measure.RECTIFY):
        (other,) = [found for found in open_cases(office) if found.id == other.id]
        take(office, other, measure)
        with office.database.reading() as connection:
            assert standing_of(connection, "CMCC") is Standing.REVOKED


def test_a_carrier_that_two_cases_suspend_has_to_rectify_both(office, case):
    other = open_case(office, decide(office, report(office)))
    suspended = [take(office, take(office, one, Measure.WARN), Measure.SUSPEND) for one in (case, other)]
    for one, standing in zip(suspended, (Standing.SUSPENDED, Standing.GOOD), strict=True):
        take(office, one, Measure.RECTIFY)
        with office.database.reading() as connection:
            assert standing_of(connection, "CMCC") is standing


def open_cases(office):
    with office.database.reading() as connection:
        return cases.newest(connection, 5, carrier="CMCC")


@pytest.mark.parametrize(("state", "measure"), list(itertools.product(CaseState, Measure)))
def test_no_rung_is_left_out(office, case, state, measure):
    way = {
        CaseState.OPEN: (),
        CaseState.WARNED: (Measure.WARN,),
        CaseState.SUSPENDED: (Measure.WARN, Measure.SUSPEND),
        CaseState.RECTIFIED: (Measure.WARN, Measure.SUSPEND, Measure.RECTIFY),
        CaseState.REVOKED: (Measure.WARN, Measure.SUSPEND, Measure.REVOKE),
        CaseState.CLOSED: (Measure.CLOSE,),
    }[state]
    for step in way:
        case = take(office, case, step)
    assert case.state is state
    money = {"amount": 100, "currency": "CNY", "beneficiary": "a subscriber"} if measure is Measure.COMPENSATE else {}
    if (state, measure) in MOVES:
        assert take(office, case, measure, **money).state is MOVES[state, measure]
    else:
        with pytest.raises(SupervisionError, match=f"that is {state} does not {measure}"):
            take(office, case, measure, **money)


@pytest.mark.parametrize(
    ("measure", "money"),
    [
        (Measure.WARN, {"amount": -1, "currency": "CNY"}),
        (Measure.WARN, {"amount": 1}),
        (Measure.WARN, {"amount": 1, "currency": "CNY", "beneficiary": "somebody"}),
        (Measure.COMPENSATE, {"amount": 1, "currency": "CNY"}),
        (Measure.COMPENSATE, {"beneficiary": "somebody"}),
        (Measure.SUSPEND, {"amount": 1, "currency": "CNY"}),
    ],
)
def test_money_fits_the_measure(office, case, measure, money):
    if measure is not Measure.WARN:
        case = take(office, case, Measure.WARN)
    with pytest.raises(SupervisionError, match="money"):
        take(office, case, measure, **money)


def test_measures_are_the_regulators_and_one_at_a_time(office, case):
    with pytest.raises(SupervisionError, match="regulator's"):
        take(office, case, Measure.WARN, actor=Actor("ops", Role.CENTRE))
    take(office, case, Measure.WARN)
    with pytest.raises(SupervisionError, match="changed meanwhile"):
        take(office, case, Measure.WARN)
    with office.database.reading() as connection, pytest.raises(SupervisionError, match="no such case"):
        cases.find(connection, "K0")
