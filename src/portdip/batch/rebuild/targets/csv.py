"""CSV: a row for each rule, with the columns that are asked for.

`columns` names them: `prefix`, `carrier`, `name`, `routing_number`, `mapped` (what --carriers says of the carrier) and
`ported` (true for ported numbers; fewer rules can be made without it, for it keeps ported numbers apart from others of
the same route), each with `:` and another name for it if you like. Changes have a first column `operation`: `set`, or
`delete` with nothing but the prefix. Of nobody's numbers carrier and the like are empty; such rows come only where
`nobody` is `yes`.
"""

from __future__ import annotations

from portdip.batch.rebuild import wording
from portdip.batch.rebuild.columns import chosen
from portdip.batch.rebuild.layout import DIGITS, Job, Kind, Layout, Limits, Text
from portdip.errors import RebuildError
from portdip.number import DIGITS_MAX
from portdip.route import Route

OPTIONS = {"columns": "prefix,carrier,routing_number,ported", "delimiter": ",", "header": "yes", "nobody": "no"}


def layout(job: Job) -> Layout:
    """One file, rules.csv, in UTF-8."""
    columns, delimiter = chosen(job.options["columns"]), job.options["delimiter"]
    if len(delimiter) != 1 or delimiter in '"\r\n' or not delimiter.isascii() or delimiter.isalnum():
        raise RebuildError("not a delimiter", where="delimiter", expected="one character", got=repr(delimiter))
    header, nobody = (wording.yes(name, job.options[name]) for name in ("header", "nobody"))
    between = delimiter.encode()
    patterns = {kind: wording.Pattern(f"{{{kind}}}", job.carriers) for kind in wording.FIELDS}

    def row(kind: Kind) -> bytes:
        values = {"prefix": DIGITS, "ported": b"true" if kind.ported else b"false"}
        for name, pattern in patterns.items():
            values[name] = wording.csv(pattern.of(kind.route), delimiter) if kind.route else b""
        first = [b"set"] if job.changes else []
        return between.join([*first, *(values[what] for what in columns.values())]) + b"\n"

    def gone(digits: int) -> bytes:
        return between.join([b"delete", *(DIGITS if what == "prefix" else b"" for what in columns.values())]) + b"\n"

    def fault(route: Route) -> str:
        return next(
            (found for what in columns.values() if what in patterns if (found := patterns[what].fault(route))), ""
        )

    names = [*(["operation"] if job.changes else []), *columns]
    head = between.join(wording.csv(name, delimiter) for name in names) + b"\n"
    rules = Text("rules.csv", row, head=head if header else b"", gone=gone)
    return Layout(rules, Limits(DIGITS_MAX), fault, may_block=nobody, says_ported="ported" in columns.values())
