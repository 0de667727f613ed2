/* Rows become columns, a square of vectors at a time. */
#ifndef SECATEUR_TRANSPOSE_H
#define SECATEUR_TRANSPOSE_H
#include "base.h"

/* Vectors of LANES rows become those of LANES columns: log2(LANES) times, each of the first half is interleaved with
   its partner in the second. */
INLINE void transpose_square(vec *a) {
#if LANES == 16 || LANES == 8 || LANES == 4
    vec b[LANES];
#pragma GCC unroll 4
    for (int width = 1; width < LANES; width *= 2) {
#pragma GCC unroll 8
        for (int i = 0; i < LANES / 2; i++) {
            const vec one = a[i], two = a[i + LANES / 2];
#if LANES == 16
            b[2 * i] = __builtin_shufflevector(one, two, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
            b[2 * i + 1] = __builtin_shufflevector(one, two, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
#elif LANES == 8
            b[2 * i] = __builtin_shufflevector(one, two, 0, 8, 1, 9, 2, 10, 3, 11);
            b[2 * i + 1] = __builtin_shufflevector(one, two, 4, 12, 5, 13, 6, 14, 7, 15);
#else
            b[2 * i] = __builtin_shufflevector(one, two, 0, 4, 1, 5);
            b[2 * i + 1] = __builtin_shufflevector(one, two, 2, 6, 3, 7);
#endif
        }
#pragma GCC unroll 16
        for (int i = 0; i < LANES; i++) a[i] = b[i];
    }
#else
    (void)a;
#endif
}

INLINE void transpose_tile(const float *x, ptrdiff_t xs, float *y, ptrdiff_t ys) {
    vec a[LANES];
#pragma GCC unroll 16
    for (int i = 0; i < LANES; i++) a[i] = load(x + i * xs);
    transpose_square(a);
#pragma GCC unroll 16
    for (int i = 0; i < LANES; i++) store(y + i * ys, a[i]);
}

/* y (columns, rows) = x (rows, columns) transposed. */
INLINE void transpose(const float *x, ptrdiff_t xs, int rows, int columns, float *y, ptrdiff_t ys) {
    const int even_rows = rows / LANES * LANES, even_columns = columns / LANES * LANES;
    for (int r = 0; r < even_rows; r += LANES)
        for (int c = 0; c < even_columns; c += LANES) transpose_tile(x + r * xs + c, xs, y + c * ys + r, ys);
    for (int r = 0; r < rows; r++)
        for (int c = r < even_rows ? even_columns : 0; c < columns; c++) y[c * ys + r] = x[r * xs + c];
}

#endif
