import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from portdip.errors import PortdipError
from portdip.exchange import population
from portdip.exchange.population.numbering_plan import BLOCK, TICKETS, hand_out
from portdip.intervals import flatten
from portdip.route import ROUTES_MAX


@pytest.fixture(params=population.NAMES)
def whole(request):
    return request.getfixturevalue(request.param)


def test_an_unknown_plan_is_refused_with_the_known_ones():
    with pytest.raises(PortdipError, match="cn or nanp"):
        population.plan("mars")


def test_routes_are_numbered_from_1_and_fit_the_index(whole):
    assert [route.code for route in whole.routes] == list(range(1, len(whole.routes) + 1))
    assert len(whole.routes) <= ROUTES_MAX
    assert len({(route.carrier, route.routing_number) for route in whole.routes}) == len(whole.routes)


def test_routing_numbers_are_opaque_strings_of_hex_digits(whole):
    assert all(set(route.routing_number) <= set("0123456789ABCDEF") for route in whole.routes)


def test_blocks_are_apart_and_inside_the_ranges(whole):
    assert np.all(np.diff(whole.first) >= BLOCK)
    first, last, _ = flatten(whole.ranges)
    around = np.searchsorted(first, whole.first, side="right") - 1
    assert np.all(whole.first <= last[around])
    assert int((last - first + np.uint64(1)).sum()) == len(whole.first) * BLOCK


def test_the_home_of_a_part_is_the_carrier_that_its_range_names(whole, seed):
    random = np.random.default_rng(seed)
    first, _, codes = flatten(whole.ranges)
    block, offset = random.integers(0, len(whole.first), 2000), random.integers(0, BLOCK, 2000)
    holder = codes[np.searchsorted(first, whole.first[block] + offset.astype(np.uint64), side="right") - 1]
    home = whole.home[block, offset // (BLOCK // whole.home.shape[1])]
    for by_range, by_home in zip(holder.tolist(), home.tolist(), strict=True):
        if by_home:
            assert whole.routes[by_range - 1].carrier == whole.routes[by_home - 1].carrier


def test_tickets_lie_in_runs_that_are_known(whole):
    start, count = whole.run
    assert np.all(np.diff(whole.tickets.astype(int), axis=1) >= 0)
    for row in whole.tickets[:5]:
        for code in np.unique(row):
            assert np.flatnonzero(row == code).tolist() == list(range(start[code], start[code] + count[code]))


@given(st.lists(st.floats(1e-6, 1), min_size=1, max_size=300))
def test_tickets_are_handed_out_to_everyone_and_all(sizes):
    shares = np.sort(sizes)[::-1] / np.sum(sizes)
    counts = hand_out(shares)
    assert counts.sum() == TICKETS
    assert counts.min() >= 1


class TestChina:
    def test_is_the_installed_plan(self, cn):
        assert len(cn.first) == len(cn.ranges) > 490_000

    def test_virtual_operators_cannot_be_ported_from(self, cn):
        virtual = np.array(["MVNO" in route.carrier.id for route in cn.routes])
        held_by = cn.ranges[:, 2].astype(int) - 1
        assert np.array_equal(virtual[held_by], cn.weight == 0)

    def test_old_prefixes_are_ported_more_readily_than_new_ones_and_broadnet_hardly(self, cn):
        prefix = cn.first // 10**8 % 1000
        old, new, broadnet = (cn.weight[prefix == three].max() for three in (138, 199, 192))
        assert old > new > 10 * broadnet > 0

    def test_each_province_has_one_route_to_each_of_four_carriers(self, cn):
        carriers = [[cn.routes[code - 1].carrier.id for code in np.unique(row)] for row in cn.tickets]
        assert carriers == [["CMCC", "CTCC", "CUCC", "CBN"]] * 31


class TestNorthAmerica:
    def test_has_room_for_100_million_numbers_at_2_percent(self, nanp):
        assert len(nanp.first) * BLOCK * 0.02 >= 100_000_000

    def test_numbers_are_well_formed(self, nanp):
        digits = nanp.first // BLOCK
        npa, nxx = digits // 1000 % 1000, digits % 1000
        assert np.all(digits // 10**6 == 1)
        assert np.all((npa >= 200) & (npa // 10 % 10 != 9) & (npa % 100 != 11))
        assert np.all((nxx >= 200) & (nxx % 100 != 11))

    def test_a_third_of_the_blocks_has_pooled_thousands(self, nanp):
        pooled = (nanp.home != nanp.home[:, :1]).any(axis=1)
        assert 0.25 < pooled.mean() < 0.4

    def test_pooled_thousands_are_reached_over_a_location_routing_number_and_others_need_none(self, nanp):
        size = nanp.ranges[:, 1] - nanp.ranges[:, 0] + np.uint64(1)
        lengths = np.array([0] + [len(route.routing_number) for route in nanp.routes])[nanp.ranges[:, 2].astype(int)]
        assert set(size.tolist()) == {BLOCK, BLOCK // 10}
        assert np.all(lengths == np.where(size == BLOCK, 0, 10))

    def test_regions_have_dozens_to_hundreds_of_carriers_some_of_them_large(self, nanp):
        carriers = [len(np.unique(row)) for row in nanp.tickets]
        assert min(carriers) >= 40
        assert max(carriers) >= 250
        _, count = nanp.run
        assert count.max() > TICKETS / 7
