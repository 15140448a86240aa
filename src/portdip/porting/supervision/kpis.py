"""Figures per carrier over a time, for the regulator: Arrow tables, and Parquet files of them.

| table | a row is |
|---|---|
| ports | a carrier and its side (donor, recipient): orders opened, and how those that ended did |
| refusals | a donor and a reason: orders rejected for it |
| steps | a donor, a recipient and a step from one state to the next: how many, and how long they took |
| codes | a donor: authorization codes issued, by what became of them |
| complaints | a carrier: complaints opened, answered, late, escalated, ended |
| violations | a carrier and a prohibition: findings by status |

Times begin at `begin` and end before `end`. For one connection that only reads, in one thread.
"""

from __future__ import annotations

import dataclasses
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import Connection, case, func, select

from portdip import files
from portdip.porting.moment import Moment, microseconds
from portdip.porting.states import State
from portdip.porting.supervision.complaints import Stage
from portdip.porting.tables.audit import AUDIT
from portdip.porting.tables.codes import CODES
from portdip.porting.tables.orders import ORDERS
from portdip.porting.tables.supervision import COMPLAINTS, VIOLATIONS

#: A step that began longer before the time than this is left out.
LOOKBACK = timedelta(days=31)
#: Rows are fetched as they are needed: a month has millions of steps.
_STREAMED = {"yield_per": 10_000}
_STATUSES = ("live", "used", "void", "expired", "blocked")

_TEXT, _COUNT, _SECONDS = pa.string(), pa.int64(), pa.float64()
_SCHEMAS = {
    "ports": pa.schema(
        {"carrier": _TEXT, "side": _TEXT, "opened": _COUNT}
        | dict.fromkeys(("activated", "rejected", "cancelled", "expired", "disputed"), _COUNT)
    ),
    "refusals": pa.schema({"carrier": _TEXT, "reason": _TEXT, "orders": _COUNT}),
    "steps": pa.schema(
        {"donor": _TEXT, "recipient": _TEXT, "before": _TEXT, "after": _TEXT, "orders": _COUNT}
        | {f"{name}_s": _SECONDS for name in ("mean", "p50", "p95", "max")}
    ),
    "codes": pa.schema({"carrier": _TEXT, "issued": _COUNT} | dict.fromkeys(_STATUSES, _COUNT)),
    "complaints": pa.schema(
        {"carrier": _TEXT, "opened": _COUNT}
        | dict.fromkeys(("answered", "late", "escalated", "settled", "refused", "closed", "withdrawn"), _COUNT)
    ),
    "violations": pa.schema(
        {"carrier": _TEXT, "code": _TEXT} | dict.fromkeys(("suspected", "confirmed", "dismissed"), _COUNT)
    ),
}


