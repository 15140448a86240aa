"""Complaints, violations and cases over HTTP: who sees which, in what order they go on, and what is refused."""

from datetime import timedelta

import pytest

from tests.porting.api.test_porting import problem

CAUSE = {"cause": "as seen"}


def filed(api, who="desk GAMMA", **more):
    answer = api.ask(who, "POST", "/complaints", {"carrier": "ALPHA", "topic": "no code was issued"} | more)
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == f"/v1/porting/complaints/{answer.json()['reference']}"
    assert answer.headers["etag"] == f'"{answer.json()["revision"]}"'
    return answer.json()


def move(api, who, complaint, deed):
    path = f"/complaints/{complaint['reference']}/deeds/{deed}"
    return api.ask(who, "POST", path, CAUSE, if_match=f'"{complaint["revision"]}"')


def confirmed(api, carrier="ALPHA"):
    body = {"carrier": carrier, "code": "V1", "finding": "codes are refused without cause"}
    found = api.ask("desk GAMMA", "POST", "/violations", body).json()
    path = f"/violations/{found['id']}/decision"
    assert api.ask("regulator", "POST", path, CAUSE | {"status": "confirmed"}).json()["status"] == "confirmed"
    return found["id"]


def case(api):
    body = CAUSE | {"carrier": "ALPHA", "violations": [confirmed(api)]}
    answer = api.ask("regulator", "POST", "/cases", body)
    assert answer.status_code == 201, answer.text
    return answer.json()


def take(api, found, measure, **more):
    path = f"/cases/{found['reference']}/measures/{measure}"
    return api.ask("regulator", "POST", path, CAUSE | more, if_match=f'"{found["revision"]}"')


def test_a_complaint_goes_from_the_operator_to_the_regulator_by_the_profiles_clocks(api):
    order = api.scheduled()
    complaint = filed(api, "desk BETA", order=order["reference"], number=order["number"])
    assert (complaint["stage"], complaint["order"], complaint["complainant"]) == (
        "with-operator",
        order["reference"],
        "BETA",
    )
    assert "still has time" in problem(move(api, "desk BETA", complaint, "escalate"), 409, "refused")["detail"]
    api.clock.advance(timedelta(days=15))
    api.layer.step()
    late = api.ask("donor ALPHA", "GET", f"/complaints/{complaint['reference']}").json()
    assert (late["late"], late["due"]) == (["with-operator"], None)
    escalated = move(api, "desk BETA", late, "escalate").json()
    accepted = move(api, "regulator", escalated, "accept").json()
    mediation = move(api, "donor ALPHA", accepted, "reply").json()
    settled = move(api, "regulator", mediation, "settle")
    assert (settled.json()["stage"], settled.json()["ended"] is None) == ("settled", False)
    assert settled.headers["etag"] == f'"{settled.json()["revision"]}"'


def test_a_complaint_is_its_parties_to_see_and_to_move(api):
    complaint = filed(api)
    path = f"/complaints/{complaint['reference']}"
    for who in ("desk ALPHA", "donor ALPHA", "recipient GAMMA", "centre", "regulator"):
        assert api.ask(who, "GET", path).status_code == 200
        assert [one["reference"] for one in api.ask(who, "GET", "/complaints").json()["complaints"]] == [
            complaint["reference"]
        ]
    for who in ("desk BETA", "donor BETA"):
        problem(api.ask(who, "GET", path), 404, "no-such-record")
        problem(move(api, who, complaint, "answer"), 404, "no-such-record")
        assert api.ask(who, "GET", "/complaints").json() == {"complaints": [], "next": None}
    problem(move(api, "donor GAMMA", complaint, "answer"), 403, "forbidden")
    problem(move(api, "desk ALPHA", complaint, "withdraw"), 403, "forbidden")
    assert move(api, "desk GAMMA", complaint, "withdraw").json()["stage"] == "withdrawn"


def test_a_complaint_is_moved_by_who_saw_it_last(api):
    complaint = filed(api)
    path = f"/complaints/{complaint['reference']}/deeds/answer"
    problem(api.ask("desk ALPHA", "POST", path, CAUSE), 428, "revision-wanted")
    assert move(api, "desk ALPHA", complaint, "answer").json()["stage"] == "answered"
    problem(move(api, "desk ALPHA", complaint, "answer"), 412, "changed-meanwhile")


def test_a_complaint_filed_twice_with_one_idempotency_key_is_one(api):
    body = {"carrier": "ALPHA", "topic": "no code"}
    first, second = (api.ask("desk GAMMA", "POST", "/complaints", body, idempotency_key="c") for _ in range(2))
    assert (first.json(), second.headers["idempotency-replayed"]) == (second.json(), "true")
    assert len(api.ask("centre", "GET", "/complaints").json()["complaints"]) == 1


def test_an_order_of_others_cannot_be_named_in_a_complaint(api):
    order = api.scheduled()
    body = {"carrier": "ALPHA", "topic": "x", "order": order["reference"]}
    problem(api.ask("desk GAMMA", "POST", "/complaints", body), 404, "no-such-order")


