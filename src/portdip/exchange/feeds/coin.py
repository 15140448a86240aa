"""Messages of COIN, the clearinghouse of the Netherlands (number-portability API, version 3).

A file holds one message as JSON, a JSON array of them, or a message a line. A message is

    {"message": {"header": {"sender": ..., "receiver": ..., "timestamp": "yyyymmddhhmmss"},
                 "body": {"portingperformed": {"dossierid": ..., ..., "repeats": [
                     {"seq": {"numberseries": {"start": "0612345678", "end": "0612345678"}}}]}}}}

| body | becomes | who serves the numbers | from |
|---|---|---|---|
| portingperformed | port | recipientnetworkoperator; donornetworkoperator is the donor | actualdatetime |
| deactivation | release | | at once |
| rangeactivation | assign | currentnetworkoperator | planneddatetime |
| rangedeactivation | withdraw | | planneddatetime |

Other messages of the API say nothing of who serves a number and are passed over. A message counts as a whole or is
refused as a whole. Numbers are written with their leading 0 and get country code 31; times are those of clocks in
Amsterdam. The order of a change is its dossier. Messages carry no sequence, so they count in the order in which they
stand, files in the order given: the order of the event stream.

A full load is what all messages together lead to, those too that are planned for later.

Sources: the classes of the PyPI package coin-sdk 1.6.10, and for the two range messages the OpenAPI description
number-portability-v3 in COIN's SDK for PHP.
"""

from __future__ import annotations

import io
import itertools
import json
import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from portdip import number
from portdip.errors import FeedError, PortdipError
from portdip.exchange import changes as change_rows
from portdip.exchange import rows as row_kinds
from portdip.exchange import wall_time
from portdip.exchange.changes import PORT_RANGE_MAX, Operation
from portdip.exchange.feeds.options import BadRows, Options
from portdip.exchange.reading import Source, reading

NEEDS_FILES = True

_COUNTRY, _TRUNK = "31", "0"
_TIME, _ZONE = "%Y%m%d%H%M%S", "Europe/Amsterdam"
_OPERATOR, _DOSSIER = "[0-9A-Z]{3,6}", "[-0-9A-Z]{5,26}"
#: More numbers than one porting has; a longer series is a slip of the pen.
_SERIES_MAX = 10 * PORT_RANGE_MAX
_BATCH_ROWS = 1 << 16


@dataclass(frozen=True)
class _Kind:
    """What a message of one kind does, and in which of its fields it says so."""

    operation: Operation
    carrier: str = ""
    donor: str = ""
    time: str = ""


_KINDS = {
    "portingperformed": _Kind(Operation.PORT, "recipientnetworkoperator", "donornetworkoperator", "actualdatetime"),
    "deactivation": _Kind(Operation.RELEASE),
    "rangeactivation": _Kind(Operation.ASSIGN, "currentnetworkoperator", time="planneddatetime"),
    "rangedeactivation": _Kind(Operation.WITHDRAW, time="planneddatetime"),
}
_PASSED_OVER = re.compile(
    "activationsn|cancel|confirmations|deactivationsn|errorfound|portingrequest|portingrequestanswer|pradelayed|"
    "tariffchangesn|enum(de)?activation(number|operator|range)|enumprofile(de)?activation"
)


@dataclass(frozen=True)
class _Event:
    """One series of numbers in one message."""

    operation: Operation
    first: int
    last: int
    carrier: str | None
    donor: str | None
    effective: datetime | None
    dossier: str


def rows(files: list[Path], options: Options) -> Iterator[pa.RecordBatch]:
    """The ranges and numbers that the messages lead to. Raises FeedError for a file without messages."""
    state = _State()
    for position, file in enumerate(files):
        for row, event in _events(file, options.bad_rows):
            state.apply(event, int(row_kinds.places(position, np.array([row], dtype=np.uint64))[0]))
    ranges = [(*interval, carrier, "") for interval, carrier in state.ranges.items()]
    numbers = [(number, carrier, "", *rest) for number, (carrier, *rest) in state.numbers.items()]
    for found, schema in ((ranges, row_kinds.RANGES), (numbers, row_kinds.PLACED_NUMBERS)):
        for start in range(0, len(found), _BATCH_ROWS):
            columns = zip(*found[start : start + _BATCH_ROWS], strict=True)
            arrays = [pa.array(column, kind.type) for column, kind in zip(columns, schema, strict=True)]
            yield pa.record_batch(arrays, schema=schema)


def changes(files: list[Path], options: Options) -> Iterator[pa.RecordBatch]:
    """A change for each series of the messages. Raises as `rows` does."""
    for file in files:
        held: list[_Event] = []
        for _, event in _events(file, options.bad_rows):
            held += _in_parts(event)
            if len(held) >= _BATCH_ROWS:
                yield _as_changes(held)
                held = []
        if held:
            yield _as_changes(held)


