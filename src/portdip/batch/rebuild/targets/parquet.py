"""Parquet: a row for each rule, with the columns that are asked for.

Columns as those of the target `csv`; the prefix is text, the others but `ported` are dictionaries of text. Changes have
a first column `operation` of `set` and `delete`.
"""

from __future__ import annotations

import pyarrow as pa

from portdip.batch.rebuild import wording
from portdip.batch.rebuild.columns import KINDS, chosen
from portdip.batch.rebuild.layout import Columns, Job, Layout, Limits
from portdip.number import DIGITS_MAX
from portdip.route import Route

OPTIONS = {"columns": "prefix,carrier,routing_number,ported", "nobody": "no"}


def layout(job: Job) -> Layout:
    """One file, rules.parquet."""
    columns = chosen(job.options["columns"])
    holds = {**({"operation": "operation"} if job.changes else {}), **columns}
    schema = pa.schema([pa.field(name, KINDS[what]) for name, what in holds.items()])
    mapped = wording.Pattern("{mapped}", job.carriers)

    def fault(route: Route) -> str:
        return mapped.fault(route) if "mapped" in columns.values() else ""

    rules = Columns("rules.parquet", columns, schema)
    nobody = wording.yes("nobody", job.options["nobody"])
    return Layout(rules, Limits(DIGITS_MAX), fault, may_block=nobody, says_ported="ported" in columns.values())
