"""OpenSIPS drouting: gateways and rules by prefix, as SQL to run.

The tables are `dr_gateways` and `dr_rules` as OpenSIPS 3.x makes them (scripts/*/drouting-create.sql of
github.com/OpenSIPS/opensips, versions 6 and 3 or 4: gwid, type, address, strip, pri_prefix, attrs, probe_mode, state,
socket, description; groupid, prefix, timerec, priority, routeid, gwlist, sort_alg, sort_profile, attrs, description;
opensips.org/docs/modules/3.4.x/drouting). Each route is a gateway, called `gwid` and its number, the same every time:
its address is what --carriers says of the carrier, its attributes are the routing number, which with `pri_prefix=yes`
goes before the number too (16 characters at most).
"""

from __future__ import annotations

from portdip.batch.rebuild import wording
from portdip.batch.rebuild.drouting import GROUP, lay_out
from portdip.batch.rebuild.layout import Job, Layout

OPTIONS = {**GROUP, "gwid": "np", "type": "0", "probe_mode": "0"}
_PRI_PREFIX_MAX = 16


def layout(job: Job) -> Layout:
    """Two files: dr_gateways.sql, to be run first, and dr_rules.sql."""
    stem = wording.name_of("gwid", job.options["gwid"])
    kind = wording.whole("type", job.options["type"], 0, 2**31 - 1)
    probe = wording.whole("probe_mode", job.options["probe_mode"], 0, 2)
    return lay_out(
        job,
        lambda code: f"{stem}{code}",
        columns=b"gwid, type, address, strip, pri_prefix, attrs, probe_mode, state, description",
        values=lambda name, address, before, attrs, text: (
            b"'%b', %d, %b, 0, %b, %b, %d, 0, %b" % (name.encode(), kind, address, before, attrs, probe, text)
        ),
        named=lambda name: b"'%b'" % name.encode(),
        rule_columns=b"groupid, prefix, priority, gwlist",
        rule_values=lambda group, prefix, priority, name: (
            b"%b, %b, %d, '%b'" % (group, prefix, priority, name.encode())
        ),
        before_max=_PRI_PREFIX_MAX,
    )
