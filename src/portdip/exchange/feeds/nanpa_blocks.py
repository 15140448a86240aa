"""Who holds the blocks of 1,000 numbers in the United States: NANPA's AllBlocksAugmentedReport.

CSV with a header, in a zip archive or not. Columns from 0: 0 region, 1 state, 2 NPA, 3 NXX, 4 block, 5 status, 9 rate
center, 12 company, 13 OCN, and others. Only blocks of status AS, assigned, count. A carrier's id is its OCN.
Public: https://www.nanpa.com/reports/thousands-block-reports; layout as VoIP Domain's tools read it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from portdip.exchange import plan_rows
from portdip.exchange.delimited import Form
from portdip.exchange.feeds.options import Options
from portdip.exchange.plan_rows import Layout
from portdip.exchange.reading import Source

NEEDS_FILES = True

_OCN = 13
_LAYOUT = Layout("1", (2, 3, 4), 12, (10,), carrier=_OCN, status=5, taken=frozenset({"as"}))


def rows(files: list[Path], options: Options) -> Iterator[pa.RecordBatch]:
    """The carriers and blocks of the files. Raises as `plan_rows.read` does."""
    return plan_rows.read(files, options, _layout_of, Form())


def _layout_of(source: Source, sample: list[list[str]]) -> Layout | None:
    is_report = len(sample[0]) > _OCN and sample[0][0].strip().casefold() == "region"
    return _LAYOUT if is_report else None
