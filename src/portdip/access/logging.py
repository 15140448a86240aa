"""The log: one JSON object a line on standard error, and no phone number in any of them.

Numbers are masked at the sink, in the finished line, wherever they came from: a field, a message of a library, the
text of an exception. So whoever logs need not think of it, and cannot forget it.
"""

from __future__ import annotations

import logging
import re
import sys
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

#: What may be a number: seven digits on end or more, or as many labels of one digit, which are a number in the DNS.
#: Times, addresses and byte counts have fewer on end.
_NUMBERS = re.compile(r"\d{7,}|\d(?:\.\d){6,}")
_SEPARATOR = re.compile(r"\D")


def mask(line: str) -> str:
    """The line with the middle of every number in it hidden.

    >>> mask('{"number": "+8613800138000", "at": "2026-11-22T23:43:00.123456Z", "from": "192.168.100.200"}')
    '{"number": "+86138*****000", "at": "2026-11-22T23:43:00.123456Z", "from": "192.168.100.200"}'
    >>> mask("0.0.0.8.3.1.0.0.8.3.1.6.8.e164.arpa")
    '86138*****000.e164.arpa'
    """
    return _NUMBERS.sub(_masked, line)


def configure(stream: TextIO | None = None, level: int = logging.INFO) -> None:
    """Make this the log of the process, for structlog and for the standard library's loggers alike.

    `stream` is standard error where it is None. To be called once, before the first line.
    """
    before: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*before, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _spell_what_is_masked,
                structlog.processors.JSONRenderer(ensure_ascii=False, default=str),
                _mask_at_the_sink,
            ],
            foreign_pre_chain=before,
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)


def _spell_what_is_masked(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Make texts of the figures that will be masked: in JSON a figure cannot have stars."""
    return {key: _spelled(value) for key, value in event.items()}


def _spelled(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _spelled(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set):
        return [_spelled(inner) for inner in value]
    if isinstance(value, int | float) and _NUMBERS.search(repr(value)):
        return repr(value)
    return value


def _mask_at_the_sink(_: WrappedLogger, __: str, line: str | EventDict) -> str:
    assert isinstance(line, str), "the renderer comes before"
    return mask(line)


def _masked(found: re.Match[str]) -> str:
    text = found[0]
    if "." in text:
        text = _SEPARATOR.sub("", text)[::-1]
    shown = min(5, max(0, len(text) - 6))
    return text[:shown] + "*" * (len(text) - shown - 3) + text[-3:]
