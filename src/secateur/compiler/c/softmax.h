/* Softmax along an axis of `size`; `inner` elements lie behind it. The largest is taken off, so nothing overflows. */
#ifndef SECATEUR_SOFTMAX_H
#define SECATEUR_SOFTMAX_H
#include "exp.h"
#include "rows.h"

#define SOFTMAX_BLOCK 64

INLINE void softmax_row(const float *x, float *y, int size) {
    const float largest = row_max(x, size);
    INDEPENDENT
    for (int k = 0; k < size; k++) y[k] = exp_f(x[k] - largest);
    const float factor = 1.0f / row_sum(y, size, 0);
    for (int k = 0; k < size; k++) y[k] *= factor;
}

INLINE void log_softmax_row(const float *x, float *y, int size) {
    const float largest = row_max(x, size);
    float e[SOFTMAX_BLOCK], sum = 0; /* y may be x, which is read again */
    for (int start = 0; start < size; start += SOFTMAX_BLOCK) {
        const int n = min_i(SOFTMAX_BLOCK, size - start);
        for (int k = 0; k < n; k++) e[k] = exp_f(x[start + k] - largest);
        sum += row_sum(e, n, 0);
    }
    const float last = logf(sum);
    INDEPENDENT
    for (int k = 0; k < size; k++) y[k] = x[k] - largest - last;
}

/* n <= SOFTMAX_BLOCK neighbours at once; the elements of each are `inner` apart. */
INLINE void softmax_columns(const float *x, float *y, int size, int inner, int n, int logarithm) {
    float largest[SOFTMAX_BLOCK], sum[SOFTMAX_BLOCK];
    for (int k = 0; k < n; k++) largest[k] = x[k], sum[k] = 0;
    for (ptrdiff_t i = 1; i < size; i++)
        for (int k = 0; k < n; k++) {
            const float v = x[i * inner + k];
            largest[k] = (v > largest[k]) | (v != v) ? v : largest[k];
        }
    for (ptrdiff_t i = 0; i < size; i++)
        for (int k = 0; k < n; k++) {
            const float v = x[i * inner + k] - largest[k], e = exp_f(v);
            sum[k] += e;
            y[i * inner + k] = logarithm ? v : e;
        }
    for (int k = 0; k < n; k++) sum[k] = logarithm ? logf(sum[k]) : 1.0f / sum[k];
    for (ptrdiff_t i = 0; i < size; i++)
        for (int k = 0; k < n; k++) {
            float *at = y + i * inner + k;
            *at = logarithm ? *at - sum[k] : *at * sum[k];
        }
}

KERNEL void softmax(part_t p, const float *x, float *y, int outer, int size, int inner, int logarithm) {
    if (inner == 1) {
        SHARE(outer, lo, hi);
        for (ptrdiff_t o = lo; o < hi; o++)
            if (logarithm)
                log_softmax_row(x + o * size, y + o * size, size);
            else
                softmax_row(x + o * size, y + o * size, size);
        return;
    }
    const int blocks = (inner + SOFTMAX_BLOCK - 1) / SOFTMAX_BLOCK;
    SHARE((ptrdiff_t)outer * blocks, lo, hi);
    for (ptrdiff_t b = lo; b < hi; b++) {
        const int first = (int)(b % blocks) * SOFTMAX_BLOCK;
        const ptrdiff_t start = b / blocks * size * inner + first;
        softmax_columns(x + start, y + start, size, inner, min_i(SOFTMAX_BLOCK, inner - first), logarithm);
    }
}

#endif
