/* The structures of an index image in memory; image.py says what they mean. */
#ifndef PORTDIP_IMAGE_H
#define PORTDIP_IMAGE_H

#include <stdint.h>

#define PD_LIMIT 1000000000000000ull
#define PD_BLOCK 10000ull
#define PD_GROUP_BITS 6
#define PD_LEAF_BITS 8
#define PD_MID_BITS 11
#define PD_TOP 4096
#define PD_TOP_BITS 50 /* numbers below 2^50 stay inside the top */
#define PD_MID (1 << PD_MID_BITS)
#define PD_LEAF (1 << PD_LEAF_BITS)
#define PD_LINE 64
#define PD_PAGE 65536
#define PD_FACTOR_BITS 28
#define PD_BITMAP 1
#define PD_ENTRY (1u << 16)    /* in a word and an answer: the number has an entry of its own */
#define PD_OVERRIDE (1u << 17) /* in a word: the word value_mask + 1 further on is that of the range around */
#define PD_ANSWER 0x1FFFFu

typedef struct {
    uint64_t blocks; /* bit b: block b of the group has a slot of its own */
    uint64_t slot;   /* of the blocks that have none; those of the others follow it, in order */
} pd_leaf;

typedef struct {
    uint32_t first_line;
    uint32_t palette; /* word of local code 0 */
    uint32_t natives; /* word of the block's first cell */
    uint16_t layout;
    uint16_t shift; /* where the block begins in a line that it shares */
} pd_slot;

typedef struct {
    uint32_t line_factor; /* ceil(2^28 / span) */
    uint32_t cell_factor; /* ceil(2^28 / numbers per cell) */
    uint32_t lanes;       /* list: which lanes hold keys */
    uint16_t span;        /* numbers per line */
    uint16_t lines;       /* of the block */
    uint16_t key_mask;    /* list: the bits of a lane that are the key */
    uint16_t value_base;  /* bit of the first value in a line */
    uint16_t value_mask;
    uint8_t value_step; /* bits from one value to the next */
    uint8_t kind;
    uint64_t unused;
} pd_layout;

typedef struct {
    const uint32_t *top;
    const uint32_t *mid;
    const pd_leaf *leaf;
    const pd_slot *directory;
    const pd_layout *layouts;
    const uint32_t *words;
    const uint8_t *lines;
    const uint64_t *verified; /* bit p: page p has matched its checksum */
    int all_verified;
} pd_image;

#endif
