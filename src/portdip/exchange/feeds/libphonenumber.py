"""Which carrier a mobile prefix was given to, worldwide, as the installed package `phonenumbers` carries it.

`phonenumbers.carrierdata.CARRIER_DATA` maps prefixes (country code and leading digits) to carrier names by
language. A prefix says nothing of length, so it becomes one range for every length a mobile number can have
in its country, of 8 to 15 digits with the country code. Nested prefixes become nested ranges: the longest
decides.

libphonenumber has names but no ids: a carrier's id is made of the country code and its name, as in `44-vodafone`
(`portdip.exchange.carrier_ids`). The name is the English one where there is one.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pyarrow as pa

from portdip import number
from portdip.exchange import carrier_ids
from portdip.exchange import rows as row_kinds
from portdip.exchange.feeds.options import Options

NEEDS_FILES = False

_DIGITS_MIN = 8


def rows(files: list[Path], options: Options) -> Iterator[pa.RecordBatch]:
    """One batch of carriers and one of ranges, about 40,000 of them."""
    from phonenumbers.carrierdata import CARRIER_DATA

    names: dict[str, str] = {}
    ranges: list[tuple[int, int, str]] = []
    for prefix, by_language in sorted(CARRIER_DATA.items()):
        country = _country_code(prefix)
        name = by_language.get("en") or next(iter(by_language.values()))
        carrier = carrier_ids.of_name(country, name)
        names.setdefault(carrier, name)
        ranges.extend(
            (*number.interval_of_prefix(int(prefix), digits), carrier)
            for digits in _mobile_lengths(country)
            if digits >= len(prefix)
        )
    yield pa.record_batch([list(names), list(names.values())], schema=row_kinds.CARRIERS)
    first, last, holders = zip(*ranges, strict=True)
    yield pa.record_batch(
        [pa.array(first, pa.uint64()), pa.array(last, pa.uint64()), holders, pa.repeat("", len(first))],
        schema=row_kinds.RANGES,
    )


def _country_code(prefix: str) -> int:
    from phonenumbers import COUNTRY_CODE_TO_REGION_CODE

    codes = (int(prefix[:digits]) for digits in (1, 2, 3))
    return next(code for code in codes if code in COUNTRY_CODE_TO_REGION_CODE)


@cache
def _mobile_lengths(country: int) -> list[int]:
    """How many digits a mobile number can have in any region of the country code, that code included."""
    from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata

    own: set[int] = set()
    for region in COUNTRY_CODE_TO_REGION_CODE[country]:
        metadata = PhoneMetadata.metadata_for_region_or_calling_code(country, region)
        if metadata is not None and metadata.mobile is not None:
            own.update(metadata.mobile.possible_length)
    lengths = sorted(number.length(country) + digits for digits in own)
    return [digits for digits in lengths if _DIGITS_MIN <= digits <= number.DIGITS_MAX]
