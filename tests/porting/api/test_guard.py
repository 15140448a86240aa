"""Who may do what: every route with every wrong role, keys that are none, and requests that come twice."""

import asyncio
from datetime import timedelta

import pytest
from fastapi.routing import APIRoute
from sqlalchemy import select

from portdip.errors import ApiKeyError
from portdip.porting.acting import Deed, may
from portdip.porting.actor import Role
from portdip.porting.api import keys
from portdip.porting.supervision import complaints
from portdip.porting.tables.access import REQUESTS
from tests.porting.api.conftest import ROLES
from tests.porting.world import CENTRE

C, R = {"centre"}, {"regulator"}
CARRIERS = {"desk", "recipient", "donor", "range-holder"}
ALL = C | R | CARRIERS

#: Who may use which route, written down by hand: what the code says of it is not asked.
MAY = {
    "POST /queries": {"desk", "donor"} | C,
    "POST /codes": {"desk", "donor"} | C,
    "POST /messages": {"desk"},
    "POST /orders": {"desk", "recipient"},
    "GET /orders": ALL,
    "GET /orders/{reference}": ALL,
    "GET /orders/{reference}/audit": C | R,
    "POST /orders/{reference}/deeds/{deed}": ALL,
    "POST /orders/{reference}/reversal": {"donor", "recipient"} | C | R,
    "POST /orders/{reference}/reversal/approve": {"donor", "recipient"} | C | R,
    "POST /orders/{reference}/reversal/refuse": {"donor", "recipient"} | C | R,
    "POST /orders/{reference}/correction": C | R,
    "POST /orders/batch": {"desk", "recipient"},
    "POST /complaints": {"desk"} | C | R,
    "GET /complaints": ALL,
    "GET /complaints/{reference}": ALL,
    "POST /complaints/{reference}/deeds/{deed}": ALL,
    "POST /violations": ALL,
    "POST /violations/search": C | R,
    "GET /violations": ALL,
    "GET /violations/{identifier}": ALL,
    "POST /violations/{identifier}/decision": R,
    "POST /cases": R,
    "GET /cases": ALL,
    "GET /cases/{reference}": ALL,
    "POST /cases/{reference}/measures/{measure}": R,
    "POST /evidence": ALL,
    "GET /evidence": ALL,
    "GET /evidence/{identifier}": ALL,
    "GET /evidence/{identifier}/content": ALL,
    "GET /migrations": C | R,
    "POST /migrations": C,
    "POST /migrations/dry-run": C,
    "GET /migrations/{name}": C | R,
    "POST /migrations/{name}/run": C,
    "POST /migrations/{name}/check": C,
    "POST /migrations/{name}/undo": C,
    "GET /nodes": ALL,
    "POST /nodes": C | R,
    "DELETE /nodes/{name}": C | R,
    "PUT /nodes/{name}/sequence": CARRIERS | C,
    "GET /ranges": ALL,
    "POST /ranges/{act}": C | R,
    "GET /ranges/use": C | R,
    "GET /events": ALL,
    "GET /events/stream": ALL,
    "GET /webhooks": CARRIERS | C,
    "POST /webhooks": C,
    "DELETE /webhooks/{identifier}": C,
}
DEEDS = {
    "approve": {"donor"} | C,
    "refuse": {"donor"} | C,
    "delay": {"donor"} | C,
    "object": {"donor"} | C,
    "resolve": {"donor", "recipient"} | C | R,
    "schedule": {"desk", "recipient"} | C,
    "cancel": ALL - {"range-holder"},
    "acknowledge-cancel": ALL - {"range-holder"},
    "undo-cancel": {"desk", "recipient", "donor"} | C,
    "dispute": ALL,
    "settle": C | R,
    "suspend": {"donor"} | C,
    "resume": {"donor"} | C,
    "return": {"desk", "recipient"} | C,
    "keep": {"desk", "recipient"} | C,
    "release": {"recipient", "range-holder"} | C,
    "resend": {"recipient"} | C,
}


def routes(app):
    return {
        f"{method} {path.removeprefix('/v1/porting')}"
        for path, operations in app.openapi()["paths"].items()
        for method in map(str.upper, operations)
        if path != "/healthz"
    }


