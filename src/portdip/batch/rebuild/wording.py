"""How values of routes are put into words for several targets: value patterns, quoting, whole numbers.

May be called from any thread.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from portdip.errors import RebuildError
from portdip.route import Route

#: What a pattern may name: the carrier's id and name, its routing number, what the user's map says of the carrier.
FIELDS = ("carrier", "name", "routing_number", "mapped")
_FIELD = re.compile(r"\{(\w*)\}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class Pattern:
    """A value in which `{carrier}`, `{name}`, `{routing_number}` and `{mapped}` stand for what a route has.

    >>> from portdip.route import Carrier
    >>> Pattern("{carrier};{routing_number}", {}).of(Route(1, Carrier("CU"), "D002"))
    'CU;D002'

    Raises RebuildError for one that names anything else.
    """

    def __init__(self, text: str, carriers: Mapping[str, str]) -> None:
        bare = _FIELD.sub("", text)
        unknown = set(_FIELD.findall(text)) - set(FIELDS)
        if unknown or "{" in bare or "}" in bare:
            raise RebuildError(
                "a value names what a route does not have",
                expected=" ".join(f"{{{name}}}" for name in FIELDS),
                got=text,
            )
        self._text = text
        self._carriers = carriers

    def of(self, route: Route) -> str:
        """The value of a route."""
        values = {
            "carrier": route.carrier.id,
            "name": route.carrier.name,
            "routing_number": route.routing_number,
            "mapped": self._carriers.get(route.carrier.id, ""),
        }
        return self._text.format_map(values)

    def fault_of_map(self, route: Route) -> str:
        """Why the map has nothing for a route that is asked of it."""
        if "{mapped}" in self._text and route.carrier.id not in self._carriers:
            return f"carrier {route.carrier} is not in the map of --carriers"
        return ""

    def fault(self, route: Route, longest: int | None = None) -> str:
        """Why a route has no such value, "" where it has: not in the map, too long, or not one line of text."""
        if missing := self.fault_of_map(route):
            return missing
        value = self.of(route)
        if _CONTROL.search(value):
            return f"carrier {route.carrier.id}: {value!r} is not one line of text"
        if longest is not None and len(value) > longest:
            return f"carrier {route.carrier.id}: {value!r} has more than {longest} characters"
        return ""


def sql(text: str) -> bytes:
    """A text as SQL writes it, in quotes.

    >>> sql("O'Neil")
    b"'O''Neil'"
    """
    return b"'" + text.replace("'", "''").encode() + b"'"


def sql_fault(route: Route, *values: str) -> str:
    """Why values cannot stand in SQL for every database: a backslash is itself in some and not in others."""
    return next((f"carrier {route.carrier.id}: {value!r} has a backslash" for value in values if "\\" in value), "")


def csv(text: str, delimiter: str = ",") -> bytes:
    """A field of CSV (RFC 4180), in quotes where it needs them.

    >>> csv("China, Unicom")
    b'"China, Unicom"'
    """
    if any(mark in text for mark in (delimiter, '"', "\n", "\r")):
        text = '"' + text.replace('"', '""') + '"'
    return text.encode()


def name_of(option: str, text: str) -> str:
    """A table's name as it may stand in SQL; RebuildError for anything but letters, digits and '_'."""
    if not re.fullmatch(r"[A-Za-z_]\w{0,63}", text, re.ASCII):
        raise RebuildError("not a name for a table", where=option, expected="letters, digits and '_'", got=repr(text))
    return text


def digits_in(option: str, text: str, allowed: str = "0123456789+*#") -> str:
    """Digits that go before every prefix; RebuildError for what nobody dials."""
    if set(text) - set(allowed):
        raise RebuildError("not digits", where=option, expected=f"only {allowed}", got=repr(text))
    return text


def yes(option: str, text: str) -> bool:
    """Whether an option says yes; RebuildError for anything but yes and no."""
    if text not in ("yes", "no"):
        raise RebuildError("neither yes nor no", where=option, expected="yes or no", got=repr(text))
    return text == "yes"


def whole(option: str, text: str, least: int, most: int) -> int:
    """A whole number within bounds; RebuildError otherwise."""
    if not re.fullmatch(r"-?\d{1,18}", text, re.ASCII) or not least <= int(text) <= most:
        raise RebuildError(
            "not a number that can be meant", where=option, expected=f"{least} to {most}", got=repr(text)
        )
    return int(text)


def carrier_number(route: Route, carriers: Mapping[str, str], least: int, most: int) -> int | None:
    """The number of a carrier by the map, or its id where it is one; None where it is none within the bounds."""
    text = carriers.get(route.carrier.id, route.carrier.id)
    if re.fullmatch(r"\d{1,18}", text, re.ASCII) and least <= int(text) <= most:
        return int(text)
    return None


def number_fault(route: Route, carriers: Mapping[str, str], least: int, most: int) -> str:
    """Why a carrier has no such number."""
    if carrier_number(route, carriers, least, most) is not None:
        return ""
    text = carriers.get(route.carrier.id, route.carrier.id)
    return f"carrier {route.carrier} has {text!r}, not a number from {least} to {most}"
