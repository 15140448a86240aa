"""Asterisk: keys and values for its own database, as CSV that sqlite3 loads.

Since Asterisk 10 the database is a file of SQLite, /var/lib/asterisk/astdb.sqlite3, with the table `astdb(key, value)`
and keys `/family/key` (docs.asterisk.org, "SQLite3 astdb back-end"). With Asterisk stopped,

    sqlite3 astdb.sqlite3 "DELETE FROM astdb WHERE key LIKE '/np/%'" ".mode csv" ".import astdb.csv astdb"

and then `${DB(np/${EXTEN})}` has the value of a ported number; the same of ever shorter beginnings that of any other.
`family` is the family, `value` the pattern of a value, `nobody` the value for numbers that nobody has: where it is
given, fewer keys can say the same. Whole tables only: an import does not replace keys.
"""

from __future__ import annotations

import re

from portdip.batch.rebuild import wording
from portdip.batch.rebuild.layout import DIGITS, Job, Kind, Layout, Limits, Text
from portdip.errors import RebuildError
from portdip.number import DIGITS_MAX

OPTIONS = {"family": "np", "value": "{carrier};{routing_number}", "nobody": ""}


def layout(job: Job) -> Layout:
    """One file, astdb.csv, without a line of names, as `.import` wants it."""
    family, nobody = job.options["family"], job.options["nobody"]
    if not re.fullmatch(r"[\w.-]{1,64}", family, re.ASCII):
        raise RebuildError("not a family", where="family", expected="letters, digits, '_', '.', '-'", got=repr(family))
    pattern = wording.Pattern(job.options["value"], job.carriers)

    def row(kind: Kind) -> bytes:
        value = wording.csv(pattern.of(kind.route) if kind.route else nobody)
        return b"/%b/%b,%b\n" % (family.encode(), DIGITS, value)

    return Layout(Text("astdb.csv", row), Limits(DIGITS_MAX), pattern.fault, may_block=bool(nobody))
