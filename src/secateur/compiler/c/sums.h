/* How does a sum of products begin and end, for a few vectors of pixels? */
#ifndef SECATEUR_SUMS_H
#define SECATEUR_SUMS_H
#include "activations.h"

#if LANES > 1
typedef int32_t ivec __attribute__((vector_size(4 * LANES)));
#else
typedef int32_t ivec;
#endif

/* Vectors of sums that fit the registers beside an operand or two. */
#if defined(__AVX512F__) || defined(__aarch64__)
#define MOST_SUMS 28
#else
#define MOST_SUMS 13
#endif

/* Where sums are kept between blocks of channels, and what follows the last block. */
typedef struct {
    const float *bias;  /* for each output channel */
    const float *added; /* the shortcut at this tile, or NULL */
    float *y;           /* the output at this tile */
    ptrdiff_t added_pitch, pitch;
    int outputs;
    int first, last; /* of the blocks of channels */
    activation_t kind;
    float low, high;
} sums_t;

#if LANES > 1
INLINE vec chosen(ivec choice, vec x, vec y) { return (vec)((choice & (ivec)x) | (~choice & (ivec)y)); }
#else
INLINE vec chosen(ivec choice, vec x, vec y) { return choice ? x : y; }
#endif

INLINE vec activated_vec(activation_t kind, vec x, float low, float high) {
    const float bottom = kind == relu ? 0 : low;
    if (kind == none) return x;
    x = chosen(x < splat(bottom), splat(bottom), x); /* NaN passes through */
    return kind == relu ? x : chosen(x > splat(high), splat(high), x);
}

INLINE void start_sums(const int vectors, vec *sum, const sums_t *t, ptrdiff_t output, int pixel) {
    if (t->first) {
        const vec b = splat(t->bias[output]);
#pragma GCC unroll 32
        for (int v = 0; v < vectors; v++) sum[v] = b;
    } else {
        const float *y = t->y + output * t->pitch + pixel;
#pragma GCC unroll 32
        for (int v = 0; v < vectors; v++) sum[v] = load(y + v * LANES);
    }
}

INLINE void end_sums(const int vectors, vec *sum, const sums_t *t, ptrdiff_t output, int pixel) {
    if (t->last && t->added) {
        const float *added = t->added + output * t->added_pitch + pixel;
#pragma GCC unroll 32
        for (int v = 0; v < vectors; v++) sum[v] += load(added + v * LANES);
    }
    if (t->last && t->kind != none) {
#pragma GCC unroll 32
        for (int v = 0; v < vectors; v++) sum[v] = activated_vec(t->kind, sum[v], t->low, t->high);
    }
    float *y = t->y + output * t->pitch + pixel;
#pragma GCC unroll 32
    for (int v = 0; v < vectors; v++) store(y + v * LANES, sum[v]);
}

#endif
