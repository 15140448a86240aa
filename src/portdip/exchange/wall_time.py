"""Times as a country's clocks show them, to moments.

An hour that comes twice when clocks go back is taken as the first of the two; one left out when they go forward
is read with the offset before, as RFC 5545 has it. Zones come from the system, or from the package `tzdata`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa

#: 1971, not 1970, so that no zone moves a moment to before 1970.
_YEAR_MIN, _YEAR_MAX = 1971, 9998


def moment(text: str, form: str, zone: str) -> datetime:
    """The moment (UTC) that clocks of `zone` (IANA name) show as `text`, written as strptime's `form` says.

    >>> moment("20240131120000", "%Y%m%d%H%M%S", "Europe/Amsterdam").isoformat()
    '2024-01-31T11:00:00+00:00'

    Raises ValueError for text of another form, and for times before 1971 or after 9998.
    """
    shown = datetime.strptime(text, form)
    if not _YEAR_MIN <= shown.year <= _YEAR_MAX:
        raise ValueError(f"year {shown.year}")
    return shown.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def moments(column: pa.Array, form: str, zone: str) -> tuple[pa.Array, npt.NDArray[np.bool_]]:
    """The moments of a column of text as UTC microseconds, and which rows are bad. Each distinct text is read once."""
    encoded = column.dictionary_encode()
    distinct: list[datetime | None] = []
    for text in encoded.dictionary.to_pylist():
        try:
            distinct.append(moment(text, form, zone))
        except ValueError:
            distinct.append(None)
    found = pa.array(distinct, pa.timestamp("us", tz="UTC")).take(encoded.indices)
    return found, found.is_null().to_numpy(zero_copy_only=False)
