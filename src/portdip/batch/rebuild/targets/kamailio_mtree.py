"""Kamailio mtree: a table of prefixes and values, as SQL to run or CSV to load.

The table is `mtrees` as Kamailio 5.6's `mtree-create.sql` makes it (tname, tprefix, tvalue). `mt_match("portdip",
"$rU", "0")` then puts the value into the variable that the module names. A prefix may have 63 characters
(kamailio.org/docs/modules/5.6.x/modules/mtree.html, "maximum size of the prefix is limited internally to 63"), in the
table of Kamailio's own 32, and a value 128.

`value` is the pattern of a value; `nobody` one for numbers that nobody has: where it is given, fewer rules can say the
same. `lead` goes before every prefix.
"""

from __future__ import annotations

from portdip.batch.rebuild import wording
from portdip.batch.rebuild.layout import DIGITS, Job, Kind, Layout, Limits, Statements, Text
from portdip.errors import RebuildError
from portdip.route import Route

OPTIONS = {
    "format": "sql",
    "table": "mtrees",
    "tname": "portdip",
    "value": "{carrier};{routing_number}",
    "nobody": "",
    "lead": "",
}
_PREFIX_MAX, _VALUE_MAX = 32, 128


def layout(job: Job) -> Layout:
    """One file, mtree.sql or mtree.csv."""
    options = job.options
    pattern = wording.Pattern(options["value"], job.carriers)
    lead = wording.digits_in("lead", options["lead"]).encode()
    nobody = options["nobody"]

    def value(kind: Kind) -> str:
        return pattern.of(kind.route) if kind.route else nobody

    def fault(route: Route) -> str:
        return pattern.fault(route, _VALUE_MAX) or wording.sql_fault(route, pattern.of(route))

    limits = Limits(_PREFIX_MAX - len(lead))
    if options["format"] == "csv":
        name = wording.csv(options["tname"])
        rules = Text(
            "mtree.csv",
            lambda kind: b"%b,%b%b,%b\n" % (name, lead, DIGITS, wording.csv(value(kind))),
            head=b"tname,tprefix,tvalue\n",
        )
        return Layout(rules, limits, fault, may_block=bool(nobody))
    if options["format"] != "sql":
        raise RebuildError("no such format", where="format", expected="sql or csv", got=options["format"])
    table, name = wording.name_of("table", options["table"]).encode(), wording.sql(options["tname"])
    forget = b"DELETE FROM %b WHERE tname = %b" % (table, name)

    def gone(digits: int) -> bytes:
        return b"%b AND tprefix = '%b%b';\n" % (forget, lead, DIGITS)

    rules = Text(
        "mtree.sql",
        lambda kind: b"(%b, '%b%b', %b),\n" % (name, lead, DIGITS, wording.sql(value(kind))),
        head=b"BEGIN;\n" + (b"" if job.changes else forget + b";\n"),
        foot=b"COMMIT;\n",
        statements=Statements(b"INSERT INTO %b (tname, tprefix, tvalue) VALUES\n" % table, b",\n", b";\n"),
        gone=gone,
        gone_first=True,
    )
    return Layout(rules, limits, fault, may_block=bool(nobody))
