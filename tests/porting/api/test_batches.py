"""Many orders in one request: each its own result, one idempotency key for all of them."""

import pytest

from tests.porting.api.test_porting import problem


def send(api, submissions, who="recipient BETA", **headers):
    return api.ask(who, "POST", "/orders/batch", {"submissions": submissions}, **headers)


def test_each_submission_has_its_own_result_in_order(api):
    good = [api.submission() for _ in range(3)]
    wrong = api.submission(code="00000000")
    silent = {name: value for name, value in api.submission().items() if name != "risks_confirmed"}
    answer = send(api, [good[0], wrong, good[1], silent, good[0], good[2]])
    assert answer.status_code == 200
    results = answer.json()["results"]
    assert [one["status"] for one in results] == [201, 409, 201, 409, 409, 201]
    assert [one["order"]["number"] for one in results if one["order"]] == [one["number"] for one in good]
    assert [one["problem"]["type"].rpartition(":")[2] for one in results if one["problem"]] == [
        "authorization-code",
        "consent-missing",
        "port-ongoing",
    ]
    assert len(api.ask("recipient BETA", "GET", "/orders?state=scheduled").json()["orders"]) == 3


def test_an_idempotency_key_is_for_the_whole_batch(api):
    submissions = [api.submission(), api.submission(code="00000000")]
    first, second = (send(api, submissions, idempotency_key="b") for _ in range(2))
    assert (first.content, second.headers["idempotency-replayed"]) == (second.content, "true")
    problem(send(api, submissions[:1], idempotency_key="b"), 422, "key-reused")
    right = api.submission()
    assert send(api, [submissions[0], right]).json()["results"][1]["status"] == 201


@pytest.mark.parametrize("count", [0, 501])
def test_too_many_and_none_are_refused_before_anything_is_done(api, count):
    told = problem(send(api, [{"number": "8610000000001"}] * count), 422, "unprocessable")
    assert ("at most 500" if count else "at least 1") in told["detail"]


def test_one_application_has_so_many_numbers_as_the_profile_allows(api):
    results = send(api, [api.submission(batch="firm"), api.submission(batch="firm")]).json()["results"]
    assert [one["status"] for one in results] == [201, 409]
    assert results[1]["problem"]["type"] == "urn:portdip:problem:no-room"


def test_one_wrong_field_refuses_the_request_and_says_which(api):
    told = problem(send(api, [api.submission(), {"number": "x"}]), 422, "unprocessable")
    assert "submissions.1.number" in told["detail"]
