/* What all kernels share: parts of the work, vectors, scalars. */
#ifndef SECATEUR_BASE_H
#define SECATEUR_BASE_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The same step runs on every thread; each computes its part. */
typedef struct {
    int index, count;
} part_t;

/* lo and hi of this thread's share of n things. */
#define SHARE(n, lo, hi) \
    const ptrdiff_t lo = (ptrdiff_t)(n) * p.index / p.count, hi = (ptrdiff_t)(n) * (p.index + 1) / p.count

#if defined(__GNUC__)
#define INLINE static inline __attribute__((always_inline, unused))
#define KERNEL static __attribute__((unused))
#else
#define INLINE static inline
#define KERNEL static
#endif

/* Before a loop no turn of which reads what another writes. */
#if defined(__clang__)
#define INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#elif defined(__GNUC__)
#define INDEPENDENT _Pragma("GCC ivdep")
#else
#define INDEPENDENT
#endif

/* Floats in a vector register; 1 where there are none. */
#ifndef LANES
#if defined(__AVX512F__)
#define LANES 16
#elif defined(__AVX__)
#define LANES 8
#elif defined(__SSE2__) || defined(__ARM_NEON) || defined(__wasm_simd128__) || defined(__VSX__)
#define LANES 4
#else
#define LANES 1
#endif
#endif

#if LANES > 1
typedef float vec __attribute__((vector_size(4 * LANES)));
typedef float vec_u __attribute__((vector_size(4 * LANES), aligned(4), may_alias)); /* anywhere in memory */
typedef int32_t ivec __attribute__((vector_size(4 * LANES)));
#else
typedef float vec;
typedef float vec_u;
#endif

INLINE vec load(const float *x) { return *(const vec_u *)x; }
/* Once, into a register: compilers would rather load again for every use. */
INLINE vec loaded(const float *x) {
    vec v = load(x);
#if defined(__GNUC__) && defined(__AVX__)
    __asm__("" : "+x"(v));
#endif
    return v;
}
INLINE void store(float *y, vec v) { *(vec_u *)y = v; }
INLINE vec splat(float x) { return x - (vec){0}; } /* less 0, not plus 0: compilers leave it out */

INLINE float relu_f(float x) { return x < 0 ? 0 : x; } /* NaN passes through */
INLINE float clip_f(float x, float low, float high) { x = x < low ? low : x; return x > high ? high : x; }
INLINE int min_i(int a, int b) { return a < b ? a : b; }
INLINE int max_i(int a, int b) { return a > b ? a : b; }

KERNEL void copy(part_t p, const void *x, void *y, size_t bytes) {
    SHARE(bytes, lo, hi);
    memcpy((char *)y + lo, (const char *)x + lo, (size_t)(hi - lo));
}

#endif
