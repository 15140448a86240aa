"""The smallest table of prefixes that gives every number its code: optimal routing tables on the ten-way digit tree.

The construction of Draves, King, Venkatachary and Zill (Constructing optimal IP routing tables, INFOCOM 1999) for any
number of children. Going up, each node gets the set of codes that cost least if they reach it from above: those in the
sets of most of its children. Going down, a node whose set holds the code that reaches it needs no rule; any other gets
one. New here: nodes that are numbers themselves (their set is their own code), children about which nobody asks (they
have no say), and parts of the tree where nobody's numbers are. Code 0 stands for those; where the target has no rule
for it, no rule may lie above them either.

Sets are kept in the order in which nodes are entered: 4 bytes a node, and 2 bytes a code where there are several.
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset

import numpy as np

from portdip.batch.rebuild._tree cimport (
    ANYTHING, INNER, NOBODY, UNIFORM, Kind, Rules, Tree, grown, rules_add, rules_copy, rules_free, tree_enter,
    tree_look, tree_rewind,
)

cdef extern from *:
    """
    /* Of a node: the code of a set of one, or IN_POOL and where the set begins, or ANY. */
    #define IN_POOL 0x80000000u
    #define ANY 0xFFFFFFFFu
    """
    const uint32_t IN_POOL
    const uint32_t ANY

cdef struct Walk:
    Tree tree
    bint may_block
    uint32_t *nodes
    size_t node
    size_t nodes_room
    uint16_t *pool
    size_t pooled
    size_t pool_room
    uint16_t *stack
    size_t top
    size_t stack_room
    uint8_t *count
    Rules rules


cdef bint push(Walk *walk, uint16_t code) noexcept nogil:
    if not grown(<void **>&walk.stack, &walk.stack_room, walk.top + 1, sizeof(uint16_t)):
        return False
    walk.stack[walk.top] = code
    walk.top += 1
    return True


cdef bint keep(Walk *walk, size_t node, size_t base) noexcept nogil:
    """Note the set on the stack, from `base` on, as that of the node."""
    cdef size_t count = walk.top - base, row
    if count == 0:
        walk.nodes[node] = ANY
    elif count == 1:
        walk.nodes[node] = walk.stack[base]
    else:
        if walk.pooled + count + 1 >= IN_POOL - 1:
            return False
        if not grown(<void **>&walk.pool, &walk.pool_room, walk.pooled + count + 1, sizeof(uint16_t)):
            return False
        walk.nodes[node] = <uint32_t>(IN_POOL | walk.pooled)
        walk.pool[walk.pooled] = <uint16_t>(count - 1)
        for row in range(count):
            walk.pool[walk.pooled + 1 + row] = walk.stack[base + row]
        walk.pooled += count + 1
    return True


cdef void most_wanted(Walk *walk, size_t base, int nobodies) noexcept nogil:
    """Leave on the stack, from `base` on, those codes that most of the children's sets have."""
    cdef size_t row, top = base
    cdef int most = nobodies, wanted
    for row in range(base, walk.top):
        wanted = walk.count[walk.stack[row]] + 1
        if walk.stack[row] == 0 and wanted == 1:
            wanted += nobodies
        walk.count[walk.stack[row]] = <uint8_t>wanted
        most = max(most, wanted)
    cdef bint nobody = nobodies == most and walk.count[0] == 0
    for row in range(base, walk.top):
        wanted = walk.count[walk.stack[row]]
        walk.count[walk.stack[row]] = 0
        if wanted == most:
            walk.stack[top] = walk.stack[row]
            top += 1
    walk.top = top
    if nobody and most:
        walk.stack[top] = 0  # there is room: a code less than the children had is here, or none of them had any
        walk.top = top + 1


