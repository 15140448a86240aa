"""ENUM records as templates: what is said of a route is rendered once, and the number is put in as queries come.

A record's URI (RFC 3966) becomes the substitution `!^.*$!uri!` of a NAPTR record (RFC 3403), which replaces the whole
number whatever it is. Everything in here is immutable.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from portdip.errors import SettingsError
from portdip.settings.access import Record

#: What a URI may name.
NAMES = ("number", "rn", "carrier", "spn", "mcc", "mnc")
#: How often it may name the number.
NUMBERS_MAX = 4

#: The longest character-string of the DNS (RFC 1035, 3.3), and the most digits of a number in one.
_TEXT_MAX = 255
_DIGITS_MAX = 15
_SERVICE_MAX = 200

_NAME = re.compile(r"\{(\w*)\}")
_PARAMETER = re.compile(r";[^;@?]*")
_ROUTING_NUMBER = re.compile(r";rn=", re.IGNORECASE)
_CONTEXT = re.compile(r";rn-context=", re.IGNORECASE)
#: What no URI has in it stands for the number until the text is cut there.
_NUMBER = {"number": "\0"}


@dataclass(frozen=True, slots=True)
class Rendered:
    """A NAPTR record's data without the number.

    `head` is all before the text of the substitution: order, preference, flags, service. `parts` are the pieces of
    that text; the number stands between each and the next.
    """

    head: bytes
    parts: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class _Piece:
    """A piece of a URI, and what it names of a route."""

    text: str
    names: frozenset[str]


class Template:
    """One record of a profile, ready to be rendered for routes. `where` is its place in the settings.

    Raises SettingsError for a URI that names what there is not, or that no record could hold.
    """

    def __init__(self, record: Record, where: str) -> None:
        bare = _NAME.sub("", record.uri)
        unknown = set(_NAME.findall(record.uri)) - {*NAMES}
        if unknown or "{" in bare or "}" in bare:
            raise SettingsError(
                "a record names what there is not", where=where, expected=f"names out of {NAMES}", got=record.uri
            )
        if record.uri.count("{number}") > NUMBERS_MAX or len(record.service) > _SERVICE_MAX:
            raise SettingsError(
                "a record is too long",
                where=where,
                expected=f"the number at most {NUMBERS_MAX} times, a service of {_SERVICE_MAX} characters",
                got=f"{record.service} {record.uri}",
            )
        service = record.service.encode()
        # One flag: "u", the outcome is a URI.
        self._head = struct.pack(">HH", record.order, record.preference) + b"\x01u" + bytes([len(service)]) + service
        self._pieces = _pieces(record.uri)

    def render(self, values: Mapping[str, str]) -> Rendered | None:
        """The record for the `values` of all NAMES but the number; '' for what a route does not have.

        None where what is no parameter names something that the route does not have, or the text becomes longer than
        a record can hold: half a URI would send calls astray.
        """
        missing = {piece.text for piece in self._pieces if not all(values[name] for name in piece.names)}
        if missing:
            if not all(piece.startswith(";") for piece in missing):
                return None
            if any(map(_ROUTING_NUMBER.match, missing)):
                missing |= {piece.text for piece in self._pieces if _CONTEXT.match(piece.text)}
        quoted = {name: quote(value, safe="+") for name, value in values.items()} | _NUMBER
        text = "".join(piece.text.format_map(quoted) for piece in self._pieces if piece.text not in missing)
        parts = f"!^.*$!{_escaped(text)}!".encode().split(b"\0")
        if sum(map(len, parts)) + _DIGITS_MAX * (len(parts) - 1) > _TEXT_MAX:
            return None
        return Rendered(self._head, tuple(parts))


def _pieces(uri: str) -> tuple[_Piece, ...]:
    """The URI cut into its parameters, each with its semicolon, and what stands between them."""
    texts = []
    end = 0
    for parameter in _PARAMETER.finditer(uri):
        texts += [uri[end : parameter.start()], parameter[0]]
        end = parameter.end()
    return tuple(_Piece(text, frozenset(_NAME.findall(text)) - {"number"}) for text in [*texts, uri[end:]] if text)


def _escaped(text: str) -> str:
    """The text as it stands in a substitution whose delimiter is '!' (RFC 3402, 3.2)."""
    return text.replace("\\", "\\\\").replace("!", "\\!")
