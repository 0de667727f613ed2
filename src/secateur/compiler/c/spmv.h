/* A few rows times a sparse matrix: each row by itself, so that the weights decide what is fastest.

   w (outputs, inputs) lies in slices of SLICE outputs. Every function computes y (rows, outputs) = x (rows, inputs)
   * w^T and finishes as `f` says; s has room for one row of x. */
#ifndef SECATEUR_SPMV_H
#define SECATEUR_SPMV_H
#include "gemm.h"
#if LANES >= 8
#include <immintrin.h>
#endif

/* One row of x whose elements lie side by side. */
INLINE const float *side_by_side(const float *x, steps_t xs, ptrdiff_t row, int inputs, float *s) {
    x += row * xs.row;
    if (xs.column == 1) return x;
    for (int k = 0; k < inputs; k++) s[k] = x[k * xs.column];
    return s;
}

/* w as it is, for processors without vectors. */
KERNEL void plain_product(part_t p, const float *x, steps_t xs, const float *w, int rows, int inputs, int outputs,
                          finish_t f, float *s) {
    SHARE(outputs, lo, hi);
    for (int r = 0; r < rows; r++) {
        const float *xr = side_by_side(x, xs, r, inputs, s);
        for (ptrdiff_t o = lo; o < hi; o++) {
            float sum = 0;
            for (int k = 0; k < inputs; k++) sum += w[o * inputs + k] * xr[k];
            finish_tile(&sum, 1, 1, 1, r, o, f);
        }
    }
}

/* Each row of w as it is: its elements that are not 0, and where they are. */
KERNEL void rows_product(part_t p, const float *x, steps_t xs, const uint32_t *start, const uint16_t *index,
                         const float *w, int rows, int inputs, int outputs, finish_t f, float *s) {
    SHARE(outputs, lo, hi);
    for (int r = 0; r < rows; r++) {
        const float *xr = side_by_side(x, xs, r, inputs, s);
        for (ptrdiff_t o = lo; o < hi; o++) {
            float sums[4] = {0};
            uint32_t j = start[o];
            for (; j + 4 <= start[o + 1]; j += 4)
                for (int i = 0; i < 4; i++) sums[i] += w[j + i] * xr[index[j + i]];
            for (; j < start[o + 1]; j++) sums[0] += w[j] * xr[index[j]];
            const float sum = (sums[0] + sums[1]) + (sums[2] + sums[3]);
            finish_tile(&sum, 1, 1, 1, r, o, f);
        }
    }
}

/* The sums of a slice, from n rows of it; at is NULL where they are those of k = 0, 1, ... */
INLINE void slice_sums(const float *x, const float *w, const uint16_t *at, ptrdiff_t n, float *sums) {
    vec a[4][SLICE_VECS];
    for (int i = 0; i < 4; i++)
        for (int v = 0; v < SLICE_VECS; v++) a[i][v] = splat(0);
    const ptrdiff_t whole = n - n % 4;
    for (ptrdiff_t j = 0; j < whole; j += 4)
#pragma GCC unroll 4
        for (int i = 0; i < 4; i++)
#pragma GCC unroll 16
            for (int v = 0; v < SLICE_VECS; v++)
                a[i][v] += load(w + (j + i) * SLICE + v * LANES) * x[at ? at[j + i] : j + i];
    for (ptrdiff_t j = whole; j < n; j++)
        for (int v = 0; v < SLICE_VECS; v++) a[0][v] += load(w + j * SLICE + v * LANES) * x[at ? at[j] : j];
    for (int v = 0; v < SLICE_VECS; v++) store(sums + v * LANES, (a[0][v] + a[1][v]) + (a[2][v] + a[3][v]));
}

/* A dense w in slices. */
KERNEL void slices_product(part_t p, const float *x, steps_t xs, const float *w, int rows, int inputs, int outputs,
                           finish_t f, float *s) {
    SHARE((outputs + SLICE - 1) / SLICE, lo, hi);
    for (int r = 0; r < rows; r++) {
        const float *xr = side_by_side(x, xs, r, inputs, s);
        for (ptrdiff_t t = lo; t < hi; t++) {
            float sums[SLICE];
            slice_sums(xr, w + t * inputs * SLICE, NULL, inputs, sums);
            finish_tile(sums, SLICE, 1, min_i(SLICE, outputs - (int)t * SLICE), r, t * SLICE, f);
        }
    }
}