@dataclass(frozen=True, slots=True)
class Figures:
    """The tables, by the names above."""

    ports: pa.Table
    refusals: pa.Table
    steps: pa.Table
    codes: pa.Table
    complaints: pa.Table
    violations: pa.Table

    def tables(self) -> dict[str, pa.Table]:
        """All of them by name."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}

    def write(self, directory: Path) -> list[Path]:
        """Write a Parquet file of each table into `directory`; their paths. Each replaces an older one as a whole."""
        files.make_directory(directory)
        paths = []
        for name, table in self.tables().items():
            path = directory / f"{name}.parquet"
            with files.replacing(path) as file:
                pq.write_table(table, file)
            paths.append(path)
        return paths


def collect(connection: Connection, begin: datetime, end: datetime) -> Figures:
    """The figures from `begin` to `end`."""
    made = {
        "ports": _ports(connection, begin, end),
        "refusals": _refusals(connection, begin, end),
        "steps": _steps(connection, begin, end),
        "codes": _codes(connection, begin, end),
        "complaints": _complaints(connection, begin, end),
        "violations": _violations(connection, begin, end),
    }
    tables = {}
    for name, rows in made.items():
        about = {b"begin": begin.isoformat().encode(), b"end": end.isoformat().encode()}
        tables[name] = pa.Table.from_pylist(list(rows), _SCHEMAS[name].with_metadata(about))
    return Figures(**tables)


def _ports(connection: Connection, begin: datetime, end: datetime) -> Iterable[Mapping[str, Any]]:
    """Orders opened in the time, and what they have come to by now."""

    def count(*states: State) -> Any:
        return func.sum(case((ORDERS.c.state.in_(states), 1), else_=0))

    for side, carrier in (("donor", ORDERS.c.donor), ("recipient", ORDERS.c.recipient)):
        query = (
            select(
                carrier.label("carrier"),
                func.count().label("opened"),
                func.count(ORDERS.c.activated).label("activated"),
                count(State.REJECTED).label("rejected"),
                count(State.CANCELLED).label("cancelled"),
                count(State.CODE_EXPIRED).label("expired"),
                func.sum(case((ORDERS.c.disputed, 1), else_=0)).label("disputed"),
            )
            .where(ORDERS.c.opened >= begin, ORDERS.c.opened < end, carrier != "")
            .group_by(carrier)
            .order_by(carrier)
        )
        for row in connection.execute(query):
            yield {name: int(value) if name != "carrier" else value for name, value in row._mapping.items()} | {
                "side": side
            }


def _refusals(connection: Connection, begin: datetime, end: datetime) -> Iterable[Mapping[str, Any]]:
    query = select(ORDERS.c.donor, ORDERS.c.reasons).where(
        ORDERS.c.state == State.REJECTED, ORDERS.c.changed >= begin, ORDERS.c.changed < end
    )
    counts: Counter[tuple[str, str]] = Counter()
    with connection.execute(query, execution_options=_STREAMED) as rows:
        for donor, reasons in rows:
            counts.update((donor, reason) for reason in reasons)
    for (donor, reason), count in sorted(counts.items()):
        yield {"carrier": donor, "reason": reason, "orders": count}


def _steps(connection: Connection, begin: datetime, end: datetime) -> Iterable[Mapping[str, Any]]:
    """How long orders stayed in a state, from the audit chain: the time between two records of one order.

    Records that leave an order where it is (a reminder, a dispute) are passed over.
    """
    moves = (
        select(AUDIT.c.subject, AUDIT.c.sequence, AUDIT.c.at, AUDIT.c.before, AUDIT.c.after)
        .where(AUDIT.c.at >= begin - LOOKBACK, AUDIT.c.at < end, AUDIT.c.before != AUDIT.c.after)
        .subquery()
    )
    since = func.lag(moves.c.at, type_=Moment).over(partition_by=moves.c.subject, order_by=moves.c.sequence)
    spans = select(moves, since.label("since")).subquery()
    query = (
        select(ORDERS.c.donor, ORDERS.c.recipient, spans.c.before, spans.c.after, spans.c.at, spans.c.since)
        .join(ORDERS, ORDERS.c.reference == spans.c.subject)
        .where(spans.c.at >= begin, spans.c.since.is_not(None))
    )
    taken: dict[tuple[str, ...], array[int]] = {}
    with connection.execute(query, execution_options=_STREAMED) as rows:
        for *step, at, began in rows:
            taken.setdefault(tuple(step), array("q")).append(microseconds(at) - microseconds(began))
    for (donor, recipient, before, after), spent in sorted(taken.items()):
        seconds = np.array(spent, np.float64) / 1e6
        p50, p95 = np.percentile(seconds, [50, 95])
        yield {
            "donor": donor,
            "recipient": recipient,
            "before": before,
            "after": after,
            "orders": len(seconds),
            "mean_s": float(seconds.mean()),
            "p50_s": float(p50),
            "p95_s": float(p95),
            "max_s": float(seconds.max()),
        }


def _codes(connection: Connection, begin: datetime, end: datetime) -> Iterable[Mapping[str, Any]]:
    query = (
        select(ORDERS.c.donor, CODES.c.status, func.count())
        .join(ORDERS, ORDERS.c.id == CODES.c.order_id)
        .where(CODES.c.issued >= begin, CODES.c.issued < end)
        .group_by(ORDERS.c.donor, CODES.c.status)
    )
    yield from _spread(connection.execute(query).all(), ("carrier",), _STATUSES, total="issued")


def _complaints(connection: Connection, begin: datetime, end: datetime) -> Iterable[Mapping[str, Any]]:
    """Complaints opened in the time, and what they have come to by now."""
    table = COMPLAINTS.c
    ended = {stage.value for stage in (Stage.SETTLED, Stage.REFUSED, Stage.CLOSED, Stage.WITHDRAWN)}
    query = select(table.carrier, table.stage, table.late, table.answered, table.escalated)
    found: dict[str, Counter[str]] = {}
    for row in connection.execute(query.where(table.opened >= begin, table.opened < end)):
        counts = found.setdefault(row.carrier, Counter())
        counts["opened"] += 1
        counts["late"] += bool({Stage.WITH_OPERATOR, Stage.ACCEPTED} & set(row.late))
        counts["answered"] += row.answered is not None
        counts["escalated"] += row.escalated is not None
        counts[row.stage] += row.stage in ended
    names = [name for name in _SCHEMAS["complaints"].names if name != "carrier"]
    for carrier, counts in sorted(found.items()):
        yield {"carrier": carrier} | {name: counts[name] for name in names}


def _violations(connection: Connection, begin: datetime, end: datetime) -> Iterable[Mapping[str, Any]]:
    table = VIOLATIONS.c
    query = select(table.carrier, table.code, table.status, func.count()).group_by(
        table.carrier, table.code, table.status
    )
    rows = connection.execute(query.where(table.found >= begin, table.found < end)).all()
    yield from _spread(rows, ("carrier", "code"), ("suspected", "confirmed", "dismissed"))


def _spread(
    rows: Iterable[Any], keys: tuple[str, ...], statuses: tuple[str, ...], total: str = ""
) -> Iterable[Mapping[str, Any]]:
    """Rows of keys, status and count, to one row for each set of keys with a column for each status."""
    found: dict[tuple[str, ...], Counter[str]] = {}
    for *key, status, count in rows:
        found.setdefault(tuple(key), Counter())[status] += count
    for values, counts in sorted(found.items()):
        row: dict[str, Any] = dict(zip(keys, values, strict=True)) | {status: counts[status] for status in statuses}
        yield row | ({total: counts.total()} if total else {})
