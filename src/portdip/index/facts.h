/* Entries changed since the base image: the latest fact about each number, immutable, shared between versions.
 *
 * A number times an odd constant, modulo 2^64, is its key: one to one, and keys of neighbours lie far apart. Its first
 * bits choose a run; in the run facts lie in the order of their keys, each at its home, which follows from the key, or
 * behind it as soon as there is room. Slots in between are empty: their key is higher than any. So a search begins
 * at home and ends at the first key that is not lower.
 *
 * In front stands a filter, a word for a few facts, with two bits set for each of them: most numbers that are asked
 * have no fact, and nearly all of those are known by it. Safe to read from any number of threads.
 */
#ifndef PORTDIP_FACTS_H
#define PORTDIP_FACTS_H

#include <stddef.h>
#include <stdint.h>

#define PD_RUN_BITS_MIN 6
#define PD_WORD_BITS 5 /* 32 words of the filter for a run */
#define PD_EMPTY_KEY UINT64_MAX
#ifndef PD_FACTS_TOGETHER
#define PD_FACTS_TOGETHER 512
#endif

typedef struct {
    uint64_t key;
    uint32_t ordinal;
    uint16_t code; /* 0: released */
} pd_fact;

typedef struct {
    uint64_t holders; /* how many versions have this run */
    uint64_t slots;   /* homes, and what lies behind the last; the last slot is empty */
    pd_fact facts[];
} pd_shared_run;

typedef struct {
    pd_shared_run *shared; /* NULL: no facts */
    uint32_t homes;
    uint32_t count;
} pd_run;

typedef struct {
    pd_run *runs;     /* 2^run_bits of them; NULL before there is any fact */
    uint64_t *filter; /* 2^(run_bits + PD_WORD_BITS) words */
    size_t count;     /* facts */
    uint32_t run_bits;
} pd_facts;

#define PD_MIX 0x9E3779B97F4A7C15u
#define PD_UNMIX 0xF1DE83E19937733Du /* PD_MIX * PD_UNMIX is 1 modulo 2^64 */

static inline uint64_t pd_key(uint64_t number) { return number * PD_MIX; }

static inline uint64_t pd_number(uint64_t key) { return key * PD_UNMIX; }

static inline uint64_t pd_run_of(uint64_t key, uint32_t run_bits) { return key >> (64 - run_bits); }

static inline uint64_t pd_word_of(uint64_t key, uint32_t run_bits) { return key >> (64 - PD_WORD_BITS - run_bits); }

/* Which bits of its filter word a key sets: high ones of the key, which depend on most of the number. */
#define PD_FIRST_BIT(key) ((key) >> 30 & 63)
#define PD_SECOND_BIT(key) ((key) >> 24 & 63)

static inline size_t pd_may_hold(const pd_facts *facts, uint64_t key) {
    uint64_t word = facts->filter[pd_word_of(key, facts->run_bits)];
    return word >> PD_FIRST_BIT(key) & word >> PD_SECOND_BIT(key) & 1;
}

/* In a run of the key's run and so many homes: by the bits of the key behind those that chose the run. */
static inline uint64_t pd_home(uint64_t key, uint32_t run_bits, uint32_t homes) {
    return (key << run_bits >> 32) * homes >> 32;
}

/* The home of a key that the filter let pass: its run has facts. */
static inline const pd_fact *pd_home_of(const pd_facts *facts, uint64_t key) {
    const pd_run *run = &facts->runs[pd_run_of(key, facts->run_bits)];
    return run->shared->facts + pd_home(key, facts->run_bits, run->homes);
}

/* The fact of the key, searched from its home; NULL for none. */
static inline const pd_fact *pd_settle(const pd_fact *at, uint64_t key) {
    while (at->key < key) at++;
    return at->key == key ? at : NULL;
}

static inline const pd_fact *pd_find_fact(const pd_facts *facts, uint64_t number) {
    uint64_t key = pd_key(number);
    return facts->count && pd_may_hold(facts, key) ? pd_settle(pd_home_of(facts, key), key) : NULL;
}

/* Many numbers in three stages, as the base's dips: `fetch` what `aim` reads, `aim`, which fetches what `settle` reads,
 * `settle`. The caller does something else in between. */

static inline void pd_fetch_facts(const pd_facts *facts, const uint64_t *numbers, size_t count) {
    for (size_t i = 0; i < count; i++) {
        __builtin_prefetch(&facts->filter[pd_word_of(pd_key(numbers[i]), facts->run_bits)], 0, 3);
    }
}

typedef struct {
    size_t count;
    uint32_t places[PD_FACTS_TOGETHER]; /* in order */
    const pd_fact *facts[PD_FACTS_TOGETHER];
} pd_found;

static inline void pd_aim_facts(const pd_facts *facts, const uint64_t *numbers, size_t count, pd_found *found) {
    size_t passed = 0;
    if (!facts->count) count = 0;
    for (size_t start = 0; start < count; start += 64) {
        size_t together = count - start < 64 ? count - start : 64;
        uint64_t mask = 0;
        for (size_t i = 0; i < together; i++) mask += mask + pd_may_hold(facts, pd_key(numbers[start + i]));
        while (mask) { /* from the highest bit, which is the first number: places are in order */
            unsigned bit = 63 - (unsigned)__builtin_clzll(mask);
            mask ^= (uint64_t)1 << bit;
            found->places[passed++] = (uint32_t)(start + together - 1 - bit);
        }
    }
    found->count = passed;
    for (size_t i = 0; i < passed; i++) {
        found->facts[i] = pd_home_of(facts, pd_key(numbers[found->places[i]]));
        __builtin_prefetch(found->facts[i]);
    }
}

static inline void pd_settle_facts(const uint64_t *numbers, pd_found *found) {
    size_t held = 0;
    for (size_t i = 0; i < found->count; i++) {
        uint32_t place = found->places[i];
        const pd_fact *fact = pd_settle(found->facts[i], pd_key(numbers[place]));
        found->places[held] = place;
        found->facts[held] = fact;
        held += fact != NULL;
    }
    found->count = held;
}

#endif
