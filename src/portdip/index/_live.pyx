"""Base index and overlay as one: the dips of a table that changes.

A LiveIndex never changes and may be used by any number of threads; the batch calls let go of the GIL. A newer state
is another LiveIndex.
"""

cimport cython

import numpy as np

from libc.stdint cimport uint16_t, uint32_t, uint64_t

from portdip.index._facts cimport (
    PD_FACTS_TOGETHER, pd_aim_facts, pd_fact, pd_facts, pd_fetch_facts, pd_find_fact, pd_found, pd_settle_facts,
)
from portdip.index._image cimport PD_ENTRY
from portdip.index._index cimport Index, in_shares, key_of
from portdip.index._overlay cimport Changes, Overlay, Piece, Rule

cdef enum:
    CODE = 0xFFFF


@cython.final
cdef class LiveIndex:
    """A base index with the changes of an overlay: the same reading methods as Index, and the same errors.

    `live[number]` is the number's own code, else its range's, else 0; `number in live` asks for an entry of its own;
    `len(live)` counts those, which asks the base about all numbers of the overlay the first time.
    """

    def __init__(self, Index base not None, Overlay overlay not None):
        self.base, self.overlay = base, overlay
        self._entries_only = overlay.changes.piece_count == 0 and overlay.changes.rule_count == 0
        self._same = self._entries_only and len(overlay) == 0

    def __getitem__(self, number):
        cdef uint32_t answer, around
        self._find(key_of(number), &answer, &around)
        return answer & CODE

    def __contains__(self, number):
        cdef uint32_t answer, around
        self._find(key_of(number), &answer, &around)
        return (answer & PD_ENTRY) != 0

    def __len__(self):
        if self._length is None:
            self._length = len(self.base) if self._same else self._count()
        return self._length

    @property
    def nbytes(self):
        """Bytes of the base image and of the overlay."""
        return self.base.nbytes + self.overlay.nbytes

    def match(self, number):
        """The number's code, plus ENTRY (1 << 16) if it has an entry of its own."""
        cdef uint32_t answer, around
        self._find(key_of(number), &answer, &around)
        return answer

    def range_code(self, number):
        """The code of the range around the number, whatever its own entry says; 0 for none."""
        cdef uint32_t answer, around
        self._find(key_of(number), &answer, &around)
        return around

    def find_many(self, numbers, out=None, threads=1):
        """The code of each number, as `live[number]`: uint64 array in, uint16 array out, in order; see Index."""
        return self._many(numbers, out, np.uint16, threads)

    def match_many(self, numbers, out=None, threads=1):
        """As find_many, but uint32: plus ENTRY (1 << 16) where the number has an entry of its own."""
        return self._many(numbers, out, np.uint32, threads)

    def range_codes(self, const uint64_t[::1] numbers not None):
        """The code of the range around each number, whatever its own entry says: uint16 array, in order; 0 for none."""
        cdef size_t done = 0, count = len(numbers)
        cdef uint32_t page
        codes = np.empty(count, dtype=np.uint16)
        cdef uint16_t[::1] out = codes
        self.prepare()
        while done < count:
            with nogil:
                done += self._ranges(&numbers[done], &out[done], count - done, &page)
            if done < count:
                self.base.check_page(page)
        return codes

    cdef size_t _ranges(self, const uint64_t *numbers, uint16_t *out, size_t count, uint32_t *page) noexcept nogil:
        """How many are answered: if not all, check the page and go on from there."""
        cdef uint32_t codes[PD_FACTS_TOGETHER]
        cdef uint32_t places[PD_FACTS_TOGETHER]
        cdef size_t done = 0, together, i
        cdef uint32_t own
        while done < count:
            together = min(<size_t>PD_FACTS_TOGETHER, count - done)
            for i in range(together):
                places[i] = <uint32_t>i
                if not self.base.find_verified(numbers[done + i], &own, &codes[i], page):
                    return done
            replace_range_codes(&self.overlay.changes, numbers + done, codes, places, together)
            put(codes, together, out, done, False)
            done += together
        return done

    cdef _many(self, numbers, out, dtype, threads):
        self.prepare()
        return in_shares(self._share, numbers, out, dtype, threads)

    def _share(self, const uint64_t[::1] numbers, unsigned char[::1] out, bint wide):
        cdef size_t done = 0, count = len(numbers), width = 4 if wide else 2
        cdef uint32_t page
        while done < count:
            with nogil:
                done += self._answer(&numbers[done], &out[done * width], count - done, wide, &page)
            if done < count:
                self.base.check_page(page)

    cdef size_t match_verified(
        self, const uint64_t *numbers, uint32_t *matches, size_t count, uint32_t *page
    ) noexcept nogil:
        return self._answer(numbers, matches, count, True, page)

    cdef int prepare(self) except -1:
        return self.base.prepare()

    cdef int check(self, uint32_t page) except -1:
        self.base.check_page(page)
        return 0

    cdef size_t _answer(
        self, const uint64_t *numbers, void *out, size_t count, bint wide, uint32_t *page
    ) noexcept nogil:
        if self._same:
            return self.base.many_verified(numbers, out, count, wide, page)
        if self._entries_only:
            return self._answer_entries(numbers, out, count, wide, page)
        return self._answer_all(numbers, out, count, wide, page)

    cdef int _find(self, uint64_t number, uint32_t *answer, uint32_t *around) except -1:
        cdef const Changes *changes = &self.overlay.changes
        cdef uint32_t own, place = 0
        self.base.find(number, answer, around)
        if not self._same:
            own = own_code(changes, number, pd_find_fact(&self.overlay.facts._facts, number), answer[0])
            replace_range_codes(changes, &number, around, &place, 1)
            answer[0] = own | PD_ENTRY if own else around[0]
        return 0

    cdef size_t _answer_entries(
        self, const uint64_t *numbers, void *out, size_t count, bint wide, uint32_t *page
    ) noexcept nogil:
        """Where only entries have changed: the base's answers, then those of the overlay's numbers.

        How many are answered: if not all, check the page and go on from there.
        """
        cdef const pd_facts *facts = &self.overlay.facts._facts
        cdef size_t done = 0, together = min(<size_t>PD_FACTS_TOGETHER, count), ahead, place, k
        cdef size_t width = 4 if wide else 2
        cdef uint32_t answer, own
        cdef pd_found found
        pd_fetch_facts(facts, numbers, together)
        while done < count:
            ahead = min(<size_t>PD_FACTS_TOGETHER, count - done - together)
            pd_aim_facts(facts, numbers + done, together, &found)
            pd_fetch_facts(facts, numbers + done + together, ahead)
            if self.base.many_verified(numbers + done, <char *>out + done * width, together, wide, page) < together:
                return done
            pd_settle_facts(numbers + done, &found)
            for k in range(found.count):
                place = done + found.places[k]
                answer = found.facts[k].code | PD_ENTRY
                if answer == PD_ENTRY and not self.base.find_verified(numbers[place], &own, &answer, page):
                    return done
                if wide:
                    (<uint32_t *>out)[place] = answer
                else:
                    (<uint16_t *>out)[place] = <uint16_t>answer
            done += together
            together = ahead
        return done

    cdef size_t _answer_all(
        self, const uint64_t *numbers, void *out, size_t count, bint wide, uint32_t *page
    ) noexcept nogil:
        """Where ranges have changed too, or rules are in force: every number is looked at."""
        cdef const Changes *changes = &self.overlay.changes
        cdef size_t done = 0, together, i, k, unowned
        cdef uint32_t answers[PD_FACTS_TOGETHER]
        cdef uint32_t places[PD_FACTS_TOGETHER]
        cdef uint32_t own
        cdef pd_found found
        while done < count:
            together = min(<size_t>PD_FACTS_TOGETHER, count - done)
            pd_aim_facts(&self.overlay.facts._facts, numbers, together, &found)
            if self.base.many_verified(numbers, answers, together, True, page) < together:
                return done
            pd_settle_facts(numbers, &found)
            k = unowned = 0
            for i in range(together):
                if k < found.count and found.places[k] == i:
                    own = own_code(changes, numbers[i], found.facts[k], answers[i])
                    k += 1
                else:
                    own = own_code(changes, numbers[i], NULL, answers[i])
                if own:
                    answers[i] = own | PD_ENTRY
                    continue
                if answers[i] & PD_ENTRY and not self.base.find_verified(numbers[i], &own, &answers[i], page):
                    return done
                places[unowned] = i
                unowned += 1
            replace_range_codes(changes, numbers, answers, places, unowned)
            put(answers, together, out, done, wide)
            done += together
            numbers += together
        return done

    cdef _count(self):
        """The base's entries that are neither released by a rule nor changed by an entry, and the changed ones."""
        numbers = self.overlay.facts.columns()[0]
        released = np.zeros(len(numbers), dtype=bool)
        kept = len(self.base)
        upto = 0
        for first, last in sorted((first, last) for _, first, last, codes in self.overlay.rules if codes is None):
            if last >= upto:
                kept -= self.base.count(max(first, upto), last)
                released |= (numbers >= max(first, upto)) & (numbers <= last)
                upto = last + 1
        changed = (self.base.match_many(numbers) >= PD_ENTRY) & ~released
        return kept - np.count_nonzero(changed) + np.count_nonzero(self.match_many(numbers) >= PD_ENTRY)


