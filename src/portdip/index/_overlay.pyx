"""The changes since the base image: entries, ranges and rules, whatever the order in which they came.

Every fact has an ordinal, its place in the chain of changes, from 1; what the base says has 0. Of several facts the
one with the highest ordinal counts, so that one that comes twice or late changes nothing.

    entry   this number has this route code of its own from now on; code 0: it has none, it was released
    range   the numbers of this interval are held by this code from now on; code 0: by nobody
    rule    a mass change: in this interval every code that is older than the rule, an entry's or a range's, becomes
            `map[code]`; or, without a map, every entry that is older than the rule is released

Of the entries of a number, and of the ranges around it, the one with the highest ordinal counts; of two with one
ordinal, the one with the higher code. The rules then change what counts, in the order of their ordinals.
"""

import numpy as np

from portdip.errors import InvalidNumberError, InvalidRangeError, UnknownRouteError
from portdip import intervals as interval

LIMIT = 10**15
CODES = 1 << 16
CODE_MAX = 65_534

# As the structs of _overlay.pxd.
PIECE = np.dtype([("first", np.uint64), ("last", np.uint64), ("ordinal", np.uint32), ("code", np.uint32)])
RULE = np.dtype([("first", np.uint64), ("last", np.uint64), ("ordinal", np.uint64), ("map", np.uint64)])

cdef Facts NO_FACTS = Facts()


cdef class Overlay:
    """Changes since a base image; none at first.

    Immutable and safe to share between threads: `with_entries`, `with_ranges` and `with_rule` return a new overlay
    that shares with this one what did not change. `len(overlay)` counts the numbers with an entry here, the released
    ones too.
    """

    def __init__(self):
        self._set(NO_FACTS, np.empty(0, dtype=PIECE), ())

    cdef _set(self, Facts facts, pieces, tuple rules):
        self.facts, self._pieces, self._rules = facts, pieces, rules
        self._rule_table = np.array(
            [
                (first, last, ordinal, 0 if codes is None else codes.ctypes.data)
                for ordinal, first, last, codes in rules
            ],
            dtype=RULE,
        )
        self.changes.pieces = <const Piece *><size_t>self._pieces.ctypes.data
        self.changes.piece_count = len(self._pieces)
        self.changes.rules = <const Rule *><size_t>self._rule_table.ctypes.data
        self.changes.rule_count = len(rules)

    def __len__(self):
        return len(self.facts)

    @property
    def nbytes(self):
        """Bytes of memory, those shared with other overlays included."""
        maps = sum(codes.nbytes for _, _, _, codes in self._rules if codes is not None)
        return self.facts.nbytes + self._pieces.nbytes + self._rule_table.nbytes + maps

    def numbers(self):
        """The numbers with an entry here, released ones too (uint64, in no order): much faster than `entries`."""
        return self.facts.columns()[0]

    def entries(self):
        """The entry that counts of each number: numbers (uint64, increasing), codes (uint16), ordinals (uint32)."""
        numbers, codes, ordinals = self.facts.columns()
        order = np.argsort(numbers)
        return numbers[order], codes[order], ordinals[order]

    def ranges(self):
        """Disjoint intervals in order, each with the range that counts there: first, last, code, ordinal."""
        pieces = self._pieces
        return (
            pieces["first"].copy(), pieces["last"].copy(), pieces["code"].astype(np.uint16), pieces["ordinal"].copy()
        )

    @property
    def rules(self):
        """The rules by ordinal, as (ordinal, first, last, map or None)."""
        return self._rules

    def with_entries(self, numbers, codes, ordinals):
        """An overlay with these entries too: uint64, uint16 and uint32 arrays of one length, in any order.

        The work is done without the GIL. Raises InvalidNumberError or UnknownRouteError naming the row; TypeError or
        ValueError for arrays of another kind.
        """
        cdef Overlay result = Overlay.__new__(Overlay)
        numbers = column(numbers, np.uint64, "numbers")
        codes, ordinals = beside(numbers, codes, ordinals)
        wrong = (numbers == 0) | (numbers >= LIMIT)
        if wrong.any():
            row = wrong.argmax()
            raise InvalidNumberError("no number", expected="1 to 10^15 - 1", got=str(numbers[row]), where=f"row {row}")
        result._set(self.facts.joined(numbers, codes, ordinals), self._pieces, self._rules)
        return result

    def with_ranges(self, first, last, codes, ordinals):
        """An overlay with these ranges too: uint64, uint64, uint16, uint32 arrays of one length, in any order.

        Raises InvalidRangeError for what is no interval of numbers of one length, UnknownRouteError for what is no
        code; TypeError or ValueError for arrays of another kind.
        """
        cdef Overlay result = Overlay.__new__(Overlay)
        first = column(first, np.uint64, "first")
        last = column(last, np.uint64, "last", len(first))
        codes, ordinals = beside(first, codes, ordinals)
        interval.check(first, last, codes)
        together = zip(self.ranges(), (first, last, codes, ordinals))
        first, last, codes, ordinals = interval.latest(*(np.concatenate(columns) for columns in together))
        pieces = np.empty(len(first), dtype=PIECE)
        pieces["first"], pieces["last"], pieces["code"], pieces["ordinal"] = first, last, codes, ordinals
        result._set(self.facts, pieces, self._rules)
        return result

    def with_rule(self, ordinal, first, last, codes):
        """An overlay with this rule too, for the numbers `first` to `last`, whatever their length.

        `codes` is the map, a uint16 array of 65,536: what each code becomes; 0 and nothing else becomes 0. None
        releases the entries. Raises InvalidRangeError, UnknownRouteError, TypeError or ValueError; a second rule of
        one ordinal is a ValueError, the same rule again is not.
        """
        cdef Overlay result = Overlay.__new__(Overlay)
        if not 0 < ordinal < 1 << 32:
            raise ValueError(f"ordinals are 1 to 2^32 - 1, not {ordinal}")
        if not 0 <= first <= last < 1 << 64:
            raise InvalidRangeError("not a range", expected="first <= last", got=f"{first} to {last}")
        rule = ordinal, first, last, None if codes is None else checked_map(codes)
        for other in self._rules:
            if other[0] == ordinal:
                if other[:3] == rule[:3] and np.array_equal(other[3], rule[3]):
                    return self
                raise ValueError(f"two rules have the ordinal {ordinal}")
        result._set(self.facts, self._pieces, tuple(sorted([*self._rules, rule], key=lambda rule: rule[0])))
        return result


