/* One step of a recurrent layer behind its products, of this thread's units. x holds the gates' sums of the input, u
   those of the state h; both as rows of the batch, whose steps are x_row and gates * hidden. */
#ifndef SECATEUR_RECURRENT_H
#define SECATEUR_RECURRENT_H
#include "exp.h"

/* lo and hi of this thread's share of the hidden units: lines of the cache that no other thread writes. */
#define SHARE_UNITS(lo, hi)                          \
    SHARE((hidden + 15) / 16, first_line, end_line); \
    const int lo = 16 * (int)first_line, hi = min_i(16 * (int)end_line, hidden)

/* Gates z, r, n; the state's part of n is reset behind its product. */
KERNEL void gru_step(part_t p, const float *x, ptrdiff_t x_row, const float *u, float *h, int batch, int hidden) {
    SHARE_UNITS(lo, hi);
    for (int b = 0; b < batch; b++, x += x_row, u += 3 * hidden, h += hidden)
        INDEPENDENT
        for (int i = lo; i < hi; i++) {
            const float z = sigmoid_f(x[i] + u[i]), r = sigmoid_f(x[hidden + i] + u[hidden + i]);
            const float n = tanh_f(x[2 * hidden + i] + r * u[2 * hidden + i]);
            h[i] = (1.0f - z) * n + z * h[i];
        }
}

/* Gates z and r; u becomes z, and reset the part of the state that goes into the product for n. */
KERNEL void gru_reset(part_t p, const float *x, ptrdiff_t x_row, float *u, const float *h, float *reset, int batch,
                      int hidden) {
    SHARE_UNITS(lo, hi);
    for (int b = 0; b < batch; b++, x += x_row, u += 2 * hidden, h += hidden, reset += hidden)
        INDEPENDENT
        for (int i = lo; i < hi; i++) {
            reset[i] = sigmoid_f(x[hidden + i] + u[hidden + i]) * h[i];
            u[i] = sigmoid_f(x[i] + u[i]);
        }
}

/* z from gru_reset, and n, the sums of the reset state. */
KERNEL void gru_update(part_t p, const float *x, ptrdiff_t x_row, const float *z, const float *n, float *h, int batch,
                       int hidden) {
    SHARE_UNITS(lo, hi);
    for (int b = 0; b < batch; b++, x += x_row, z += 2 * hidden, n += hidden, h += hidden)
        INDEPENDENT
        for (int i = lo; i < hi; i++)
            h[i] = (1.0f - z[i]) * tanh_f(x[2 * hidden + i] + n[i]) + z[i] * h[i];
}

/* Gates i, o, f, g; c is the cell. */
KERNEL void lstm_step(part_t p, const float *x, ptrdiff_t x_row, const float *u, float *h, float *c, int batch,
                      int hidden) {
    SHARE_UNITS(lo, hi);
    for (int b = 0; b < batch; b++, x += x_row, u += 4 * hidden, h += hidden, c += hidden)
        INDEPENDENT
        for (int i = lo; i < hi; i++) {
            const float in = sigmoid_f(x[i] + u[i]), out = sigmoid_f(x[hidden + i] + u[hidden + i]);
            const float kept = sigmoid_f(x[2 * hidden + i] + u[2 * hidden + i]);
            c[i] = kept * c[i] + in * tanh_f(x[3 * hidden + i] + u[3 * hidden + i]);
            h[i] = out * tanh_f(c[i]);
        }
}

KERNEL void rnn_step_tanh(part_t p, const float *x, ptrdiff_t x_row, const float *u, float *h, int batch, int hidden) {
    SHARE_UNITS(lo, hi);
    for (int b = 0; b < batch; b++, x += x_row, u += hidden, h += hidden)
        INDEPENDENT
        for (int i = lo; i < hi; i++) h[i] = tanh_f(x[i] + u[i]);
}

KERNEL void rnn_step_relu(part_t p, const float *x, ptrdiff_t x_row, const float *u, float *h, int batch, int hidden) {
    SHARE_UNITS(lo, hi);
    for (int b = 0; b < batch; b++, x += x_row, u += hidden, h += hidden)
        INDEPENDENT
        for (int i = lo; i < hi; i++) h[i] = relu_f(x[i] + u[i]);
}

#endif
