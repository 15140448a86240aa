"""The dip kernels: one for each instruction set."""

from libc.stdint cimport uint16_t, uint32_t, uint64_t

from portdip.index._image cimport pd_image


cdef extern from "kernels.h" nogil:
    const size_t PD_KERNELS

    ctypedef struct pd_kernel:
        const char *name
        int (*find_one)(const pd_image *, uint64_t, uint32_t *, uint32_t *, uint32_t *) noexcept nogil
        size_t (*find_many)(const pd_image *, const uint64_t *, uint16_t *, size_t, uint32_t *) noexcept nogil
        size_t (*match_many)(const pd_image *, const uint64_t *, uint32_t *, size_t, uint32_t *) noexcept nogil

    const pd_kernel pd_kernels[]
    int pd_kernel_runs(size_t which)
