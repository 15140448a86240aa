"""Port orders and the one door of every change of their state, `Orders.move`.

A move is checked against the table of moves, the actor's role and carrier, the profile and the revision of the order
that the caller saw; then the order's row, a record of the audit and an event for each carrier concerned are written,
all in the caller's transaction. What the steps of a port mean and decide is in `portdip.porting.steps`; they come
through this door too.

Orders may be shared between threads; each call belongs to the transaction that it is given.
"""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection
from sqlalchemy.exc import IntegrityError

from portdip.errors import (
    ForbiddenActError,
    MoveRefusedError,
    PortingError,
    PortOngoingError,
    StaleOrderError,
    UnknownOrderError,
)
from portdip.porting import order_statements
from portdip.porting.actor import CARRIER_ROLES, Actor, Role
from portdip.porting.database import Transaction
from portdip.porting.prepared import Prepared
from portdip.porting.profile import Profile
from portdip.porting.states import ACTIVE, MOVES, OPEN, ROLES, Act, State
from portdip.porting.tables.orders import EVENTS, ORDERS


class OrderKind(StrEnum):
    """Why a number moves: a subscriber's port, the reversal of one in an emergency, the correction of a wrong one."""

    PORT = "port"
    REVERSAL = "reversal"
    CORRECTION = "correction"


@dataclass(frozen=True, slots=True)
class Order:
    """One port order as it was at its `revision`; the fields are the columns of the table `orders`, in its order."""

    id: int
    reference: str
    kind: OrderKind
    profile: str
    number: int
    batch: str
    state: State
    revision: int
    version: int
    donor: str
    recipient: str
    range_holder: str
    routing_number: str
    donor_routing_number: str
    reseller: str
    area: str
    wished: datetime | None
    first_possible: datetime | None
    slot: datetime | None
    timer: str
    due: datetime | None
    is_open: bool
    is_active: bool
    disputed: bool
    answered: bool
    conflicts: int
    cancelled_by: str
    supersedes: int | None
    delta_sequence: int | None
    reasons: tuple[str, ...]
    consent: int | None
    opened: datetime
    submitted: datetime | None
    activated: datetime | None
    changed: datetime

    @property
    def carriers(self) -> tuple[str, ...]:
        """The carriers it concerns, each once: donor, recipient, range holder."""
        return tuple(dict.fromkeys(carrier for carrier in (self.donor, self.recipient, self.range_holder) if carrier))

    @property
    def releases(self) -> bool:
        """Whether the number goes home: its recipient is the range holder, so no entry of its own remains."""
        return self.recipient == self.range_holder

    def concerns(self, actor: Actor) -> bool:
        """Whether the actor may see it: a carrier's roles see only orders that their carrier is a party of."""
        return actor.role not in CARRIER_ROLES or actor.carrier in self.carriers


_FIXED = frozenset(
    {"id", "reference", "kind", "profile", "number", "state", "revision", "is_open", "is_active"}
    | {"opened", "changed"}
)
#: What a move may set besides the state.
CHANGEABLE = frozenset(column.name for column in ORDERS.columns) - _FIXED

#: A carrier's role, and the party of the order that it must be. A desk may serve either side.
_PARTIES: dict[Role, Callable[[Order], tuple[str, ...]]] = {
    Role.DONOR: lambda order: (order.donor,),
    Role.RECIPIENT: lambda order: (order.recipient,),
    Role.RANGE_HOLDER: lambda order: (order.range_holder,),
    Role.DESK: lambda order: (order.donor, order.recipient),
}

#: What may be done with a disputed order where disputes freeze: to end it, and to say what the network did already.
_UNFROZEN = frozenset({Act.SETTLE, Act.REQUEST_CANCEL, Act.CANCEL}) | {
    *(Act.COMPLETE, Act.COMPLETE_RELEASE, Act.MISS, Act.RESEND, Act.FAIL, Act.SUPERSEDE)
}


