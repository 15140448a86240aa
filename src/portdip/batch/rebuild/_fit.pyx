"""The table of prefixes that costs least where each rule costs `price` and each wrong answer the calls it meets.

The cost of a node is a function of the code that reaches it from above. It is kept as the codes for which it is less
than for the others, and what it is for those: a rule at the node makes it the least of all plus the price, so that is
what it is at most, and few codes are less. Going up these functions are added, going down the decisions are read off.
Numbers that are nobody's are never answered.
"""

from libc.stdint cimport uint8_t, uint16_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset

import numpy as np

from portdip.batch.rebuild._tree cimport (
    INNER, NOBODY, UNIFORM, Kind, Rules, Tree, grown, rules_add, rules_copy, rules_free, tree_enter,
    tree_look, tree_rewind,
)

cdef enum:
    CHILDREN = 10
    # What is noted of a node before the codes that need no rule there: how many, whether no code needs one, the rule.
    HEAD = 3

cdef enum Fault:
    FINE
    NO_MEMORY
    NESTED

cdef struct Cost:
    uint16_t code
    double value

cdef struct Walk:
    Tree tree
    bint may_block
    double price
    # Calls: so many before each edge, and so many for each position after it; without edges each number has one.
    const uint64_t *edge
    const double *before
    const double *density
    Py_ssize_t edges
    Py_ssize_t at
    uint64_t *nodes
    size_t node
    size_t nodes_room
    uint16_t *notes
    size_t noted
    size_t notes_room
    Cost *stack
    size_t top
    size_t stack_room
    # What a code costs more than the others, in the node of this turn.
    double *delta
    uint64_t *met
    uint64_t *done
    uint64_t turn
    Rules rules
    double wrong


cdef bint push(Walk *walk, uint16_t code, double value) noexcept nogil:
    if not grown(<void **>&walk.stack, &walk.stack_room, walk.top + 1, sizeof(Cost)):
        return False
    walk.stack[walk.top].code, walk.stack[walk.top].value = code, value
    walk.top += 1
    return True


cdef bint note(Walk *walk, uint16_t code) noexcept nogil:
    if not grown(<void **>&walk.notes, &walk.notes_room, walk.noted + 1, sizeof(uint16_t)):
        return False
    walk.notes[walk.noted] = code
    walk.noted += 1
    return True


cdef double calls_before(Walk *walk, uint64_t position) noexcept nogil:
    while walk.at + 1 < walk.edges and walk.edge[walk.at + 1] <= position:
        walk.at += 1
    if walk.edge[walk.at] > position:
        return 0.0
    return walk.before[walk.at] + <double>(position - walk.edge[walk.at]) * walk.density[walk.at]


