"""Evidence over HTTP: kept sealed, and read back by whom it is for only."""

import base64

import pytest

from portdip.porting.api.evidence import _BODY_MAX
from portdip.porting.supervision.evidence import CONTENT_MAX
from tests.porting.api.test_porting import problem

CONTENT = b"%PDF the subscriber has signed \x00\xff"


def entry(**changes):
    content = changes.pop("content", CONTENT)
    return {"kind": "risk-confirmation", "content": base64.b64encode(content).decode()} | changes


def kept(api, who="desk BETA", **changes):
    answer = api.ask(who, "POST", "/evidence", entry(**changes))
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == f"/v1/porting/evidence/{answer.json()['id']}"
    return answer.json()


def read(api, who, identifier):
    return api.ask(who, "GET", f"/evidence/{identifier}/content?cause=asked")


def test_what_was_kept_comes_back_and_an_order_rests_on_it(api):
    submission = api.submission()
    piece = kept(api, number=submission["number"], wording="notice 3", media_type="application/pdf")
    assert (piece["carrier"], piece["wording"], piece["media_type"]) == ("BETA", "notice 3", "application/pdf")
    del submission["risks_confirmed"]
    order = api.ask("recipient BETA", "POST", "/orders", submission | {"consent": piece["id"]}).json()
    assert (order["state"], order["consent"]) == ("scheduled", piece["id"])
    answer = read(api, "desk BETA", piece["id"])
    assert (answer.content, answer.headers["content-type"]) == (CONTENT, "application/octet-stream")
    assert answer.headers["content-disposition"] == "attachment"


def test_it_is_read_by_who_took_it_the_centre_and_the_regulator(api):
    piece = kept(api)["id"]
    for who in ("recipient BETA", "centre", "regulator"):
        assert read(api, who, piece).content == CONTENT
        assert api.ask(who, "GET", f"/evidence/{piece}").json()["id"] == piece
    for who in ("desk ALPHA", "donor GAMMA"):
        problem(read(api, who, piece), 404, "no-such-record")
        problem(api.ask(who, "GET", f"/evidence/{piece}"), 404, "no-such-record")
    problem(read(api, "centre", 999), 404, "no-such-record")
    problem(
        api.ask("centre", "GET", f"/evidence/{piece}/content"), 422, "unprocessable"
    )  # nobody reads without a cause


def test_evidence_of_a_complaint_is_for_both_of_its_sides(api):
    complaint = api.ask("desk GAMMA", "POST", "/complaints", {"carrier": "ALPHA", "topic": "no code"}).json()
    of = f"/evidence?complaint={complaint['reference']}"
    piece = kept(api, "desk GAMMA", kind="document", complaint=complaint["reference"])
    assert piece["complaint"] == complaint["reference"]
    assert read(api, "donor ALPHA", piece["id"]).content == CONTENT
    assert [one["id"] for one in api.ask("donor ALPHA", "GET", of).json()["evidence"]] == [piece["id"]]
    problem(read(api, "donor BETA", piece["id"]), 404, "no-such-record")
    problem(api.ask("donor BETA", "GET", of), 404, "no-such-record")
    mine = entry(kind="document", complaint=complaint["reference"])
    problem(api.ask("donor BETA", "POST", "/evidence", mine), 404, "no-such-record")


def test_of_an_orders_evidence_each_side_sees_its_own(api):
    order = api.scheduled()
    of = f"/evidence?order={order['reference']}"
    (confirmation,) = api.ask("recipient BETA", "GET", of).json()["evidence"]
    assert (confirmation["kind"], confirmation["order"]) == ("risk-confirmation", order["reference"])
    assert api.ask("donor ALPHA", "GET", of).json()["evidence"] == []
    problem(api.ask("donor GAMMA", "GET", of), 404, "no-such-order")
    problem(api.ask("centre", "GET", "/evidence"), 422, "unprocessable")
    problem(api.ask("centre", "GET", f"{of}&complaint=x"), 422, "unprocessable")


def test_a_carrier_keeps_what_it_took_and_others_say_who_took_it(api):
    problem(api.ask("desk BETA", "POST", "/evidence", entry(carrier="ALPHA")), 403, "forbidden")
    problem(api.ask("centre", "POST", "/evidence", entry()), 422, "unprocessable")
    assert kept(api, "centre", carrier="ALPHA")["carrier"] == "ALPHA"


def test_a_piece_may_be_as_long_as_evidence_may_and_no_longer(api):
    assert kept(api, content=b"x" * CONTENT_MAX)["id"]
    told = problem(api.ask("desk BETA", "POST", "/evidence", entry(content=b"x" * (CONTENT_MAX + 1))), 409, "refused")
    assert str(CONTENT_MAX) in told["detail"]
    problem(api.ask("desk BETA", "POST", "/evidence", entry(wording="x" * _BODY_MAX)), 413, "too-large")


@pytest.mark.parametrize(
    "change", [{"content": b""}, {"kind": "rumour"}, {"media_type": "text"}, {"number": "0"}, {"wording": "a\nb"}]
)
def test_wrong_bodies_are_refused(api, change):
    problem(api.ask("desk BETA", "POST", "/evidence", entry(**change)), 422, "unprocessable")


@pytest.mark.parametrize("content", ["!secret!", "secretsecret!", "secre", "密secret", 7, None])
def test_content_that_is_no_base64_is_refused_without_repeating_it(api, content):
    told = problem(api.ask("desk BETA", "POST", "/evidence", entry() | {"content": content}), 422, "unprocessable")
    assert "secret" not in told["detail"]