def key_of(role, carrier="GAMMA"):
    return f"{role} {carrier}" if role in CARRIERS else role


def test_every_route_refuses_every_wrong_role_and_every_stranger(api):
    assert routes(api.app) == set(MAY)
    filled = {"reference": "none", "deed": "cancel", "name": "none", "act": "pool", "identifier": 7}
    filled["measure"] = "warn"
    asked = 0
    for route, allowed in MAY.items():
        method, path = route.split()
        path = path.format(**filled)
        assert api.request(method, f"/v1/porting{path}", json={}).status_code == 401, route
        for role in ROLES:
            if role not in allowed:
                answer = api.ask(key_of(role), method, path, {})
                assert (answer.status_code, answer.json()["type"]) == (403, "urn:portdip:problem:forbidden"), route
                asked += 1
            elif path != "/events/stream" and "deeds" not in path:
                assert api.ask(key_of(role), method, path, {}).status_code != 403, (route, role)
    assert asked > 50


#: Who may do what with a complaint, as a role; the side of the complaint is asked for besides.
COMPLAINT_DEEDS = {
    "answer": CARRIERS,
    "reply": CARRIERS,
    "satisfy": {"desk"} | C | R,
    "escalate": {"desk"} | C | R,
    "withdraw": {"desk"} | C | R,
    "accept": R,
    "refuse": R,
    "settle": R,
    "close": R,
}


def test_every_deed_of_a_complaint_refuses_every_wrong_role(api):
    assert set(COMPLAINT_DEEDS) == set(complaints.Deed)
    filed = api.ask("desk GAMMA", "POST", "/complaints", {"carrier": "ALPHA", "topic": "no code"}).json()
    for deed, allowed in COMPLAINT_DEEDS.items():
        for role in ROLES:
            if role not in allowed:
                path = f"/complaints/{filed['reference']}/deeds/{deed}"
                answer = api.ask(key_of(role), "POST", path, {"cause": "x"}, if_match='"1"')
                assert (answer.status_code, answer.json()["type"]) == (403, "urn:portdip:problem:forbidden")


def test_every_deed_refuses_every_wrong_role(api):
    assert set(DEEDS) == set(Deed)
    reference = api.scheduled()["reference"]
    for deed, allowed in DEEDS.items():
        for role in ROLES:
            assert may(role, Deed(deed)) == (role in allowed), (deed, role)
            if role not in allowed:
                carrier = "BETA" if role is Role.RECIPIENT else "ALPHA"
                path = f"/orders/{reference}/deeds/{deed}"
                answer = api.ask(key_of(role, carrier), "POST", path, {"cause": "x"}, if_match='"1"')
                assert (answer.status_code, answer.json()["type"]) == (403, "urn:portdip:problem:forbidden")


def test_all_routes_are_guarded(api):
    found = []
    waiting = list(api.app.routes)
    while waiting:
        route = waiting.pop()
        waiting += getattr(getattr(route, "original_router", None), "routes", [])
        found += [route] if isinstance(route, APIRoute) and "porting" in route.path else []
    assert len(found) == len(MAY)
    assert all(type(route).__name__ == "GuardedRoute" for route in found)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Bearer porting_",
        "Bearer porting_00000000_" + "A" * 43,
        "Basic YTpi",
        "Bearer " + "porting_" * 100,
    ],
)
def test_what_is_no_key_lets_nobody_in(api, header):
    answer = api.request("GET", "/v1/porting/orders", headers={"authorization": header} if header else {})
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Bearer realm="portdip"')


def test_a_key_ends_when_it_expires_or_is_revoked(api):
    with api.layer.database.transaction() as tx:
        for name, expires in (("short", tx.now + timedelta(hours=1)), ("long", None)):
            api.keys[name] = keys.new(tx, CENTRE, Role.CENTRE, expires=expires)
    assert api.ask("short", "GET", "/orders").status_code == 200
    api.clock.advance(timedelta(hours=1))
    assert api.ask("short", "GET", "/orders").status_code == 401
    with api.layer.database.transaction() as tx:
        keys.revoke(tx, CENTRE, api.keys["long"].split("_")[1])
    assert api.ask("long", "GET", "/orders").status_code == 401
    with pytest.raises(ApiKeyError), api.layer.database.transaction() as tx:
        keys.revoke(tx, CENTRE, "00000000")


