/* Facts joined to facts, and let go of (facts.h says how they lie).
 *
 * Joining copies the filter, the list of runs, and the runs that get a fact; the other runs are held by both versions.
 * A run is freed with the last version that has it. No GIL needed: versions may be joined and dropped in any thread.
 */
#ifndef PORTDIP_FACTS_JOIN_H
#define PORTDIP_FACTS_JOIN_H

#include <Python.h>
#include <string.h>

#include "facts.h"

#define PD_RUN_FACTS 64 /* a run has fewer on average */

/* Of two facts about one number the one that counts, whichever came first. */
static inline pd_fact pd_later(pd_fact one, pd_fact other) {
    if (one.ordinal != other.ordinal) return one.ordinal > other.ordinal ? one : other;
    return one.code > other.code ? one : other;
}

/* Sort by key: dealt by the key's first bits into as many piles as there are facts, which leaves few out of order.
 * `sorted` has room for `count` facts; returns 0 if memory runs out. */
static int pd_sort_facts(const uint64_t *numbers, const uint16_t *codes, const uint32_t *ordinals, size_t count,
                         pd_fact *sorted) {
    uint32_t bits = 1;
    while ((uint64_t)1 << bits < count) bits++;
    size_t *next = PyMem_RawCalloc(((size_t)1 << bits) + 1, sizeof *next);
    if (!next) return 0;
    for (size_t i = 0; i < count; i++) next[(pd_key(numbers[i]) >> (64 - bits)) + 1]++;
    for (size_t pile = 0; pile < (size_t)1 << bits; pile++) next[pile + 1] += next[pile];
    for (size_t i = 0; i < count; i++) {
        uint64_t key = pd_key(numbers[i]);
        sorted[next[key >> (64 - bits)]++] = (pd_fact){key, ordinals[i], codes[i]};
    }
    PyMem_RawFree(next);
    for (size_t i = 1; i < count; i++) {
        pd_fact fact = sorted[i];
        size_t place = i;
        for (; place && sorted[place - 1].key > fact.key; place--) sorted[place] = sorted[place - 1];
        sorted[place] = fact;
    }
    return 1;
}

static void pd_release_facts(pd_facts *facts) {
    for (size_t i = 0; facts->runs && i < (size_t)1 << facts->run_bits; i++) {
        pd_shared_run *shared = facts->runs[i].shared;
        if (shared && __atomic_sub_fetch(&shared->holders, 1, __ATOMIC_ACQ_REL) == 0) PyMem_RawFree(shared);
    }
    PyMem_RawFree(facts->runs);
    PyMem_RawFree(facts->filter);
}

/* Facts of an old run and fresh ones (by key, which may repeat) as one list without gaps; returns its length. `into` has
 * room for one more than all of them. */
static size_t pd_merge(const pd_fact *old, const pd_fact *old_end, const pd_fact *fresh, const pd_fact *fresh_end,
                       pd_fact *into) {
    pd_fact *at = into;
    for (; fresh < fresh_end; fresh++) {
        for (; old < old_end && (old->key < fresh->key) | (old->key == PD_EMPTY_KEY); old++) {
            *at = *old;
            at += old->key != PD_EMPTY_KEY;
        }
        if (old < old_end && old->key == fresh->key) *at++ = *old++;
        if (at > into && at[-1].key == fresh->key) at[-1] = pd_later(at[-1], *fresh);
        else *at++ = *fresh;
    }
    for (; old < old_end; old++) {
        *at = *old;
        at += old->key != PD_EMPTY_KEY;
    }
    return (size_t)(at - into);
}

/* A run of the facts, each at its home or behind. Returns 0 if memory runs out. */
static int pd_place(const pd_fact *facts, size_t count, uint32_t run_bits, pd_run *run) {
    const pd_fact empty = {PD_EMPTY_KEY, 0, 0};
    uint32_t homes = (uint32_t)(count + count / 2 + 1);
    size_t slots = 0, next = 0;
    for (size_t i = 0; i < count; i++) {
        size_t home = pd_home(facts[i].key, run_bits, homes);
        slots = (home < slots ? slots : home) + 1;
    }
    slots = (slots < homes ? homes : slots) + 1;
    pd_shared_run *shared = PyMem_RawMalloc(sizeof *shared + slots * sizeof *facts);
    if (!shared) return 0;
    for (size_t i = 0; i < count; i++) {
        size_t home = pd_home(facts[i].key, run_bits, homes);
        while (next < home) shared->facts[next++] = empty;
        shared->facts[next++] = facts[i];
    }
    while (next < slots) shared->facts[next++] = empty;
    shared->holders = 1;
    shared->slots = slots;
    *run = (pd_run){shared, homes, (uint32_t)count};
    return 1;
}

