"""Kamailio's pdb protocol in plain Python, simple and slow: what the compiled responder is compared with.

Written from the layout in `modules/pdb/common.h` of Kamailio and from what `portdip.access._pdb` promises beyond it.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from portdip.number import LIMIT

#: version, type, code, length, id
HEADER = struct.Struct(">BBBBH")
REQUEST, REPLY = 0, 1
FOUND, NOT_NUMBER, NOT_FOUND = 1, 2, 3
PAYLOAD_MAX = 256


def request_v1(digits: str | bytes, asked: int = 7) -> bytes:
    """A request as the module of Kamailio sends it."""
    payload = (digits.encode() if isinstance(digits, str) else digits) + b"\0"
    return HEADER.pack(1, REQUEST, 0, HEADER.size + len(payload), asked) + payload


def found_v1(digits: str, carrier: int, asked: int = 7) -> bytes:
    """The reply that names a carrier."""
    payload = digits.encode() + b"\0" + carrier.to_bytes(2)
    return HEADER.pack(1, REPLY, FOUND, HEADER.size + len(payload), asked) + payload


def bare_v1(code: int, asked: int = 7) -> bytes:
    """The reply that has no payload."""
    return HEADER.pack(1, REPLY, code, HEADER.size, asked)


def reply(request: bytes, carrier_of: Callable[[int], int], v0_not_found: int = 0) -> bytes:
    """The reply to a datagram, b"" for none; `carrier_of` gives the carrier of a number, 0 for none."""
    if not request:
        return b""
    return _reply_v1(request, carrier_of) if request[0] == 1 else _reply_v0(request, carrier_of, v0_not_found)


def _reply_v1(request: bytes, carrier_of: Callable[[int], int]) -> bytes:
    if len(request) < HEADER.size:
        return b""
    _, kind, _, length, asked = HEADER.unpack_from(request)
    payload = request[HEADER.size :]
    if kind != REQUEST or length != len(request) or (payload and payload.find(b"\0") != len(payload) - 1):
        return b""
    digits = payload.removesuffix(b"\0")
    if digits and not digits.isdigit():
        return bare_v1(NOT_NUMBER, asked)
    carrier = _carrier(digits, carrier_of)
    return found_v1(digits.decode(), carrier, asked) if carrier else bare_v1(NOT_FOUND, asked)


def _reply_v0(request: bytes, carrier_of: Callable[[int], int], v0_not_found: int) -> bytes:
    digits = request.removesuffix(b"\0")
    if len(request) > PAYLOAD_MAX or (digits and not digits.isdigit()):
        return b""
    reply = digits + b"\0" + (_carrier(digits, carrier_of) or v0_not_found).to_bytes(2, signed=True)
    return reply if len(reply) <= 3 * len(request) else b""


def _carrier(digits: bytes, carrier_of: Callable[[int], int]) -> int:
    if not digits or digits.startswith(b"0") or int(digits) >= LIMIT:
        return 0
    return carrier_of(int(digits))
