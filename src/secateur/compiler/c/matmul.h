/* Products of matrices. */
#include "activations.h"

/* y (rows, outputs) = x (rows, inputs) * w (outputs, inputs)^T + b: the plain form, which the others must equal. */
KERNEL void matmul_reference(part_t p, const float *x, const float *w, const float *b, float *y, int rows,
                             int inputs, int outputs, activation_t kind, float low, float high) {
    SHARE(rows * outputs, lo, hi);
    for (ptrdiff_t i = lo; i < hi; i++) {
        const float *xs = x + i / outputs * inputs, *ws = w + i % outputs * inputs;
        float sum = b[i % outputs];
        for (int k = 0; k < inputs; k++) sum += xs[k] * ws[k];
        y[i] = activated(kind, sum, low, high);
    }
}
