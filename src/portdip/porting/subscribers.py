"""The table of subscribers filled from a file: CSV with the columns of `COLUMNS`, one subscriber a row.

    number          digits, country code first, with or without '+'
    kind            personal, corporate, iot, reseller or satellite
    status          normal, suspended, lost or closed
    area            the carrier's name for the area, may be empty
    real_name       yes or no
    identity        the identity number, plain; only its keyed hash and last four characters are kept
    name            plain, may be empty; kept sealed
    arrears         billed and unpaid, in the smallest unit of the currency
    unbilled        used and not billed yet
    unbilled_agreed yes or no: how the unbilled will be paid is agreed
    contract_until  ISO time with zone, empty for no contract
    joined          ISO time with zone
    bars            words such as court, separated by spaces; may be empty

A number that is in the table already is replaced, whoever's it was: a line has one carrier.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import Any, get_args

from sqlalchemy import delete, insert

from portdip import number as numbers
from portdip.errors import BadRowError, InvalidNumberError, MissingColumnError
from portdip.porting.actor import Actor
from portdip.porting.database import Database, Transaction
from portdip.porting.donor_systems import Kind, Status, name_context
from portdip.porting.privacy import Vault
from portdip.porting.tables.subscribers import SUBSCRIBERS

COLUMNS = (
    "number",
    "kind",
    "status",
    "area",
    "real_name",
    "identity",
    "name",
    "arrears",
    "unbilled",
    "unbilled_agreed",
    "contract_until",
    "joined",
    "bars",
)

_BATCH = 2_000
_YES_OR_NO = {"yes": True, "no": False}


def import_csv(
    database: Database, vault: Vault, actor: Actor, carrier: str, lines: Iterable[str], where: str = ""
) -> int:
    """Put the subscribers of a carrier from lines of CSV into the table; how many there were.

    Some thousand rows are one transaction, so a file that is wrong somewhere is in up to there: correct it and import
    it again. Raises MissingColumnError and BadRowError, which name the row.
    """
    reader = csv.DictReader(lines, restval="", strict=True)
    missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
    if missing:
        raise MissingColumnError("the file has not all columns", where=where, got=f"no {', '.join(missing)}")
    rows = _read(reader, vault, carrier, where)
    count = 0
    while batch := list(islice(rows, _BATCH)):
        with database.transaction() as tx:
            _put(tx, batch)
            cause = f"{len(batch)} subscribers from {where or 'a file'}"
            tx.audit(actor, "import-subscribers", f"carrier {carrier}", cause=cause)
        count += len(batch)
    return count


def _put(tx: Transaction, rows: list[dict[str, Any]]) -> None:
    """The later of two rows of one number is the one that counts."""
    known = {row["number"]: {**row, "changed": tx.now} for row in rows}
    tx.connection.execute(delete(SUBSCRIBERS).where(SUBSCRIBERS.c.number.in_(known)))
    tx.connection.execute(insert(SUBSCRIBERS), list(known.values()))


def _read(reader: csv.DictReader[str], vault: Vault, carrier: str, where: str) -> Iterator[dict[str, Any]]:
    while True:
        try:
            row = next(reader, None)
            if row is None:
                return
            yield _subscriber(row, vault, carrier)
        except (ValueError, csv.Error) as error:
            raise BadRowError(
                "a row is no subscriber",
                where=f"{where} line {reader.line_num}".strip(),
                got=error.what if isinstance(error, InvalidNumberError) else str(error),
                fix="Columns are explained in portdip.porting.subscribers.",
            ) from None


def _subscriber(row: dict[str, str], vault: Vault, carrier: str) -> dict[str, Any]:
    number = numbers.parse(row["number"].strip())
    identity = vault.identity(row["identity"])
    if not identity.last4:
        raise ValueError("no identity number")
    return {
        "number": number,
        "carrier": carrier,
        "kind": _word(row, "kind", get_args(Kind)),
        "status": _word(row, "status", get_args(Status)),
        "area": row["area"].strip(),
        "real_name": _YES_OR_NO[_word(row, "real_name", tuple(_YES_OR_NO))],
        "identity": identity.hash,
        "identity_last4": identity.last4,
        "name": vault.seal(row["name"].strip(), name_context(number)) if row["name"].strip() else None,
        "arrears": _money(row, "arrears"),
        "unbilled": _money(row, "unbilled"),
        "unbilled_agreed": _YES_OR_NO[_word(row, "unbilled_agreed", tuple(_YES_OR_NO))],
        "contract_until": _moment(row, "contract_until") if row["contract_until"].strip() else None,
        "joined": _moment(row, "joined"),
        "bars": row["bars"].split(),
    }


def _word(row: dict[str, str], column: str, known: tuple[str, ...]) -> str:
    word = row[column].strip()
    if word not in known:
        raise ValueError(f"{column} is {word!r}, not one of {', '.join(known)}")
    return word


def _money(row: dict[str, str], column: str) -> int:
    written = row[column].strip()
    if not (written.isascii() and written.isdigit() and len(written) <= 18):
        raise ValueError(f"{column} is {written!r}, not a whole amount")
    return int(written)


def _moment(row: dict[str, str], column: str) -> datetime:
    moment = datetime.fromisoformat(row[column].strip())
    if moment.tzinfo is None:
        raise ValueError(f"{column} has no time zone")
    return moment
