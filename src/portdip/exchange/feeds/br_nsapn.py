"""Brazil's numbering plan as ABR Telecom publishes it (NSAPN), the files of mobile (SMP, SME), fixed (STFC) and
non-geographic (CNG) numbers.

CSV with ';' without quotation marks, in a zip archive or not; the first line begins with '# '. The number of columns
tells the files apart:

    SMP, SME   name; CNPJ; CN; prefix; first; last; status
    STFC       name; CNPJ; UF; CN; prefix; first; last; CNL; locality; local area; its letters; its code; status
    CNG        name; CNPJ; number; status

CN is the area code of two digits; a number is CN, prefix and four digits, 10 or 11 in all. Only rows of status 1
count. A carrier's id is its CNPJ. Public: https://easi.abrtelecom.com.br/nsapn; layout as the documentation of
InovaFiscaliza/teletools describes it.
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

_FORM = Form(delimiter=";", quotes=False)
_ACTIVE = frozenset({"1"})
_MOBILE = Layout("55", (2, 3), 0, (10, 11), carrier=1, first=4, last=5, rest=4, status=6, taken=_ACTIVE)
_FIXED = Layout("55", (3, 4), 0, (10, 11), carrier=1, first=5, last=6, rest=4, status=12, taken=_ACTIVE)
_NON_GEOGRAPHIC = Layout("55", (2,), 0, (10,), carrier=1, status=3, taken=_ACTIVE)
_BY_WIDTH = {7: _MOBILE, 13: _FIXED, 4: _NON_GEOGRAPHIC}


def rows(files: list[Path], options: Options) -> Iterator[pa.RecordBatch]:
    """The carriers and ranges of the files. Raises as `plan_rows.read` does."""
    return plan_rows.read(files, options, _layout_of, _FORM)


def _layout_of(source: Source, sample: list[list[str]]) -> Layout | None:
    return _BY_WIDTH.get(len(sample[0])) if sample[0] and sample[0][0].startswith("#") else None
