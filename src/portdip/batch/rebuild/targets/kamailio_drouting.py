"""Kamailio drouting: gateways, a list of one for each route, and rules by prefix, as SQL to run.

The tables are `dr_gateways` and `dr_rules` as `drouting-create.sql` of Kamailio 5.6 makes them (gwid, type, address,
strip, pri_prefix, attrs, description; groupid, prefix, timerec, priority, routeid, gwlist, description). Each route is
a gateway: its address is what --carriers says of the carrier (host and port, no `sip:`), its attributes are the routing
number, which with `pri_prefix=yes` goes before the number too. Gateways have the numbers `first_gwid` and on, the same
for a route every time. Rules belong to the group `groupid` alone: it should have no others.

Limits: a gateway number and a priority are 32-bit whole numbers, an address has 128 characters, attributes 255, what
goes before the number 64, and the prefix as many. The module's own guide speaks of 300,000 rules; `rules_max` refuses
more than it says.
"""

from __future__ import annotations

from portdip.batch.rebuild.drouting import GROUP, lay_out
from portdip.batch.rebuild.layout import Job, Layout
from portdip.batch.rebuild.wording import whole

OPTIONS = {**GROUP, "first_gwid": "1", "type": "0"}


def layout(job: Job) -> Layout:
    """Two files: dr_gateways.sql, to be run first, and dr_rules.sql."""
    first = whole("first_gwid", job.options["first_gwid"], 1, 2**31 - 1 - (1 << 16))
    kind = whole("type", job.options["type"], 0, 2**31 - 1)

    def gateway(code: int) -> str:
        return str(first - 1 + code)

    return lay_out(
        job,
        gateway,
        columns=b"gwid, type, address, strip, pri_prefix, attrs, description",
        values=lambda name, address, before, attrs, text: (
            b"%b, %d, %b, 0, %b, %b, %b" % (name.encode(), kind, address, before, attrs, text)
        ),
        named=lambda name: name.encode(),
        rule_columns=b"groupid, prefix, timerec, priority, routeid, gwlist, description",
        rule_values=lambda group, prefix, priority, name: (
            b"%b, %b, '', %d, '0', '%b', ''" % (group, prefix, priority, name.encode())
        ),
    )