cdef double weight(Walk *walk, uint64_t low, int depth, bint is_number) noexcept nogil:
    """The calls to all numbers below a leaf."""
    cdef Tree *tree = &walk.tree
    cdef int digits
    cdef double count = 0.0
    if walk.edges:
        count = calls_before(walk, low)
        return calls_before(walk, low + tree.width[depth]) - count
    if is_number:
        return 1.0
    for digits in range(depth, tree.digits + 1):
        if tree.lengths[tree.region] >> digits & 1:
            count += <double>(tree.width[depth] // tree.width[digits])
    return count


cdef Fault up(Walk *walk, uint64_t low, int depth, double *others, bint *nobodys) noexcept nogil:
    """Push the cost of an inner node for the codes for which it is less than for the others, and note its decisions.

    `nobodys` says that no rule may lie above it.
    """
    cdef Tree *tree = &walk.tree
    cdef size_t begin[CHILDREN]
    cdef size_t end[CHILDREN]
    cdef double other[CHILDREN]
    cdef size_t node = walk.node, base = walk.top
    cdef uint64_t child
    cdef uint16_t code = 0
    cdef int digit, count = 0
    cdef Py_ssize_t point
    cdef Kind kind
    cdef Fault fault
    cdef bint childs_nobodys
    if not grown(<void **>&walk.nodes, &walk.nodes_room, node + 1, sizeof(uint64_t)):
        return NO_MEMORY
    walk.node += 1
    nobodys[0] = False
    if tree_enter(tree, low, depth) >= 0:
        return NESTED
    for digit in range(depth == 0, tree.radix):
        child, point = low + <uint64_t>digit * tree.width[depth + 1], tree.point
        kind = tree_look(tree, child, depth + 1, False, &code)
        begin[count], other[count] = walk.top, 0.0
        if kind == UNIFORM or (kind == NOBODY and walk.may_block):
            other[count] = walk.price
            if kind == UNIFORM:
                other[count] = min(walk.price, weight(walk, child, depth + 1, tree.point > point))
            if not push(walk, code if kind == UNIFORM else 0, 0.0):
                return NO_MEMORY
        elif kind == NOBODY:
            nobodys[0] = True
        elif kind == INNER:
            fault = up(walk, child, depth + 1, &other[count], &childs_nobodys)
            if fault != FINE:
                return fault
            nobodys[0] |= childs_nobodys
        end[count] = walk.top
        count += 1
    return settled(walk, node, base, count, begin, end, other, depth == 0, others, nobodys)


cdef Fault settled(
    Walk *walk, size_t node, size_t base, int count, size_t *begin, size_t *end, double *other, bint is_root,
    double *others, bint *nobodys,
) noexcept nogil:
    """Replace the children's costs on the stack by their parent's."""
    cdef double total = 0.0, best, most, value
    cdef size_t row, top = base
    cdef uint16_t code, rule = 0
    cdef int child
    cdef bint any_code = walk.top > base
    walk.turn += 1
    walk.delta[0] = 0.0
    for child in range(count):
        total += other[child]
        for row in range(begin[child], end[child]):
            code = walk.stack[row].code
            if walk.met[code] != walk.turn:
                walk.met[code], walk.delta[code] = walk.turn, 0.0
            walk.delta[code] += walk.stack[row].value - other[child]
    walk.nodes[node] = walk.noted
    if nobodys[0] or is_root:
        walk.top, others[0] = base, 0.0
        if note(walk, 0) and note(walk, 1) and note(walk, 0) and push(walk, 0, total + walk.delta[0]):
            return FINE
        return NO_MEMORY
    best = total
    for row in range(base, walk.top):
        code = walk.stack[row].code
        value = total + walk.delta[code]
        if row == base or value < best or (value == best and code < rule):
            best, rule = value, code
    most = best + walk.price if any_code else total
    if not (note(walk, 0) and note(walk, total <= most) and note(walk, rule)):
        return NO_MEMORY
    for row in range(base, walk.top):
        code = walk.stack[row].code
        if walk.done[code] == walk.turn:
            continue
        walk.done[code] = walk.turn
        value = total + walk.delta[code]
        if value <= most < total and not note(walk, code):
            return NO_MEMORY
        if value < min(total, most):
            walk.stack[top].code, walk.stack[top].value = code, value
            top += 1
    walk.notes[walk.nodes[node]] = <uint16_t>(walk.noted - walk.nodes[node] - HEAD)
    walk.top, others[0] = top, min(total, most)
    return FINE


cdef uint16_t decided(Walk *walk, uint16_t reaching) noexcept nogil:
    """The code that answers at the node about to be entered, if `reaching` does above it."""
    cdef uint16_t *notes = walk.notes + walk.nodes[walk.node]
    cdef uint16_t row
    if notes[1]:
        return reaching
    for row in range(notes[0]):
        if notes[HEAD + row] == reaching:
            return reaching
    return notes[2]


cdef bint down(Walk *walk, uint64_t low, int depth, uint16_t reaching) noexcept nogil:
    """Write the rules below an inner node that the code `reaching` answers at; False for want of memory."""
    cdef Tree *tree = &walk.tree
    cdef uint64_t child
    cdef uint16_t code = 0
    cdef int digit
    cdef Py_ssize_t point
    cdef Kind kind
    cdef double calls
    walk.node += 1
    for digit in range(depth == 0, tree.radix):
        child, point = low + <uint64_t>digit * tree.width[depth + 1], tree.point
        kind = tree_look(tree, child, depth + 1, False, &code)
        if kind == UNIFORM:
            calls = weight(walk, child, depth + 1, tree.point > point)
            if code != reaching and calls <= walk.price:
                walk.wrong += calls
                continue
        elif kind == NOBODY:
            code = 0
        elif kind == INNER:
            code = decided(walk, reaching)
        else:
            continue
        if code != reaching and not rules_add(&walk.rules, tree, child, depth + 1, code):
            return False
        if kind == INNER and not down(walk, child, depth + 1, code):
            return False
    return True


def fit(
    const uint64_t[::1] position, const uint8_t[::1] length, const uint16_t[::1] code,
    const uint64_t[::1] first, const uint64_t[::1] end, const uint16_t[::1] held,
    const uint16_t[::1] lengths, const uint8_t[::1] longest,
    const uint64_t[::1] edge, const double[::1] before, const double[::1] density,
    bint may_block, double price, int radix=10, int digits=15,
):
    cdef Walk walk
    cdef Tree *tree = &walk.tree
    cdef Fault fault
    cdef double others
    cdef bint nobodys
    memset(&walk, 0, sizeof(Walk))
    walk.may_block, walk.price, walk.edges = may_block, price, len(edge)
    tree.points, tree.regions, tree.radix, tree.digits = len(position), len(first), radix, digits
    if tree.points:
        tree.position, tree.length, tree.code = &position[0], &length[0], &code[0]
    if tree.regions:
        tree.first, tree.end, tree.held = &first[0], &end[0], &held[0]
        tree.lengths, tree.longest = &lengths[0], &longest[0]
    if walk.edges:
        walk.edge, walk.before, walk.density = &edge[0], &before[0], &density[0]
    try:
        with nogil:
            walk.delta = <double *>calloc(1 << 16, sizeof(double))
            walk.met = <uint64_t *>calloc(1 << 16, sizeof(uint64_t))
            walk.done = <uint64_t *>calloc(1 << 16, sizeof(uint64_t))
            fault = NO_MEMORY
            if walk.delta != NULL and walk.met != NULL and walk.done != NULL:
                tree_rewind(tree)
                fault = up(&walk, 0, 0, &others, &nobodys)
            if fault == FINE:
                tree_rewind(tree)
                walk.node = 0
                walk.at = 0
                fault = FINE if down(&walk, 0, 0, 0) else NO_MEMORY
        if fault == NO_MEMORY:
            raise MemoryError
        if fault == NESTED:
            return None
        found = np.empty(walk.rules.count, dtype=np.uint64), np.empty(walk.rules.count, dtype=np.uint16)
        rules_copy(&walk.rules, found[0], found[1])
        return *found, walk.wrong
    finally:
        free_all(&walk)


cdef void free_all(Walk *walk) noexcept nogil:
    free(walk.nodes)
    free(walk.notes)
    free(walk.stack)
    free(walk.delta)
    free(walk.met)
    free(walk.done)
    rules_free(&walk.rules)
