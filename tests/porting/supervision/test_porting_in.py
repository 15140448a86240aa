"""What supervision means for ports: who is suspended ports nothing in, and what an order rests on is evidence."""

import pytest

from portdip.errors import SupervisionError
from portdip.porting.applying import Applications
from portdip.porting.states import State
from portdip.porting.supervision import cases, evidence, violations
from portdip.porting.supervision.cases import Measure
from portdip.porting.supervision.evidence import EvidenceKind, Subject
from portdip.porting.supervision.standing import may_port_in
from portdip.porting.supervision.violations import Prohibition, Status
from tests.porting.world import CLAIM, REGULATOR, desk, recipient


@pytest.fixture
def country(world):
    world.applications = Applications(world.database, world.steps, world.donors, world.vault, may_port_in)
    return world


def take(country, case, measure):
    with country.database.transaction() as tx:
        return cases.take(tx, REGULATOR, case, measure, "because")


def test_a_suspended_carrier_ports_nothing_in_until_it_has_rectified(country):
    with country.database.transaction() as tx:
        found = violations.report(tx, recipient("GAMMA"), Prohibition.V6, "BETA", "a tariff for porting users")
        found = violations.decide(tx, REGULATOR, found, Status.CONFIRMED, "seen")
        case = cases.open_new(tx, REGULATOR, "BETA", [found.id], "repeatedly")
    suspended = take(country, take(country, case, Measure.WARN), Measure.SUSPEND)
    refused = country.port(country.number(1))
    assert (refused.state, refused.reasons) == (State.REJECTED, ("recipient-suspended",))
    assert country.port(country.number(2), "GAMMA").state is State.SCHEDULED
    take(country, suspended, Measure.RECTIFY)
    assert country.port(country.number(1)).state is State.SCHEDULED


def confirmed(country, carrier, number, kind=EvidenceKind.RISK_CONFIRMATION):
    with country.database.transaction() as tx:
        return evidence.put(tx, country.vault, country.profile, desk(carrier), kind, Subject(carrier, number), b"yes")


def test_an_order_names_the_recipients_own_confirmation_of_the_risks(country):
    number = country.subscriber(country.number(1))
    code = country.code(number)
    others = [
        confirmed(country, "GAMMA", number),
        confirmed(country, "BETA", number + 1),
        confirmed(country, "BETA", None),
        confirmed(country, "BETA", number, EvidenceKind.CONSENT),
        999,
    ]
    for wrong in others:
        with pytest.raises(SupervisionError, match="evidence"):
            country.submit(number, code=code, consent=wrong)
    kept = confirmed(country, "BETA", number)
    order = country.submit(number, code=code, consent=kept)
    assert (order.state, order.consent) == (State.SCHEDULED, kept)


def test_every_answered_query_is_evidence(country):
    number = country.subscriber(country.number(1), arrears="500")
    country.applications.query(desk("ALPHA"), country.profile, number, "ALPHA", CLAIM, "asked")
    with country.database.transaction() as tx:
        found = evidence.find(tx.connection, 1)
        assert (found.kind, found.subject) == (EvidenceKind.QUERY, Subject("ALPHA", number))
        assert b"arrears" in evidence.read(tx, country.vault, REGULATOR, 1, "")