static void pd_mark(const pd_facts *facts, const pd_fact *fact, const pd_fact *end) {
    for (; fact < end; fact++) {
        uint64_t bits = (uint64_t)1 << PD_FIRST_BIT(fact->key) | (uint64_t)1 << PD_SECOND_BIT(fact->key);
        facts->filter[pd_word_of(fact->key, facts->run_bits)] |= bits;
    }
}

/* What becomes of run `r` of the old list with some fresh facts: a run, or 2^grown if there are to be more of them.
 * Returns 0 if memory runs out. */
static int pd_join_run(const pd_run *old, size_t r, const pd_fact *fresh, const pd_fact *fresh_end, uint32_t grown,
                       pd_fact *scratch, pd_facts *joined) {
    const pd_fact *slots = old->shared ? old->shared->facts : NULL;
    const pd_fact *slots_end = old->shared ? slots + old->shared->slots : NULL;
    const pd_fact *at = scratch, *end = scratch + pd_merge(slots, slots_end, fresh, fresh_end, scratch);
    for (size_t i = r << grown; i < (r + 1) << grown; i++) {
        const pd_fact *begin = at;
        while (at < end && pd_run_of(at->key, joined->run_bits) == i) at++;
        if (at > begin && !pd_place(begin, (size_t)(at - begin), joined->run_bits, &joined->runs[i])) return 0;
    }
    if (grown) pd_mark(joined, scratch, end);
    else pd_mark(joined, fresh, fresh_end);
    joined->count += (size_t)(end - scratch);
    return 1;
}

/* `old` and `fresh` (sorted by key) together; `old` stays as it is, `joined` is to be released whatever happens.
 * Returns 0 if memory runs out. */
static int pd_join_facts(const pd_facts *old, const pd_fact *fresh, size_t fresh_count, pd_facts *joined) {
    static const pd_run none = {NULL, 0, 0};
    const pd_fact *fresh_end = fresh + fresh_count;
    uint32_t grown = 0, largest = 0;
    while ((old->count + fresh_count) >> (old->run_bits + grown) >= PD_RUN_FACTS) grown++;
    for (size_t r = 0; old->runs && r < (size_t)1 << old->run_bits; r++) {
        if (old->runs[r].count > largest) largest = old->runs[r].count;
    }
    size_t words = (size_t)1 << (old->run_bits + grown + PD_WORD_BITS);
    pd_fact *scratch = PyMem_RawMalloc((largest + fresh_count + 1) * sizeof *scratch);
    joined->count = 0;
    joined->run_bits = old->run_bits + grown;
    joined->runs = PyMem_RawCalloc((size_t)1 << joined->run_bits, sizeof *joined->runs);
    joined->filter = PyMem_RawCalloc(words, sizeof *joined->filter);
    int done = scratch && joined->runs && joined->filter;
    if (done && !grown && old->filter) memcpy(joined->filter, old->filter, words * sizeof *joined->filter);
    for (size_t r = 0; done && r < (size_t)1 << old->run_bits; r++) {
        const pd_run *run = old->runs ? &old->runs[r] : &none;
        const pd_fact *begin = fresh;
        while (fresh < fresh_end && pd_run_of(fresh->key, old->run_bits) == r) fresh++;
        if (grown || fresh > begin) {
            done = pd_join_run(run, r, begin, fresh, grown, scratch, joined);
        } else if (run->shared) {
            __atomic_add_fetch(&run->shared->holders, 1, __ATOMIC_RELAXED);
            joined->runs[r] = *run;
            joined->count += run->count;
        }
    }
    PyMem_RawFree(scratch);
    return done;
}

#endif