def test_pages_of_complaints_go_on_where_the_last_one_ended(api):
    made = [filed(api)["reference"] for _ in range(5)]
    seen, before = [], ""
    while True:
        page = api.ask("desk ALPHA", "GET", f"/complaints?limit=2&stage=with-operator{before}").json()
        seen += [one["reference"] for one in page["complaints"]]
        if page["next"] is None:
            break
        before = f"&before={page['next']}"
    assert seen == made[::-1]
    assert api.ask("regulator", "GET", "/complaints?carrier=BETA").json()["complaints"] == []


def test_a_finding_rests_on_evidence_that_the_reporter_may_see(api):
    body = {"kind": "document", "content": "c2Vlbg==", "carrier": ""}
    kept = api.ask("desk GAMMA", "POST", "/evidence", body).json()["id"]
    finding = {"carrier": "ALPHA", "code": "V2", "finding": "called the subscriber", "evidence": [kept]}
    problem(api.ask("desk BETA", "POST", "/violations", finding), 404, "no-such-record")
    found = api.ask("desk GAMMA", "POST", "/violations", finding)
    assert (found.status_code, found.json()["status"], found.json()["evidence"]) == (201, "suspected", [kept])
    assert "free choice" in found.json()["prohibited"]
    problem(api.ask("desk ALPHA", "POST", "/violations", finding | {"evidence": []}), 409, "refused")
    path = f"/violations/{found.json()['id']}"
    assert api.ask("donor ALPHA", "GET", path).status_code == 200
    problem(api.ask("donor BETA", "GET", path), 404, "no-such-record")
    problem(api.ask("donor BETA", "GET", "/violations?carrier=ALPHA"), 403, "forbidden")
    assert api.ask("donor BETA", "GET", "/violations").json()["violations"] == []
    assert api.ask("regulator", "POST", f"{path}/decision", CAUSE | {"status": "dismissed"}).status_code == 200
    again = api.ask("regulator", "POST", f"{path}/decision", CAUSE | {"status": "confirmed"})
    assert "decided already" in problem(again, 409, "refused")["detail"]


def test_the_rules_find_violations_once(api):
    search = {"since": "2020-01-01T00:00:00Z"}
    assert api.ask("centre", "POST", "/violations/search", search).json() == {"violations": [], "next": None}
    problem(api.ask("centre", "POST", "/violations/search", {"since": 5}), 422, "unprocessable")


def test_a_carrier_goes_down_the_ladder_and_cannot_port_in_meanwhile(api):
    found = case(api)
    assert (found["state"], found["measures"], len(found["violations"])) == ("open", [], 1)
    problem(take(api, found, "suspend"), 409, "refused")
    warned = take(api, found, "warn", amount=10_000_00, currency="CNY").json()
    problem(take(api, found, "suspend"), 412, "changed-meanwhile")
    suspended = take(api, warned, "suspend", due="2026-12-31T00:00:00Z").json()
    assert [one["measure"] for one in suspended["measures"]] == ["warn", "suspend"]
    number = api.claim(number="8610000001001", donor="BETA")["number"]
    assert number
    seen = api.ask("donor ALPHA", "GET", f"/cases/{found['reference']}")
    assert (seen.json()["state"], seen.headers["etag"]) == ("suspended", f'"{suspended["revision"]}"')
    problem(api.ask("donor BETA", "GET", f"/cases/{found['reference']}"), 404, "no-such-record")
    assert api.ask("donor BETA", "GET", "/cases").json() == {"cases": [], "next": None}
    rectified = take(api, suspended, "rectify").json()
    assert take(api, rectified, "close").json()["state"] == "closed"


def test_a_suspended_carriers_orders_are_rejected_with_the_reason(api):
    body = CAUSE | {"carrier": "BETA", "violations": [confirmed(api, "BETA")]}
    found = api.ask("regulator", "POST", "/cases", body).json()
    take(api, take(api, found, "warn").json(), "suspend")
    order = api.ask("recipient BETA", "POST", "/orders", api.submission())
    assert (order.json()["state"], order.json()["reasons"]) == ("rejected", ["recipient-suspended"])


def test_a_case_rests_on_confirmed_violations_of_that_carrier(api):
    body = {"carrier": "ALPHA", "code": "V1", "finding": "x"}
    suspected = api.ask("centre", "POST", "/violations", body).json()["id"]
    for violations in ([suspected], [confirmed(api, "BETA")], [999]):
        wrong = CAUSE | {"carrier": "ALPHA", "violations": violations}
        problem(api.ask("regulator", "POST", "/cases", wrong), 409, "refused")
    assert api.ask("regulator", "GET", "/cases").json()["cases"] == []


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/complaints", {"carrier": "ALPHA", "topic": ""}),
        ("/complaints", {"carrier": "ALPHA", "topic": "a\x00"}),
        ("/complaints", {"carrier": "ALPHA", "topic": "x", "number": "0"}),
        ("/violations", {"carrier": "ALPHA", "code": "V10", "finding": "x"}),
        ("/violations", {"carrier": "ALPHA", "code": "V1", "finding": "x", "evidence": [0]}),
        ("/cases", {"carrier": "ALPHA", "violations": [], "cause": "x"}),
    ],
)
def test_wrong_bodies_are_refused(api, path, body):
    problem(api.ask("regulator", "POST", path, body), 422, "unprocessable")
