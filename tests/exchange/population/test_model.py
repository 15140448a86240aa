import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portdip.errors import PortdipError
from portdip.exchange.population import Chunk, Plan, draw
from portdip.exchange.population.numbering_plan import BLOCK
from portdip.intervals import flatten

SHARES = st.none() | st.sampled_from([0.02, 0.16, 0.5])
SEEDS = st.integers(0, 2**64)


def whole(plan: Plan, numbers: int, seed: int, share: float | None = None) -> Chunk:
    chunks = list(draw(plan, numbers, seed, share))
    return Chunk(
        *(
            np.concatenate([getattr(chunk, field) for chunk in chunks])
            for field in ("numbers", "codes", "donors", "effective", "returned")
        )
    )


def carriers(plan: Plan, codes: np.ndarray) -> np.ndarray:
    return np.array([""] + [route.carrier.id for route in plan.routes])[codes]


def holders(plan: Plan, numbers: np.ndarray) -> np.ndarray:
    first, last, codes = flatten(plan.ranges)
    row = np.searchsorted(first, numbers, side="right") - 1
    assert np.all(numbers <= last[row])
    return carriers(plan, codes[row])


def capacity(plan: Plan) -> int:
    return int(np.count_nonzero(plan.weight)) * BLOCK


@settings(max_examples=40)
@given(data=st.data(), seed=SEEDS, share=SHARES)
def test_a_population_is_what_was_asked_for(plan, data, seed, share):
    size = data.draw(st.integers(0, int(capacity(plan) * min(0.25, share or 1))), label="numbers")
    drawn = whole(plan, size, seed, share)
    assert len(drawn.numbers) == len(drawn.codes) == len(drawn.donors) == len(drawn.effective) == size
    assert np.all(np.diff(drawn.numbers.astype(np.int64)) > 0)
    assert not np.isin(drawn.returned, drawn.numbers).any()

    blocks = plan.first[plan.weight > 0]
    ever_ported = np.concatenate([drawn.numbers, drawn.returned])
    assert np.isin(ever_ported // BLOCK * BLOCK, blocks).all()
    held_by, recipient, donor = (
        holders(plan, drawn.numbers),
        carriers(plan, drawn.codes),
        carriers(plan, drawn.donors),
    )
    assert np.all(recipient != held_by)
    assert np.all(recipient != donor)


def test_the_same_seed_draws_the_same_however_it_is_read(plan, seed):
    at_once = list(draw(plan, 5000, seed))
    one, other = draw(plan, 5000, seed), draw(plan, 5000, seed)
    for expected, (first, second) in zip(at_once, zip(one, other, strict=True), strict=True):
        for field in ("numbers", "codes", "donors", "effective", "returned"):
            assert np.array_equal(getattr(first, field), getattr(expected, field))
            assert np.array_equal(getattr(second, field), getattr(expected, field))


def test_another_seed_draws_others(plan, seed):
    assert not np.array_equal(whole(plan, 5000, seed).numbers, whole(plan, 5000, seed + 1).numbers)


def test_chunks_ascend_and_are_small(nanp, seed):
    last = 0
    for chunk in draw(nanp, 3_000_000, seed, 0.16):
        assert last < chunk.numbers[0]
        assert len(chunk.numbers) < 2_000_000
        last = chunk.numbers[-1]


@pytest.fixture(scope="module")
def spread(cn, seed):
    """The ported share by block, 60 million numbers over the whole plan; the first 60 stripes will do, all 13x."""
    chunks = draw(cn, 60_000_000, seed)
    numbers = np.concatenate([next(chunks).numbers for _ in range(60)])
    blocks = cn.first[cn.weight > 0][: 60 * 512]
    return np.bincount(np.searchsorted(blocks, numbers // BLOCK * BLOCK), minlength=len(blocks)) / BLOCK


@pytest.fixture(scope="module")
def packed(cn, seed):
    return whole(cn, 1_000_000, seed, 0.16)


class TestSpread:
    def test_blocks_lose_0_to_25_percent_of_their_users(self, spread):
        of_users = spread * BLOCK / 3583  # 1.79 billion users in 499,527 segments
        assert np.quantile(of_users, 0.01) < 0.01
        assert 0.10 < np.quantile(of_users, 0.99) < 0.25
        assert of_users.max() < 0.5

    def test_prefixes_in_use_before_porting_lose_more_than_the_average(self, cn, spread):
        average = 60_000_000 / capacity(cn)
        assert 1.1 * average < spread.mean() < 2 * average

    def test_more_than_a_quarter_of_the_plan_is_refused_at_once(self, cn):
        with pytest.raises(PortdipError, match=r"at most 1,2\d\d,\d{3},\d{3}, 25%"):
            draw(cn, 1_300_000_000, seed=1)


class TestPacked:
    @pytest.mark.parametrize("share", [0.02, 0.16])
    def test_as_many_blocks_as_needed_have_the_share(self, nanp, seed, share):
        numbers = whole(nanp, 1_000_000, seed, share).numbers
        _, count = np.unique(numbers // BLOCK, return_counts=True)
        assert len(count) == round(1_000_000 / (share * BLOCK))
        noise = np.sqrt(share * BLOCK)
        assert np.all(np.abs(count - share * BLOCK) < 7 * noise)
        assert 0.8 * noise < count.std() < 1.1 * noise

    def test_blocks_are_from_all_over_the_plan(self, cn, seed):
        numbers = whole(cn, 100_000, seed, 0.02).numbers
        assert len(np.unique(numbers // 10**8)) > 20

    def test_one_hundred_million_at_2_percent_just_fit_the_chinese_plan(self, cn):
        first = next(draw(cn, 100_000_000, seed=1, share=0.02))
        assert len(first.numbers) > 0

    def test_more_than_fit_are_refused_with_what_would(self, cn):
        with pytest.raises(PortdipError, match=r"at most 96,690,000, 2\.00%"):
            draw(cn, 110_000_000, seed=1, share=0.02)

    @pytest.mark.parametrize("share", [0, -0.1, 0.6, float("nan")])
    def test_a_share_that_is_none_is_refused(self, cn, share):
        with pytest.raises(PortdipError, match="share"):
            draw(cn, 10, seed=1, share=share)


@pytest.mark.parametrize(("numbers", "seed"), [(-1, 1), (1, -1)])
def test_negative_arguments_are_refused(cn, numbers, seed):
    with pytest.raises(PortdipError, match="0 or more"):
        draw(cn, numbers, seed)


class TestPorts:
    def test_recipients_follow_the_net_flow_without_the_holder(self, cn, packed):
        held_by, recipient = holders(cn, packed.numbers), carriers(cn, packed.codes)
        from_unicom = recipient[held_by == "CUCC"]
        parts = [np.mean(from_unicom == carrier) for carrier in ("CMCC", "CTCC", "CBN")]
        assert parts == pytest.approx([0.38 / 0.74, 0.33 / 0.74, 0.03 / 0.74], abs=0.01)

    def test_two_to_three_percent_were_ported_before_and_left_another_carrier(self, cn, packed):
        twice = carriers(cn, packed.donors) != holders(cn, packed.numbers)
        assert 0.02 < twice.mean() < 0.03

    def test_about_one_percent_came_back(self, packed):
        assert 0.008 < len(packed.returned) / len(packed.numbers) < 0.012

    def test_the_route_is_that_of_the_province(self, cn, packed):
        province = cn.area[np.searchsorted(cn.first, packed.numbers, side="right") - 1]
        assert np.all(packed.codes >= cn.tickets[province, 0])
        assert np.all(packed.codes <= cn.tickets[province, -1])

    def test_any_number_of_a_block_is_as_likely_as_another(self, packed):
        counts = np.bincount((packed.numbers % BLOCK // 100).astype(int), minlength=100)
        assert np.all(np.abs(counts - 10_000) < 7 * 100)

    def test_cut_over_is_on_the_full_hour_by_day_since_december_2019(self, packed):
        hour = packed.effective // 3_600_000_000
        assert np.all(packed.effective % 3_600_000_000 == 0)
        assert set(((hour + 8) % 24).tolist()) == set(range(9, 21))
        assert packed.effective.min() >= np.datetime64("2019-12-01", "us").astype(int)
        assert packed.effective.max() < np.datetime64("2025-12-01", "us").astype(int)


def test_a_chinese_block_has_few_routes_and_a_north_american_one_up_to_hundreds(cn, nanp, seed):
    def routes_per_block(plan):
        drawn = whole(plan, 200_000, seed, 0.16)
        _, begin = np.unique(drawn.numbers // BLOCK, return_index=True)
        return [len(np.unique(codes)) for codes in np.split(drawn.codes, begin[1:])]

    assert max(routes_per_block(cn)) <= 4
    crowded = routes_per_block(nanp)
    assert max(crowded) > 200
    assert np.median(crowded) > 100
