"""Dips as Polars expressions: `pl.col("called").portdip.carrier()`. Needs the extra `polars`.

    import portdip.batch.polars
    portdip.batch.polars.use("path/of/store")
    calls.with_columns(carrier=pl.col("called").portdip.carrier())
    calls.with_columns(pl.col("called").portdip.dip(at=pl.col("started_at")).struct.unnest())

Expressions work on a DataFrame, on a LazyFrame and in the streaming engine, which asks batch by batch: memory does not
grow with the rows. Numbers are strings or integers, nulls get nulls. Carrier, routing number and status are
Categorical. With `at`, who served each number at that moment; times without a zone need `time_zone`.

>>> from tempfile import TemporaryDirectory
>>> import polars as pl
>>> from portdip.lookup.load import init_store
>>> with TemporaryDirectory() as place:
...     with init_store(f"{place}/store", "example").writer() as writer:
...         writer.port("+8613800001234", "CUCC", "0B17")
...     engine = use(f"{place}/store")
>>> calls = pl.LazyFrame({"called": ["8613800001234", "1", None]})
>>> calls.select(pl.col("called").portdip.carrier()).collect(engine="streaming")["called"].to_list()
['CUCC', None, None]
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from portdip.batch.front_ends import Source, ask, engine_of, use
from portdip.errors import MissingPackageError
from portdip.lookup.engine import Engine

try:
    import polars as pl
except ModuleNotFoundError as error:
    raise MissingPackageError("Polars is not installed", fix="Run: pip install 'portdip[polars]'.") from error

__all__ = ["Dips", "use"]

_TYPES: dict[str, Any] = {
    "carrier": pl.Categorical(),
    "routing_number": pl.Categorical(),
    "ported": pl.Boolean(),
    "status": pl.Categorical(),
}


@pl.api.register_expr_namespace("portdip")
class Dips:
    """What can be asked of an expression of numbers.

    `at` is an expression, or the name of a column, of moments; `engine` an engine or the path of a store, where it is
    not the one of `use`. All raise FrontEndError where there is none.
    """

    def __init__(self, numbers: pl.Expr) -> None:
        self._numbers = numbers

    def carrier(
        self, *, at: pl.Expr | str | None = None, time_zone: str | None = None, engine: Source | None = None
    ) -> pl.Expr:
        """The id of the carrier that serves each number, null for none."""
        return self._one("carrier", at, time_zone, engine)

    def routing_number(
        self, *, at: pl.Expr | str | None = None, time_zone: str | None = None, engine: Source | None = None
    ) -> pl.Expr:
        """The routing number that reaches that carrier, empty where none is needed."""
        return self._one("routing_number", at, time_zone, engine)

    def ported(
        self, *, at: pl.Expr | str | None = None, time_zone: str | None = None, engine: Source | None = None
    ) -> pl.Expr:
        """Whether each number is ported."""
        return self._one("ported", at, time_zone, engine)

    def status(
        self, *, at: pl.Expr | str | None = None, time_zone: str | None = None, engine: Source | None = None
    ) -> pl.Expr:
        """`ported`, `native`, `unallocated` or `invalid`; with `at` what `answers.answer_at` says besides."""
        return self._one("status", at, time_zone, engine)

    def dip(
        self, *, at: pl.Expr | str | None = None, time_zone: str | None = None, engine: Source | None = None
    ) -> pl.Expr:
        """All four as one struct, for the price of one; `.struct.unnest()` makes columns of it."""
        return self._asked(list(_TYPES), pl.Struct(_TYPES), at, time_zone, engine)

    def _one(self, name: str, at: pl.Expr | str | None, time_zone: str | None, engine: Source | None) -> pl.Expr:
        return self._asked([name], _TYPES[name], at, time_zone, engine)

    def _asked(
        self, names: list[str], kind: Any, at: pl.Expr | str | None, time_zone: str | None, engine: Source | None
    ) -> pl.Expr:
        asked = engine_of(engine)

        def answer(series: Sequence[pl.Series]) -> pl.Series:
            return _answers(asked, names, series, time_zone).alias(series[0].name)

        # Not as one struct: of several columns at once that would have all of them in it.
        columns = [self._numbers]
        if at is not None:
            columns.append(pl.col(at) if isinstance(at, str) else at)
        return pl.map_batches(columns, answer, return_dtype=kind, is_elementwise=True)


def _answers(engine: Engine, names: list[str], series: Sequence[pl.Series], time_zone: str | None) -> pl.Series:
    numbers, *moments = (_column(each) for each in series)
    answers = ask(engine, numbers, moments[0] if moments else None, time_zone)
    columns = [pl.Series(name, answers.column(name)) for name in names]
    return columns[0] if len(columns) == 1 else pl.DataFrame(columns).to_struct()


def _column(series: pl.Series) -> pa.Array:
    """The series as Arrow, without a copy but of categories."""
    if isinstance(series.dtype, pl.Categorical | pl.Enum):
        series = series.cast(pl.String)
    return series.to_arrow(compat_level=pl.CompatLevel.newest())
