/* The dip kernel (probe.h) compiled for each instruction set; one is chosen at run time. */
#ifndef PORTDIP_KERNELS_H
#define PORTDIP_KERNELS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "image.h"

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#include <immintrin.h>
#define PD_X86 1
#elif defined(__SSE2__)
#include <emmintrin.h>
#endif

typedef struct {
    const char *name;
    int (*find_one)(const pd_image *, uint64_t, uint32_t *, uint32_t *, uint32_t *);
    size_t (*find_many)(const pd_image *, const uint64_t *, uint16_t *, size_t, uint32_t *);
    size_t (*match_many)(const pd_image *, const uint64_t *, uint32_t *, size_t, uint32_t *);
} pd_kernel;

#define KERNEL(name) pd_portable_##name
#include "probe.h"
#undef KERNEL

#ifdef PD_X86
#define PD_AVX2 1
#define KERNEL(name) pd_avx2_##name
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,bmi,bmi2,lzcnt,popcnt"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,bmi,bmi2,lzcnt,popcnt")
#endif
#include "probe.h"
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#undef KERNEL
#undef PD_AVX2

#endif

static const pd_kernel pd_kernels[] = {
#ifdef PD_X86
    {"avx2", pd_avx2_find_one, pd_avx2_find_many, pd_avx2_match_many},
#endif
    {"portable", pd_portable_find_one, pd_portable_find_many, pd_portable_match_many},
};
#define PD_KERNELS (sizeof pd_kernels / sizeof pd_kernels[0])

static int pd_kernel_runs(size_t which) {
#ifdef PD_X86
    __builtin_cpu_init();
    if (which == 0) return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2");
#endif
    return which + 1 == PD_KERNELS;
}

#endif