/* Slices of which only the k are stored that one of its outputs has: from start[slice], k = index[...]. */
KERNEL void blocks_product(part_t p, const float *x, steps_t xs, const uint32_t *start, const uint16_t *index,
                           const float *w, int rows, int inputs, int outputs, finish_t f, float *s) {
    SHARE((outputs + SLICE - 1) / SLICE, lo, hi);
    for (int r = 0; r < rows; r++) {
        const float *xr = side_by_side(x, xs, r, inputs, s);
        for (ptrdiff_t t = lo; t < hi; t++) {
            float sums[SLICE];
            slice_sums(xr, w + (ptrdiff_t)start[t] * SLICE, index + start[t], start[t + 1] - start[t], sums);
            finish_tile(sums, SLICE, 1, min_i(SLICE, outputs - (int)t * SLICE), r, t * SLICE, f);
        }
    }
}

/* One row of a slice: each output's next element that lies in a window of the inputs, or 0. */
INLINE void add_window(const int window, const float *x, const uint8_t *index, const float *w, vec *sum) {
#if LANES == 16
    const __m512i at = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(const void *)index));
    const __m512 found = window == 32
                             ? _mm512_permutex2var_ps(_mm512_loadu_ps(x), at, _mm512_loadu_ps(x + 16))
                             : _mm512_permutexvar_ps(at, _mm512_castps256_ps512(_mm256_loadu_ps(x)));
    *sum += load(w) * (vec)found;
#elif LANES == 8 && defined(__AVX2__)
    if (window == 8) {
        const __m256 values = _mm256_loadu_ps(x);
        for (int v = 0; v < 2; v++) {
            const __m256i at = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)(index + 8 * v)));
            sum[v] += load(w + 8 * v) * (vec)_mm256_permutevar8x32_ps(values, at);
        }
        return;
    }
#endif
#if LANES < 16
    float found[SLICE];
    for (int i = 0; i < SLICE; i++) found[i] = x[index[i]];
    for (int v = 0; v < SLICE_VECS; v++) sum[v] += load(w + v * LANES) * load(found + v * LANES);
    (void)window;
#endif
}

/* Elements, for processors that look up a vector of values in registers, each lane its own: rows of a slice from
   start[slice] on, each from `window` inputs that begin at base[...]. */
INLINE void windows_product(part_t p, const float *x, steps_t xs, const uint32_t *start, const uint16_t *base,
                            const uint8_t *index, const float *w, int rows, int inputs, int outputs, finish_t f,
                            float *s, const int window) {
    SHARE((outputs + SLICE - 1) / SLICE, lo, hi);
    for (int r = 0; r < rows; r++) {
        const float *xr = side_by_side(x, xs, r, inputs, s);
        for (ptrdiff_t t = lo; t < hi; t++) {
            vec a[SLICE_VECS], b[SLICE_VECS]; /* two sums, so that no product waits for the one before */
            float sums[SLICE];
            for (int v = 0; v < SLICE_VECS; v++) a[v] = b[v] = splat(0);
            size_t j = start[t];
            for (; j + 2 <= start[t + 1]; j += 2) {
                add_window(window, xr + base[j], index + j * SLICE, w + j * SLICE, a);
                add_window(window, xr + base[j + 1], index + (j + 1) * SLICE, w + (j + 1) * SLICE, b);
            }
            if (j < start[t + 1]) add_window(window, xr + base[j], index + j * SLICE, w + j * SLICE, a);
            for (int v = 0; v < SLICE_VECS; v++) store(sums + v * LANES, a[v] + b[v]);
            finish_tile(sums, SLICE, 1, min_i(SLICE, outputs - (int)t * SLICE), r, t * SLICE, f);
        }
    }
}

#endif
