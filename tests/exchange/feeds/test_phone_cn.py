import struct
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from portdip.errors import FeedError, MissingPackageError
from portdip.exchange import rows
from portdip.exchange.feeds import phone_cn
from portdip.exchange.feeds.options import Options

PLACES = ["北京|北京|100000|010", "广东|深圳|518000|0755", "广东|广州|510000|020"]


def phone_dat(entries: list[tuple[int, int, int]], places: list[str] = PLACES) -> bytes:
    """A file of (segment, which place, kind) entries, laid out as the package's own."""
    offsets, records = [], b""
    for place in places:
        offsets.append(8 + len(records))
        records += place.encode() + b"\0"
    index = b"".join(struct.pack("<iiB", segment, offsets[place], kind) for segment, place, kind in entries)
    return struct.pack("<4sI", b"9901", 8 + len(records)) + records + index


SMALL = phone_dat([(1300000, 0, 2), (1300001, 1, 1), (1380013, 2, 1), (1700000, 1, 5), (1920000, 0, 7)])


class TestFile:
    def test_segments_come_with_holder_and_province(self):
        plan = phone_cn.parse(SMALL, "small")
        provinces = [plan.provinces[row] for row in plan.province]
        assert plan.segment.tolist() == [1300000, 1300001, 1380013, 1700000, 1920000]
        assert plan.kind.tolist() == [2, 1, 1, 5, 7]
        assert provinces == ["北京", "广东", "广东", "广东", "北京"]

    def test_a_segment_is_ten_thousand_numbers_of_13_digits(self):
        first, last = phone_cn.parse(SMALL, "small").bounds()
        assert (first[2], last[2]) == (8613800130000, 8613800139999)

    @pytest.mark.parametrize("size", range(len(SMALL)))
    def test_a_truncated_file_is_refused_unless_whole_entries_are_gone(self, size):
        lost = len(SMALL) - size
        if lost % 9 == 0 and lost < 5 * 9:  # the file does not say how many entries it has
            assert len(phone_cn.parse(SMALL[:size], "cut").segment) == 5 - lost // 9
        else:
            with pytest.raises(FeedError, match="cut"):
                phone_cn.parse(SMALL[:size], "cut")

    @pytest.mark.parametrize(
        ("entries", "got"),
        [
            ([(1300001, 0, 1), (1300000, 0, 1)], "segment 1300000"),
            ([(1300000, 0, 1), (1300000, 0, 2)], "segment 1300000"),
            ([(2300000, 0, 1)], "segment 2300000"),
            ([(-5, 0, 1)], "segment -5"),
            ([(1300000, 0, 9)], "kind 9"),
        ],
    )
    def test_a_damaged_entry_is_named(self, entries, got):
        with pytest.raises(FeedError, match=got) as caught:
            phone_cn.parse(phone_dat(entries), "bad.dat")
        offset = int(caught.value.where.split()[-1])
        assert (offset - len(phone_dat([]))) // 9 == len(entries) - 1

    @pytest.mark.parametrize("place", ["北京|北京|010", "|北京|100000|010", "北京"])
    def test_a_damaged_record_is_named(self, place):
        with pytest.raises(FeedError, match=r"damaged record.*offset 8"):
            phone_cn.parse(phone_dat([(1300000, 0, 1)], [place]), "bad.dat")

    def test_a_record_offset_into_the_middle_of_a_record_is_refused(self):
        entry = struct.pack("<iiB", 1300000, 11, 1)
        with pytest.raises(FeedError, match="offset 11"):
            phone_cn.parse(phone_dat([]) + entry, "bad.dat")

    @given(st.binary(max_size=80) | st.binary(max_size=60).map(lambda rest: SMALL[:30] + rest))
    def test_any_bytes_are_a_plan_or_refused(self, content):
        try:
            plan = phone_cn.parse(content, "any")
        except FeedError:
            return
        assert np.all(np.diff(plan.segment) > 0)


class TestInstalledPlan:
    def test_is_the_whole_country(self):
        plan = phone_cn.segments()
        assert len(plan.segment) > 490_000
        assert len(plan.provinces) == 31

    def test_yields_carriers_then_one_range_a_segment(self):
        carriers, ranges = phone_cn.rows([], Options())
        assert carriers.schema == rows.CARRIERS
        assert ranges.schema == rows.RANGES
        assert "China Mobile 中国移动" in carriers["name"].to_pylist()
        row = int(np.searchsorted(ranges["first"].to_numpy(), 8613800138000, side="right")) - 1
        assert ranges.slice(row, 1).to_pylist() == [
            {"first": 8613800130000, "last": 8613800139999, "carrier": "CMCC", "routing_number": ""}
        ]
        assert set(ranges["carrier"].unique().to_pylist()) <= set(carriers["id"].to_pylist())

    def test_a_missing_package_names_the_extra(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "phone", None)
        with pytest.raises(MissingPackageError, match=r"portdip\[cn\]"):
            next(phone_cn.rows([], Options()))

    def test_a_package_without_the_file_is_refused(self, monkeypatch, tmp_path):
        (tmp_path / "phone").mkdir()
        (tmp_path / "phone" / "__init__.py").touch()
        monkeypatch.delitem(sys.modules, "phone", raising=False)
        monkeypatch.syspath_prepend(str(tmp_path))
        with pytest.raises(FeedError, match=r"phone\.dat"):
            phone_cn.segments()
        sys.modules.pop("phone")
