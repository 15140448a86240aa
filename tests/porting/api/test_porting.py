"""Ports over HTTP: from the query to the switches, and every way to be refused."""

from datetime import timedelta

import pytest

from tests.porting.world import IDENTITY, NAME


def problem(answer, status, kind):
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    assert answer.json()["type"] == f"urn:portdip:problem:{kind}"
    return answer.json()


def test_a_number_goes_from_one_carrier_to_another(api):
    claim = api.claim()
    assert api.ask("desk ALPHA", "POST", "/queries", claim).json() == {"eligible": True, "reasons": []}
    code = api.code(claim)
    submission = {"number": claim["number"], "identity": IDENTITY, "routing_number": "b2", "code": code}
    submission["risks_confirmed"] = "notice 1"
    submitted = api.ask("recipient BETA", "POST", "/orders", submission)
    assert submitted.status_code == 201
    order = submitted.json()
    assert (order["state"], order["donor"], order["recipient"]) == ("scheduled", "ALPHA", "BETA")
    assert submitted.headers["location"] == f"/v1/porting/orders/{order['reference']}"
    assert submitted.headers["etag"] == f'"{order["revision"]}"'
    api.clock.advance(timedelta(hours=1))
    api.layer.step()
    done = api.ask("donor ALPHA", "GET", f"/orders/{order['reference']}").json()
    assert (done["state"], done["delta_sequence"] > 0) == ("active", True)
    assert api.store.chain.read(done["delta_sequence"]).rows.column("routing_number")[0].as_py() == "B2"


def test_a_query_tells_every_reason_in_two_languages(api):
    found = api.ask("centre", "POST", "/queries", api.claim(identity="1", donor="BETA")).json()
    assert found["eligible"] is False
    assert {reason["code"] for reason in found["reasons"]} >= {"unknown-number", "other-donor"}
    assert all(reason["zh"] and reason["en"] for reason in found["reasons"])


def test_an_ineligible_number_gets_no_code_but_reasons(api):
    told = problem(api.ask("desk ALPHA", "POST", "/codes", api.claim(identity="1")), 409, "ineligible")
    assert told["reasons"] == ["identity-mismatch"]


def test_a_carrier_asks_about_its_own_numbers_only(api):
    for path in ("/queries", "/codes"):
        problem(api.ask("desk BETA", "POST", path, api.claim()), 403, "forbidden")


def test_a_wrong_code_is_refused_and_counted(api):
    submission = api.submission()
    for _ in range(5):
        problem(api.ask("desk BETA", "POST", "/orders", submission | {"code": "00000000"}), 409, "authorization-code")
    told = problem(api.ask("desk BETA", "POST", "/orders", submission), 409, "authorization-code")
    assert "blocked" in told["detail"]


def test_of_two_who_apply_for_one_number_the_second_is_refused(api):
    submission = api.submission()
    assert api.ask("desk BETA", "POST", "/orders", submission).status_code == 201
    problem(api.ask("desk GAMMA", "POST", "/orders", submission), 409, "port-ongoing")


def test_an_order_is_shown_to_its_parties_and_to_nobody_else(api):
    path = f"/orders/{api.scheduled()['reference']}"
    for who in ("donor ALPHA", "desk ALPHA", "range-holder ALPHA", "recipient BETA", "centre", "regulator"):
        assert api.ask(who, "GET", path).status_code == 200
    for who in ("donor GAMMA", "desk GAMMA", "recipient GAMMA", "range-holder GAMMA"):
        assert problem(api.ask(who, "GET", path), 404, "no-such-order")["detail"]
        deed = api.ask(who, "POST", f"{path}/deeds/dispute", {"cause": "mine"}, if_match='"1"')
        problem(deed, 404, "no-such-order")
        assert api.ask(who, "GET", "/orders").json() == {"orders": [], "next": None}


def test_pages_of_orders_go_on_where_the_last_one_ended(api):
    made = [api.scheduled()["reference"] for _ in range(5)]
    seen, before = [], ""
    while True:
        page = api.ask("desk ALPHA", "GET", f"/orders?limit=2{before}").json()
        seen += [order["reference"] for order in page["orders"]]
        if page["next"] is None:
            break
        before = f"&before={page['next']}"
    assert seen == made[::-1]
    assert len(api.ask("centre", "GET", "/orders?carrier=BETA&state=scheduled").json()["orders"]) == 5
    assert api.ask("centre", "GET", "/orders?carrier=GAMMA").json()["orders"] == []
    problem(api.ask("desk ALPHA", "GET", "/orders?carrier=BETA"), 403, "forbidden")
    problem(api.ask("desk ALPHA", "GET", "/orders?stat=scheduled"), 422, "unprocessable")


