"""A rule machine grows overlays in all directions, beside their twins; the old ones must answer as before."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from portdip import index
from portdip.index import LiveIndex, Overlay, reference

from .changes import Fact, added, contents, facts, numbers_of, same
from .images import build, differences, neighbourhoods, plans, questions, twin


class OverlayMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    @initialize(entries=neighbourhoods(), ranges=plans())
    def begin(self, entries: dict[int, int], ranges: list[tuple[int, int, int]]) -> None:
        self.base, self.twin = build(entries, ranges, self.folder / "image"), twin(entries, ranges)
        self.asked = questions(entries, ranges)[:100]
        #: Every overlay there has been: the facts of it, compiled, twin.
        self.versions: list[tuple[list[Fact], Any, Any]] = [([], Overlay(), reference.Overlay())]

    @rule(data=st.data(), more=facts(max_size=12))
    def grow(self, data: st.DataObject, more: list[Fact]) -> None:
        """From any version there is, not only from the newest."""
        before, compiled, plain = data.draw(st.sampled_from(self.versions))
        taken = {fact[1] for fact in before if fact[0] == "rule"}
        new = [fact for fact in more if fact[0] != "rule" or fact[1] not in taken]
        self.versions.append((before + new, added(compiled, new), added(plain, new)))
        self.asked = sorted({*self.asked, *numbers_of(new)})

    @rule(data=st.data(), count=st.sampled_from([20, 900]), code=st.integers(0, 9), ordinal=st.integers(1, 30))
    def port_many(self, data: st.DataObject, count: int, code: int, ordinal: int) -> None:
        """So many that runs become more; the twin is told of those that are asked."""
        before, compiled, plain = data.draw(st.sampled_from(self.versions))
        known = [number for number in self.asked if 0 < number < 10**15][:20]
        start = max(known[0] if known else 1, 1)
        new: list[Fact] = [("entry", number, code, ordinal) for number in {*range(start, start + count), *known}]
        new = [fact for fact in new if fact[1] < 10**15]
        self.versions.append((before + new, added(compiled, new), added(plain, new)))

    @rule(data=st.data())
    def forget(self, data: st.DataObject) -> None:
        """Versions share memory: what goes with one must not be what another needs."""
        if len(self.versions) > 3:
            self.versions.remove(data.draw(st.sampled_from(self.versions)))

    @rule(data=st.data(), parts=st.integers(1, 4))
    def begin_again_in_another_order(self, data: st.DataObject, parts: int) -> None:
        known, compiled, _ = data.draw(st.sampled_from(self.versions))
        shuffled = data.draw(st.permutations(known)) if len(known) < 200 else known[::-1]
        again = Overlay()
        for part in range(parts):
            again = added(again, shuffled[part::parts])
        assert same(again, compiled)

    @rule(data=st.data(), kernel=st.sampled_from(index.kernels()))
    def ask(self, data: st.DataObject, kernel: str) -> None:
        """Any version, the oldest too."""
        _, compiled, plain = data.draw(st.sampled_from(self.versions))
        live, oracle = LiveIndex(self.base, compiled), reference.LiveIndex(self.twin, plain)
        asked = self.asked[data.draw(st.integers(0, 9)) :: 1 + len(self.asked) // 50]
        before = index.kernel()
        index.use_kernel(kernel)
        try:
            assert list(differences(live, oracle, asked)) == []
            numbers = np.array(self.asked, dtype=np.uint64)
            assert live.match_many(numbers).tolist() == [live.match(number) for number in self.asked]
        finally:
            index.use_kernel(before)

    @invariant()
    def the_first_version_is_empty(self) -> None:
        if self.versions[0][0] == []:
            assert contents(self.versions[0][1]) == ([], [], [])


TestOverlayMachine = OverlayMachine.TestCase
