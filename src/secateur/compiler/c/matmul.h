/* Products of matrices. */
#ifndef SECATEUR_MATMUL_H
#define SECATEUR_MATMUL_H
#include "activations.h"

/* Elements from one row of a matrix to the next, and from one column to the next. */
typedef struct {
    ptrdiff_t row, column;
} steps_t;

/* y (rows, columns) = alpha * a (rows, inner) * b (inner, columns) + beta * c: the plain form, which the others
   must equal. c may be NULL. */
KERNEL void matmul_reference(part_t p, const float *a, steps_t as, const float *b, steps_t bs, const float *c,
                             steps_t cs, float *y, int rows, int columns, int inner, float alpha, float beta,
                             activation_t kind, float low, float high) {
    SHARE((ptrdiff_t)rows * columns, lo, hi);
    for (ptrdiff_t i = lo; i < hi; i++) {
        const ptrdiff_t row = i / columns, column = i % columns;
        const float *as_row = a + row * as.row, *bs_column = b + column * bs.column;
        float sum = 0;
        for (int k = 0; k < inner; k++) sum += as_row[k * as.column] * bs_column[k * bs.row];
        sum *= alpha;
        if (c) sum += beta * c[row * cs.row + column * cs.column];
        y[i] = activated(kind, sum, low, high);
    }
}

#endif