def test_a_deed_wants_the_revision_that_was_seen(api):
    order = api.scheduled()
    path, because = f"/orders/{order['reference']}/deeds/cancel", {"cause": "changed her mind"}
    problem(api.ask("desk BETA", "POST", path, because), 428, "revision-wanted")
    for stale in ('"1"', '"999"', "*", 'W/"1"', "7"):
        problem(api.ask("desk BETA", "POST", path, because, if_match=stale), 412, "changed-meanwhile")
    seen = f'"{order["revision"]}"'
    cancelled = api.ask("desk BETA", "POST", path, because, if_match=seen)
    assert (cancelled.json()["state"], cancelled.headers["etag"] > seen) == ("cancelled", True)
    problem(api.ask("desk BETA", "POST", path, because, if_match=seen), 412, "changed-meanwhile")
    again = api.ask("desk BETA", "POST", path, because, if_match=cancelled.headers["etag"])
    assert "an order that is cancelled does not cancel" in problem(again, 409, "refused")["detail"]


def test_a_donor_cannot_refuse_what_a_code_has_decided(api):
    order = api.scheduled()
    body = {"cause": "no", "reasons": ["contract"]}
    path, seen = f"/orders/{order['reference']}/deeds/refuse", f'"{order["revision"]}"'
    problem(api.ask("donor ALPHA", "POST", path, body, if_match=seen), 403, "forbidden")


def test_a_reversal_needs_two_sides(api):
    path = f"/orders/{api.ported()['reference']}/reversal"
    asked = api.ask("donor ALPHA", "POST", path, {"cause": "fraud"})
    assert (asked.status_code, len(asked.json()["approved_by"])) == (201, 1)
    problem(api.ask("donor ALPHA", "POST", f"{path}/approve"), 409, "refused")
    problem(api.ask("donor GAMMA", "POST", f"{path}/approve"), 404, "no-such-order")
    approved = api.ask("centre", "POST", f"{path}/approve").json()
    assert (len(approved["approved_by"]), approved["decided"] is None) == (2, False)
    problem(api.ask("regulator", "POST", f"{path}/refuse", {"cause": "late"}), 409, "refused")


def test_the_centre_puts_a_wrong_port_right(api):
    order = api.ported()
    body = {"cause": "wrong person", "carrier": "GAMMA", "routing_number": "c3"}
    corrected = api.ask("centre", "POST", f"/orders/{order['reference']}/correction", body)
    assert (corrected.status_code, corrected.json()["recipient"]) == (201, "GAMMA")
    api.layer.step()
    assert api.ask("centre", "GET", f"/orders/{order['reference']}").json()["state"] == "superseded"


def test_the_audit_of_an_order_names_the_keys(api):
    reference = api.scheduled()["reference"]
    records = api.ask("regulator", "GET", f"/orders/{reference}/audit").json()["records"]
    key = api.keys["recipient BETA"].split("_")[1]
    assert f"key {key}" in {record["actor"] for record in records}
    problem(api.ask("regulator", "GET", "/orders/none/audit"), 404, "no-such-order")


def test_a_text_is_answered_to_the_subscriber_only(api):
    number = api.claim()["number"]
    taken = api.ask("desk ALPHA", "POST", "/messages", {"number": number, "text": f"SQXZ#{NAME}#{IDENTITY}"})
    assert (taken.status_code, taken.json()) == (202, {"taken": True})
    ((to, text),) = api.texts.sent
    assert (str(to), "授權碼" in text) == (number, True)


@pytest.mark.parametrize(
    "body",
    [
        {"number": "0123", "donor": "ALPHA"},
        {"number": "8610000000001"},
        {"number": "8610000000001", "donor": "ALPHA", "more": 1},
        {"number": 8610000000001, "donor": "ALPHA"},
        {"number": "8610000000001", "donor": "ALPHA", "name": "a\x00b"},
        [],
    ],
)
def test_what_is_wrong_with_a_body_is_told_without_repeating_it(api, body):
    told = problem(api.ask("desk ALPHA", "POST", "/queries", body), 422, "unprocessable")
    assert "8610000000001" not in told["detail"]


def test_a_body_that_is_too_large_is_refused(api):
    body = {"number": "8610000000001", "donor": "ALPHA", "cause": "x" * (1 << 20)}
    problem(api.ask("desk ALPHA", "POST", "/queries", body), 413, "too-large")