class _State:
    """What the messages so far have led to."""

    def __init__(self) -> None:
        #: By number: carrier, donor, effective, place.
        self.numbers: dict[int, tuple[str | None, str | None, datetime | None, int]] = {}
        #: By interval: the holder, None where withdrawn. An inner one decides over one around it.
        self.ranges: dict[tuple[int, int], str | None] = {}
        self._in_order: list[tuple[int, int]] = []

    def apply(self, event: _Event, place: int) -> None:
        """Take one more event, from this place."""
        if event.operation is Operation.PORT:
            for each in range(event.first, event.last + 1):
                self.numbers[each] = (event.carrier, event.donor, event.effective, place)
        elif event.operation is Operation.RELEASE:
            for each in range(event.first, event.last + 1):
                self.numbers.pop(each, None)
        else:
            self._hold(event.first, event.last, event.carrier)

    def _hold(self, first: int, last: int, carrier: str | None) -> None:
        """Say who holds an interval from now on, whatever there was inside it."""
        begins = bisect_left(self._in_order, (first, 0))
        ends = bisect_left(self._in_order, (last + 1, 0), begins)
        crossing = []
        for interval in self._in_order[begins:ends]:
            if interval[1] > last:
                crossing.append(interval)
            else:
                del self.ranges[interval]
        self._in_order[begins:ends] = sorted([(first, last), *crossing])
        self.ranges[first, last] = carrier


def _in_parts(event: _Event) -> Iterator[_Event]:
    """The event, a port as many of them as its numbers need."""
    step = PORT_RANGE_MAX if event.operation is Operation.PORT else event.last - event.first + 1
    for first in range(event.first, event.last + 1, step):
        yield replace(event, first=first, last=min(first + step - 1, event.last))


def _as_changes(events: list[_Event]) -> pa.RecordBatch:
    of_number = {Operation.PORT, Operation.RELEASE}
    return change_rows.batch(
        operation=[event.operation for event in events],
        number=[event.first for event in events],
        last=[None if event.first == event.last and event.operation in of_number else event.last for event in events],
        carrier=[event.carrier for event in events],
        donor=[event.donor for event in events],
        effective=[event.effective for event in events],
        order=[event.dossier for event in events],
    )


def _events(file: Path, bad_rows: BadRows) -> Iterator[tuple[int, _Event]]:
    """What the messages of a file say, in order, each with the row of its message."""
    if not file.is_file():
        raise FeedError("no such file", where=str(file))
    empty = True
    with reading(file):
        for row, text, message in _messages(file):
            empty = False
            try:
                events = _read(message)
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                bad_rows.refuse(file, row, _reason(error), text)
            else:
                yield from ((row, event) for event in events)
    if empty:
        raise FeedError("the file holds no messages", where=str(file))


def _messages(file: Path) -> Iterator[tuple[int, str, Any]]:
    """The messages of a file, as text and parsed (a line that is no JSON as None); numbered by line, or in an array
    by place."""
    with io.TextIOWrapper(Source(file).open(), "utf-8-sig") as text:
        lines = ((row, line.strip()) for row, line in enumerate(text, start=1) if line.strip())
        first = next(lines, (0, ""))
        if isinstance(_parsed(first[1]), dict):
            for row, line in itertools.chain([first], lines):
                yield row, line, _parsed(line)
            return
        rest = list(lines)
    whole = "\n".join(line for _, line in [first, *rest])
    parsed = _parsed(whole)
    if parsed is None:
        for row, line in [first, *rest] if first[0] else []:
            yield row, line, _parsed(line)
    else:
        for row, message in enumerate(parsed if isinstance(parsed, list) else [parsed], start=1):
            yield row, json.dumps(message), message


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _read(message: Any) -> list[_Event]:
    """What one message says; ValueError and the like if it is not of the form it must have."""
    if message is None:
        raise ValueError("not JSON")
    body = message["message"]["body"]
    if len(body) != 1:
        raise ValueError("the body does not hold exactly one message")
    ((name, content),) = body.items()
    if _PASSED_OVER.fullmatch(name):
        return []
    if name not in _KINDS:
        raise ValueError(f"there is no message '{name}'")
    kind = _KINDS[name]
    carrier, donor = (_id(content, name, _OPERATOR) if name else None for name in (kind.carrier, kind.donor))
    effective = _time(content, kind.time) if content.get(kind.time) else None
    dossier = _id(content, "dossierid", _DOSSIER)
    events = []
    for repeat in content["repeats"]:
        series = repeat["seq"]["numberseries"]
        first, last = _number(series["start"]), _number(series["end"])
        if last < first or number.length(first) != number.length(last):
            raise ValueError("the end of the series is not a number as long as its start and not before it")
        if kind.operation in (Operation.PORT, Operation.RELEASE) and last - first >= _SERIES_MAX:
            raise ValueError(f"the series has more than {_SERIES_MAX:,} numbers")
        events.append(_Event(kind.operation, first, last, carrier, donor, effective, dossier))
    return events


def _id(content: dict[str, Any], name: str, form: str) -> str:
    if not isinstance(content[name], str) or not re.fullmatch(form, content[name]):
        raise ValueError(f"`{name}` is not of the form {form}")
    return str(content[name])


def _time(content: dict[str, Any], name: str) -> datetime:
    if not re.fullmatch("[0-9]{14}", content[name]):
        raise ValueError(f"`{name}` is not yyyymmddhhmmss")
    return wall_time.moment(content[name], _TIME, _ZONE)


def _number(text: str) -> int:
    national = text.removeprefix(_TRUNK)
    if national == text or national.startswith(_TRUNK):
        raise ValueError("a number is not written with one leading 0")
    return number.parse(_COUNTRY + national)


def _reason(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"the message has no {error}"
    if isinstance(error, PortdipError):
        return error.what
    return str(error) if isinstance(error, ValueError) else "the message is not of the form it must have"
