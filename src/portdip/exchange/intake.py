"""The one door through which deltas from elsewhere enter a store's chain.

What is offered may come twice, too early, cut short, damaged, or from somebody who should not have sent it. At the
end the chain has taken exactly the deltas that continue it and that a trusted key has signed, in order, whatever the
order in which they came. For the rest:

- A duplicate changes nothing.
- What comes before its turn waits on disk, and enters when the gap before it has closed.
- What is wrong is refused: its bytes go to the quarantine with the reason, and the good delta of the same sequence
  is taken when it comes. Nobody needs to clear anything.
- What ends too early is neither stored nor refused: whether the rest is still to come only the caller can know.

Every change is made under the store's lock, and the chain's head is read again under it, so several processes may
take deltas into one store. After a crash anywhere, offering again or `drain` goes on from what is on disk.

Errors that are raised, and not returned as an outcome, are not the fault of the delta: StoreLockedError,
SnapshotAwaitedError where `admit` says that something else has to come first, KeyFileError where the list of trusted
keys cannot be read, DeltaError where our own chain is damaged, and OSError of our own disk. The delta may be offered
again when that is mended. One object for one thread.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from portdip import files
from portdip.errors import (
    DamagedDeltaError,
    DamagedSnapshotError,
    DeltaError,
    ForeignDeltaError,
    PortdipError,
    SnapshotAwaitedError,
    StoreLockedError,
    TornDeltaError,
)
from portdip.exchange.chain import Chain, Head
from portdip.exchange.delta import Delta, Sealed, open_sealed
from portdip.exchange.keys import Trust, TrustFile
from portdip.exchange.quarantine import Quarantine, Refusal
from portdip.exchange.waiting import AHEAD_MAX, Gap, WaitingRoom, gaps


class Kind(StrEnum):
    """What became of a delta that was offered."""

    APPLIED = "applied"
    DUPLICATE = "duplicate"
    WAITING = "waiting"
    TORN = "torn"
    REFUSED = "refused"


@dataclass(slots=True)
class Moved:
    """What an act changed: the sequences that entered the chain, in order, and what newly entered the quarantine."""

    applied: list[int] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a delta that was offered, and what else moved because of it.

    `sequence` is None where the header could not be read. `error` says why a delta is torn or refused. `missing` is the
    gaps between the chain and a delta that waits; `kept` is False for one that found no room (`waiting.AHEAD_MAX`) and
    has to be offered again when the chain has come closer. `moved` tells of other deltas too: those that had waited
    for this one.
    """

    kind: Kind
    sequence: int | None = None
    error: PortdipError | None = None
    missing: list[Gap] = field(default_factory=list)
    kept: bool = True
    moved: Moved = field(default_factory=Moved)

    @property
    def applied(self) -> list[int]:
        """The sequences that entered the chain, in order."""
        return self.moved.applied

    @property
    def reason(self) -> str:
        """Why it is torn or refused, '' otherwise."""
        return "" if self.error is None else str(self.error)