cdef bint up(Walk *walk, uint64_t low, int depth, bint below_number) noexcept nogil:
    """Push the set of an inner node, nothing for any code, and note it; False for want of memory."""
    cdef Tree *tree = &walk.tree
    cdef int own = tree_enter(tree, low, depth), nobodies = 0, digit
    cdef size_t node = walk.node, base = walk.top, row
    cdef uint16_t code = 0
    cdef Kind kind
    cdef bint blocked = False
    if not grown(<void **>&walk.nodes, &walk.nodes_room, node + 1, sizeof(uint32_t)):
        return False
    walk.node += 1
    below_number |= own >= 0
    for digit in range(depth == 0, tree.radix):
        kind = tree_look(tree, low + <uint64_t>digit * tree.width[depth + 1], depth + 1, below_number, &code)
        if kind == UNIFORM:
            if not push(walk, code):
                return False
        elif kind == NOBODY:
            nobodies += 1
        elif kind == INNER:
            if not up(walk, low + <uint64_t>digit * tree.width[depth + 1], depth + 1, below_number):
                return False
    if not walk.may_block:
        blocked = nobodies > 0
        for row in range(base, walk.top):
            blocked |= walk.stack[row] == 0
    if own >= 0 or blocked or depth == 0:
        walk.top = base
        if not push(walk, <uint16_t>own if own >= 0 else 0):
            return False
    else:
        if not push(walk, 0):  # room for code 0
            return False
        walk.top -= 1
        most_wanted(walk, base, nobodies)
    return keep(walk, node, base)


cdef uint16_t chosen(Walk *walk, uint32_t kept, uint16_t reaching) noexcept nogil:
    """The code in a set that reaches the node already, else the smallest that is somebody's."""
    cdef uint16_t best, row
    cdef uint16_t *codes
    if kept == ANY:
        return reaching
    if not kept & IN_POOL:
        return <uint16_t>kept
    codes = walk.pool + (kept & ~IN_POOL)
    best = 0
    for row in range(1, codes[0] + 2):
        if codes[row] == reaching:
            return reaching
        if best == 0 or (codes[row] and codes[row] < best):
            best = codes[row]
    return best


cdef bint down(Walk *walk, uint64_t low, int depth, bint below_number, uint16_t reaching) noexcept nogil:
    """Write the rules below an inner node that the code `reaching` answers at; False for want of memory."""
    cdef Tree *tree = &walk.tree
    cdef int digit
    cdef uint64_t child
    cdef uint16_t code = 0
    cdef Kind kind
    walk.node += 1
    below_number |= tree_enter(tree, low, depth) >= 0
    for digit in range(depth == 0, tree.radix):
        child = low + <uint64_t>digit * tree.width[depth + 1]
        kind = tree_look(tree, child, depth + 1, below_number, &code)
        if kind == ANYTHING:
            continue
        if kind == NOBODY:
            code = 0
        elif kind == INNER:
            code = chosen(walk, walk.nodes[walk.node], reaching)
        if code != reaching and not rules_add(&walk.rules, tree, child, depth + 1, code):
            return False
        if kind == INNER and not down(walk, child, depth + 1, below_number, code):
            return False
    return True


def prefixes(
    const uint64_t[::1] position, const uint8_t[::1] length, const uint16_t[::1] code,
    const uint64_t[::1] first, const uint64_t[::1] end, const uint16_t[::1] held,
    const uint16_t[::1] lengths, const uint8_t[::1] longest,
    bint may_block, int radix=10, int digits=15,
):
    cdef Walk walk
    cdef Tree *tree = &walk.tree
    cdef bint done
    memset(&walk, 0, sizeof(Walk))
    walk.may_block = may_block
    tree.points, tree.regions, tree.radix, tree.digits = len(position), len(first), radix, digits
    if tree.points:
        tree.position, tree.length, tree.code = &position[0], &length[0], &code[0]
    if tree.regions:
        tree.first, tree.end, tree.held = &first[0], &end[0], &held[0]
        tree.lengths, tree.longest = &lengths[0], &longest[0]
    try:
        with nogil:
            walk.count = <uint8_t *>calloc(1 << 16, 1)
            tree_rewind(tree)
            done = walk.count != NULL and up(&walk, 0, 0, False)
            walk.node = 0
            tree_rewind(tree)
            done = done and down(&walk, 0, 0, False, 0)
        if not done:
            raise MemoryError
        found = np.empty(walk.rules.count, dtype=np.uint64), np.empty(walk.rules.count, dtype=np.uint16)
        rules_copy(&walk.rules, found[0], found[1])
        return found
    finally:
        free_all(&walk)


cdef void free_all(Walk *walk) noexcept nogil:
    free(walk.nodes)
    free(walk.pool)
    free(walk.stack)
    free(walk.count)
    rules_free(&walk.rules)