def test_a_changed_letter_makes_another_key(api):
    text = api.keys["centre"]
    api.keys["wrong"] = text[:-1] + ("A" if text[-1] != "A" else "B")
    assert api.ask("wrong", "GET", "/orders").status_code == 401


@pytest.mark.parametrize(("role", "carrier"), [(Role.CENTRE, "ALPHA"), (Role.DESK, ""), (Role.SYSTEM, "")])
def test_a_key_has_a_carrier_where_its_role_has(api, role, carrier):
    with pytest.raises(ApiKeyError), api.layer.database.transaction() as tx:
        keys.new(tx, CENTRE, role, carrier)


def test_a_request_that_comes_twice_is_answered_twice_and_done_once(api):
    claim = api.claim()
    first, second = (api.ask("desk ALPHA", "POST", "/codes", claim, idempotency_key="k1") for _ in range(2))
    assert first.json() == second.json()
    assert second.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    submission = {"number": claim["number"], "identity": claim["identity"], "code": first.json()["code"]}
    submission["risks_confirmed"] = "notice 1"
    orders = [api.ask("desk BETA", "POST", "/orders", submission, idempotency_key="k1") for _ in range(3)]
    assert {order.status_code for order in orders} == {201}
    assert len({(order.text, order.headers["etag"], order.headers["location"]) for order in orders}) == 1


def test_a_wrong_code_that_comes_again_is_counted_once(api):
    submission = api.submission()
    wrong = submission | {"code": "00000000"}
    answers = [api.ask("desk BETA", "POST", "/orders", wrong, idempotency_key="w").status_code for _ in range(9)]
    assert set(answers) == {409}
    assert api.ask("desk BETA", "POST", "/orders", submission).status_code == 201


def test_an_idempotency_key_is_for_one_request_of_one_key_for_a_day(api):
    first, other = api.claim(), api.claim()
    assert api.ask("desk ALPHA", "POST", "/codes", first, idempotency_key="k").status_code == 201
    reused = api.ask("desk ALPHA", "POST", "/codes", other, idempotency_key="k")
    assert (reused.status_code, reused.json()["type"]) == (422, "urn:portdip:problem:key-reused")
    assert api.ask("donor ALPHA", "POST", "/codes", other, idempotency_key="k").status_code == 201
    api.clock.advance(timedelta(days=1, seconds=1))
    assert api.ask("desk ALPHA", "POST", "/codes", api.claim(), idempotency_key="k").status_code == 201
    assert api.ask("desk ALPHA", "POST", "/codes", first, idempotency_key="x" * 129).status_code == 422


def test_a_request_under_way_is_not_begun_again_until_it_counts_as_lost(api):
    repeats = api.app.state.guard._repeats
    identifier = api.keys["centre"].split("_")[1]
    assert repeats.begin(identifier, "k", b"a") is None
    with pytest.raises(Exception, match="just now"):
        repeats.begin(identifier, "k", b"a")
    api.clock.advance(timedelta(minutes=1))
    assert repeats.begin(identifier, "k", b"a") is None
    repeats.finish(identifier, "k", None)
    assert repeats.begin(identifier, "k", b"b") is None


def test_what_two_send_at_once_is_done_once(api):
    submission = api.submission()
    headers = {"authorization": f"Bearer {api.keys['desk BETA']}", "idempotency-key": "same"}

    async def together():
        return await asyncio.gather(
            *(api.client.post("/v1/porting/orders", json=submission, headers=headers) for _ in range(6))
        )

    answers = api.runner.run(together())
    assert {answer.status_code for answer in answers} <= {201, 409}
    made = {answer.json()["reference"] for answer in answers if answer.status_code == 201}
    assert len(made) == 1
    assert all(a.json()["type"].endswith("under-way") for a in answers if a.status_code == 409)


def test_answers_are_kept_sealed(api):
    claim = api.claim()
    code = api.ask("desk ALPHA", "POST", "/codes", claim, idempotency_key="k").json()["code"]
    with api.layer.database.reading() as connection:
        kept = connection.execute(select(REQUESTS.c.answer)).scalar_one()
    assert code.encode() not in kept
