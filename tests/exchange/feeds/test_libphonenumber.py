import random

import numpy as np
import phonenumbers
import pytest
from phonenumbers import carrier as oracle
from phonenumbers.carrierdata import CARRIER_DATA

from portdip import number
from portdip.exchange import carrier_ids, rows
from portdip.exchange.feeds import libphonenumber
from portdip.exchange.feeds.options import Options


@pytest.fixture(scope="module")
def batches():
    return list(libphonenumber.rows([], Options()))


@pytest.fixture(scope="module")
def names(batches):
    return dict(zip(batches[0]["id"].to_pylist(), batches[0]["name"].to_pylist(), strict=True))


@pytest.fixture(scope="module")
def ranges(batches):
    return list(zip(*(batches[1][name].to_pylist() for name in ("first", "last", "carrier")), strict=True))


def test_carriers_come_before_ranges_and_every_range_has_one(batches, names, ranges):
    assert [batch.schema for batch in batches] == [rows.CARRIERS, rows.RANGES]
    assert {carrier for _, _, carrier in ranges} == set(names)
    assert len(names) == batches[0].num_rows


def test_every_prefix_has_a_range_of_8_to_15_digits(ranges):
    covered = set()
    for first, last, _ in ranges:
        assert 8 <= number.length(first) <= 15
        covered.update(str(prefix) for prefix in number.prefixes_of_interval(first, last))
    assert covered == set(CARRIER_DATA)


def test_lengths_follow_the_country(ranges):
    brazil = {len(str(first)) for first, _, carrier in ranges if carrier.startswith("55-")}
    china = {len(str(first)) for first, _, carrier in ranges if carrier.startswith("86-")}
    assert (brazil, china) == ({12, 13}, {13})


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Vodafone", "vodafone"),
        ("T-Mobile / Orange", "t-mobile-orange"),
        ("Síminn", "siminn"),
        ("МегаФон", "мегафон"),
    ],
)
def test_ids_are_plain(name, slug):
    assert carrier_ids.of_name(44, name) == f"44-{slug}"


def test_the_longest_prefix_agrees_with_libphonenumber(ranges, names, seed):
    """Where the prefix has no English name, libphonenumber gives that of a shorter prefix: left out here."""
    draw = random.Random(seed)
    first = np.array([row[0] for row in ranges], dtype=np.uint64)
    last = np.array([row[1] for row in ranges], dtype=np.uint64)
    for begin, end, _ in draw.choices(ranges, k=1500):
        drawn = draw.randint(begin, end)
        around = np.flatnonzero((first <= drawn) & (last >= drawn))
        innermost = ranges[around[np.argmin(last[around] - first[around])]]
        expected = oracle.name_for_valid_number(phonenumbers.parse(f"+{drawn}"), "en")
        prefix = next(str(drawn)[:n] for n in range(9, 0, -1) if str(drawn)[:n] in CARRIER_DATA)
        if expected and "en" in CARRIER_DATA[prefix]:
            assert names[innermost[2]].casefold() == expected.casefold(), drawn
