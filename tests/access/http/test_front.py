"""Single dips over HTTP: what is answered, who may ask, and what is counted."""

from datetime import UTC, datetime

import pytest

from portdip.errors import DamagedImageError
from tests.lookup import stores

ROUTES = {
    ("GET", "/v1/dips/8613800000001"): "dip",
    ("GET", "/v1/dips/8613800000001?at=2025-01-01T00:00:00Z"): "dip",
    ("POST", "/v1/dips"): "bulk",
    ("GET", "/v1/numbers/8613800000001/history"): "dip",
    ("GET", "/v1/carriers"): "dip",
    ("GET", "/v1/routes"): "dip",
    ("GET", "/v1/status"): "dip",
    ("GET", "/metrics"): "admin",
}


def as_object(dip, text):
    def carrier(found):
        return found and {"id": found.id, "name": found.name}

    return {
        "number": f"+{dip.number}" if dip.number else text,
        "status": dip.status.value,
        "carrier": carrier(dip.carrier),
        "routing_number": dip.routing_number if dip.carrier else None,
        "ported": dip.ported,
        "range_holder": carrier(dip.range_holder),
        "sequence": dip.sequence,
        "as_of": dip.as_of.isoformat(),
    }


@pytest.mark.parametrize("text", [*map(str, stores.KINDS), f"+{stores.PORTED}", "x", "+", "0861", "1" * 16, "１３８"])
def test_a_dip_is_the_engine_s_answer(node, engine, text):
    with node.client() as client:
        answered = client.get(f"/v1/dips/{text}")
        assert answered.status_code == 200
        assert answered.json() == as_object(engine.dip(text), text)
        # The same through FastAPI, where there is a query.
        assert client.get(f"/v1/dips/{text}?&").json() == answered.json()


@pytest.mark.parametrize("text", ["1/2", 'quo"te', "back\\slash", "\n", "é", "%00"])
def test_whatever_is_no_number_is_told_as_it_was_asked(node, text):
    from urllib.parse import quote

    with node.client() as client:
        answered = client.get(f"/v1/dips/{quote(text, safe='')}").json()
    assert (answered["number"], answered["status"]) == (text, "invalid")


def test_a_dip_at_a_moment(node, engine):
    at = datetime(2023, 1, 1, tzinfo=UTC)
    with node.client() as client:
        answered = client.get(f"/v1/dips/{stores.PORTED}", params={"at": at.isoformat()})
        assert answered.json() == as_object(engine.dip(stores.PORTED, at), "")
        assert answered.json()["status"] == "native"
        without_zone = client.get(f"/v1/dips/{stores.PORTED}", params={"at": "2023-01-01T00:00:00"})
    assert without_zone.status_code == 422
    assert without_zone.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "path", ["/v1/dips/1?At=2023-01-01T00:00:00Z", "/v1/carriers?x=1", "/v1/numbers/1/history?at="]
)
def test_a_parameter_that_is_not_known_is_refused(node, path):
    with node.client() as client:
        answered = client.get(path)
    assert (answered.status_code, answered.headers["content-type"]) == (422, "application/problem+json")


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize("given", ["none", "wrong", "malformed", "other scheme", "other scope", "right"])
def test_every_route_wants_a_key_of_its_scope(guarded, method, path, given):
    scope = ROUTES[method, path]
    key = guarded.keys[scope]
    other = next(name for name in ("dip", "bulk", "admin") if name != scope)
    header, expected = {
        "none": (None, 401),
        "wrong": (f"Bearer {key[:-1]}{'A' if key[-1] != 'A' else 'B'}", 401),
        "malformed": ("Bearer é", 401),
        "other scheme": (f"Digest {key}", 401),
        "other scope": (f"Bearer {guarded.keys[other]}", 403),
        "right": (f"Bearer {key}", 200),
    }[given]
    body = {"json": {"numbers": []}} if method == "POST" else {}
    before = guarded.total()["unauthorized"]
    with guarded.client() as client:
        headers = {"authorization": header.encode()} if header else {}
        answered = client.request(method, path, headers=headers, **body)
    assert answered.status_code == expected
    assert guarded.total()["unauthorized"] - before == (expected != 200)
    if expected != 200:
        assert answered.headers["content-type"] == "application/problem+json"
        assert answered.json()["status"] == expected
    assert ("www-authenticate" in answered.headers) == (expected == 401)


