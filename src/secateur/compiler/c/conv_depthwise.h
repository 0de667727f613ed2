/* Convolution of each channel by itself. A few planes at a time are copied between their padding, so that nothing has
   an edge, and what was just stored has arrived when it is loaded. */
#ifndef SECATEUR_CONV_DEPTHWISE_H
#define SECATEUR_CONV_DEPTHWISE_H
#include "panel.h"
#include "sums.h"

typedef struct {
    panel_t panel; /* of one tile that is the whole plane */
    int batch, channels, outputs;
    int x_plane, added_plane, y_plane;
    int together, room; /* planes that are padded at once, and floats for each */
    int step;           /* from one row of outputs to the next in the padded plane */
    int taps;
    const int *at; /* of each weight of the kernel, in the padded plane */
    activation_t kind;
    float low, high;
} depthwise_t;

#define DEPTHWISE_ROWS (MOST_SUMS >= 28 ? 7 : 4) /* that are summed at once */

/* Sums over a square kernel: each vector of pixels is loaded once for all rows of outputs that see it. */
INLINE void square_sums(const int rows, const int kernel, const int stride, const depthwise_t *l, const float *x,
                        const float *w, vec *sum) {
    const ptrdiff_t wide = l->panel.padded_columns;
    UNROLLED for (int i = 0; i < (rows - 1) * stride + kernel; i++)
        UNROLLED for (int c = 0; c < kernel; c++) {
            const vec at = load(x + (i * stride + c % stride) * wide + c / stride);
            UNROLLED for (int r = 0; r < rows; r++)
                if (i >= r * stride && i < r * stride + kernel) sum[r] += splat(w[(i - r * stride) * kernel + c]) * at;
        }
}

/* Over any other kernel. */
INLINE void any_sums(const int rows, const depthwise_t *l, const float *x, const float *w, vec *sum) {
    for (int k = 0; k < l->taps; k++) {
        const vec one = splat(w[k]);
        UNROLLED for (int r = 0; r < rows; r++) sum[r] += one * load(x + (ptrdiff_t)r * l->step + l->at[k]);
    }
}

/* One vector of outputs. Beyond a row it writes over the start of the next one, which comes later. */
INLINE void depthwise_end(const depthwise_t *l, vec sum, const float *added, float *y) {
    if (added) sum += load(added);
    if (l->kind != none) sum = bounded(l->kind, sum, l->low, l->high);
    store(y, sum);
}

/* The same, where only `left` floats are left in the plane, which may be fewer than a vector has. */
INLINE void depthwise_last(const depthwise_t *l, vec sum, const float *added, float *y, ptrdiff_t left) {
    float some[LANES] = {0}, more[LANES] = {0};
    const size_t bytes = sizeof *y * (size_t)(left < LANES ? left : LANES);
    if (added) memcpy(more, added, bytes);
    depthwise_end(l, sum, added ? more : NULL, some);
    memcpy(y, some, bytes);
}

/* Rows of outputs; the last vector of a row that is longer than one ends where the row does. `left` floats are left
   in the plane. */
INLINE void depthwise_rows(const int rows, const int kernel, const int stride, const depthwise_t *l, const float *x,
                           const float *w, float b, const float *added, float *y, ptrdiff_t left) {
    const int columns = l->panel.window.out_columns, last = max_i(0, columns - LANES);
    for (int v = 0; v < (columns + LANES - 1) / LANES; v++) {
        vec sum[DEPTHWISE_ROWS];
        ptrdiff_t place = min_i(v * LANES, last);
        UNROLLED for (int r = 0; r < rows; r++) sum[r] = splat(b);
        if (kernel)
            square_sums(rows, kernel, stride, l, x + place, w, sum);
        else
            any_sums(rows, l, x + place, w, sum);
        if (left - place - (rows - 1) * columns >= LANES)
            UNROLLED for (int r = 0; r < rows; r++, place += columns)
                depthwise_end(l, sum[r], added ? added + place : NULL, y + place);
        else
            for (int r = 0; r < rows; r++, place += columns)
                depthwise_last(l, sum[r], added ? added + place : NULL, y + place, left - place);
    }
}

INLINE void depthwise_plane(const int kernel, const int stride, const depthwise_t *l, const float *x, const float *w,
                            float b, const float *added, float *y) {
    const ptrdiff_t columns = l->panel.window.out_columns;
    ptrdiff_t left = added ? columns * l->panel.window.out_rows : l->y_plane;
    for (int rows = l->panel.window.out_rows, some; rows > 0; rows -= some) {
        some = rows >= DEPTHWISE_ROWS ? DEPTHWISE_ROWS : 1;
        if (some == 1)
            depthwise_rows(1, kernel, stride, l, x, w, b, added, y, left);
        else
            depthwise_rows(DEPTHWISE_ROWS, kernel, stride, l, x, w, b, added, y, left);
        x += some * l->step, y += some * columns, left -= some * columns;
        if (added) added += some * columns;
    }
}

/* The kernels that are common are known to the C compiler. */
KERNEL void depthwise_output(const depthwise_t *l, const float *x, const float *w, float b, const float *added,
                             float *y) {
    const window_t *g = &l->panel.window;
    const int even = g->kernel_rows == g->kernel_columns && g->stride_rows == g->stride_columns &&
                     g->dilation_rows == 1 && g->dilation_columns == 1;
    const int kind = even && g->stride_rows <= 2 ? 2 * g->kernel_rows + g->stride_rows : 0;
    if (kind == 7)
        depthwise_plane(3, 1, l, x, w, b, added, y);
    else if (kind == 8)
        depthwise_plane(3, 2, l, x, w, b, added, y);
    else if (kind == 11)
        depthwise_plane(5, 1, l, x, w, b, added, y);
    else if (kind == 12)
        depthwise_plane(5, 2, l, x, w, b, added, y);
    else
        depthwise_plane(0, 0, l, x, w, b, added, y);
}

/* s: the padded planes. y may be where x is, whose planes are copied before they are written; `added` may not. */
KERNEL void conv_depthwise(part_t p, const depthwise_t *l, const float *x, const float *w, const float *b,
                           const float *added, float *y, char *s) {
    const int each = l->outputs / l->channels;
    const float *end = x + (ptrdiff_t)l->batch * l->channels * l->x_plane;
    float *padded = padded_start(&l->panel, (float *)(void *)s);
    SHARE((ptrdiff_t)l->batch * l->channels, lo, hi);
    for (int i = 0; i < l->together; i++) clear_padding(&l->panel, padded + (ptrdiff_t)i * l->room);
    for (ptrdiff_t first = lo; first < hi; first += l->together) {
        const ptrdiff_t many = hi - first < l->together ? hi - first : l->together;
        for (ptrdiff_t i = 0; i < many; i++)
            pad_channel(&l->panel, x + (first + i) * l->x_plane, end, 0, 0, padded + i * l->room);
        for (ptrdiff_t i = 0; i < many * each; i++) {
            const ptrdiff_t out = first * each + i, o = out % l->outputs;
            depthwise_output(l, padded + i / each * l->room, w + o * l->taps, b[o],
                             added ? added + out * l->added_plane : NULL, y + out * l->y_plane);
        }
    }
}

#endif
