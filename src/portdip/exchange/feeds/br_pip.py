"""Brazil's ported numbers: the report "BP Concluído" of ABR Telecom's portal PIP, of porting tickets carried out.

CSV with ';' without quotation marks, often `.gz`, with a header that has some labels twice, so columns go by position:

    0 TIPO REG; 1 NUMERO BP; 2 TN INICIAL; 3 RECEPTORA (code); 4 RECEPTORA (name); 5 DOADORA (code); 6 DOADORA (name);
    7 DATA AGENDAMENTO (dd/mm/yyyy hh:mm:ss, Brasília time); 8 STATUS ATUAL (code); 9 STATUS ATUAL (text);
    10 IND. PORTAR PARA ORIGEM (Sim, Nao)

A number has 10 or 11 digits and gets country code 55. Of several tickets of one number the one scheduled last counts,
of those the highest, in whatever file they stand. A ticket back to the origin ("Sim") ends a number's being ported:
it gives no row in a full load and a release in a delta. Cancelled tickets are passed over. A carrier's id is its code
of four digits; calls need no routing number here. Layout as the documentation of InovaFiscaliza/teletools describes it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from portdip.errors import FeedError
from portdip.exchange import changes as change_rows
from portdip.exchange import convert, delimited, wall_time
from portdip.exchange import rows as row_kinds
from portdip.exchange.changes import Operation
from portdip.exchange.column_map import ColumnMap
from portdip.exchange.feeds.options import BadRows, Options, Overlooked
from portdip.exchange.latest import Repeats, only_latest
from portdip.exchange.reading import Chunk, Source, filled, reading, refuse

NEEDS_FILES = True

_FORM = delimited.Form(delimiter=";", quotes=False)
_NATIONAL = ColumnMap(number_form="national", country_code="55")
_SMALLEST, _LARGEST = 55 * 10**10, 56 * 10**11
_TIME, _ZONE = "%d/%m/%Y %H:%M:%S", "America/Sao_Paulo"
_WIDTH = 11
_TICKET, _NUMBER, _RECIPIENT, _RECIPIENT_NAME, _DONOR, _DONOR_NAME, _SCHEDULED = range(1, 8)
_STATUS, _TO_ORIGIN = 9, 10
_LOOKED_AT = [_TICKET, _NUMBER, _RECIPIENT, _RECIPIENT_NAME, _DONOR, _DONOR_NAME, _SCHEDULED, _STATUS, _TO_ORIGIN]
_NO = pa.array(["nao", "não"])


def rows(files: list[Path], options: Options) -> Iterator[pa.RecordBatch]:
    """The numbers that are ported, each carrier's name before its first number.

    Raises FeedError for a file that is not such a report, holds no row or cannot be read.
    """
    tickets = _Tickets(files, options.bad_rows)
    for latest in tickets.latest():
        yield from tickets.new_names()
        ported = latest.filter(pc.invert(latest.column("to_origin")))
        columns = {name: ported.column(name) for name in ("number", "carrier", "donor", "effective", "place")}
        columns["routing_number"] = pa.repeat("", len(ported))
        schema = row_kinds.PLACED_NUMBERS
        yield pa.record_batch([columns[name] for name in schema.names], schema=schema)


def changes(files: list[Path], options: Options) -> Iterator[pa.RecordBatch]:
    """A port or a release for each number that the files have a ticket of. Raises as `rows` does."""
    tickets = _Tickets(files, options.bad_rows)
    for latest in tickets.latest():
        for named in tickets.new_names():
            ids, names = named.columns
            yield change_rows.batch(operation=[Operation.CARRIER] * len(named), carrier=ids, text=names)
        released = latest.column("to_origin")
        none = pa.scalar(None, pa.string())
        yield change_rows.batch(
            operation=pc.if_else(released, Operation.RELEASE, Operation.PORT).cast(pa.uint8()),
            number=latest.column("number"),
            carrier=pc.if_else(released, none, latest.column("carrier")),
            donor=pc.if_else(released, none, latest.column("donor")),
            version=latest.column("ticket"),
            effective=latest.column("effective"),
            order=latest.column("ticket").cast(pa.string()),
        )


@dataclass
class _Tickets:
    """The tickets of all files of a call, and the carriers they name."""

    files: list[Path]
    bad_rows: BadRows
    _names: dict[str, str] = field(default_factory=dict)
    _new_names: dict[str, str] = field(default_factory=dict)

    def latest(self) -> Iterator[pa.RecordBatch]:
        """Of each number the ticket that counts: number, carrier, donor, effective, ticket, to_origin, place."""
        opened = [_opened(file) for file in self.files]
        repeats = Repeats()
        for source, form in opened:
            for (number,), _ in _chunks(source, form, [_NUMBER], Overlooked()):
                numbers, bad = _numbers(number, str(source))
                repeats.add(numbers.to_numpy()[~bad])
        batches = (batch for position in range(len(opened)) for batch in self._read(position, *opened[position]))
        return only_latest(repeats.numbers(), batches, _rank, ("carrier", "to_origin"), self._refuse)

    def new_names(self) -> Iterator[pa.RecordBatch]:
        """The carriers read of since the last call, as CARRIERS."""
        if self._new_names:
            yield pa.record_batch([list(self._new_names), list(self._new_names.values())], schema=row_kinds.CARRIERS)
            self._names |= self._new_names
            self._new_names = {}

    def _read(self, position: int, source: Source, form: delimited.Form) -> Iterator[pa.RecordBatch]:
        where = str(source)
        for columns, row_numbers in _chunks(source, form, _LOOKED_AT, self.bad_rows):
            ticket, number, carrier, carrier_name, donor, donor_name, scheduled, status, to_origin = columns
            numbers, no_number = _numbers(number, where)
            tickets, no_ticket = convert.numbers(ticket, ColumnMap(), where)
            effective, no_time = wall_time.moments(scheduled, _TIME, _ZONE)
            status, to_origin = (pc.utf8_lower(pc.utf8_trim_whitespace(column)) for column in (status, to_origin))
            cancelled = pc.starts_with(status, "cancel")
            done = pc.or_(pc.starts_with(status, "ativ"), pc.starts_with(status, "conclu"))
            back = pc.equal(to_origin, "sim")
            faults = {
                "the ticket (NUMERO BP) is not an integer": no_ticket,
                "the number (TN INICIAL) is not 10 or 11 digits": no_number,
                "the recipient (RECEPTORA) is not a code of digits": ~_mask(pc.ascii_is_decimal(carrier)),
                "the donor (DOADORA) is not a code of digits": ~_mask(
                    pc.or_(pc.ascii_is_decimal(donor), pc.equal(donor, ""))
                ),
                "the time (DATA AGENDAMENTO) is not dd/mm/yyyy hh:mm:ss": no_time,
                "the status is neither active nor cancelled": ~_mask(pc.or_(done, cancelled)),
                "IND. PORTAR PARA ORIGEM is neither Sim nor Nao": ~_mask(pc.or_(back, pc.is_in(to_origin, _NO))),
            }
            good = ~(refuse(source, row_numbers, columns, faults, self.bad_rows) | _mask(cancelled))
            self._take_names(carrier.filter(pa.array(good)), carrier_name.filter(pa.array(good)))
            self._take_names(donor.filter(pa.array(good)), donor_name.filter(pa.array(good)))
            records = {
                "number": numbers,
                "carrier": carrier,
                "donor": convert.carriers(donor, where)[0],
                "effective": effective,
                "ticket": tickets,
                "to_origin": back,
                "place": row_kinds.places(position, row_numbers),
            }
            yield pa.record_batch(records).filter(pa.array(good))

    def _take_names(self, ids: pa.Array, names: pa.Array) -> None:
        pairs = pa.table({"id": ids, "name": names}).group_by(["id", "name"], use_threads=False).aggregate([])
        for carrier, name in zip(pairs.column("id").to_pylist(), pairs.column("name").to_pylist(), strict=True):
            name = "".join(letter for letter in name if letter.isprintable()).strip()
            if carrier and name and carrier not in self._names:
                self._new_names.setdefault(carrier, name)

    def _refuse(self, place: int, reason: str) -> None:
        file, row = row_kinds.place_of(place)
        self.bad_rows.refuse(self.files[file], row, reason, "")


def _opened(file: Path) -> tuple[Source, delimited.Form]:
    if not file.is_file():
        raise FeedError("no such file", where=str(file))
    source = Source(file)
    with reading(source):
        return source, replace(_FORM, encoding=delimited.utf_8_or("latin-1", source))


def _chunks(source: Source, form: delimited.Form, positions: list[int], bad_rows: BadRows) -> Iterator[Chunk]:
    def read() -> Iterator[Chunk]:
        opened = delimited.open_file(source, form, bad_rows)
        if len(opened.columns) != _WIDTH or not opened.columns[_NUMBER].strip().casefold().startswith("tn"):
            raise FeedError(
                "not a report of porting tickets",
                where=str(source),
                expected=f"a header of {_WIDTH} columns, the third of them TN INICIAL",
                got=";".join(opened.columns)[:200],
            )
        yield from opened.read(positions)

    return filled(source, bad_rows, read())


def _numbers(column: pa.Array, where: str) -> tuple[pa.Array, npt.NDArray[np.bool_]]:
    numbers, bad = convert.numbers(column, _NATIONAL, where)
    values = numbers.to_numpy()
    return numbers, bad | (values < _SMALLEST) | (values >= _LARGEST)


def _rank(tickets: pa.Table) -> list[npt.NDArray[np.int64]]:
    return [tickets.column(name).cast(pa.int64()).to_numpy() for name in ("effective", "ticket")]


def _mask(column: pa.Array) -> npt.NDArray[np.bool_]:
    mask: npt.NDArray[np.bool_] = column.to_numpy(zero_copy_only=False)
    return mask