class Orders:
    """The orders of a database.

    `profiles` are those that orders may name; `new_reference` makes the reference of a new order.
    """

    def __init__(
        self, profiles: Mapping[str, Profile], new_reference: Callable[[], str] = lambda: secrets.token_hex(8)
    ) -> None:
        self.profiles = profiles
        self._new_reference = new_reference

    def profile_of(self, order: Order) -> Profile:
        """The profile an order follows."""
        return self.profiles[order.profile]

    def get(self, tx: Transaction, reference: str, revision: int | None = None) -> Order:
        """The order of this reference, locked for the transaction.

        Raises UnknownOrderError, and StaleOrderError where it is not at the `revision` given.
        """
        order = _first(tx.connection, order_statements.LOCKED, reference=reference)
        if order is None:
            raise UnknownOrderError("no such order", got=reference)
        if revision is not None and order.revision != revision:
            raise _stale(order, revision)
        return order

    def find(self, connection: Connection, reference: str) -> Order:
        """The order of this reference, to look at. Raises UnknownOrderError."""
        order = _first(connection, order_statements.BY_REFERENCE, reference=reference)
        if order is None:
            raise UnknownOrderError("no such order", got=reference)
        return order

    def open_of(self, tx: Transaction, number: int) -> Order | None:
        """The open order of a number, locked for the transaction; None if it has none."""
        return _first(tx.connection, order_statements.OPEN_OF, number=number)

    def active_of(self, tx: Transaction, number: int) -> Order | None:
        """The order that says who serves a number, locked for the transaction; None if no port does."""
        return _first(tx.connection, order_statements.ACTIVE_OF, number=number)

    def of_number(self, connection: Connection, number: int) -> list[Order]:
        """All orders of a number, the newest first."""
        return [_order(row) for row in order_statements.OF_NUMBER.all(connection, number=number)]

    def where(
        self, connection: Connection, *conditions: ColumnElement[bool], limit: int, lock: bool = False
    ) -> list[Order]:
        """At most `limit` orders for which all conditions on the columns of ORDERS hold, by id; locked on request.

        Locked orders that another transaction holds are left out.
        """
        query = order_statements.ALL.where(*conditions).order_by(ORDERS.c.id).limit(limit)
        if lock:
            query = query.with_for_update(skip_locked=True)
        return [_order(row) for row in connection.execute(query)]

    def next_version(self, tx: Transaction, number: int) -> int:
        """The version id that the next thing said of a number gets."""
        return int(order_statements.NEXT_VERSION.first(tx.connection, of_number=number).version)

    def open(self, tx: Transaction, actor: Actor, cause: str, **values: Any) -> Order:
        """A new order in the state draft.

        `values` are columns: `profile`, `number`, `donor` and `range_holder` at least; `reference`, where the
        authority gives one. Raises PortOngoingError where the number has an open order, PortingError for a reference
        that was used before.
        """
        profile = self.profiles[values["profile"]]
        timer = profile.timer_of(State.DRAFT)
        row = {
            "reference": self._new_reference(),
            "kind": OrderKind.PORT.value,
            "reasons": [],
            **values,
            "of_number": values["number"],
            "state": State.DRAFT.value,
            "revision": 1,
            "is_open": True,
            "is_active": False,
            "disputed": False,
            "answered": False,
            "conflicts": 0,
            "timer": timer,
            "due": profile.due(timer, tx.now) if timer else None,
            "opened": tx.now,
            "changed": tx.now,
        }
        try:
            made = order_statements.insert_of(frozenset(row)).first(tx.connection, **row)
        except IntegrityError as error:
            raise _not_unique(error, row["reference"]) from error
        order = _order(made)
        tx.audit(actor, "open", order.reference, "", order.state, cause, f"{profile.name}: states", _told(values))
        self._tell(tx, order, "open", "")
        return order

    def move(
        self,
        tx: Transaction,
        order: Order,
        act: Act,
        actor: Actor,
        cause: str,
        rule: str = "",
        **changes: Any,
    ) -> Order:
        """Do `act` to an order as the caller saw it; the order afterwards.

        `cause` says why, for the record; `rule` which part of the profile it follows; `changes` are columns of
        CHANGEABLE. Coming into another state ends the timer of the last and starts the profile's, unless `timer` and
        `due` are among the changes.

        Raises MoveRefusedError where state or profile do not allow it, ForbiddenActError where role or carrier may
        not, StaleOrderError where the order has moved since it was read, PortOngoingError where the number would get
        a second open or active order. Then the transaction must end without a commit.
        """
        return self.move_all(tx, [(order, changes)], act, actor, cause, rule)[0]

    def move_all(
        self,
        tx: Transaction,
        orders: Sequence[tuple[Order, Mapping[str, Any]]],
        act: Act,
        actor: Actor,
        cause: str,
        rule: str = "",
    ) -> list[Order]:
        """Do the same act to many orders, each with changes of its own, as `move` does; all of them or none."""
        by_columns: dict[frozenset[str], list[dict[str, Any]]] = {}
        moved = []
        for order, changes in orders:
            profile = self.profiles[order.profile]
            after = self._moved(order, self._allowed(order, act, actor, changes, profile), changes, profile, tx.now)
            moved.append(after)
            values = {name: getattr(after, name) for name in changes.keys() | _EVERY_MOVE}
            values["state"] = after.state.value
            by_columns.setdefault(frozenset(values), []).append(
                {**values, "known_id": order.id, "known_revision": order.revision}
            )
            written = f"{profile.name}: {rule or 'states'}"
            tx.audit(actor, act, order.reference, order.state, after.state, cause, written, _told(changes))
            self._tell(tx, after, act, order.state)
        for columns, rows in by_columns.items():
            self._update(tx, columns, sorted(rows, key=lambda row: row["known_id"]))
        return moved

    def _allowed(self, order: Order, act: Act, actor: Actor, changes: Mapping[str, Any], profile: Profile) -> State:
        """The state the act leads to; whatever speaks against it is raised."""
        where = f"order {order.reference}"
        after = MOVES.get((order.state, act))
        if after is None or after in profile.skipped or order.state in profile.skipped:
            possible = sorted(a.value for (s, a), t in MOVES.items() if s is order.state and t not in profile.skipped)
            raise MoveRefusedError(
                f"an order that is {order.state} does not {act}", where=where, expected=", ".join(possible) or "nothing"
            )
        if act is Act.SUBMIT and profile.code is not None and order.state is not State.CODE_ISSUED:
            raise MoveRefusedError("an order is submitted with an authorization code", where=where)
        if actor.role not in ROLES[act]:
            raise ForbiddenActError(f"{act} is not for the role {actor.role}", where=where)
        party = changes.get("recipient", order.recipient) if act is Act.SUBMIT else ""
        if actor.role in CARRIER_ROLES and actor.carrier not in (*_PARTIES[actor.role](order), party):
            raise ForbiddenActError(f"{actor.carrier} is not the {actor.role} of this order", where=where)
        if order.disputed and profile.deciding.dispute_freezes and act not in _UNFROZEN:
            raise MoveRefusedError("a disputed order stands still until it is settled", where=where)
        unknown = changes.keys() - CHANGEABLE
        assert not unknown, f"a move cannot set {unknown}"
        return after

    def _moved(self, order: Order, state: State, changes: Mapping[str, Any], profile: Profile, now: datetime) -> Order:
        """The order after the move."""
        timed: dict[str, Any] = {}
        if state is not order.state:
            timer = profile.timer_of(state)
            timed = {"timer": timer, "due": profile.due(timer, now) if timer else None}
        after = dataclasses.replace(
            order,
            **{**timed, **changes},
            state=state,
            revision=order.revision + 1,
            is_open=state in OPEN,
            is_active=state in ACTIVE,
            changed=now,
        )
        assert after.version >= order.version, "version ids only grow"
        if after.recipient == after.donor and after.state not in _BEFORE_RECIPIENT:
            raise MoveRefusedError("a number is not ported to the carrier that serves it", got=after.recipient)
        assert after.slot is not None or after.state is not State.SCHEDULED, "scheduled without a slot"
        return after

    def _update(self, tx: Transaction, columns: frozenset[str], rows: list[dict[str, Any]]) -> None:
        try:
            count = order_statements.update_of(columns).run(tx.connection, rows)
        except IntegrityError as error:
            raise _not_unique(error, "") from error
        if count != len(rows):
            raise StaleOrderError(
                "an order was changed meanwhile",
                expected=f"{len(rows)} as they were read",
                got=str(count),
                fix="Read it again and decide anew.",
            )

    def _tell(self, tx: Transaction, order: Order, act: str, before: str) -> None:
        """An event for each carrier the order concerns."""
        body = {
            "reference": order.reference,
            "number": str(order.number),
            "act": act,
            "before": before,
            "state": order.state,
            "revision": order.revision,
            "donor": order.donor,
            "recipient": order.recipient,
            "slot": None if order.slot is None else order.slot.isoformat(),
            "reasons": list(order.reasons),
            "disputed": order.disputed,
        }
        for carrier in order.carriers:
            tx.append(
                EVENTS,
                {"carrier": carrier, "kind": "order", "reference": order.reference, "body": body, "at": tx.now},
            )


