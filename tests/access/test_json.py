"""Dips as JSON and as text, against their plain twin: the engine's Dip and the standard library's json."""

import json
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from portdip.access import OUTCOMES
from portdip.access._json import DipTexts, RouteTexts
from portdip.errors import InvalidNumberError, UnknownRouteError
from portdip.number import parse
from portdip.route import Carrier, Route

NAMES = ["", "plain", 'quo"te', "back\\slash", "中国联通", "new\nline", "\u2028", "é" * 300]
ROUTES = {
    code: Route(code, Carrier(f"C{code}", name), routing_number)
    for code, (name, routing_number) in enumerate(((name, number) for name in NAMES for number in ("", "D0")), start=1)
}
AS_OF = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ENTRY = 1 << 16


class PlainIndex:
    """Which code a number has is written in it: 1 and two digits native, 2 and two digits ported from the range 01."""

    def match(self, number: int) -> int:
        text = str(number)
        code = int(text[1:3] or 0) if text[0] in "12" else 0
        return code and code + ENTRY * (text[0] == "2")

    def match_many(self, numbers):
        return np.array([self.match(int(number)) if number else 0 for number in numbers], dtype=np.uint32)

    def range_code(self, number: int) -> int:
        return int(str(number)[3:5] or 0) if str(number)[0] == "2" else self.match(number)


index = PlainIndex()
texts = DipTexts(index, RouteTexts(ROUTES), 7, AS_OF.isoformat())


def has_routes(number: int) -> bool:
    return all(code == 0 or code in ROUTES for code in (index.match(number) % ENTRY, index.range_code(number)))


codes = st.integers(0, len(ROUTES))
coded = st.builds(lambda kind, own, around: int(f"{kind}{own:02d}{around:02d}"), st.integers(1, 3), codes, codes)
numbers = (st.integers(1, 10**15 - 1) | coded).filter(has_routes)
spelled = st.one_of(numbers.map(str), numbers.map(lambda number: f"+{number}"), st.text(max_size=20))


def twin(text: str) -> dict[str, object]:
    def carrier(code):
        return {"id": ROUTES[code].carrier.id, "name": ROUTES[code].carrier.name} if code else None

    try:
        number = parse(text)
    except (InvalidNumberError, IndexError):
        number, match = 0, 0
    else:
        match = index.match(number)
    code = match % ENTRY
    return {
        "number": f"+{number}" if number else text,
        "status": "invalid" if not number else "unallocated" if not match else "ported" if match > ENTRY else "native",
        "carrier": carrier(code),
        "routing_number": ROUTES[code].routing_number if code else None,
        "ported": match > ENTRY,
        "range_holder": carrier(index.range_code(number)) if match else None,
    }


@given(spelled)
def test_one_dip(text):
    body, outcome = texts.one(text)
    expected = twin(text)
    assert json.loads(body) == expected | {"sequence": 7, "as_of": AS_OF.isoformat()}
    assert OUTCOMES[outcome] == expected["status"]


@given(st.lists(spelled))
def test_many_dips(asked):
    body, counts = texts.many(asked)
    expected = [twin(text) for text in asked]
    assert json.loads(body) == expected
    assert counts == [sum(dip["status"] == status for dip in expected) for status in OUTCOMES[:4]]


@given(st.lists(spelled.filter(lambda text: "\n" not in text and "\r" not in text)))
def test_lines(asked):
    lines, counts = texts.lines("".join(f"{text}\n" for text in asked).encode())
    expected = [twin(text) for text in asked]
    for line, dip in zip(lines.split(b"\n")[:-1], expected, strict=True):
        routing_number, _, carrier = line.decode().partition(";")
        assert carrier == (dip["carrier"]["id"] if dip["carrier"] else "")
        if dip["ported"]:
            assert routing_number == dip["routing_number"]
        else:
            assert routing_number == (dip["number"].removeprefix("+") if dip["status"] != "invalid" else "")
    assert sum(counts) == len(asked)


def test_a_code_without_a_route_is_an_error_and_no_answer():
    for number in ("199", "29901", "20199"):
        with pytest.raises(UnknownRouteError):
            texts.one(number)
        with pytest.raises(UnknownRouteError):
            texts.many([number])
    with pytest.raises(UnknownRouteError):
        texts.lines(b"199")


def test_what_is_no_text_is_a_mistake_of_the_caller():
    with pytest.raises(TypeError):
        texts.one(1)
    with pytest.raises(TypeError):
        texts.many([1])
