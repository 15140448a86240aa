"""Ids for carriers of whom a source has names only."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_APART = re.compile(r"[\W_]+")


@lru_cache(4096)
def of_name(country: int | str, name: str) -> str:
    """The country code, '-' and the name in lower case, without accents, anything but letters and digits as one '-'.

    Names in one country that differ in nothing else are one carrier; '' for a name without letters or digits.

    >>> of_name(44, "T-Mobile / Orange")
    '44-t-mobile-orange'
    """
    letters = (mark for mark in unicodedata.normalize("NFKD", name) if not unicodedata.combining(mark))
    slug = _APART.sub("-", "".join(letters).casefold()).strip("-")
    return f"{country}-{slug}" if slug else ""