_EVERY_MOVE = frozenset({"state", "revision", "is_open", "is_active", "changed", "timer", "due"})
_BEFORE_RECIPIENT = frozenset({State.DRAFT, State.QUERIED, State.CODE_ISSUED, State.CODE_EXPIRED, State.CANCELLED})


def _first(connection: Connection, query: Prepared, **values: object) -> Order | None:
    row = query.first(connection, **values)
    return None if row is None else _order(row)


def _order(row: Sequence[Any]) -> Order:
    """The order of a row of the table, whose columns are in the order of the fields."""
    values = list(row)
    values[_KIND], values[_STATE] = OrderKind(values[_KIND]), State(values[_STATE])
    values[_REASONS] = tuple(values[_REASONS])
    return Order(*values)


_KIND, _STATE, _REASONS = (ORDERS.columns.keys().index(name) for name in ("kind", "state", "reasons"))


def _told(values: Mapping[str, Any]) -> dict[str, Any]:
    """Columns as the audit keeps them; a subscriber's number is text there, as in all JSON of ours."""
    return {name: str(value) if name == "number" else value for name, value in values.items()}


def _stale(order: Order, revision: int) -> StaleOrderError:
    return StaleOrderError(
        "the order was changed meanwhile",
        where=f"order {order.reference}",
        expected=f"revision {revision}",
        got=f"revision {order.revision}, {order.state}",
        fix="Read it again and decide anew.",
    )


def _not_unique(error: IntegrityError, reference: str) -> PortingError:
    """What the database refused, in our words. SQLite names the columns, PostgreSQL the constraint."""
    said = str(error.orig)
    if "orders.reference" in said or "uq_orders_reference" in said:
        return PortingError("there is an order of this reference", got=reference)
    if "orders.number" in said or "uq_orders_" in said:
        return PortOngoingError("the number has an open or active order already", fix="Wait for its end, or cancel it.")
    raise error
