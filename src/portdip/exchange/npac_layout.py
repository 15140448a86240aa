"""The files of NPAC's Bulk Data Download (BDD), United States and Canada: their fields, and which is which.

A record is fields of any length with '|' between, and ends with CR. Times are GMT, yyyymmddhhmmss. The kinds, each
with its key, and their fields counted from 1 as the specification does:

    SV         TN, 10 digits   1 version id, 2 TN, 3 LRN, 4 SPID, 5 activation, 6-13 DPC and SSN of CLASS, LIDB, ISVM
                               and CNAM, 14-15 end-user location, 16 billing id, 17 LNP type, 18 reason, then 19-20
                               DPC and SSN of WSMSC
    NPB        NPA-NXX-X, 7    1 block id, 2 NPA-NXX-X, 3 LRN, 4 SPID, 5 activation, 6-13 as above, 14 reason; or
                               14-15 WSMSC and 16 reason
    LRN        LRN, 10         1 SPID, 2 id, 3 LRN, 4 creation, 5 reason
    NPA-NXX    NPA-NXX, 6      1 SPID, 2 id, 3 NPA-NXX, 4 creation, 5 effective, 6 reason
    NPA-NXX-X  NPA-NXX-X, 7    1 SPID, 2 id, 3 NPA-NXX-X, 4 creation, 5 effective, 6 modification, 7 reason
    SPID       none            1 SPID, 2 name, 3 type

Whether the WSMSC fields are there, and which of SV type, alternative SPIDs, alternative end-user location, alternative
billing id and the URIs follow at the end of SV and NPB records (from release 3.4 on), depends on what the receiving
provider has asked for. Nothing in the file says so, but what is looked at here stands before them, so a layout
needs to know only how many fields there may be. The download reason is 0 new, 1 delete, 2 modified, 3
audit-discrepancy; in a full file it is always new.

A file is called `<key range>.<created>` with `.<start>.<end>` behind, times as DD-MM-YYYYhhmmss; a full file has the
start 00-00-0000000000 and the end 99-99-9999999999.

Sources: NANC 445, appendix E of the NPAC SMS Functional Requirements Specification, for SV; Oracle LSMS documentation
E76235 and E91327, tables of the LNP database and file naming conventions, for the others, whose order in the file
and numeric reasons are not confirmed by an official text read here.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from portdip.errors import FeedError
from portdip.exchange import delimited
from portdip.exchange.reading import Source

FORM = delimited.Form(delimiter="|", header=False, quotes=False)

NEW, DELETE, MODIFIED, AUDIT_DISCREPANCY = range(4)
REASONS = ("0", "1", "2", "3")


class Kind(StrEnum):
    """What the records of a file are."""

    SV = "SV"
    NPB = "NPB"
    LRN = "LRN"
    NPA_NXX = "NPA-NXX"
    NPA_NXX_X = "NPA-NXX-X"
    SPID = "SPID"


#: How many digits the key of a record has.
DIGITS = {Kind.SV: 10, Kind.NPB: 7, Kind.LRN: 10, Kind.NPA_NXX: 6, Kind.NPA_NXX_X: 7}


@dataclass(frozen=True)
class Layout:
    """One form of one kind: how many fields a record may have, and the position, from 0, of those looked at."""

    preset: str
    kind: Kind
    fields: Collection[int]
    positions: dict[str, int]

    def fits(self, record: list[str]) -> bool:
        """Whether a record can be of this layout, by its number of fields, the digits of its key and its reason."""
        if len(record) not in self.fields:
            return False
        if self.kind is Kind.SPID:
            return True
        key = record[self.positions["key"]]
        return len(key) == DIGITS[self.kind] and key.isdecimal() and record[self.positions["reason"]] in REASONS


_SV = {"version": 0, "key": 1, "lrn": 2, "spid": 3, "effective": 4, "reason": 17}
_NPB = {"version": 0, "key": 1, "lrn": 2, "spid": 3, "effective": 4, "reason": 13}
_NPB_WSMSC = _NPB | {"reason": 15}
_LRN = {"spid": 0, "version": 1, "key": 2, "lrn": 2, "effective": 3, "reason": 4}
#: Optional fields there are from release 3.4 on.
_OPTIONAL = 11

#: The first that fits is taken: a reason is one digit, a DPC in its place never is.
LAYOUTS = (
    Layout("frs-3.0", Kind.SV, (18, 20), _SV),
    Layout("frs-3.4", Kind.SV, range(18, 20 + _OPTIONAL + 1), _SV),
    Layout("frs-3.0", Kind.NPB, (14,), _NPB),
    Layout("frs-3.0", Kind.NPB, (16,), _NPB_WSMSC),
    Layout("frs-3.4", Kind.NPB, range(14, 14 + _OPTIONAL + 1), _NPB),
    Layout("frs-3.4", Kind.NPB, range(16, 16 + _OPTIONAL + 1), _NPB_WSMSC),
    Layout("frs-3.0", Kind.LRN, (5,), _LRN),
    Layout("frs-3.0", Kind.NPA_NXX, (6,), {"spid": 0, "version": 1, "key": 2, "effective": 4, "reason": 5}),
    Layout("frs-3.0", Kind.NPA_NXX_X, (7,), {"spid": 0, "version": 1, "key": 2, "effective": 4, "reason": 6}),
    Layout("frs-3.0", Kind.SPID, (3,), {"spid": 0, "name": 1}),
)

_LOOKED_AT_RECORDS = 100


def detect(source: Source) -> tuple[Layout, int]:
    """The layout of a file, and how many fields its records have, by the first record that fits a layout.

    Raises FeedError if none of the first 100 does.
    """
    records = delimited.beginning(source, FORM, _LOOKED_AT_RECORDS)
    for record in records:
        for layout in LAYOUTS:
            if layout.fits(record):
                return layout, len(record)
    kinds = ", ".join(dict.fromkeys(layout.kind for layout in LAYOUTS))
    raise FeedError(
        "not a bulk data download file",
        where=str(source),
        expected=f"records of one of the kinds {kinds}, fields separated by '|'",
        got=f"{len(records[0])} fields: {'|'.join(records[0])[:80]}",
    )


@dataclass(frozen=True)
class Span:
    """What the name of a file says of it. `created`: yyyymmddhhmmss as an integer, 0 if it does not say."""

    created: int
    is_full: bool
    has_time_range: bool


_NAME = re.compile(r"\.(\d\d)-(\d\d)-(\d{4})(\d{6})(?:\.(\d\d-\d\d-\d{10})\.(\d\d-\d\d-\d{10}))?")
_ALWAYS = ("00-00-0000000000", "99-99-9999999999")


def span(source: Source) -> Span:
    """What the name of a file says of its time.

    >>> from pathlib import Path
    >>> span(Source(Path("202555-202559.11-10-2006123015.00-00-0000000000.99-99-9999999999")))
    Span(created=20061011123015, is_full=True, has_time_range=False)
    """
    found = _NAME.search(source.name)
    if found is None:
        return Span(0, is_full=False, has_time_range=False)
    day, month, year, clock, *bounds = found.groups()
    is_full = tuple(bounds) == _ALWAYS
    return Span(int(year + month + day + clock), is_full, bounds[0] is not None and not is_full)
