"""Entries changed since the base image, as an object: facts.h with its buffers checked and its memory owned."""

cimport cython

import numpy as np

from cpython.mem cimport PyMem_RawFree, PyMem_RawMalloc
from libc.stdint cimport uint16_t, uint32_t, uint64_t

cdef extern from "facts_join.h" nogil:
    bint pd_sort_facts(
        const uint64_t *numbers, const uint16_t *codes, const uint32_t *ordinals, size_t count, pd_fact *sorted
    )
    bint pd_join_facts(const pd_facts *old, const pd_fact *fresh, size_t fresh_count, pd_facts *joined)
    void pd_release_facts(pd_facts *facts)


@cython.final
cdef class Facts:
    """The latest fact about each changed number; none at first. Immutable, safe to share between threads.

    `len(facts)` counts the numbers. Versions share what they have in common: dropping one frees what only it held.
    """

    def __cinit__(self):
        self._facts.run_bits = PD_RUN_BITS_MIN

    def __dealloc__(self):
        # A million facts take milliseconds to free; readers must not wait for that.
        with nogil:
            pd_release_facts(&self._facts)

    def __len__(self):
        return self._facts.count

    @property
    def nbytes(self):
        """Bytes of memory, those shared with other versions included."""
        cdef size_t r, runs = <size_t>1 << self._facts.run_bits, size = 0
        if self._facts.runs == NULL:
            return 0
        for r in range(runs):
            if self._facts.runs[r].shared != NULL:
                size += sizeof(pd_shared_run) + self._facts.runs[r].shared.slots * sizeof(pd_fact)
        return size + runs * (sizeof(pd_run) + (sizeof(uint64_t) << PD_WORD_BITS))

    def joined(
        self, const uint64_t[::1] numbers not None, const uint16_t[::1] codes not None,
        const uint32_t[::1] ordinals not None,
    ):
        """These facts and those, as new Facts: of one number the fact of the highest ordinal, then the highest code.

        Any order, repeats allowed, arrays of one length. Works without the GIL.
        """
        cdef Facts result = Facts.__new__(Facts)
        cdef size_t count = len(numbers)
        cdef pd_fact *fresh
        cdef bint done
        if count == 0:
            return self
        fresh = <pd_fact *>PyMem_RawMalloc(count * sizeof(pd_fact))
        if fresh == NULL:
            raise MemoryError
        with nogil:
            done = pd_sort_facts(&numbers[0], &codes[0], &ordinals[0], count, fresh)
            done = done and pd_join_facts(&self._facts, fresh, count, &result._facts)
            PyMem_RawFree(fresh)
        if not done:
            raise MemoryError
        return result

    def columns(self):
        """Numbers (uint64, in no order), their codes (uint16) and ordinals (uint32)."""
        cdef size_t count = self._facts.count, r, slot, row = 0
        numbers, codes, ordinals = np.empty(count, np.uint64), np.empty(count, np.uint16), np.empty(count, np.uint32)
        cdef uint64_t[::1] number = numbers
        cdef uint16_t[::1] code = codes
        cdef uint32_t[::1] ordinal = ordinals
        cdef const pd_shared_run *run
        cdef const pd_fact *fact
        with nogil:
            for r in range(<size_t>1 << self._facts.run_bits if count else 0):
                run = self._facts.runs[r].shared
                for slot in range(run.slots if run != NULL else 0):
                    fact = &run.facts[slot]
                    if fact.key != PD_EMPTY_KEY:
                        number[row], code[row], ordinal[row] = pd_number(fact.key), fact.code, fact.ordinal
                        row += 1
        return numbers, codes, ordinals
