"""Dips as a pandas accessor: `calls["called"].portdip.carrier()`. Needs the extra `pandas`.

    import portdip.batch.pandas
    portdip.batch.pandas.use("path/of/store")
    calls["carrier"] = calls["called"].portdip.carrier()
    calls = calls.join(calls["called"].portdip.dip(at=calls["started_at"]))

Numbers are strings or integers; nulls get nulls. Carrier, routing number and status are categoricals, and the index is
that of the series. With `at`, who served each number at that moment; times without a zone need `time_zone`. A column of
floats, which pandas makes of integers with nulls, is refused: read such a column as `Int64` or as strings.

>>> from tempfile import TemporaryDirectory
>>> import pandas as pd
>>> from portdip.lookup.load import init_store
>>> with TemporaryDirectory() as place:
...     with init_store(f"{place}/store", "example").writer() as writer:
...         writer.port("+8613800001234", "CUCC", "0B17")
...     engine = use(f"{place}/store")
>>> pd.Series(["8613800001234", "1", None]).portdip.status().tolist()
['ported', 'unallocated', nan]
"""

from __future__ import annotations

import pyarrow as pa

from portdip.batch.front_ends import Source, ask, engine_of, use
from portdip.errors import AnnotateError, FrontEndError, MissingPackageError
from portdip.lookup.answers import SCHEMA

try:
    import pandas as pd  # type: ignore[import-untyped]
except ModuleNotFoundError as error:
    raise MissingPackageError("pandas is not installed", fix="Run: pip install 'portdip[pandas]'.") from error

__all__ = ["Dips", "use"]


@pd.api.extensions.register_series_accessor("portdip")
class Dips:
    """What can be asked of a series of numbers.

    `at` is a series of moments, row by row; `engine` an engine or the path of a store, where it is not the one of
    `use`. All raise FrontEndError where there is none or the times have another index, AnnotateError where the
    series holds no numbers or no times.
    """

    def __init__(self, numbers: pd.Series) -> None:
        self._numbers = numbers

    def carrier(
        self, *, at: pd.Series | None = None, time_zone: str | None = None, engine: Source | None = None
    ) -> pd.Series:
        """The id of the carrier that serves each number, missing for none."""
        return self._one("carrier", at, time_zone, engine)

    def routing_number(
        self, *, at: pd.Series | None = None, time_zone: str | None = None, engine: Source | None = None
    ) -> pd.Series:
        """The routing number that reaches that carrier, empty where none is needed."""
        return self._one("routing_number", at, time_zone, engine)

    def ported(
        self, *, at: pd.Series | None = None, time_zone: str | None = None, engine: Source | None = None
    ) -> pd.Series:
        """Whether each number is ported: pandas' own type of truths, which may be missing."""
        return self._one("ported", at, time_zone, engine)

    def status(
        self, *, at: pd.Series | None = None, time_zone: str | None = None, engine: Source | None = None
    ) -> pd.Series:
        """`ported`, `native`, `unallocated` or `invalid`; with `at` what `answers.answer_at` says besides."""
        return self._one("status", at, time_zone, engine)

    def dip(
        self, *, at: pd.Series | None = None, time_zone: str | None = None, engine: Source | None = None
    ) -> pd.DataFrame:
        """All four as the columns of a frame, for the price of one."""
        answers = self._answers(at, time_zone, engine)
        return pd.DataFrame({name: self._series(answers, name) for name in SCHEMA.names})

    def _one(self, name: str, at: pd.Series | None, time_zone: str | None, engine: Source | None) -> pd.Series:
        return self._series(self._answers(at, time_zone, engine), name)

    def _answers(self, at: pd.Series | None, time_zone: str | None, engine: Source | None) -> pa.RecordBatch:
        if at is not None and not (isinstance(at, pd.Series) and at.index.equals(self._numbers.index)):
            raise FrontEndError(
                "the times are not of the same rows as the numbers",
                expected="a series with the same index",
                fix='Take both from one frame: frame["called"].portdip.carrier(at=frame["started_at"])',
            )
        return ask(engine_of(engine), _column(self._numbers), None if at is None else _column(at), time_zone)

    def _series(self, answers: pa.RecordBatch, name: str) -> pd.Series:
        column = answers.column(name)
        # As numpy has it, a truth that is missing would make objects of all of them, which pandas cannot filter by.
        found = pd.Series(column.to_pandas(), dtype="boolean") if name == "ported" else column.to_pandas()
        found.index = self._numbers.index
        return found.rename(name)


def _column(series: pd.Series) -> pa.Array:
    try:
        column = pa.Array.from_pandas(series)
    except pa.ArrowException as error:
        raise AnnotateError(
            "a series cannot be read", where=repr(series.name), expected="values of one type", got=str(error)
        ) from error
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
