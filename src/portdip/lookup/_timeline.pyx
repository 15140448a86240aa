"""Who served a number at a moment, for many of both: the steps of each number, probed.

A number times an odd constant, modulo 2^64, is its key: one to one, and keys of neighbours lie far apart. Steps lie in
the order of their keys, those of one number by moment. The first bits of a key name a word of the directory: where in
the steps its keys begin, and 32 bits, of which each key there sets one. So most numbers without steps are known by one
read, and a number with steps by two, both fetched ahead: into the second-level cache, which has more misses in flight
than the first.

Intervals with steps are few: the one around a number is found by halving. Mass changes are looked through one by one,
but only for routes that one of them is about.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t, INT64_MIN

cimport cython

cdef extern from *:
    void __builtin_prefetch(const void *, int write, int locality) nogil

cdef enum:
    TOGETHER = 256
    CODE = 0xFFFF
    PORTED = 0x10000

#: What a number is multiplied by to become its key.
MIX = 0x9E3779B97F4A7C15
cdef uint64_t KEY_OF = 0x9E3779B97F4A7C15u


cdef packed struct Step:
    uint64_t key
    int64_t starts
    uint32_t rule
    uint16_t code
    uint16_t unused


cdef packed struct Rule:
    uint64_t first
    uint64_t last
    int64_t starts
    int32_t carrier
    int32_t digits
    uint16_t code
    uint16_t unused
    uint32_t unused_too


cdef packed struct Cell:
    uint64_t first
    uint64_t last
    uint32_t begin
    uint32_t end
    uint8_t by_snapshot
    uint8_t unused[7]


@cython.final
cdef class Probe:
    """The steps of numbers and of intervals, and the mass changes after them; `portdip.lookup.timeline` makes it.

    Safe to use from any number of threads.
    """

    cdef const uint64_t[::1] _directory
    cdef const Step[::1] _steps
    cdef const Cell[::1] _cells
    cdef const Step[::1] _cell_steps
    cdef const Rule[::1] _rules
    cdef const int32_t[:, ::1] _labels
    cdef const uint8_t[::1] _movable
    cdef int64_t _begins
    cdef uint32_t _bits, _snapshot_rule
    cdef bint _dated

    def __init__(
        self, *, const uint64_t[::1] directory not None, const Step[::1] steps not None,
        const Cell[::1] cells not None, const Step[::1] cell_steps not None, const Rule[::1] rules not None,
        const int32_t[:, ::1] labels not None, const uint8_t[::1] movable not None, uint32_t bits,
        int64_t begins, uint32_t snapshot_rule, bint dated,
    ):
        """`directory` has 2^`bits` words and one; `snapshot_rule` is the first mass change after the snapshot."""
        if directory.shape[0] != (1 << bits) + 1 or labels.shape[0] != CODE + 1 or movable.shape[0] != CODE + 1:
            raise ValueError("arrays of another length")
        self._directory, self._steps, self._bits = directory, steps, bits
        self._cells, self._cell_steps = cells, cell_steps
        self._rules, self._labels, self._movable = rules, labels, movable
        self._begins, self._snapshot_rule, self._dated = begins, snapshot_rule, dated

    def entries(
        self, const uint64_t[::1] numbers not None, const int64_t[::1] moments not None,
        uint32_t[::1] matches not None, uint8_t[::1] unknown not None, int64_t[::1] asked not None,
    ):
        """Turn the snapshot's matches into those of numbers that had an entry of their own at their moments.

        Where a number had none then but has one in the snapshot, its match becomes 0 and its place goes into `asked`:
        how many there are. `unknown` becomes 1 where nothing says that it was so before history begins, else 0; of numbers
        without an entry then, `holders` says it.
        """
        cdef Py_ssize_t count = numbers.shape[0], done = 0, found = 0
        if moments.shape[0] != count or matches.shape[0] != count or unknown.shape[0] != count:
            raise ValueError("arrays of another length")
        if asked.shape[0] < count:
            raise ValueError("no room for the places")
        with nogil:
            while done < count:
                found = self._entries(
                    numbers, moments, matches, unknown, asked, done, min(done + TOGETHER, count), found
                )
                done += TOGETHER
        return found

    def holders(
        self, const uint64_t[::1] numbers not None, const int64_t[::1] moments not None,
        uint32_t[::1] matches not None, uint8_t[::1] unknown not None,
    ):
        """Turn the matches of numbers without an entry, the snapshot's ranges, into the holders at their moments."""
        cdef Py_ssize_t count = numbers.shape[0], row
        if moments.shape[0] != count or matches.shape[0] != count or unknown.shape[0] != count:
            raise ValueError("arrays of another length")
        with nogil:
            for row in range(count):
                if not matches[row] & PORTED:
                    matches[row] = self._holder(numbers[row], moments[row], matches[row], &unknown[row])

    cdef Py_ssize_t _entries(
        self, const uint64_t[::1] numbers, const int64_t[::1] moments, uint32_t[::1] matches, uint8_t[::1] unknown,
        int64_t[::1] asked, Py_ssize_t first, Py_ssize_t last, Py_ssize_t found,
    ) noexcept nogil:
        cdef uint32_t begins[TOGETHER]
        cdef uint32_t ends[TOGETHER]
        cdef uint64_t key, word
        cdef Py_ssize_t row, i
        cdef uint32_t code, match
        for row in range(first, last):
            __builtin_prefetch(&self._directory[numbers[row] * KEY_OF >> (64 - self._bits)], 0, 2)
        for row in range(first, last):
            i = row - first
            key = numbers[row] * KEY_OF
            word = self._directory[key >> (64 - self._bits)]
            begins[i] = ends[i] = <uint32_t>word
            if word >> (32 + (key >> (59 - self._bits) & 31)) & 1:
                ends[i] = <uint32_t>self._directory[(key >> (64 - self._bits)) + 1]
                __builtin_prefetch(&self._steps[begins[i]], 0, 2)
        for row in range(first, last):
            i = row - first
            match = matches[row]
            if not self._find(numbers[row] * KEY_OF, &begins[i], ends[i]):
                # No branch on whether the number is ported: half of them may be.
                unknown[row] = not (self._dated | (moments[row] >= self._begins))
                if match >> 16 & self._movable[match & CODE]:
                    matches[row] = PORTED | self._moved(numbers[row], moments[row], match & CODE, self._snapshot_rule)
                continue
            code = self._own(numbers[row], moments[row], begins[i], ends[i], &unknown[row])
            if code:
                matches[row] = PORTED | code
            elif match & PORTED:
                matches[row] = 0
                asked[found] = row
                found += 1
        return found

    cdef inline bint _find(self, uint64_t key, uint32_t *at, uint32_t end) noexcept nogil:
        """Whether there are steps of the key from `at` to `end`; `at` becomes the first."""
        while at[0] < end and self._steps[at[0]].key < key:
            at[0] += 1
        return at[0] < end and self._steps[at[0]].key == key

    cdef inline uint32_t _own(
        self, uint64_t number, int64_t moment, uint32_t at, uint32_t end, uint8_t *unknown
    ) noexcept nogil:
        """The code of the number's entry at the moment, 0 for none; its steps begin at `at`."""
        cdef uint64_t key = number * KEY_OF
        cdef const Step *step = NULL
        while at < end and self._steps[at].key == key and self._steps[at].starts <= moment:
            step = &self._steps[at]
            at += 1
        if step == NULL or step.code == 0:
            return 0
        unknown[0] = moment < self._begins and step.starts == INT64_MIN
        return self._moved(number, moment, step.code, step.rule)

    cdef inline uint32_t _holder(
        self, uint64_t number, int64_t moment, uint32_t code, uint8_t *unknown
    ) noexcept nogil:
        """The code of the range around the number at the moment, `code` being that of the snapshot."""
        cdef Py_ssize_t left = self._cells.shape[0], half, near = 0
        cdef const Cell *cell
        cdef const Step *step = NULL
        cdef uint32_t at
        cdef uint32_t rule = self._snapshot_rule
        cdef bint is_known = moment >= self._begins
        while left > 1:
            half = left // 2
            near += half if self._cells[near + half].first <= number else 0
            left -= half
        if left and self._cells[near].first <= number <= self._cells[near].last:
            cell = &self._cells[near]
            for at in range(cell.begin, cell.end):
                if self._cell_steps[at].starts > moment:
                    break
                step = &self._cell_steps[at]
            if step != NULL:
                code, rule = step.code, step.rule
                is_known |= step.starts != INT64_MIN
            elif not cell.by_snapshot:
                code = 0
        unknown[0] = not is_known
        return self._moved(number, moment, code, rule) if code else 0

    cdef inline uint32_t _moved(
        self, uint64_t number, int64_t moment, uint32_t code, uint32_t at
    ) noexcept nogil:
        """What the mass changes from `at` on that were in force at the moment made of a route code."""
        cdef const Rule *rule
        while self._movable[code] and at < <uint32_t>self._rules.shape[0]:
            rule = &self._rules[at]
            at += 1
            if (
                rule.carrier == self._labels[code, 0] and rule.starts <= moment
                and rule.first <= number <= rule.last
                and (rule.digits < 0 or rule.digits == self._labels[code, 1])
            ):
                code = rule.code
        return code
