"""What the feeds that read files share: opening, plain or compressed, and what becomes of files and rows that are bad.

A feed that reads rows hands them on as chunks: some columns, all of one length, and the number of each row,
1-based as a person finds it in the file.
"""

from __future__ import annotations

import contextlib
import csv
import io
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from portdip.errors import FeedError
from portdip.exchange.feeds.options import BadRows

RowNumbers = npt.NDArray[np.uint64]
Bad = npt.NDArray[np.bool_]
Chunk = tuple[list[pa.Array], RowNumbers]


@dataclass(frozen=True)
class Opened:
    """A file's column names, and a way to read some of its columns, by position and in that order, as chunks."""

    columns: list[str]
    read: Callable[[list[int]], Iterator[Chunk]]


@dataclass(frozen=True)
class Source:
    """A file, or one file in a zip archive."""

    path: Path
    member: str = ""

    @property
    def name(self) -> str:
        """What the file is called, without folders and without `.gz`.

        >>> Source(Path("in/S1_code.txt.gz")).name
        'S1_code.txt'
        """
        return Path(self.member or self.path).name.removesuffix(".gz")

    def open(self) -> Any:
        """The bytes as a pyarrow stream, decompressed if the name ends like that of a compressed file."""
        if not self.member:
            return pa.input_stream(str(self.path))
        with zipfile.ZipFile(self.path) as archive:
            return pa.PythonFile(archive.open(self.member), "r")

    def __str__(self) -> str:
        return f"{self.path}, {self.member}" if self.member else str(self.path)


def sources(file: Path) -> list[Source]:
    """The files in a `.zip`, by name, or the file itself. FeedError if there is none or the archive is damaged."""
    if not file.is_file():
        raise FeedError("no such file", where=str(file))
    if file.suffix.lower() != ".zip":
        return [Source(file)]
    with reading(file), zipfile.ZipFile(file) as archive:
        members = sorted(info.filename for info in archive.infolist() if not info.is_dir())
    if not members:
        raise FeedError("the archive holds no files", where=str(file))
    return [Source(file, member) for member in members]


@contextlib.contextmanager
def reading(file: Source | Path) -> Iterator[None]:
    """Raises FeedError, with the name of the file, for whatever reading it raises in the block."""
    try:
        yield
    except (
        OSError,
        EOFError,
        zlib.error,
        zipfile.BadZipFile,
        pa.ArrowException,
        KeyError,  # a type that pyarrow has no class for
        UnicodeError,
        csv.Error,
    ) as error:
        raise FeedError("the file cannot be read", where=str(file), got=str(error)) from error


def filled(file: Source | Path, bad_rows: BadRows, chunks: Iterator[Chunk]) -> Iterator[Chunk]:
    """The chunks of a file; FeedError if reading it fails, or if it holds no row, refused ones included."""
    refused_before = bad_rows.count
    empty = True
    with reading(file):
        for columns, row_numbers in chunks:
            empty = empty and not len(row_numbers)
            yield columns, row_numbers
    if empty and bad_rows.count == refused_before:
        raise FeedError("the file holds no rows", where=str(file))


def refuse(
    file: Source | Path,
    row_numbers: RowNumbers,
    columns: list[pa.Array],
    faults: Mapping[str, Bad],
    bad_rows: BadRows,
) -> Bad:
    """Refuse each row that has a fault, for the first it has; says which rows those were.

    `faults` is by reason; `columns` are shown as the row's content, as CSV.
    """
    refused: Bad = np.logical_or.reduce(list(faults.values()))
    for index in np.flatnonzero(refused).tolist():
        reason = next(reason for reason, bad in faults.items() if bad[index])
        content = io.StringIO()
        csv.writer(content, lineterminator="").writerow(column[index].as_py() for column in columns)
        bad_rows.refuse(str(file), int(row_numbers[index]), reason, content.getvalue())
    return refused
