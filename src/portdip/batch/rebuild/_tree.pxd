"""The ten-way digit tree over a table of numbers, walked from left to right without ever being built; and the rules
made on the way.

A node is a string of digits. Positions are left-aligned: the digits filled up with zeros to `digits` of them, so a node
of depth d is the interval [low, low + width[d]). What is asked of the tree comes as two sorted lists: points, numbers
with an entry of their own (position, length, code), and regions, side by side (first position, end, code, the lengths
of the numbers in it as a bit mask, the longest of them). Cursors into both move forward with the walk.
"""

from libc.stdint cimport uint8_t, uint16_t, uint64_t
from libc.stdlib cimport free, realloc

cdef enum Kind:
    NOBODY   # no number begins like this, and none is the beginning of it: no rule may answer
    ANYTHING # digits after a whole number: nobody asks
    UNIFORM  # all numbers below have one code
    INNER    # look at the children

cdef struct Tree:
    const uint64_t *position
    const uint8_t *length
    const uint16_t *code
    Py_ssize_t points
    const uint64_t *first
    const uint64_t *end
    const uint16_t *held
    const uint16_t *lengths
    const uint8_t *longest
    Py_ssize_t regions
    Py_ssize_t point
    Py_ssize_t region
    uint64_t width[17]
    int radix
    int digits


cdef inline void tree_rewind(Tree *tree) noexcept nogil:
    cdef int depth
    tree.point = tree.region = 0
    tree.width[tree.digits] = 1
    for depth in range(tree.digits - 1, -1, -1):
        tree.width[depth] = tree.width[depth + 1] * <uint64_t>tree.radix


cdef inline Kind tree_look(Tree *tree, uint64_t low, int depth, bint below_number, uint16_t *code) noexcept nogil:
    """What lies at a node; of UNIFORM its code. The cursors pass a point that is a leaf."""
    cdef uint64_t high = low + tree.width[depth]
    cdef Py_ssize_t point = tree.point, region
    while tree.region < tree.regions and tree.end[tree.region] <= low:
        tree.region += 1
    region = tree.region
    cdef bint outside = region == tree.regions or tree.first[region] >= high
    cdef bint within = not outside and tree.first[region] <= low and tree.end[region] >= high
    if point < tree.points and tree.position[point] < high:
        if tree.position[point] != low or tree.length[point] != depth:
            return INNER
        if point + 1 < tree.points and tree.position[point + 1] < high:
            return INNER
        if not outside and not (within and tree.longest[region] <= depth):
            return INNER
        code[0] = tree.code[point]
        tree.point = point + 1
        return UNIFORM
    if outside:
        return ANYTHING if below_number else NOBODY
    if not within:
        return INNER
    if depth > tree.longest[region]:
        return ANYTHING
    code[0] = tree.held[region]
    return UNIFORM


cdef inline int tree_enter(Tree *tree, uint64_t low, int depth) noexcept nogil:
    """The code of an inner node as a number of its own, -1 if it is none. The cursors pass its point."""
    cdef Py_ssize_t point = tree.point, region = tree.region
    if point < tree.points and tree.position[point] == low and tree.length[point] == depth:
        tree.point = point + 1
        return tree.code[point]
    if region < tree.regions and tree.first[region] <= low < tree.end[region] and tree.lengths[region] >> depth & 1:
        return tree.held[region]
    return -1


cdef inline bint grown(void **memory, size_t *room, size_t wanted, size_t size) noexcept nogil:
    """Make room for `wanted` things of `size` bytes where there is too little; False for want of memory."""
    cdef void *larger
    if wanted <= room[0]:
        return True
    wanted += wanted // 2 + 1024
    larger = realloc(memory[0], wanted * size)
    if larger == NULL:
        return False
    memory[0], room[0] = larger, wanted
    return True


cdef struct Rules:
    uint64_t *prefix
    uint16_t *code
    size_t count
    size_t prefix_room
    size_t code_room


cdef inline bint rules_add(Rules *rules, const Tree *tree, uint64_t low, int depth, uint16_t code) noexcept nogil:
    """A rule at a node; False for want of memory."""
    if not grown(<void **>&rules.prefix, &rules.prefix_room, rules.count + 1, sizeof(uint64_t)):
        return False
    if not grown(<void **>&rules.code, &rules.code_room, rules.count + 1, sizeof(uint16_t)):
        return False
    rules.prefix[rules.count], rules.code[rules.count] = low // tree.width[depth], code
    rules.count += 1
    return True


cdef inline void rules_copy(const Rules *rules, uint64_t[::1] prefix, uint16_t[::1] code) noexcept nogil:
    """Fill arrays of as many with the prefixes, in the order of the tree, and their codes."""
    cdef size_t row
    for row in range(rules.count):
        prefix[row], code[row] = rules.prefix[row], rules.code[row]


cdef inline void rules_free(Rules *rules) noexcept nogil:
    free(rules.prefix)
    free(rules.code)
