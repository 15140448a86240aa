"""Digests of numbers by block: what a row comes to, and a table of blocks in which rows of any order are added up.

`portdip.table.reconciling.digests` says what the digests mean. Arrow memory is reached by address: nothing of pyarrow is compiled
in.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t, uintptr_t
from libc.stdlib cimport calloc, free

cimport cython

cdef extern from "digests.h" nogil:
    const uint64_t DIGESTS_ODD
    uint64_t digests_mix(uint64_t value)
    uint64_t digests_text(const char *text, int64_t length, int64_t readable, uint64_t seed)
    uint64_t digests_row(uint64_t number, uint64_t rest)

cdef extern from *:
    """
    #if defined(__GNUC__)
    #define digests_prefetch(place) __builtin_prefetch((place), 1)
    #else
    #define digests_prefetch(place) ((void)(place))
    #endif
    """
    void digests_prefetch(const void *place) nogil

#: A block is this many consecutive numbers, the first a multiple of it.
cdef enum:
    BLOCK_NUMBERS = 10_000
    # Rows between the one added and the one whose slot is fetched.
    AHEAD = 24
    CAPACITY_MIN_BITS = 10

BLOCK = BLOCK_NUMBERS


cdef void hash_texts(
    const int32_t *offsets, const char *text, int64_t end, const uint8_t *validity, Py_ssize_t first, uint64_t seed,
    uint64_t[::1] out,
) noexcept nogil:
    cdef Py_ssize_t row
    for row in range(out.shape[0]):
        if validity and not (validity[(first + row) >> 3] >> ((first + row) & 7)) & 1:
            continue
        out[row] += digests_text(
            text + offsets[row], offsets[row + 1] - offsets[row], end - offsets[row], seed
        )


def add_texts(array, uint64_t seed, uint64_t[::1] out not None):
    """Add to `out` the hash of each text of a string array; a null adds nothing."""
    cdef list buffers = array.buffers()
    cdef Py_ssize_t first = array.offset
    cdef const uint8_t *validity = <const uint8_t *>address(buffers[0]) if array.null_count else NULL
    cdef const int32_t *offsets = <const int32_t *>address(buffers[1])
    cdef const char *text = <const char *>address(buffers[2])
    cdef int64_t end = 0 if buffers[2] is None else buffers[2].size
    if str(array.type) != "string" or len(array) != out.shape[0]:
        raise ValueError("not a string array of the length of `out`")
    if out.shape[0] == 0:
        return
    with nogil:
        hash_texts(offsets + first, text, end, validity, first, seed, out)


def add_integers(const int64_t[::1] values not None, uint64_t[::1] out not None):
    """Add to `out` the hash of each integer."""
    cdef Py_ssize_t row
    if values.shape[0] != out.shape[0]:
        raise ValueError("columns differ in length")
    with nogil:
        for row in range(out.shape[0]):
            out[row] += digests_mix(<uint64_t>values[row])


cdef struct Slot:
    uint64_t key  # block + 1, 0 where the slot is free
    uint64_t count
    uint64_t routes
    uint64_t particulars


cdef inline Slot *slot_of(Slot *slots, int bits, uint64_t key) noexcept nogil:
    """The slot of the key, or the free one where it belongs; there always is one."""
    cdef uint64_t mask = (<uint64_t>1 << bits) - 1
    cdef uint64_t place = (key * DIGESTS_ODD) >> (64 - bits)
    while slots[place].key != key and slots[place].key != 0:
        place = (place + 1) & mask
    return &slots[place]


@cython.final
cdef class BlockDigests:
    """Count and digests by block. Memory is 43 to 86 bytes a block. One object for one thread."""

    cdef Slot *slots
    cdef int bits
    cdef Py_ssize_t used

    def __cinit__(self):
        self.bits = CAPACITY_MIN_BITS
        self.slots = <Slot *>calloc(<size_t>1 << self.bits, sizeof(Slot))
        if self.slots is NULL:
            raise MemoryError

    def __dealloc__(self):
        free(self.slots)

    def __len__(self):
        return self.used

    def add(
        self,
        const uint64_t[::1] numbers not None,
        const uint64_t[::1] routes not None,
        const uint64_t[::1] particulars=None,
    ):
        """Add rows: numbers, and the hashes of what else is in the row. Without `particulars` theirs stay 0."""
        cdef bint done
        if routes.shape[0] != numbers.shape[0] or (
            particulars is not None and particulars.shape[0] != numbers.shape[0]
        ):
            raise ValueError("columns differ in length")
        if numbers.shape[0] == 0:
            return
        with nogil:
            done = self.take(
                numbers.shape[0], &numbers[0], &routes[0], &particulars[0] if particulars is not None else NULL
            )
        if not done:
            raise MemoryError

    def export(
        self,
        uint64_t[::1] block not None,
        uint64_t[::1] count not None,
        uint64_t[::1] routes not None,
        uint64_t[::1] particulars not None,
    ):
        """Fill columns of the length of this with all blocks, in no order."""
        cdef Py_ssize_t row = 0, place
        if not self.used == block.shape[0] == count.shape[0] == routes.shape[0] == particulars.shape[0]:
            raise ValueError("columns of another length")
        for place in range(<Py_ssize_t>1 << self.bits):
            if self.slots[place].key:
                block[row] = self.slots[place].key - 1
                count[row] = self.slots[place].count
                routes[row] = self.slots[place].routes
                particulars[row] = self.slots[place].particulars
                row += 1

    cdef bint take(
        self, Py_ssize_t rows, const uint64_t *numbers, const uint64_t *routes, const uint64_t *particulars
    ) noexcept nogil:
        """Add rows; False where memory ran out."""
        cdef Py_ssize_t row
        cdef uint64_t key, last_key = 0
        cdef Slot *slot = NULL
        for row in range(rows):
            if row + AHEAD < rows:
                key = numbers[row + AHEAD] / BLOCK_NUMBERS + 1
                digests_prefetch(&self.slots[(key * DIGESTS_ODD) >> (64 - self.bits)])
            key = numbers[row] / BLOCK_NUMBERS + 1
            if key != last_key:
                slot = slot_of(self.slots, self.bits, key)
                if slot.key == 0:
                    slot = self.new_slot(key)
                    if slot is NULL:
                        return False
                last_key = key
            slot.count += 1
            slot.routes += digests_row(numbers[row], routes[row])
            if particulars is not NULL:
                slot.particulars += digests_row(numbers[row], particulars[row])
        return True

    cdef Slot *new_slot(self, uint64_t key) noexcept nogil:
        """The slot of a key that has none yet, NULL where memory ran out. Other slots may move."""
        cdef Slot *slot
        if 4 * (self.used + 1) > 3 * (<Py_ssize_t>1 << self.bits) and not self.grow():
            return NULL
        slot = slot_of(self.slots, self.bits, key)
        slot.key = key
        self.used += 1
        return slot

    cdef bint grow(self) noexcept nogil:
        """Make room for twice as many; False where there is no memory."""
        cdef Slot *larger = <Slot *>calloc(<size_t>2 << self.bits, sizeof(Slot))
        cdef Py_ssize_t place
        if larger is NULL:
            return False
        for place in range(<Py_ssize_t>1 << self.bits):
            if self.slots[place].key:
                slot_of(larger, self.bits + 1, self.slots[place].key)[0] = self.slots[place]
        free(self.slots)
        self.slots = larger
        self.bits += 1
        return True


cdef uintptr_t address(buffer) except? 0:
    return 0 if buffer is None else buffer.address
