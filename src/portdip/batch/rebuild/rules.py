"""Rules in the order of their digits, in batches of columns: what all of this room hands on.

    >>> rules = Rules.of(np.array([86139, 8613800000001], np.uint64), np.array([1, 2 | ENTRY], np.uint32))
    >>> [in_order.prefix.tolist() for in_order in merged([iter([rules]), iter([])])]
    [[86139, 8613800000001]]

May be called from any thread; changes nothing it is given.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from portdip.batch.rebuild._lookup import interleave
from portdip.index import ENTRY
from portdip.number import DIGITS_MAX, mask

Numbers = npt.NDArray[np.uint64]
Matches = npt.NDArray[np.uint32]
Codes = npt.NDArray[np.uint16]
Floats = npt.NDArray[np.float64]

#: A prefix of so many digits names no person.
_PREFIX_SHOWN = 8
_POWERS = np.array([10**exponent for exponent in range(DIGITS_MAX + 1)], dtype=np.uint64)


class Rules(NamedTuple):
    """Columns of one length. `match` is the route code (0: the numbers are nobody's), plus ENTRY where the prefix is a
    ported number. `place` puts prefixes in the order of their digits, each before those that begin with it.
    """

    place: Numbers
    prefix: Numbers
    match: Matches

    @classmethod
    def of(cls, prefix: Numbers, match: Matches) -> Self:
        """Rules in any order of their prefixes."""
        return cls(places(prefix), prefix, match)

    @property
    def code(self) -> Codes:
        """The route codes."""
        return (self.match & np.uint32(ENTRY - 1)).astype(np.uint16)

    def where(self, chosen: npt.NDArray[np.bool_] | npt.NDArray[np.intp] | slice) -> Rules:
        """Those that a mask, places or a slice pick."""
        return Rules(self.place[chosen], self.prefix[chosen], self.match[chosen])


NONE = Rules(np.empty(0, np.uint64), np.empty(0, np.uint64), np.empty(0, np.uint32))


def digits_of(prefix: Numbers) -> npt.NDArray[np.intp]:
    """How many digits each has."""
    return np.searchsorted(_POWERS, prefix, side="right")


def leftmost(prefix: Numbers) -> Numbers:
    """The prefixes filled up with zeros to DIGITS_MAX digits.

    >>> leftmost(np.array([86, 1], np.uint64)).tolist()
    [860000000000000, 100000000000000]
    """
    filled: Numbers = prefix * _POWERS[DIGITS_MAX - _digits(prefix)]
    return filled


def places(prefix: Numbers) -> Numbers:
    """What puts prefixes in the order of their digits: four bits with the count of digits behind `leftmost`."""
    digits = _digits(prefix)
    made: Numbers = ((prefix * _POWERS[DIGITS_MAX - digits]) << np.uint64(4)) | np.asarray(digits).astype(np.uint64)
    return made


def _digits(prefix: Numbers) -> npt.NDArray[np.intp] | np.intp:
    """`digits_of`, or one count where all have the same."""
    if not len(prefix):
        return np.intp(0)
    fewest, most = digits_of(np.array([prefix.min(), prefix.max()]))
    return most if fewest == most else digits_of(prefix)


def spread(prefix: Numbers) -> Numbers:
    """How many numbers of DIGITS_MAX digits begin with each prefix."""
    widths: Numbers = _POWERS[DIGITS_MAX - digits_of(prefix)]
    return widths


def distinct(*parts: Numbers) -> Numbers:
    """The numbers in any of the columns, in order, each once. Nearly sorted as they are, numpy's own hashes them."""
    every = np.sort(np.concatenate(parts))
    fresh = np.ones(len(every), dtype=bool)
    fresh[1:] = every[1:] != every[:-1]
    return every[fresh]


def joined(parts: list[Rules]) -> Rules:
    """The rules of all parts, one part after the other."""
    every = [NONE, *parts]
    place, prefix = (np.concatenate([getattr(part, name) for part in every]) for name in ("place", "prefix"))
    return Rules(place, prefix, np.concatenate([part.match for part in every]))


def merged(streams: list[Iterator[Rules]]) -> Iterator[Rules]:
    """The rules of several streams in order as one stream; no prefix may be in two of them.

    Holds one batch of each stream at a time.
    """
    heads = [(head, stream) for stream in streams if (head := next_of(stream)) is not None]
    while len(heads) > 1:
        bound = min(head.place[-1] for head, _ in heads)
        taken, left = [], []
        for head, stream in heads:
            count = int(np.searchsorted(head.place, bound, side="right"))
            taken.append(head.where(slice(0, count)))
            rest = head.where(slice(count, None)) if count < len(head.place) else next_of(stream)
            if rest is not None:
                left.append((rest, stream))
        heads = left
        yield _interleaved(taken)
    for head, stream in heads:
        yield head
        yield from (batch for batch in stream if len(batch.place))


def next_of(stream: Iterator[Rules]) -> Rules | None:
    """The next batch that is not empty, None if there is none."""
    return next((batch for batch in stream if len(batch.place)), None)


def _interleaved(parts: list[Rules]) -> Rules:
    whole, *others = [Rules(*map(np.ascontiguousarray, part)) for part in parts if len(part.place)]
    for other in others:
        whole = Rules(*interleave(*whole, *other))
    return whole


def shown(number: int) -> str:
    """A number or prefix as messages name it: what is long enough to be somebody's number has its middle hidden."""
    return mask(number) if len(str(number)) > _PREFIX_SHOWN else str(number)
