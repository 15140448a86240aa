"""What is asked of each record, and the answers counted."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from portdip.batch import columns, times
from portdip.lookup.answers import STATUSES, STATUSES_AT


@dataclass(frozen=True, slots=True)
class Question:
    """Who serves the numbers of `column`: now, or at the times of `at_column`.

    `time_zone` is that of times that have none, an IANA name; `prefix` goes before the names of the new columns.
    With `region`, an ISO 3166 code, numbers are as people of that country write them. Raises AnnotateError if there is
    no such zone or country.
    """

    column: str
    at_column: str | None = None
    time_zone: str | None = None
    prefix: str = ""
    region: str | None = None

    def __post_init__(self) -> None:
        if self.time_zone is not None:
            times.check_zone(self.time_zone)
        if self.region is not None:
            columns.check_region(self.region)


@dataclass(slots=True)
class Tally:
    """Rows by status, in the order of STATUSES_AT and nulls last; and by the id of the carrier that serves them."""

    statuses: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(len(STATUSES_AT) + 1, dtype=np.int64))
    carriers: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, answers: pa.RecordBatch) -> Tally:
        """That of some answers."""
        places = answers.column("status").indices
        statuses = np.bincount(places.drop_null().to_numpy(), minlength=len(STATUSES_AT) + 1)
        statuses[-1] = places.null_count
        carrier = answers.column("carrier")
        counts = np.bincount(carrier.indices.drop_null().to_numpy())
        some = np.flatnonzero(counts)
        ids = carrier.dictionary.take(pa.array(some)).to_pylist()
        return cls(statuses, Counter(dict(zip(ids, counts[some].tolist(), strict=True))))

    def add(self, other: Tally) -> None:
        """Count the rows of another one too."""
        self.statuses += other.statuses
        self.carriers.update(other.carriers)

    @property
    def rows(self) -> int:
        """All rows."""
        return int(self.statuses.sum())

    def by_status(self, question: Question) -> dict[str, int]:
        """Rows by status, those that the question can have, and under "null" those without."""
        names = STATUSES.to_pylist() if question.at_column is None else STATUSES_AT.to_pylist()
        counts = self.statuses.tolist()
        return {**dict(zip(names, counts, strict=False)), "null": counts[-1]}
