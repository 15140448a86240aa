"""Kamailio's pdbt: the CSV that `pdbt build` makes the file of pdb_server from, `digits;NNN` on each line.

A carrier is a number from 1 to 999, written with three digits (github.com/kamailio/kamailio utils/pdbt/pdbt.c and
docs; 1000 and more, and 0, mean other things there): what --carriers says of it, or its id. Whole tables only: pdbt
has no changes, and pdb_server is to be started anew.
"""

from __future__ import annotations

from portdip.batch.rebuild import wording
from portdip.batch.rebuild.layout import DIGITS, Job, Kind, Layout, Limits, Text
from portdip.number import DIGITS_MAX
from portdip.route import Route

OPTIONS: dict[str, str] = {}
_MOST = 999


def layout(job: Job) -> Layout:
    """One file, pdb.csv."""

    def row(kind: Kind) -> bytes:
        assert kind.route  # no rule says that numbers are nobody's
        return b"%b;%03d\n" % (DIGITS, wording.carrier_number(kind.route, job.carriers, 1, _MOST) or 0)

    def fault(route: Route) -> str:
        return wording.number_fault(route, job.carriers, 1, _MOST)

    return Layout(Text("pdb.csv", row), Limits(DIGITS_MAX), fault)