@pytest.mark.parametrize(
    "path", ["/nothing", "/v1", "/v1/dips/", "/metrics/", "//healthz", "/v1/dips/..%2f..%2fhealthz"]
)
def test_a_path_that_leads_nowhere_is_behind_the_door_too(guarded, path):
    with guarded.client() as client:
        assert client.get(path).status_code == 401


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/openapi.json", "/docs"])
def test_what_tells_nothing_of_numbers_is_open(guarded, path):
    with guarded.client() as client:
        assert client.get(path).status_code == 200


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, 200),
        ({"host": "localhost:8080"}, 200),
        ({"host": "[::1]:8080"}, 200),
        ({"host": "attacker.example"}, 401),
        ({"host": "127.0.0.1.attacker.example"}, 401),
        ({"x-forwarded-for": "127.0.0.1"}, 401),
        ({"forwarded": "for=127.0.0.1"}, 401),
        ({"via": "1.1 proxy"}, 401),
        ({"authorization": "Bearer wrong"}, 401),
    ],
)
def test_on_loopback_only_a_program_here_needs_no_key(node, headers, expected):
    with node.client() as client:
        assert client.get(f"/v1/dips/{stores.PORTED}", headers=headers).status_code == expected


def test_a_key_that_is_revoked_or_has_expired_is_refused(guarded, store, monkeypatch):
    from portdip.access.api_keys import ApiKey, ApiKeyFile

    ended, ended_text = ApiKey.new(["dip"], expires=datetime(2020, 1, 1, tzinfo=UTC))
    new, text = ApiKey.new(["dip"])
    file = ApiKeyFile(store)
    file.add(new)
    file.add(ended)

    def status(text):
        monkeypatch.setattr(guarded.service.keys, "_look_at", 0.0)  # a second has passed
        with guarded.client() as client:
            return client.get("/v1/carriers", headers={"authorization": f"bearer {text}"}).status_code

    assert status(text) == 200
    assert status(ended_text) == 401
    file.revoke(new.id)
    file.revoke(ended.id)
    assert status(text) == 401


def test_a_key_has_so_many_dips_a_second(start):
    node = start(is_local=False, dips_per_second=5)
    with node.client("dip") as client:
        statuses = [client.get(f"/v1/dips/{stores.PORTED}").status_code for _ in range(30)]
        assert statuses[:5] == [200] * 5
        assert 429 in statuses
        refused = client.get("/v1/carriers") if statuses[-1] == 429 else None
    with node.client("all") as other:
        assert other.get(f"/v1/dips/{stores.PORTED}").status_code == 200
    assert node.total()["too_many"] >= statuses.count(429)
    assert refused is None or refused.headers.get("retry-after", "1") == "1"


def test_a_list_counts_as_many_dips_as_it_has_numbers(start):
    node = start(is_local=False, dips_per_second=50)
    with node.client("bulk") as client:
        assert client.post("/v1/dips", json={"numbers": ["1"] * 60}).status_code == 200
        assert client.post("/v1/dips", json={"numbers": ["1"]}).status_code == 429


def test_a_loop_that_is_late_sheds_dips(start):
    node = start(loop_delay_ms=10_000.0)
    node.service.loop_delay_ms = 1e9
    with node.client() as client:
        assert client.get("/healthz").status_code == 200
        node.service.loop_delay_ms = 1e9
        answered = client.get(f"/v1/dips/{stores.PORTED}")
        assert (answered.status_code, answered.headers["retry-after"]) == (503, "1")
        assert node.total()["overloaded"] >= 1
        node.service.loop_delay_ms = 0.0
        assert client.get(f"/v1/dips/{stores.PORTED}").status_code == 200


def test_every_dip_is_counted_by_what_it_says(start):
    node = start()
    with node.client() as client:
        for number in (stores.PORTED, stores.PORTED, stores.NATIVE, stores.UNALLOCATED, "x"):
            client.get(f"/v1/dips/{number}")
        client.post("/v1/dips", json={"numbers": [str(stores.PORTED), "x"]})
    total = node.total()
    assert [total[status] for status in ("ported", "native", "unallocated", "invalid")] == [3, 1, 1, 2]
    assert total["received"] == total["replied"] == 6
    assert node.service.counters.latency("http").sum() == 5


def test_damaged_data_is_an_error_and_no_answer(start, monkeypatch):
    node = start()

    def damaged():
        raise DamagedImageError("page 7 is damaged")

    monkeypatch.setattr(node.service, "texts", damaged)
    with node.client() as client:
        for answered in (
            client.get("/v1/dips/1"),
            client.get("/v1/dips/1?&"),
            client.post("/v1/dips", json={"numbers": []}),
        ):
            assert (answered.status_code, answered.headers["content-type"]) == (500, "application/problem+json")
    assert node.total()["failed"] == 3


def test_every_response_has_the_security_headers(guarded):
    with guarded.client() as client:
        for path in ("/v1/dips/1", "/healthz", "/docs", "/nothing"):
            headers = client.get(path).headers
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["cache-control"] == "no-store"
            assert headers["x-frame-options"] == "DENY"
            assert "server" not in headers
