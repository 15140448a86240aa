"""The OpenAPI document against the node that answers: schemathesis asks what it describes, and what it does not."""

import contextlib

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import ignored_auth, negative_data_rejection

from tests.conftest import FULL

#: Left out: the first asks with wrong keys, which test_front does for every route; the second takes a request for wrong
#: that lacks nothing but the key, which is given here.
OTHERS = [ignored_auth, negative_data_rejection]
#: Headers that say where a message ends. What is made up there is no HTTP, and answered before any route is looked for.
FRAMING = {"content-length", "transfer-encoding"}
EXAMPLES = 250 if FULL else 12


@pytest.fixture(scope="module")
def document(guarded):
    with guarded.client() as client:
        return client.get("/openapi.json").json()


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=lambda mode: mode.value)
def test_answers_are_as_the_document_says(document, guarded, mode):
    schema = schemathesis.openapi.from_dict(document)
    headers = {"Authorization": f"Bearer {guarded.keys['all']}"}
    asked = set()
    for operation in (found.ok() for found in schema.get_all_operations()):

        @given(case=operation.as_strategy(generation_mode=mode))
        @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
        def ask(case):
            asked.add(case.path)
            for name in FRAMING.intersection(map(str.lower, case.headers or ())):
                del case.headers[name]
            case.call_and_validate(base_url=f"http://127.0.0.1:{guarded.port}", headers=headers, excluded_checks=OTHERS)

        with contextlib.suppress(Unsatisfiable):  # there is nothing to do wrong
            ask()
    with_input = {"/v1/dips", "/v1/dips/{number}", "/v1/numbers/{number}/history"}
    assert asked >= (set(document["paths"]) if mode == GenerationMode.POSITIVE else with_input)


def test_the_document_names_every_route(document):
    assert set(document["paths"]) == {
        "/healthz",
        "/readyz",
        "/metrics",
        "/v1/carriers",
        "/v1/dips",
        "/v1/dips/{number}",
        "/v1/numbers/{number}/history",
        "/v1/routes",
        "/v1/status",
    }
    for path, operations in document["paths"].items():
        for operation in operations.values():
            assert ("security" in operation) == (path not in {"/healthz", "/readyz"})
