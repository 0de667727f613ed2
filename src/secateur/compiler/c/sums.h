/* How does a sum of products begin and end, for a few vectors of pixels? */
#ifndef SECATEUR_SUMS_H
#define SECATEUR_SUMS_H
#include "activations.h"
#if defined(__AVX__)
#include <immintrin.h>
#endif

/* Vectors of sums that fit the registers beside an operand or two. */
#if defined(__AVX512F__) || defined(__aarch64__)
#define MOST_SUMS 28
#else
#define MOST_SUMS 13
#endif

#define AHEAD 512 /* words of a stream of weights: as many as are read while memory answers */

/* Where sums are kept between blocks of channels, and what follows the last block. */
typedef struct {
    const float *bias;  /* for each output channel */
    const float *added; /* the shortcut at this tile, or NULL */
    float *y;           /* the output at this tile */
    ptrdiff_t added_pitch, pitch;
    int outputs;
    int first, last; /* of the blocks of channels */
    int far;         /* y is not in the second cache */
    int ahead;       /* words of the stream to ask memory for in advance; 0 where the second cache holds them */
    activation_t kind;
    float low, high;
} sums_t;

/* x where it is not beyond the bound, and where it is NaN. On x86 the second operand of two that do not compare
   is the answer. */
#if defined(__AVX512F__)
INLINE vec at_least(vec bound, vec x) { return (vec)_mm512_max_ps((__m512)bound, (__m512)x); }
INLINE vec at_most(vec bound, vec x) { return (vec)_mm512_min_ps((__m512)bound, (__m512)x); }
#elif defined(__AVX__)
INLINE vec at_least(vec bound, vec x) { return (vec)_mm256_max_ps((__m256)bound, (__m256)x); }
INLINE vec at_most(vec bound, vec x) { return (vec)_mm256_min_ps((__m256)bound, (__m256)x); }
#elif LANES > 1
INLINE vec chosen(ivec choice, vec x, vec y) { return (vec)((choice & (ivec)x) | (~choice & (ivec)y)); }
INLINE vec at_least(vec bound, vec x) { return chosen(x < bound, bound, x); }
INLINE vec at_most(vec bound, vec x) { return chosen(x > bound, bound, x); }
#else
INLINE vec at_least(vec bound, vec x) { return x < bound ? bound : x; }
INLINE vec at_most(vec bound, vec x) { return x > bound ? bound : x; }
#endif


INLINE vec bounded(activation_t kind, vec x, float low, float high) {
    x = at_least(splat(low), x); /* 0 for relu */
    return kind == clip ? at_most(splat(high), x) : x;
}

/* A row of a plane, and `left` elements of its rows still to be written, this one's included. Whole vectors write over
   the start of the rows behind it, which come next. */
INLINE void copy_row(const float *from, float *to, int columns, ptrdiff_t left) {
    if (left < columns + LANES - 1)
        memcpy(to, from, (size_t)columns * sizeof *to);
    else
        for (int c = 0; c < columns; c += LANES) store(to + c, load(from + c));
}

/* Of a stream of weights. */
INLINE float weight_of(const uint32_t *s) {
    float w;
    memcpy(&w, s, sizeof w);
    return w;
}

/* Loops over registers are written out; loops over weights are not. */
#if defined(__clang__)
#define UNROLLED _Pragma("clang loop unroll(full)")
#define ROLLED _Pragma("clang loop unroll(disable)")
#else
#define UNROLLED _Pragma("GCC unroll 32")
#define ROLLED _Pragma("GCC unroll 1")
#endif

/* Where the sums of an output channel are kept, from a pixel of the tile on. */
INLINE float *place_of(const sums_t *t, ptrdiff_t output, int pixel) { return t->y + output * t->pitch + pixel; }

INLINE void start_sums(const int vectors, vec *sum, const sums_t *t, ptrdiff_t output, const float *y) {
    if (t->first) {
        const vec b = splat(t->bias[output]);
        UNROLLED for (int v = 0; v < vectors; v++) sum[v] = b;
    } else {
        UNROLLED for (int v = 0; v < vectors; v++) sum[v] = load(y + v * LANES);
    }
}

/* The shortcut of an output whose sums end soon. */
INLINE void fetch_added(const int vectors, const sums_t *t, ptrdiff_t output, int pixel) {
    const float *added = t->added + output * t->added_pitch + pixel;
    UNROLLED for (int v = 0; v < vectors; v += 64 / (4 * LANES)) __builtin_prefetch(added + v * LANES);
}

/* Where sums that end soon are stored: a processor would ask for it only then, and wait. */
INLINE void fetch_place(const int vectors, const sums_t *t, ptrdiff_t output, int pixel) {
    const float *y = place_of(t, output, pixel);
    UNROLLED for (int v = 0; v < vectors; v += 64 / (4 * LANES)) __builtin_prefetch(y + v * LANES, 1);
}

INLINE void end_sums(const int vectors, vec *sum, const sums_t *t, ptrdiff_t output, float *y, int pixel) {
#if defined(__GNUC__) /* or compilers keep addresses and bounds in registers that the sums need */
    __asm__("" : "+r"(y), "+r"(t));
#endif
    if (t->last && t->added) {
        const float *added = t->added + output * t->added_pitch + pixel;
        UNROLLED for (int v = 0; v < vectors; v++) sum[v] += load(added + v * LANES);
    }
    if (t->last && t->kind != none) {
        const vec low = splat(t->low); /* 0 for relu */
        UNROLLED for (int v = 0; v < vectors; v++) sum[v] = at_least(low, sum[v]);
    }
    if (t->last && t->kind == clip) {
        const vec high = splat(t->high);
        UNROLLED for (int v = 0; v < vectors; v++) sum[v] = at_most(high, sum[v]);
    }
    UNROLLED for (int v = 0; v < vectors; v++) store(y + v * LANES, sum[v]);
}

#endif
