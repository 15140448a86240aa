"""What leaves the process as a log line."""

import io
import json
import logging

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from portdip.access import logging as our_logging


@pytest.fixture
def logged():
    stream = io.StringIO()
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    our_logging.configure(stream)
    yield stream
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


def test_a_line_is_one_json_object(logged):
    structlog.get_logger("portdip.test").info("began", sequence=3, place="127.0.0.1:8080", name="中国联通")
    line = json.loads(logged.getvalue())
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "began",
        "level": "info",
        "logger": "portdip.test",
        "sequence": 3,
        "place": "127.0.0.1:8080",
        "name": "中国联通",
    }


@given(st.integers(10**6, 10**15 - 1))
def test_no_number_comes_through_whole(number):
    digits = str(number)
    dns = ".".join(reversed(digits))
    for text in (digits, f"+{digits}", f'{{"number": {digits}}}', f"/v1/dips/{digits}?x", f"{dns}.e164.arpa", dns):
        masked = our_logging.mask(text)
        assert digits not in masked
        assert dns not in masked
        assert masked.count("*") >= 3


@pytest.mark.parametrize(
    "text", ["2026-11-22T23:43:00.123456Z", "192.168.100.200:5353", "[2001:db8::1]:53", "65536 bytes in 1.25 s"]
)
def test_times_addresses_and_counts_stay(text):
    assert our_logging.mask(text) == text


def test_numbers_are_masked_wherever_they_come_from(logged):
    number = 8613800138000
    structlog.get_logger().info(f"about {number}", number=number, deep={"list": [f"+{number}"]})
    logging.getLogger("library").warning("from a library: %s", number)
    try:
        raise ValueError(f"no such number: {number}")
    except ValueError:
        structlog.get_logger().exception("failed")
        logging.getLogger("library").exception("failed")
    lines = [json.loads(line) for line in logged.getvalue().splitlines()]
    assert len(lines) == 4
    assert str(number) not in logged.getvalue()
    assert logged.getvalue().count("86138*****000") >= 6
