"""The OpenAPI document against the API that answers: schemathesis asks what it describes, with every role."""

import contextlib

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import ignored_auth, negative_data_rejection, positive_data_acceptance

from tests.conftest import FULL
from tests.porting.api.conftest import ROLES
from tests.porting.api.test_guard import key_of

#: Left out: test_guard asks without a key; what is right and wrong here, role, order and records decide too.
OTHERS = [ignored_auth, negative_data_rejection, positive_data_acceptance]
EXAMPLES = 30 if FULL else 2


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=lambda mode: mode.value)
@pytest.mark.parametrize("role", ROLES)
def test_answers_are_as_the_document_says(api, role, mode):
    schema = schemathesis.openapi.from_asgi("/openapi.json", api.app)
    headers = {"Authorization": f"Bearer {api.keys[key_of(role, 'ALPHA')]}"}
    asked = set()
    for operation in (found.ok() for found in schema.get_all_operations()):
        if operation.path == "/v1/porting/events/stream":  # it does not end by itself
            continue

        @given(case=operation.as_strategy(generation_mode=mode))
        @settings(
            max_examples=EXAMPLES, suppress_health_check=list(HealthCheck), phases=[Phase.generate], deadline=None
        )
        def ask(case):
            asked.add((case.method, case.path))
            case.call_and_validate(headers=headers, excluded_checks=OTHERS)

        with contextlib.suppress(Unsatisfiable):  # there is nothing to do wrong
            ask()
    assert len(asked) > 12


def test_people_read_the_document_without_the_internet(api):
    page = api.request("GET", "/docs")
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "'sha256-" in page.headers["content-security-policy"]
    assert "/docs" not in api.request("GET", "/openapi.json").json()["paths"]
