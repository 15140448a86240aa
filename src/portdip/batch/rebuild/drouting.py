"""What the drouting modules of Kamailio and OpenSIPS have in common: a gateway a route, and rules that name it."""

from __future__ import annotations

from collections.abc import Callable

from portdip.batch.rebuild import wording
from portdip.batch.rebuild.layout import DIGITS, Job, Kind, Layout, Limits, Statements, Text
from portdip.route import Route

#: Options of both.
GROUP = {"groupid": "0", "priority": "0", "lead": "", "pri_prefix": "no", "rules_max": ""}
_ADDRESS_MAX, _ATTRIBUTES_MAX, _PREFIX_MAX = 128, 255, 64


def lay_out(
    job: Job,
    gateway: Callable[[int], str],
    *,
    columns: bytes,
    values: Callable[[str, bytes, bytes, bytes, bytes], bytes],
    named: Callable[[str], bytes],
    rule_columns: bytes,
    rule_values: Callable[[bytes, bytes, int, str], bytes],
    before_max: int = _PREFIX_MAX,
) -> Layout:
    """The files for gateways and rules with these columns.

    `gateway` is what the gateway of a route code is called, `values` its row (name, address, digits before the number,
    attributes, description), `named` its name in SQL, `rule_values` the row of a rule (group, prefix, priority, name).
    """
    options = job.options
    group = wording.sql(str(wording.whole("groupid", options["groupid"], 0, 2**31 - 1)))
    priority = wording.whole("priority", options["priority"], 0, 2**31 - 1)
    lead = wording.digits_in("lead", options["lead"]).encode()
    most = wording.whole("rules_max", options["rules_max"], 1, 10**15) if options["rules_max"] else None
    with_number = wording.yes("pri_prefix", options["pri_prefix"])
    address = wording.Pattern("{mapped}", job.carriers)

    def fault(route: Route) -> str:
        digits = route.routing_number
        if with_number and len(digits) > before_max:
            return f"routing number {digits!r} has more than {before_max} characters"
        return (
            address.fault(route, _ADDRESS_MAX)
            or wording.sql_fault(route, address.of(route), route.carrier.id, digits)
            or ("" if len(digits) <= _ATTRIBUTES_MAX else f"routing number {digits!r} is too long")
        )

    def gateways(routes: list[Route]) -> bytes:
        lines = []
        for route in routes:
            name = gateway(route.code)
            before = route.routing_number if with_number else ""
            texts = (address.of(route), before, route.routing_number, route.carrier.id)
            lines.append(b"DELETE FROM dr_gateways WHERE gwid = %b;\n" % named(name))
            row = values(name, *map(wording.sql, texts))
            lines.append(b"INSERT INTO dr_gateways (%b) VALUES (%b);\n" % (columns, row))
        return b"BEGIN;\n" + b"".join(lines) + b"COMMIT;\n"

    def row(kind: Kind) -> bytes:
        assert kind.route  # no rule says that numbers are nobody's
        prefix = b"'%b%b'" % (lead, DIGITS)
        return b"(%b),\n" % rule_values(group, prefix, priority, gateway(kind.route.code))

    forget = b"DELETE FROM dr_rules WHERE groupid = %b" % group
    rules = Text(
        "dr_rules.sql",
        row,
        head=b"BEGIN;\n" + (b"" if job.changes else forget + b";\n"),
        foot=b"COMMIT;\n",
        statements=Statements(b"INSERT INTO dr_rules (%b) VALUES\n" % rule_columns, b",\n", b";\n"),
        gone=lambda digits: b"%b AND prefix = '%b%b';\n" % (forget, lead, DIGITS),
        gone_first=True,
    )
    return Layout(rules, Limits(_PREFIX_MAX - len(lead), most), fault, others={"dr_gateways.sql": gateways})
