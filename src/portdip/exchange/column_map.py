"""Where a file keeps its values: the column map, a small TOML file, and what it means for one file's columns.

Without a map, and for every key the map leaves out, a value is expected in the column called like the key. A
column is a name, or a position counted from 0 (files without a header, or with one name twice).

    number = "TN INICIAL"         # one number a row, or `first` and `last` for a range a row
    carrier = 3                   # carrier id; in a range row empty: withdrawn from the range around it
    routing_number = "RN"         # up to 16 digits or hex digits; the column may be missing
    donor = "DOADORA"             # carrier id; the column may be missing
    effective = "DATA"            # the column may be missing
    time = "%d/%m/%Y %H:%M:%S"    # strptime format, or "iso", "epoch-seconds", "epoch-milliseconds"
    number_form = "national"      # or "international": country code first, with or without '+'
    country_code = "55"           # national numbers: put in front,
    trunk_prefix = "0"            # and this taken off first, where it is there
    delimiter = ";"               # CSV only, as the next two
    encoding = "latin-1"
    header = true

    [carriers]                    # names for carrier ids
    "0123" = "TIM SA"

Times that say no zone are UTC. Columns that are not named are not read.
"""

from __future__ import annotations

import codecs
import difflib
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from portdip.errors import FeedError, MissingColumnError

Column = Annotated[int, Field(ge=0, strict=True)] | Annotated[str, Field(min_length=1, strict=True)]

#: What a number row and a range row are made of, those that must be there first.
NUMBER_ROLES = ("number", "carrier", "routing_number", "donor", "effective")
RANGE_ROLES = ("first", "last", "carrier", "routing_number")
_MAY_BE_MISSING = ("routing_number", "donor", "effective")

NAMED_TIMES = ("iso", "epoch-seconds", "epoch-milliseconds")


@dataclass(frozen=True)
class Layout:
    """What one file holds: number rows or range rows, and the position of the column for each role it has."""

    ranges: bool
    positions: dict[str, int]


class ColumnMap(BaseModel):
    """A column map; the module's docstring explains the keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    number: Column | None = None
    first: Column | None = None
    last: Column | None = None
    carrier: Column | None = None
    routing_number: Column | None = None
    donor: Column | None = None
    effective: Column | None = None
    time: str = "iso"
    number_form: Literal["international", "national"] = "international"
    country_code: str | None = Field(default=None, pattern="^[1-9][0-9]{0,2}$")
    trunk_prefix: str | None = Field(default=None, pattern="^[0-9]{1,4}$")
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    encoding: str = "utf-8"
    header: bool = True
    carriers: dict[str, str] = Field(default_factory=dict)

    @field_validator("time")
    @classmethod
    def _time_is_known(cls, time: str) -> str:
        if time not in NAMED_TIMES and "%" not in time:
            raise ValueError(f"expected {', '.join(NAMED_TIMES)} or a strptime format such as '%Y%m%d%H%M%S'")
        return time

    @field_validator("encoding")
    @classmethod
    def _encoding_is_known(cls, encoding: str) -> str:
        try:
            return codecs.lookup(encoding).name
        except LookupError as error:
            raise ValueError("expected an encoding Python knows, such as 'utf-8' or 'gb18030'") from error

    @model_validator(mode="after")
    def _keys_agree(self) -> Self:
        if self.number is not None and (self.first is not None or self.last is not None):
            raise ValueError("expected `number`, or `first` and `last`, not both")
        if (self.number_form == "national") != (self.country_code is not None):
            raise ValueError('expected `country_code` with number_form = "national", and only then')
        if self.trunk_prefix is not None and self.number_form != "national":
            raise ValueError('expected `trunk_prefix` only with number_form = "national"')
        if not self.header and any(isinstance(getattr(self, role), str) for role in NUMBER_ROLES + RANGE_ROLES):
            raise ValueError("expected positions, counted from 0, for columns of a file without a header")
        return self

    def layout(self, columns: list[str], where: Path) -> Layout:
        """What a file with these columns holds; `where` names it in the MissingColumnError."""
        given = self.first is not None or self.last is not None
        ranges = given or (self.number is None and "number" not in columns and {"first", "last"} <= {*columns})
        positions = {}
        for role in RANGE_ROLES if ranges else NUMBER_ROLES:
            column: int | str | None = getattr(self, role)
            position = _position(role if column is None else column, columns)
            if position is not None:
                positions[role] = position
            elif column is not None or role not in _MAY_BE_MISSING:
                raise _missing(role, role if column is None else column, columns, where)
        return Layout(ranges, positions)


def load(path: Path | None) -> ColumnMap:
    """The column map in the TOML file `path`, or the default one.

    Raises FeedError for a file that cannot be read, an unknown key (the nearest known one is named) or a
    value that does not fit its key.
    """
    if path is None:
        return ColumnMap()
    try:
        return ColumnMap.model_validate(tomllib.loads(path.read_text("utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise FeedError("the column map cannot be read", where=str(path), got=str(error)) from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            raise FeedError(
                "unknown key in the column map",
                where=str(path),
                got=key,
                fix=_nearest(key, list(ColumnMap.model_fields)),
            ) from error
        message = first["msg"].removeprefix("Value error, ")
        raise FeedError("the column map does not fit", where=f"{path}, {key or 'whole file'}", got=message) from error


def _position(column: int | str, columns: list[str]) -> int | None:
    if isinstance(column, int):
        return column if column < len(columns) else None
    return columns.index(column) if column in columns else None


def _missing(role: str, column: int | str, columns: list[str], where: Path) -> MissingColumnError:
    if isinstance(column, int):
        what, got = f"no column at position {column} for `{role}`", f"{len(columns)} columns, counted from 0"
    else:
        what, got = f"no column '{column}' for `{role}`", f"columns {', '.join(columns)}"
    near = _nearest(column, columns) if isinstance(column, str) else ""
    return MissingColumnError(
        what, where=str(where), got=got, fix=near or "Name the column in a column map and give it with --map."
    )


def _nearest(name: str, names: list[str]) -> str:
    by_case = {known.casefold(): known for known in names}
    near = difflib.get_close_matches(name.casefold(), by_case, n=1)
    return f"Did you mean '{by_case[near[0]]}'?" if near else ""
