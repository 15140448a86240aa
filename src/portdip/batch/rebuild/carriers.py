"""The user's map of carriers: what a target calls each of them."""

from __future__ import annotations

import csv
from pathlib import Path

from portdip import files
from portdip.errors import RebuildError


def read(path: Path) -> dict[str, str]:
    """The values by carrier id in a CSV file with the columns `carrier` and `value`, UTF-8.

    Raises RebuildError for anything else, and for a carrier that comes twice.
    """
    try:
        rows = csv.DictReader(files.read_bytes(path).decode("utf-8-sig").splitlines(), strict=True)
        if not {"carrier", "value"} <= set(rows.fieldnames or []):
            raise ValueError(f"the columns are {', '.join(rows.fieldnames or [])}")
        found: dict[str, str] = {}
        for row in rows:
            if None in row.values() or None in row:
                raise ValueError(f"row {rows.line_num} has another count of fields")
            if row["carrier"] in found:
                raise ValueError(f"carrier {row['carrier']} comes twice, row {rows.line_num}")
            found[row["carrier"]] = row["value"]
    except (ValueError, csv.Error) as error:
        raise RebuildError(
            "not a map of carriers", where=str(path), expected="CSV with the columns carrier and value", got=str(error)
        ) from error
    return found