class Intake:
    """The door to `chain`; the module's docstring explains it.

    `lock` is the store's lock file. `waiting` and `quarantine` are directories, made when first needed. `admit` is
    asked last, under the lock, and raises PortdipError to refuse a delta that does not fit the table.
    """

    def __init__(
        self,
        chain: Chain,
        trust: TrustFile,
        lock: Path,
        waiting: Path,
        quarantine: Path,
        admit: Callable[[Delta], None],
    ) -> None:
        self._chain = chain
        self._trust_file = trust
        self._lock = lock
        self._waiting = WaitingRoom(waiting)
        self._quarantine = Quarantine(quarantine)
        self._admit = admit
        #: Where what waits came from, as far as this object has put it there.
        self._origins: dict[Path, str] = {}
        #: Sequence of the last delta whose keys are known to be in the list.
        self._noted: int | None = None

    @property
    def sequence(self) -> int:
        """The sequence of the last delta of the chain."""
        return self._chain.head.sequence

    @property
    def missing(self) -> list[Gap]:
        """What is missing between the chain and the newest delta that waits."""
        return self._waiting.missing(self.sequence)

    @property
    def newest_waiting(self) -> int | None:
        """The highest sequence that waits."""
        return max(self._waiting.entries(), default=None)

    @property
    def quarantined(self) -> list[Refusal]:
        """What was refused and is still kept, the oldest first."""
        return self._quarantine.refusals()

    def offer(self, content: bytes, origin: str) -> Outcome:
        """Take the delta in `content` if it is good and its turn; `origin` names its source for people."""
        try:
            sealed = open_sealed(content, origin)
        except TornDeltaError as error:
            return Outcome(Kind.TORN, error=error)
        except DeltaError as error:
            return self.refuse(content, origin, error)
        if sealed.sequence <= self.sequence:
            return self._compare(sealed, origin, Moved())
        with files.locked(self._lock):
            moved = Moved()
            self._take_waiting(moved)
            outcome = self._place(sealed, origin, moved)
            if outcome.kind is Kind.APPLIED:
                self._take_waiting(moved)
        return outcome

    def refuse(self, content: bytes, origin: str, error: PortdipError) -> Outcome:
        """Put into the quarantine what was torn for too long, or could not be read (`content` is empty then)."""
        return self._refuse(content, None, origin, error, Moved())

    def drain(self) -> Moved:
        """Take what waits and can go on: after a start, or when another process has appended. Cheap if nothing can."""
        moved = Moved()
        waiting = self._waiting.entries()
        if waiting and min(waiting) <= self.sequence + 1:
            with files.locked(self._lock):
                self._take_waiting(moved)
        return moved

    def _take_waiting(self, moved: Moved) -> None:
        for sequence, paths in self._waiting.entries().items():
            if sequence > self.sequence + 1:
                break
            for path in paths:
                self._settle(sequence, path, moved)
                self._waiting.remove(path)
                self._origins.pop(path, None)

    def _settle(self, sequence: int, path: Path, moved: Moved) -> None:
        """Decide about what waited. A file that was lost here comes again from its source."""
        origin = self._origins.get(path, str(path))
        content = b""
        try:
            content = files.read_bytes(path)
            sealed = open_sealed(content, origin)
        except OSError as error:
            if not files.is_loss(error):
                raise
            lost = DamagedDeltaError("a delta that waited cannot be read", where=str(path), got=str(error))
            self._refuse(content, sequence, origin, lost, moved)
        except DeltaError as error:
            self._refuse(content, sequence, origin, error, moved)
        else:
            self._place(sealed, origin, moved)

    def _place(self, sealed: Sealed, origin: str, moved: Moved) -> Outcome:
        head = self._chain.head
        if sealed.sequence <= head.sequence:
            return self._compare(sealed, origin, moved)
        if sealed.sequence > head.sequence + 1:
            return self._keep_waiting(sealed, origin, head, moved)
        return self._take(sealed, origin, head, moved)

    def _compare(self, sealed: Sealed, origin: str, moved: Moved) -> Outcome:
        """A delta whose place in the chain is taken: a duplicate, or one of two histories of one dataset."""
        head = self._chain.head
        ours = self._digest(sealed.sequence, head)
        if sealed.header.dataset == head.dataset and ours in (None, sealed.digest):
            return Outcome(Kind.DUPLICATE, sealed.sequence, moved=moved)
        error: PortdipError = ForeignDeltaError(
            "the chain has another delta of this sequence",
            where=origin,
            expected=f"digest {ours}",
            got=sealed.digest,
            fix="Find out who published two deltas of one sequence.",
        )
        trust = self._trust_file.read()
        try:
            head.check_dataset(sealed, origin)
            trust.check(sealed, origin)
        except PortdipError as another:
            error = another
        return self._refuse(sealed.content, sealed.sequence, origin, error, moved)

    def _digest(self, sequence: int, head: Head) -> str | None:
        """Digest of our delta of this sequence; None if it was pruned or can no longer be read."""
        if sequence == head.sequence:
            return head.digest
        try:
            return self._chain.read(sequence).digest
        except (FileNotFoundError, DeltaError):
            return None

    def _keep_waiting(self, sealed: Sealed, origin: str, head: Head, moved: Moved) -> Outcome:
        """Keep a delta until its turn. A key that is not known yet may be introduced before that."""
        trust = self._trust(head)
        signer = sealed.header.signer
        try:
            head.check_dataset(sealed, origin)
            if trust.signed and (not signer or signer in trust.keys):
                trust.check(sealed, origin)
        except PortdipError as error:
            return self._refuse(sealed.content, sealed.sequence, origin, error, moved)
        path = self._waiting.put(sealed.sequence, sealed.content, head.sequence)
        if path is not None:
            if len(self._origins) > AHEAD_MAX:
                self._origins.clear()  # other processes have taken away what is beyond that
            self._origins[path] = origin
        before = [sequence for sequence in self._waiting.entries() if sequence < sealed.sequence]
        missing = gaps(head.sequence, [*before, sealed.sequence])
        return Outcome(Kind.WAITING, sealed.sequence, missing=missing, kept=path is not None, moved=moved)

    def _take(self, sealed: Sealed, origin: str, head: Head, moved: Moved) -> Outcome:
        """Append the next delta, or refuse it. The chain first, then the keys: what a crash parts, `_trust` mends."""
        trust = self._trust(head)
        try:
            head.check_dataset(sealed, origin)
            trust.check(sealed, origin)
            head.check(sealed, origin)
            following = sealed.open(origin)
            trusted = trust.after(following)
            self._admit(following)
        except (StoreLockedError, SnapshotAwaitedError, DamagedSnapshotError):  # not the delta's fault
            raise
        except PortdipError as error:
            return self._refuse(sealed.content, sealed.sequence, origin, error, moved)
        self._chain.append(following)
        moved.applied.append(following.sequence)
        if trusted != trust:
            self._trust_file.write(trusted)
        self._noted = following.sequence
        return Outcome(Kind.APPLIED, following.sequence, moved=moved)

    def _trust(self, head: Head) -> Trust:
        """The keys in force after the chain's last delta, which its writer may not have lived to note."""
        if self._noted is None:
            self._check_beginning(head)
            self._noted = head.sequence - 1
        trust = self._trust_file.catch_up(self._chain, self._noted)
        self._noted = head.sequence
        return trust

    def _check_beginning(self, head: Head) -> None:
        """Raise ForeignDeltaError unless our own chain begins where it says: either may have been put back by hand."""
        base = self._chain.base
        if self._chain.has(base.sequence + 1):
            base.check(self._chain.read(base.sequence + 1), str(self._chain.path))
        elif (base.sequence, base.digest) != (head.sequence, head.digest):
            raise ForeignDeltaError(
                "the chain does not continue its beginning",
                where=str(self._chain.path),
                expected=f"a delta of sequence {base.sequence + 1}",
                got=f"one of sequence {head.sequence}",
                fix="Restore the store from a backup.",
            )

    def _refuse(self, content: bytes, sequence: int | None, origin: str, error: PortdipError, moved: Moved) -> Outcome:
        refusal = self._quarantine.put(content, sequence, origin, error)
        if refusal is not None:
            moved.refused.append(refusal)
        return Outcome(Kind.REFUSED, sequence, error, moved=moved)
