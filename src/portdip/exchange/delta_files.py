"""Delta files held against each other, against keys and against a chain, without taking any of them in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from portdip import files
from portdip.errors import DeltaError, ForeignDeltaError
from portdip.exchange import delta
from portdip.exchange.chain import Chain, Head
from portdip.exchange.delta import Delta, Sealed
from portdip.exchange.keys import Trust


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of one file: the delta in it and what could not be checked, or the error that refuses it."""

    file: Path
    delta: Delta | None
    unchecked: list[str]
    error: DeltaError | None


def check(paths: list[Path], trust: Trust | None, chain: Chain | None) -> Iterator[Checked]:
    """Each file, in the order of sequences: its seal, its rows, who signed it, and its place.

    The place is what the file of the sequence before says, where that is given, and `chain`. `trust` None: signatures
    are not checked; otherwise keys that the files themselves trust and revoke count too. Raises OSError for a file
    that cannot be read.
    """
    good: list[tuple[int, Path]] = []
    for path in paths:
        try:
            good.append((delta.open_sealed(files.read_bytes(path), str(path)).sequence, path))
        except DeltaError as error:
            yield Checked(path, None, [], error)
    before: Sealed | None = None
    for _, path in sorted(good):
        try:
            found = delta.decode(files.read_bytes(path), str(path))
            unchecked = [*_check_signature(found, trust, path), *_check_place(found, before, chain, path)]
        except DeltaError as error:
            yield Checked(path, None, [], error)
            continue
        if trust is not None:
            trust = trust.after(found)
        before = found
        yield Checked(path, found, unchecked, None)


def _check_signature(found: Delta, trust: Trust | None, path: Path) -> Iterator[str]:
    if trust is not None:
        trust.check(found, str(path))
    elif found.header.signer:
        yield "signature"


def _check_place(found: Delta, before: Sealed | None, chain: Chain | None, path: Path) -> Iterator[str]:
    compared = False
    if before is not None:
        compared = _check_neighbour(found, before, path)
    if chain is not None:
        chain.base.check_dataset(found, str(path))
        if chain.has(found.sequence):
            _check_same(found, chain.read(found.sequence), path)
            compared = True
        elif chain.head.sequence + 1 == found.sequence:
            chain.head.check(found, str(path))
            compared = True
    if not compared and found.sequence > 1:
        yield "what it continues"


def _check_neighbour(found: Delta, before: Sealed, path: Path) -> bool:
    """Whether the two files are neighbours, or of one sequence; ForeignDeltaError where they do not fit."""
    head = Head.of(before)
    head.check_dataset(found, str(path))
    if found.sequence == before.sequence:
        _check_same(found, before, path)
    elif found.sequence == before.sequence + 1:
        head.check(found, str(path))
    else:
        return False
    return True


def _check_same(found: Delta, other: Sealed, path: Path) -> None:
    if found.digest != other.digest:
        raise ForeignDeltaError(
            "there is another delta of this sequence",
            where=str(path),
            expected=f"digest {other.digest}",
            got=found.digest,
            fix="Find out who published two deltas of one sequence.",
        )
