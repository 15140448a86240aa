"""A rule machine delivers the deltas of one publisher to one node in every way that deltas go astray.

They come twice, in any order, torn, damaged, from a foreign dataset and from a forked history, through two sources at
once, while the node restarts and other processes append or hold the lock. After every step the node's chain is a
prefix of the publisher's, byte for byte; at the end it is all of it.
"""

from __future__ import annotations

import shutil
import tempfile
from functools import cache
from pathlib import Path

import hypothesis
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from portdip import files
from portdip.errors import StoreLockedError
from portdip.exchange.chain import file_name
from portdip.exchange.fetch import Fetcher
from portdip.exchange.keys import SigningKey
from portdip.exchange.source import PATIENCE, DirectorySource
from portdip.exchange.waiting import gaps

from .nodes import Node, Publisher, UnsyncedDisk, damaged, releases, revoking, trusting

COUNT = 12
SEQUENCES = st.integers(1, COUNT)
SOURCES = st.integers(0, 1)
EXAMPLES = hypothesis.settings().max_examples


@cache
def publisher() -> Publisher:
    """Its key is replaced on the way: the new one is trusted by delta 4, signs from 6 on, and 8 revokes the old one."""
    old, new = SigningKey.new(), SigningKey.new()
    made = Publisher(old)
    rows = {4: trusting(new), 8: revoking(old)}
    for sequence in range(1, COUNT + 1):
        made.publish(rows.get(sequence), key=new if sequence >= 6 else old)
    return made


@cache
def foreign() -> Publisher:
    other = Publisher(publisher().key, "tw")
    for _ in range(COUNT):
        other.publish()
    return other


@cache
def fork(sequence: int) -> bytes:
    """A good delta of the old key that continues the same chain otherwise, from before it was revoked."""
    return publisher().fork(sequence - 1).publish(releases(8613911112222))


class DeliveryMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.disk, files.disk = files.disk, UnsyncedDisk()
        self.path = Path(tempfile.mkdtemp())
        self.drops = [self.path / "a", self.path / "b"]
        for directory in self.drops:
            directory.mkdir()
        self.now = 0.0
        self.count = 0
        self.waiting: set[int] = set()
        self.node = Node(self.path / "node", publisher().key)

    @initialize()
    def start(self) -> None:
        self.restart()

    def teardown(self) -> None:
        try:
            self.deliver_the_rest()
        finally:
            files.disk = self.disk
            shutil.rmtree(self.path)

    def deliver_the_rest(self) -> None:
        """Whatever happened before: with all good files there, looking is enough."""
        for sequence in range(1, COUNT + 1):
            self.put(0, file_name(sequence), publisher().contents[sequence])
        for _ in range(3):
            self.look(0, PATIENCE + 1)
        assert self.node.contents == publisher().contents
        assert self.node.intake.missing == []
        assert self.node.waits == {}

    def put(self, source: int, name: str, content: bytes) -> None:
        aside = self.path / "aside"
        aside.write_bytes(content)
        aside.rename(self.drops[source] / name)

    def odd_name(self) -> str:
        self.count += 1
        return f"{self.count}.delta"

    def look(self, source: int, later: float) -> None:
        self.now += later
        progress = self.fetchers[source].poll(self.now)
        assert progress.problem is None
        assert set(progress.applied) <= publisher().contents.keys()
        assert all(refusal.reason for refusal in progress.refused)
        assert all(sequence > self.node.intake.sequence + 1 for sequence in self.node.waits)

    @rule(source=SOURCES, sequence=SEQUENCES, is_named=st.booleans())
    def deliver(self, source: int, sequence: int, is_named: bool) -> None:
        self.put(source, file_name(sequence) if is_named else self.odd_name(), publisher().contents[sequence])

    @rule(source=SOURCES)
    def deliver_next(self, source: int) -> None:
        sequence = min(self.node.intake.sequence + 1, COUNT)
        self.put(source, file_name(sequence), publisher().contents[sequence])

    @rule(source=SOURCES, sequence=SEQUENCES)
    def lose(self, source: int, sequence: int) -> None:
        (self.drops[source] / file_name(sequence)).unlink(missing_ok=True)

    @rule(source=SOURCES, sequence=SEQUENCES, share=st.floats(0, 1, exclude_max=True))
    def deliver_torn(self, source: int, sequence: int, share: float) -> None:
        content = publisher().contents[sequence]
        (self.drops[source] / file_name(sequence)).write_bytes(content[: int(share * len(content))])

    @rule(source=SOURCES)
    def complete(self, source: int) -> None:
        """Whatever is bad under a name of the chain is written anew, in place."""
        for sequence, content in publisher().contents.items():
            path = self.drops[source] / file_name(sequence)
            if path.exists():
                path.write_bytes(content)

    @rule(source=SOURCES, sequence=SEQUENCES, offset=st.integers(0, 900), is_named=st.booleans())
    def deliver_damaged(self, source: int, sequence: int, offset: int, is_named: bool) -> None:
        bad = damaged(publisher().contents[sequence], offset)
        self.put(source, file_name(sequence) if is_named else self.odd_name(), bad)

    @rule(source=SOURCES, sequence=SEQUENCES)
    def deliver_foreign(self, source: int, sequence: int) -> None:
        self.put(source, self.odd_name(), foreign().contents[sequence])

    @rule(source=SOURCES, sequence=st.integers(6, COUNT))
    def deliver_fork(self, source: int, sequence: int) -> None:
        """By the old key: it was not revoked before 8, but from 6 on another delta has its place or it is revoked.

        A fork whose turn comes before the publisher's own delta is a good delta, and no node could tell; so these are
        delivered only once that place in the chain is taken, or for a place where the key may no longer sign.
        """
        if sequence > 8 or sequence <= self.node.intake.sequence:
            self.put(source, self.odd_name(), fork(sequence))

    @rule(source=SOURCES, later=st.sampled_from([0.0, 0.02, 1.5]))
    def look_soon(self, source: int, later: float) -> None:
        self.look(source, later)

    @rule(source=SOURCES)
    def look_long_after(self, source: int) -> None:
        """By then everything that is there has been looked at: what is good is not lost, what is bad is quarantined."""
        self.look(source, PATIENCE + 1)
        head = self.node.intake.sequence
        waits = {content for contents in self.node.waits.values() for content in contents}
        refused = self.node.quarantined
        good = {content: sequence for sequence, content in publisher().contents.items()}
        for path in self.drops[source].iterdir():
            content = path.read_bytes()
            if content in good:
                assert good[content] <= head or content in waits
            elif not path.name.startswith("0"):
                assert content in refused or content in waits

    @rule(sequence=SEQUENCES)
    def offer(self, sequence: int) -> None:
        """As a message stream does."""
        self.node.intake.offer(publisher().contents[sequence], "stream")

    @rule(sequence=SEQUENCES, offset=st.integers(0, 900))
    def offer_damaged(self, sequence: int, offset: int) -> None:
        bad = damaged(publisher().contents[sequence], offset)
        self.node.intake.offer(bad, "stream")
        assert bad in self.node.quarantined

    @rule()
    def restart(self) -> None:
        self.node.restart()
        self.fetchers = [
            Fetcher(DirectorySource(str(directory)), self.node.intake, self.node.path / f"{directory.name}.json")
            for directory in self.drops
        ]

    @precondition(lambda self: self.node.intake.sequence < COUNT)
    @rule(count=st.integers(1, 3))
    def another_process_appends(self, count: int) -> None:
        intake = self.node.another_intake()
        for _ in range(count):
            intake.offer(publisher().contents[min(intake.sequence + 1, COUNT)], "another process")

    @rule(source=SOURCES, sequence=SEQUENCES)
    def look_while_another_process_has_the_lock(self, source: int, sequence: int) -> None:
        self.put(source, file_name(sequence), publisher().contents[sequence])
        before = self.node.contents
        with files.locked(self.node.lock):
            progress = self.fetchers[source].poll(self.now)
            assert progress.problem is None or isinstance(progress.problem, StoreLockedError)
        assert self.node.contents == before

    @invariant()
    def the_chain_is_a_prefix_of_the_publishers(self) -> None:
        contents = self.node.contents
        assert list(contents) == list(range(1, len(contents) + 1))
        assert contents.items() <= publisher().contents.items()

    @invariant()
    def what_is_missing_is_named_exactly(self) -> None:
        head = self.node.intake.sequence
        assert head == len(self.node.contents)
        assert self.node.intake.missing == gaps(head, self.node.waits)

    @invariant()
    def what_waits_stays_until_its_turn(self) -> None:
        """What is the publisher's, that is: a fork waits only until the node knows that its key was revoked."""
        good = {sequence for sequence, found in self.node.waits.items() if publisher().contents[sequence] in found}
        self.waiting |= good
        self.waiting -= set(range(self.node.intake.sequence + 1))
        assert self.waiting == good

    @invariant()
    def nothing_good_is_in_quarantine_and_all_of_it_has_a_reason(self) -> None:
        quarantined = self.node.quarantined
        assert not quarantined & set(publisher().contents.values())
        told = {refusal.name: refusal.reason for refusal in self.node.intake.quarantined}
        assert all(told.values())
        assert {path.stem for path in self.node.quarantine.glob("*.delta")} <= told.keys()


TestDeliveryMachine = DeliveryMachine.TestCase
# A history is as long as many examples of other properties: the smoke run has a quarter of their number.
TestDeliveryMachine.settings = hypothesis.settings(
    max_examples=EXAMPLES if EXAMPLES > 100 else EXAMPLES // 4, stateful_step_count=50
)
