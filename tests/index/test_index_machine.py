"""A rule machine keeps the compiled index, its twin and a dict side by side through rebuilds."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from portdip import index
from portdip.index import reference

from .images import BASES, apart_or_nested, build, differences, numbers_near, questions


class IndexMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.entries: dict[int, int] = {}
        self.ranges: dict[tuple[int, int], int] = {}

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    @initialize(base=st.sampled_from(BASES))
    def begin(self, base: int) -> None:
        self.base = base
        self.rebuild()

    @rule(offset=st.integers(0, 50_000), code=st.integers(1, 65_534))
    def port(self, offset: int, code: int) -> None:
        self.entries[min(self.base + offset, 10**15 - 1)] = code

    @rule(offset=st.integers(0, 50_000), count=st.integers(1, 600), step=st.integers(1, 90), codes=st.integers(1, 300))
    def port_many(self, offset: int, count: int, step: int, codes: int) -> None:
        for place in range(count):
            number = self.base + offset + place * step
            if number < 10**15:
                self.entries[number] = 1 + place % codes

    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        if self.entries:
            del self.entries[data.draw(st.sampled_from(sorted(self.entries)))]

    @rule(
        offset=st.integers(0, 60_000), size=st.sampled_from([1, 99, 100, 1_000, 10_000, 10**6]), code=st.integers(0, 5)
    )
    def assign(self, offset: int, size: int, code: int) -> None:
        first = self.base + offset
        last = min(first + size - 1, 10 ** len(str(first)) - 1)
        if last < 10**15 and all(apart_or_nested((first, last), other) for other in self.ranges):
            self.ranges[first, last] = code

    @rule(data=st.data())
    def withdraw(self, data: st.DataObject) -> None:
        if self.ranges:
            self.ranges[data.draw(st.sampled_from(sorted(self.ranges)))] = 0

    @rule()
    def rebuild(self) -> None:
        ranges = [(first, last, code) for (first, last), code in self.ranges.items()]
        self.compiled = build(self.entries, ranges, self.folder / "image")
        self.twin = build(self.entries, ranges, self.folder / "twin", reference)
        self.built, self.built_ranges = dict(self.entries), ranges

    @rule(number=st.one_of(*(numbers_near(base, 60_000) for base in BASES)))
    def ask_one(self, number: int) -> None:
        assert self.compiled[number] == self.twin[number] == self.built.get(number, self.twin.range_code(number))

    @rule(kernel=st.sampled_from(index.kernels()))
    def ask_all(self, kernel: str) -> None:
        before = index.kernel()
        index.use_kernel(kernel)
        try:
            asked = questions(self.built, self.built_ranges)[:4000]
            assert list(differences(self.compiled, self.twin, asked)) == []
        finally:
            index.use_kernel(before)

    @invariant()
    def counts_its_entries(self) -> None:
        assert len(self.compiled) == len(self.twin) == len(self.built)


TestIndexMachine = IndexMachine.TestCase
