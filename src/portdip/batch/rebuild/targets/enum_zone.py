"""ENUM: a zone file (RFC 1035, section 5) of NAPTR records (RFC 6116), for BIND, Knot and NSD.

A number has a record of its own where it is ported; all others are answered by wildcards, one at each node below which
there are names, for in DNS a name that exists keeps the wildcards above it away (RFC 4592). `origin` is the zone, `ttl`
that of records, `negative_ttl` that of "no such number", `ns` the name server that the zone names, `contact` the
mailbox. `uri` is what a number becomes where its route has a routing number, `plain` where it has none; both may name
`{number}`, `{routing_number}`, `{carrier}`, `{name}` and `{mapped}`. The serial is the sequence. Whole zones only.
"""

from __future__ import annotations

import re

from portdip.batch.rebuild import wording
from portdip.batch.rebuild.layout import DIGITS, DOTTED, Job, Kind, Layout, Limits, Text
from portdip.errors import RebuildError
from portdip.number import DIGITS_MAX
from portdip.route import Route

OPTIONS = {
    "origin": "e164.arpa",
    "ttl": "60",
    "negative_ttl": "60",
    "ns": "ns.invalid",
    "contact": "hostmaster.invalid",
    "service": "E2U+pstn:tel",
    "uri": "tel:+{number};npdi;rn={routing_number}",
    "plain": "tel:+{number};npdi",
}
#: The longest character-string (RFC 1035, 3.3), and the longest name with the 15 labels of a number and a wildcard.
_TEXT_MAX, _ORIGIN_MAX = 255, 255 - 2 * DIGITS_MAX - 2 - 2
_NAME = re.compile(r"([A-Za-z0-9_-]{1,63}\.)+", re.ASCII)
_NUMBER = "\1"


def layout(job: Job) -> Layout:
    """One file, enum.zone."""
    options = job.options
    origin, server, contact = (_absolute(name, options[name]) for name in ("origin", "ns", "contact"))
    ttl, negative = (wording.whole(name, options[name], 0, 2**31 - 1) for name in ("ttl", "negative_ttl"))
    if not re.fullmatch(r"E2U(\+[A-Za-z0-9]+(:[A-Za-z0-9-]+)*)+", options["service"]):
        raise RebuildError("not a service", where="service", expected="such as E2U+pstn:tel", got=options["service"])
    patterns = [wording.Pattern(options[name].replace("{number}", _NUMBER), job.carriers) for name in ("plain", "uri")]

    def uri(route: Route) -> str:
        return patterns[route.routing_number != ""].of(route)

    def row(kind: Kind) -> bytes:
        if kind.route is None:  # a name keeps the wildcards above it away, with whatever record
            return b'*.%b%b TXT ""\n' % (DOTTED, origin)
        outcome = uri(kind.route).replace("\\", r"\\").replace("!", r"\!")
        if kind.ported:
            owner, text = DOTTED, ("!^.*$!" + outcome + "!").replace("\\", r"\\").replace('"', r"\"").encode()
            text = text.replace(_NUMBER.encode(), DIGITS)
        else:
            wild = r"!^\+(.*)$!" + outcome.replace(_NUMBER, r"\1") + "!"
            owner, text = b"*." + DOTTED, wild.replace("\\", r"\\").replace('"', r"\"").encode()
        return b'%b%b NAPTR 10 100 "u" "%b" "%b" .\n' % (owner, origin, options["service"].encode(), text)

    def fault(route: Route) -> str:
        text = uri(route)
        if not text.isascii() or not text.replace(_NUMBER, "").isprintable() or " " in text:
            return f"carrier {route.carrier.id}: {text.replace(_NUMBER, '')!r} is no URI"
        if len(text) + text.count(_NUMBER) * DIGITS_MAX + len("!^.*$!!") + 8 > _TEXT_MAX:
            return f"carrier {route.carrier.id}: the URI is too long for a record"
        return patterns[route.routing_number != ""].fault_of_map(route)

    soa = (server, contact, job.sequence % 2**32, negative)
    head = b"$TTL %d\n%b SOA %b %b %d 3600 600 604800 %d\n%b NS %b\n" % (ttl, origin, *soa, origin, server)
    return Layout(Text("enum.zone", row, head=head), Limits(DIGITS_MAX), fault, may_block=True, by_name=True)


def _absolute(option: str, text: str) -> bytes:
    """A domain name with a dot at its end; RebuildError for what is none."""
    name = text.rstrip(".") + "."
    if not _NAME.fullmatch(name) or len(name) > _ORIGIN_MAX:
        raise RebuildError("not a domain name", where=option, expected="such as e164.arpa", got=repr(text))
    return name.encode()
