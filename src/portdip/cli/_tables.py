"""Tables that verbs give back: to a file, or as CSV to standard output."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa


def show(reader: pa.RecordBatchReader, out: Path | None) -> None:
    """Write the batches to `out`, whose name's end says the format, and say so; without it to standard output.

    A reader of standard output that has seen enough (`| head`) is no error.
    """
    from portdip.batch.tables import write, write_text

    if out:
        print(f"{out}: {write(reader, out):,} rows")
        return
    try:
        write_text(reader, sys.stdout.buffer)
        sys.stdout.flush()
    except BrokenPipeError:
        # What is left goes into a pipe that nobody reads: Python would try to write it when it leaves.
        os.dup2(os.pipe()[1], sys.stdout.fileno())
