"""One number ported end to end, for `portdip demo`: query, code, order, cut-over, and the dip that changes with it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from portdip import open_engine
from portdip.lookup.engine import Engine
from portdip.number import interval_of_prefix
from portdip.porting import resources
from portdip.porting.actor import Actor, Role
from portdip.porting.applying import Application
from portdip.porting.eligibility import Claim
from portdip.porting.layer import Layer
from portdip.porting.subscribers import import_csv
from portdip.settings.porting import Porting
from portdip.table.store import Store

#: How long before the full hour the story begins, and how often the layer looks for what is due.
_AHEAD = timedelta(seconds=0.7)
_LOOK_SECONDS = 0.005
#: What the layer does within is over by then, or never.
_LIMIT_SECONDS = 20.0

_RECIPIENT, _ROUTING_NUMBER = "CBN", "0D01"
#: A made-up applicant.
_CLAIM = Claim("110101199003070010", "王小明")
_SUBSCRIBERS = """\
number,kind,status,area,real_name,identity,name,arrears,unbilled,unbilled_agreed,contract_until,joined,bars
{number},personal,normal,,yes,{identity},{name},0,0,no,,2020-01-01T00:00:00+08:00,
"""


class _ClockBeforeTheHour:
    """The system's clock, set back so that it runs into the full hour in a moment. Safe to share between threads."""

    def __init__(self) -> None:
        now = datetime.now(UTC)
        self._behind = now - now.replace(minute=0, second=0, microsecond=0) + _AHEAD

    def now(self) -> datetime:
        """The moment it shows, in UTC."""
        return datetime.now(UTC) - self._behind


#: Time by the layer's clock, what was done, what came of it, and what a dip said then.
Row = tuple[str, str, str, str]


def port_one(path: Path, number: int) -> list[Row]:
    """Port a number that was never ported to another carrier, by the profile `cn`, while an engine follows."""
    clock, store = _ClockBeforeTheHour(), Store.open(path)
    settings = Porting()
    with Layer.open(path, settings, store.writer, clock) as layer, open_engine(path, live=True) as engine:
        donor = _prepare(layer, engine, number)
        rows: list[Row] = []

        @contextmanager
        def told(what: str) -> Iterator[list[str]]:
            came: list[str] = []
            yield came
            rows.append((f"{clock.now():%H:%M:%S.%f}"[:-4], what, came[0], _served(engine, number)))

        with told("query") as came:
            desk = Actor("demo", Role.DESK, donor)
            review = layer.applications.query(desk, layer.profile, number, donor, _CLAIM, "demo")
            came.append(f"{donor}: can be ported" if review.eligible else ", ".join(review.reasons))
        with told("code") as came:
            issued = layer.applications.issue_code(desk, layer.profile, number, donor, _CLAIM, "demo")
            came.append(f"{issued.code}, until {issued.expires:%H:%M}")
        with told("order") as came:
            applied = Application(
                number, _RECIPIENT, _ROUTING_NUMBER, _CLAIM, code=issued.code, risks_confirmed="demo notice"
            )
            order = layer.applications.submit(Actor("demo", Role.RECIPIENT, _RECIPIENT), layer.profile, applied, "demo")
            assert order.slot is not None
            came.append(f"to {_RECIPIENT}, {order.state} for {order.slot:%H:%M}")
        with told("cut-over") as came:
            until = time.monotonic() + _LIMIT_SECONDS
            while layer.step().published == 0 and time.monotonic() < until:
                time.sleep(_LOOK_SECONDS)
            while _carrier(engine, number) != _RECIPIENT and time.monotonic() < until:
                time.sleep(0.001)
            delay = (clock.now() - order.slot).total_seconds()
            came.append(f"delta {store.chain.head.sequence}, {delay * 1e3:.0f} ms after the hour")
        with told("done") as came, layer.database.reading() as connection:
            layer.step()
            came.append(layer.orders.find(connection, order.reference).state)
    return rows


def _prepare(layer: Layer, engine: Engine, number: int) -> str:
    """Let the layer know the number's block of ten thousand, as it is served now, and its subscriber; the donor."""
    centre, served = Actor("demo", Role.CENTRE), engine.dip(number)
    assert served.carrier is not None
    donor = served.carrier.id
    first, last = interval_of_prefix(number // 10_000, len(str(number)))
    with layer.database.transaction() as tx:
        resources.assign(tx, centre, first, last, donor, "demo", routing_number=served.routing_number)
    rows = _SUBSCRIBERS.format(number=number, identity=_CLAIM.identity, name=_CLAIM.name)
    import_csv(layer.database, layer.vault, centre, donor, rows.splitlines())
    layer.step()
    return donor


def _served(engine: Engine, number: int) -> str:
    dip = engine.dip(number)
    return f"{dip.status} {_carrier(engine, number)} {dip.routing_number}".rstrip()


def _carrier(engine: Engine, number: int) -> str:
    carrier = engine.dip(number).carrier
    return carrier.id if carrier else ""
