"""The engine: a number in, the carrier and routing number of it out.

Safe to share between threads: each call takes the generation once and answers from it alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from operator import index as integer
from os import PathLike
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from portdip.index import ENTRY, Index
from portdip.lookup import _digits
from portdip.lookup.answers import answer, unknown_route
from portdip.lookup.generation import Generation, open_generation
from portdip.number import LIMIT
from portdip.route import Dip, Route, Status


def open_engine(path: str | PathLike[str], resident: bool = False) -> Engine:
    """The engine over the live state of the store at `path`.

    Opening reads next to nothing: the index is mapped and shared by all processes of the host. `resident`
    copies it into huge pages of this process for the lowest latency. Raises StoreError or ImageError.
    """
    return Engine(open_generation(Path(path), resident))


class Engine:
    """Answers dips from one generation.

    Use `dip` for one number, `annotate` for an Arrow column, `route_codes` for integers where codes are
    enough, and `index[number]` where every nanosecond of a single lookup counts.
    """

    def __init__(self, generation: Generation) -> None:
        self._generation = generation

    @property
    def generation(self) -> Generation:
        """The state that calls beginning now will answer from."""
        return self._generation

    @property
    def index(self) -> Index:
        """Numbers to route codes: `engine.index[8613800138000]`, 0 for none."""
        return self._generation.index

    @property
    def routes(self) -> Mapping[int, Route]:
        """Route codes to routes."""
        return self._generation.routes

    @property
    def sequence(self) -> int:
        """Which state of the table answers."""
        return self._generation.sequence

    @property
    def as_of(self) -> datetime:
        """The time (UTC) the answers are true for."""
        return self._generation.as_of

    def dip(self, number: str | int) -> Dip:
        """Who serves `number` now: a text of digits, with or without a leading '+', or an integer.

        What is no E.164 number gives a Dip with status `invalid`; what is neither text nor an integer raises
        TypeError. Costs a few microseconds, nearly all of them for making the Dip.
        """
        generation = self._generation
        if isinstance(number, str):
            digits = _digits.parse(number)
        elif isinstance(number, bool):
            raise TypeError("a number is a str or an int, not a bool")
        else:
            digits = integer(number)
        sequence, as_of = generation.sequence, generation.as_of
        if not 0 < digits < LIMIT:
            return Dip(None, Status.INVALID, None, "", False, None, sequence, as_of)
        match = generation.index.match(digits)
        if match == 0:
            return Dip(digits, Status.UNALLOCATED, None, "", False, None, sequence, as_of)
        route = _route(generation, match & (ENTRY - 1))
        carrier = route.carrier
        if match < ENTRY:
            return Dip(digits, Status.NATIVE, carrier, route.routing_number, False, carrier, sequence, as_of)
        around = generation.index.range_code(digits)
        holder = _route(generation, around).carrier if around else None
        return Dip(digits, Status.PORTED, carrier, route.routing_number, True, holder, sequence, as_of)

    def route_codes(self, numbers: npt.NDArray[np.uint64], threads: int = 1) -> npt.NDArray[np.uint16]:
        """The route code of each number, 0 for none: see `routes`.

        `numbers` is a contiguous uint64 array; any other type raises TypeError or ValueError.
        """
        return self._generation.index.find_many(numbers, threads=threads)

    def annotate(self, numbers: pa.Array | pa.ChunkedArray, threads: int = 1) -> pa.RecordBatch:
        """The answers for an Arrow column: carrier, routing_number, ported and status, nulls for nulls.

        `numbers` is an array or chunked array of string, large_string, string_view or uint64, else TypeError.
        Carrier (its id), routing number and status are dictionaries; carrier and routing number are null
        where no carrier serves the number, and status says why.
        """
        generation = self._generation
        return answer(generation.index, generation.labels, numbers, threads)


def _route(generation: Generation, code: int) -> Route:
    try:
        return generation.routes[code]
    except KeyError:
        raise unknown_route(f"code {code}") from None
