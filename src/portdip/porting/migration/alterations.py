"""What a step alters: columns of numbers and intervals, each with its route before and after.

One form serves all: changes to publish are made of it, the report of a dry run counts it, it is kept as the image from
before, and held against what is served afterwards.

The image is one Arrow IPC stream, compressed by zstd, of schema `IMAGE`: `last` is null for a number's own entry;
a null carrier is no entry, or a range of nobody.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from portdip.errors import MigrationError
from portdip.exchange import changes
from portdip.exchange.changes import Operation
from portdip.porting.migration.standing import NOBODY, Codes, Mask, Numbers, Places, Routes, Served, split

IMAGE = pa.schema(
    [
        pa.field("first", pa.uint64(), nullable=False),
        pa.field("last", pa.uint64()),
        pa.field("carrier", pa.string()),
        pa.field("routing_number", pa.string()),
        pa.field("to_carrier", pa.string()),
        pa.field("to_routing_number", pa.string()),
        pa.field("donor", pa.string()),
    ]
)
_COMPRESSED = pa.ipc.IpcWriteOptions(compression="zstd")


@dataclass(frozen=True, slots=True)
class Alterations:
    """Columns of one length, in the order in which they are to be published; nothing changes them.

    `last` is 0 for a number's own entry. `before` and `after` are route codes. `donor` is the code of who served a
    number before, which for one without an entry is its range's.
    """

    first: Numbers
    last: Numbers
    before: Codes
    after: Codes
    donor: Codes

    @classmethod
    def of(cls, numbers: tuple[Numbers, Codes, Codes, Codes], ranges: tuple[Numbers, Numbers, Codes, Codes]) -> Self:
        """Numbers with their codes before, after and of the donor; ranges with their codes before and after."""
        number, before, after, donor = numbers
        first, last, held, given = ranges
        return cls(
            np.concatenate([number, first]),
            np.concatenate([np.zeros(len(number), np.uint64), last]),
            np.concatenate([before, held]),
            np.concatenate([after, given]),
            np.concatenate([donor, np.zeros(len(first), np.uint16)]),
        )

    @classmethod
    def of_numbers(cls, number: Numbers, before: Codes, after: Codes, donor: Codes) -> Self:
        """Of numbers alone."""
        return cls.of((number, before, after, donor), _NO_RANGES)

    @classmethod
    def of_ranges(cls, first: Numbers, last: Numbers, before: Codes, after: Codes) -> Self:
        """Of ranges alone."""
        return cls.of(_NO_NUMBERS, (first, last, before, after))

    def __len__(self) -> int:
        return len(self.first)

    @property
    def of_range(self) -> Mask:
        """Which are of a range."""
        mask: Mask = self.last != 0
        return mask

    @property
    def extent(self) -> tuple[int, int]:
        """The lowest and the highest number they touch; there is at least one."""
        return int(self.first.min()), int(np.maximum(self.first, self.last).max())

    def where(self, chosen: Mask | Places | slice) -> Alterations:
        """Those that a mask or a slice picks, or those at some places, in their order."""
        return Alterations(*(getattr(self, field.name)[chosen] for field in fields(self)))

    def pieces(self, count: int) -> Iterator[Alterations]:
        """The same, at most `count` at a time."""
        for begin in range(0, len(self), count):
            yield self.where(slice(begin, begin + count))

    def reversed(self) -> Alterations:
        """The way back: who served it before comes back, and who serves it after is the donor."""
        return Alterations(self.first, self.last, self.after, self.before, self.after)

    def applied_to(self, served: Served) -> Served:
        """What is served afterwards."""
        ranges = self.of_range
        after = served.with_entries(self.first[~ranges], self.after[~ranges])
        return after.with_ranges(self.first[ranges], self.last[ranges], self.after[ranges]) if ranges.any() else after

    def refined(self, served: Served) -> Alterations:
        """The same with ranges cut so that `served` says one thing of each."""
        ranges = np.flatnonzero(self.of_range)
        if not len(ranges):
            return self
        order = np.argsort(self.first[ranges])
        whole = ranges[order]
        edges = np.concatenate([served.first, served.last + np.uint64(1)])
        first, last = split(self.first[whole], self.last[whole], edges)
        origin = whole[np.searchsorted(self.first[whole], first, side="right") - 1]
        numbers = self.where(~self.of_range)
        return joined([numbers, Alterations(first, last, self.before[origin], self.after[origin], self.donor[origin])])

    def codes_now(self, served: Served) -> Codes:
        """The codes that `served` has in the places of `after`; ranges have to be `refined`."""
        ranges = self.of_range
        return np.where(ranges, served.range_codes_of(self.first), served.codes_of(self.first))

    def changes(self, routes: Routes, order: str) -> pa.RecordBatch:
        """As rows to publish, `order` in each."""
        ranges, gone = self.of_range, self.after == NOBODY
        operation = np.select(
            [ranges & gone, ranges, gone],
            [Operation.WITHDRAW, Operation.ASSIGN, Operation.RELEASE],
            Operation.PORT,
        ).astype(np.uint8)
        carrier, routing_number = routes.columns(self.after)
        donor, _ = routes.columns(np.where(ranges | gone, np.uint16(NOBODY), self.donor))
        return changes.batch(
            operation=pa.array(operation),
            number=pa.array(self.first),
            last=pa.array(self.last, mask=~ranges),
            carrier=carrier,
            routing_number=routing_number,
            donor=donor,
            order=pa.repeat(pa.scalar(order), len(self)),
        )

    def image(self, routes: Routes) -> bytes:
        """The image from before, and of what became of it."""
        columns = [pa.array(self.first), pa.array(self.last, mask=~self.of_range)]
        columns += [*routes.columns(self.before), *routes.columns(self.after), routes.columns(self.donor)[0]]
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, IMAGE, options=_COMPRESSED) as stream:
            stream.write_batch(pa.record_batch(columns, schema=IMAGE))
        content: bytes = sink.getvalue().to_pybytes()
        return content

    @classmethod
    def of_image(cls, content: bytes, routes: Routes, where: str) -> Self:
        """What `image` wrote; MigrationError, naming `where`, for anything else."""
        try:
            with pa.ipc.open_stream(content) as stream:
                table = stream.read_all().combine_chunks()
            if table.schema != IMAGE:
                raise pa.ArrowInvalid("the image has other columns")
        except (pa.ArrowException, OSError) as error:
            raise MigrationError("the image from before cannot be read", where=where, got=str(error)) from error
        columns = [table.column(name).combine_chunks() for name in IMAGE.names]
        last = columns[1].fill_null(0).to_numpy(zero_copy_only=False).astype(np.uint64)
        before, after = routes.codes(*columns[2:4]), routes.codes(*columns[4:6])
        donor = routes.codes(columns[6], pa.nulls(len(table), pa.string()))
        return cls(columns[0].to_numpy(), last, before, after, donor)


def none() -> Alterations:
    """Nothing altered."""
    return Alterations.of(_NO_NUMBERS, _NO_RANGES)


def joined(parts: list[Alterations]) -> Alterations:
    """Alterations of several origins as one, in their order."""
    columns = ([getattr(part, field.name) for part in [none(), *parts]] for field in fields(Alterations))
    return Alterations(*map(np.concatenate, columns))


_EMPTY: npt.NDArray[np.uint64] = np.empty(0, np.uint64)
_NO_CODES: npt.NDArray[np.uint16] = np.empty(0, np.uint16)
_NO_NUMBERS = (_EMPTY, _NO_CODES, _NO_CODES, _NO_CODES)
_NO_RANGES = (_EMPTY, _EMPTY, _NO_CODES, _NO_CODES)