cdef inline uint32_t own_code(
    const Changes *changes, uint64_t number, const pd_fact *fact, uint32_t base_answer
) noexcept nogil:
    """The code of the number's own entry, 0 if it has none now."""
    if fact != NULL:
        return after_rules(changes, number, fact.code, fact.ordinal, True)
    if base_answer & PD_ENTRY:
        return after_rules(changes, number, base_answer & CODE, 0, True)
    return 0


cdef inline uint32_t after_rules(
    const Changes *changes, uint64_t number, uint32_t code, uint32_t ordinal, bint entry
) noexcept nogil:
    """What the rules made of a code that is in force since `ordinal`: 0 for an entry that they released."""
    cdef size_t i
    cdef const Rule *rule
    for i in range(changes.rule_count):
        rule = &changes.rules[i]
        if rule.ordinal > ordinal and rule.first <= number <= rule.last:
            if rule.map != NULL:
                code = rule.map[code]
            elif entry:
                return 0
    return code


cdef inline void replace_range_codes(
    const Changes *changes, const uint64_t *numbers, uint32_t *codes, const uint32_t *places, size_t count
) noexcept nogil:
    """Turn the range codes of the base into today's, at so many places of numbers and codes."""
    cdef size_t i, place, half, left = changes.piece_count
    cdef const Piece *near[PD_FACTS_TOGETHER]
    cdef const Piece *piece
    for i in range(count):
        near[i] = changes.pieces
    # The last piece that begins at the number or before it. All search at once: their cache misses overlap.
    while left > 1:
        half = left // 2
        for i in range(count):
            near[i] += half if near[i][half].first <= numbers[places[i]] else 0
        left -= half
    for i in range(count):
        place, piece = places[i], near[i]
        if left and piece.first <= numbers[place] <= piece.last:
            codes[place] = after_rules(changes, numbers[place], piece.code, piece.ordinal, False)
        else:
            codes[place] = after_rules(changes, numbers[place], codes[place], 0, False)


cdef inline void put(const uint32_t *answers, size_t count, void *out, size_t start, bint wide) noexcept nogil:
    cdef uint32_t *whole = <uint32_t *>out + start
    cdef uint16_t *codes = <uint16_t *>out + start
    cdef size_t i
    if wide:
        for i in range(count):
            whole[i] = answers[i]
    else:
        for i in range(count):
            codes[i] = <uint16_t>answers[i]