cdef object column(values, dtype, name, length=None):
    """The values as a contiguous array, if they are one of the type and length."""
    values = np.asarray(values)
    if values.dtype != dtype or values.ndim != 1:
        raise TypeError(f"expected {name} as a one-dimensional {np.dtype(dtype)} array, got {values.dtype} {values.shape}")
    if length is not None and len(values) != length:
        raise ValueError(f"expected {length} {name}, got {len(values)}")
    return np.ascontiguousarray(values)


cdef tuple beside(numbers, codes, ordinals):
    """Codes and ordinals, one for each number."""
    codes = column(codes, np.uint16, "codes", len(numbers))
    ordinals = column(ordinals, np.uint32, "ordinals", len(numbers))
    if (codes > CODE_MAX).any():
        row = codes.argmax()
        raise UnknownRouteError("no such route code", expected="0 to 65534", got=str(codes[row]), where=f"row {row}")
    if (ordinals == 0).any():
        raise ValueError(f"ordinals start at 1, row {ordinals.argmin()} has 0")
    return codes, ordinals


cdef object checked_map(codes):
    """A copy of the map that nobody can change."""
    codes = column(codes, np.uint16, "codes of the map", CODES).copy()
    routes = codes[1:CODE_MAX + 1]
    if codes[0] != 0 or (routes == 0).any() or (routes > CODE_MAX).any():
        raise UnknownRouteError("a map takes codes away or makes them up", expected="0 at 0, 1 to 65534 elsewhere")
    codes.flags.writeable = False
    return codes
