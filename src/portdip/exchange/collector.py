"""Changes as a program makes them: a method for each operation of `portdip.exchange.changes`, and whole columns.

Each change is checked as it comes. Single ones are gathered and handed on as columns.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import datetime
from typing import TypedDict, Unpack

import pyarrow as pa

from portdip import number as numbers
from portdip.errors import ChangeError
from portdip.exchange import change_rules
from portdip.exchange.changes import CHANGES, Operation

_WRONG = "a change makes no sense"
#: So many are gathered before they are handed on.
_GATHERED_MAX = 10_000

#: A number as an integer, or as digits with or without '+'.
Number = int | str


class Particulars(TypedDict, total=False):
    """What may be said of most changes.

    `effective` is the moment, with a zone, from which the change answers (None: at once), `order` the reference of
    the porting order, `version` the authority's own number for the change.
    """

    effective: datetime | None
    order: str | None
    version: int | None


class ChangeCollector(ABC):
    """Collects changes in their order; a subclass says what becomes of them. For one thread.

    Every method raises ChangeError for a change that makes no sense, InvalidNumberError for what is no number.
    """

    def __init__(self) -> None:
        self._gathered: list[dict[str, object]] = []

    @abstractmethod
    def _take(self, changes: pa.RecordBatch) -> None:
        """What becomes of changes, all of which keep the rules."""

    def add(self, changes: pa.RecordBatch) -> None:
        """Changes as columns, schema `changes.CHANGES`, of any number. ChangeError names the first bad row."""
        found = change_rules.first_fault(changes, in_delta=False)
        if found:
            index, reason = found
            raise ChangeError(_WRONG, where=f"row {index + 1}", got=reason)
        self._hand_on()
        self._take(changes)

    def port(
        self,
        number: Number,
        carrier: str,
        routing_number: str = "",
        *,
        donor: str | None = None,
        last: Number | None = None,
        **particulars: Unpack[Particulars],
    ) -> None:
        """`carrier` serves the number, or all numbers to `last`, at most `changes.PORT_RANGE_MAX` of them."""
        route = {"carrier": carrier, "routing_number": routing_number, "donor": donor}
        self._put(Operation.PORT, particulars, number, last, **route)

    def release(self, number: Number, *, last: Number | None = None, **particulars: Unpack[Particulars]) -> None:
        """The number, or all numbers to `last`, go back to their range holder."""
        self._put(Operation.RELEASE, particulars, number, last)

    def assign(
        self,
        first: Number,
        last: Number,
        carrier: str,
        routing_number: str = "",
        **particulars: Unpack[Particulars],
    ) -> None:
        """`carrier` holds the range."""
        self._put(Operation.ASSIGN, particulars, first, last, carrier=carrier, routing_number=routing_number)

    def withdraw(self, first: Number, last: Number, **particulars: Unpack[Particulars]) -> None:
        """Nobody holds the range."""
        self._put(Operation.WITHDRAW, particulars, first, last)

    def mass_change(
        self,
        donor: str,
        carrier: str,
        routing_number: str = "",
        *,
        donor_routing_number: str | None = None,
        first: Number | None = None,
        last: Number | None = None,
        **particulars: Unpack[Particulars],
    ) -> None:
        """Every number that the old route serves gets the new one: all of them, or those from `first` to `last`.

        The old route is `donor` with `donor_routing_number`, with any routing number if that is None.
        """
        routes = {
            "carrier": carrier,
            "routing_number": routing_number,
            "donor": donor,
            "donor_routing_number": donor_routing_number,
        }
        self._put(Operation.MASS_CHANGE, particulars, first, last, **routes)

    def name_carrier(self, carrier: str, name: str) -> None:
        """A carrier, perhaps a new one, is called `name`."""
        self._put(Operation.CARRIER, {}, carrier=carrier, text=name)

    def retire_carrier(self, carrier: str) -> None:
        """The carrier is gone; numbers that still have it keep it."""
        self._put(Operation.RETIRE_CARRIER, {}, carrier=carrier)

    def name_route(self, carrier: str, routing_number: str = "") -> None:
        """There is such a route."""
        self._put(Operation.ROUTE, {}, carrier=carrier, routing_number=routing_number)

    def retire_route(self, carrier: str, routing_number: str = "") -> None:
        """The route is gone; numbers that still have it keep it."""
        self._put(Operation.RETIRE_ROUTE, {}, carrier=carrier, routing_number=routing_number)

    def trust_key(self, public: str, *, owner: str = "", expires: datetime | None = None) -> None:
        """The key, given as 64 hex digits, may sign what comes after this change, if made before `expires`."""
        self._put(Operation.TRUST_KEY, {"effective": expires, "order": owner or None}, text=public)

    def revoke_key(self, identifier: str) -> None:
        """The key may sign nothing that comes after this change."""
        self._put(Operation.REVOKE_KEY, {}, text=identifier)

    def _hand_on(self) -> None:
        """Hand on the single changes so far."""
        if self._gathered:
            gathered = pa.RecordBatch.from_pylist(self._gathered, schema=CHANGES)
            self._gathered = []
            self._take(gathered)

    def _put(
        self,
        operation: Operation,
        particulars: Particulars,
        number: Number | None = None,
        last: Number | None = None,
        **texts: str | None,
    ) -> None:
        row: dict[str, object] = {"operation": operation, "number": _integer(number), "last": _integer(last)}
        row |= particulars | texts
        moment = particulars.get("effective")
        reason = "`effective` has no zone" if moment and moment.utcoffset() is None else change_rules.fault(row)
        if reason:
            raise ChangeError(_WRONG, got=reason)
        self._gathered.append(row)
        if len(self._gathered) == _GATHERED_MAX:
            self._hand_on()


def _integer(number: Number | None) -> int | None:
    return numbers.parse(number) if isinstance(number, str) else number
