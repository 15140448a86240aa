"""Where records come from and go to: files, and the standard streams of the process."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from portdip import files
from portdip.errors import AnnotateError

#: File names of records in columns: Parquet, Arrow's file format, Arrow's stream format.
COLUMNAR = (".parquet", ".arrow", ".arrows")
#: File names of text: CSV, delimited by tabs, and both compressed.
DELIMITED = tuple(kind + packed for kind in (".csv", ".tsv") for packed in ("", ".gz", ".zst"))

#: How a stream begins, and what it then is.
_BEGINNINGS = {b"\xff\xff\xff\xff": ".arrows", b"\x1f\x8b": ".csv.gz", b"\x28\xb5\x2f\xfd": ".csv.zst"}
_FROM_THE_END = {b"PAR1": "Parquet", b"ARROW1": "an Arrow file"}


def suffix_of(path: Path) -> str | None:
    """How the name of a file of records ends, in small letters; None for a name that tells no format."""
    suffixes = (suffix for suffix in COLUMNAR + DELIMITED if path.name.lower().endswith(suffix))
    return max(suffixes, key=len, default=None)


@dataclass(frozen=True, slots=True)
class Place:
    """Records in the format of `suffix`, one of COLUMNAR or DELIMITED: a file, or else a stream. Prints as its name."""

    suffix: str
    path: Path | None = None
    stream: BinaryIO | None = None

    @classmethod
    def of(cls, path: Path) -> Place:
        """A file, its format told by its name. Raises AnnotateError for any other name."""
        suffix = suffix_of(path)
        if suffix is None:
            raise AnnotateError(
                "not a format to annotate",
                where=str(path),
                expected=f"a name that ends in {', '.join(COLUMNAR + DELIMITED)}",
            )
        return cls(suffix, path)

    @classmethod
    def incoming(cls, stream: BinaryIO) -> Place:
        """A stream, its format told by how it begins: what is not Arrow is CSV. Raises AnnotateError for files that are
        read from their ends.
        """
        reader = stream if isinstance(stream, io.BufferedReader) else io.BufferedReader(cast(io.RawIOBase, stream))
        begins = reader.peek(8)
        for beginning, kind in _FROM_THE_END.items():
            if begins.startswith(beginning):
                raise AnnotateError(f"{kind} cannot be read from a pipe", where="standard input", fix="Name the file.")
        suffix = next((each for beginning, each in _BEGINNINGS.items() if begins.startswith(beginning)), ".csv")
        return cls(suffix, stream=cast(BinaryIO, reader))

    @classmethod
    def outgoing(cls, stream: BinaryIO, source: Place) -> Place:
        """A stream for what is made of `source`: CSV of CSV, an Arrow stream of what has columns."""
        return cls(".arrows" if source.is_columnar else source.suffix[:4], stream=stream)

    @property
    def is_columnar(self) -> bool:
        """Whether it is of Arrow's kinds."""
        return self.suffix in COLUMNAR

    @contextlib.contextmanager
    def writing(self) -> Iterator[BinaryIO]:
        """A file that appears when the block ends without an error; or the stream."""
        if self.path is None:
            assert self.stream is not None
            yield self.stream
            self.stream.flush()
        else:
            with files.replacing(self.path) as file:
                yield file

    def __str__(self) -> str:
        return "standard input" if self.path is None else str(self.path)
