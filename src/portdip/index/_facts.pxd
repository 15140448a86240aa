"""Entries changed since the base image (facts.h says how they lie in memory)."""

cimport cython

from libc.stdint cimport uint16_t, uint32_t, uint64_t


cdef extern from "facts.h" nogil:
    const uint32_t PD_RUN_BITS_MIN
    enum:
        PD_FACTS_TOGETHER
    const uint32_t PD_WORD_BITS
    const uint64_t PD_EMPTY_KEY

    ctypedef struct pd_fact:
        uint64_t key
        uint32_t ordinal
        uint16_t code

    ctypedef struct pd_shared_run:
        uint64_t slots
        pd_fact *facts

    ctypedef struct pd_run:
        pd_shared_run *shared

    ctypedef struct pd_facts:
        pd_run *runs
        size_t count
        uint32_t run_bits

    uint64_t pd_number(uint64_t key)
    const pd_fact *pd_find_fact(const pd_facts *facts, uint64_t number)

    ctypedef struct pd_found:
        size_t count
        uint32_t *places
        const pd_fact **facts

    void pd_fetch_facts(const pd_facts *facts, const uint64_t *numbers, size_t count)
    void pd_aim_facts(const pd_facts *facts, const uint64_t *numbers, size_t count, pd_found *found)
    void pd_settle_facts(const uint64_t *numbers, pd_found *found)


@cython.final
cdef class Facts:
    cdef pd_facts _facts
