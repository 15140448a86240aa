"""FreeSWITCH mod_lcr: carriers and rules by prefix, as SQL to run.

The tables are `carriers` and `lcr` as mod_lcr's own scripts make them (src/mod/applications/mod_lcr/sql of
github.com/signalwire/freeswitch: digits, rate, intrastate_rate, intralata_rate, carrier_id, lead_strip, trail_strip,
prefix, suffix, lcr_profile, quality, reliability). A carrier's id is a 32-bit whole number: what --carriers says of it,
or its own id. The routing number becomes the prefix that goes before the number (16 characters at most). Rules belong
to the profile `lcr_profile` alone. Gateways stay as they are: the table `carrier_gateway` is yours.

mod_lcr offers the carriers of shorter prefixes too, after that of the longest: the first is the one that serves the
number. `lead` goes before every prefix; `digits` has 15 characters in all.
"""

from __future__ import annotations

from portdip.batch.rebuild import wording
from portdip.batch.rebuild.layout import DIGITS, Job, Kind, Layout, Limits, Statements, Text
from portdip.route import Route

OPTIONS = {"lcr_profile": "0", "rate": "0", "lead": ""}
_DIGITS_MAX, _PREFIX_MAX, _NAME_MAX = 15, 16, 255
_ID_MAX = 2**31 - 1
_COLUMNS = (
    b"digits, rate, intrastate_rate, intralata_rate, carrier_id, lead_strip, trail_strip, prefix, suffix, "
    b"lcr_profile, quality, reliability"
)


def layout(job: Job) -> Layout:
    """Two files: carriers.sql, to be run first, and lcr.sql."""
    profile = wording.whole("lcr_profile", job.options["lcr_profile"], 0, _ID_MAX)
    rate = wording.whole("rate", job.options["rate"], 0, 999_999)
    lead = wording.digits_in("lead", job.options["lead"], "0123456789").encode()

    def number(route: Route) -> int:
        return wording.carrier_number(route, job.carriers, 1, _ID_MAX) or 0

    def row(kind: Kind) -> bytes:
        assert kind.route  # no rule says that numbers are nobody's
        before = wording.sql(kind.route.routing_number)
        fixed = b"%d, %d, %d, %d, 0, 0, %b, '', %d, 0, 0" % (rate, rate, rate, number(kind.route), before, profile)
        return b"('%b%b', %b),\n" % (lead, DIGITS, fixed)

    def fault(route: Route) -> str:
        if len(route.routing_number) > _PREFIX_MAX:
            return f"routing number {route.routing_number!r} has more than {_PREFIX_MAX} characters"
        return wording.number_fault(route, job.carriers, 1, _ID_MAX) or wording.sql_fault(
            route, route.carrier.name, route.carrier.id
        )

    def carriers(routes: list[Route]) -> bytes:
        names = {number(route): route.carrier.name or route.carrier.id for route in routes}
        lines = [
            b"UPDATE carriers SET carrier_name = %b WHERE id = %d;\n"
            b"INSERT INTO carriers (id, carrier_name) SELECT %d, %b WHERE NOT EXISTS "
            b"(SELECT 1 FROM carriers WHERE id = %d);\n" % (text, id_, id_, text, id_)
            for id_, text in ((id_, wording.sql(name[:_NAME_MAX])) for id_, name in sorted(names.items()))
        ]
        return b"BEGIN;\n" + b"".join(lines) + b"COMMIT;\n"

    forget = b"DELETE FROM lcr WHERE lcr_profile = %d" % profile
    rules = Text(
        "lcr.sql",
        row,
        head=b"BEGIN;\n" + (b"" if job.changes else forget + b";\n"),
        foot=b"COMMIT;\n",
        statements=Statements(b"INSERT INTO lcr (%b) VALUES\n" % _COLUMNS, b",\n", b";\n"),
        gone=lambda digits: b"%b AND digits = '%b%b';\n" % (forget, lead, DIGITS),
        gone_first=True,
    )
    limits = Limits(_DIGITS_MAX - len(lead))
    return Layout(rules, limits, fault, others={"carriers.sql": carriers})
