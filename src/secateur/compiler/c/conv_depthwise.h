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

#define DEPTHWISE_ROWS 4 /* that are summed at once where the C compiler does not know the kernel */
#define MOST_SQUARE 5    /* rows of a square kernel that it knows */

/* One row of pixels under the kernel's row of that number, and under its earlier ones for the outputs below. */
INLINE void square_taps(const int kernel, const int stride, const int row, const float *x, ptrdiff_t wide,
                        const vec *w, vec *sum) {
    UNROLLED for (int c = 0; c < kernel; c++) {
        const vec at = loaded(x + c % stride * wide + c / stride);
        UNROLLED for (int r = 0; r * stride <= row; r++) sum[r] += w[(row - r * stride) * kernel + c] * at;
    }
}

/* A square kernel over one vector of columns, from top to bottom. Each row of pixels is loaded once, for all outputs
   that see it, of which few are open at a time: the weights of a small kernel stay in registers. A vector beyond a
   row is written over the start of the next one, which comes later. */
INLINE void square_columns(const int kernel, const int stride, const depthwise_t *l, const float *x, const float *w,
                           float b, const float *added, float *y) {
    const ptrdiff_t wide = l->panel.padded_columns, columns = l->panel.window.out_columns;
    const vec low = splat(l->low), high = splat(l->high);
    const activation_t kind = l->kind;
    vec weight[MOST_SQUARE * MOST_SQUARE], sum[MOST_SQUARE];
    UNROLLED for (int k = 0; k < kernel * kernel; k++) weight[k] = splat(w[k]);
    UNROLLED for (int r = 0; r < kernel; r++) sum[r] = splat(b);
    UNROLLED for (int row = 0; row < kernel - stride; row++, x += wide * stride)
        square_taps(kernel, stride, row, x, wide, weight, sum);
    ROLLED for (int r = l->panel.window.out_rows; r > 0; r--, y += columns) {
        UNROLLED for (int row = kernel - stride; row < kernel; row++, x += wide * stride)
            square_taps(kernel, stride, row, x, wide, weight, sum);
        if (added) sum[0] += load(added), added += columns;
        if (kind != none) sum[0] = at_least(low, sum[0]);
        if (kind == clip) sum[0] = at_most(high, sum[0]);
        store(y, sum[0]);
        UNROLLED for (int next = 1; next < kernel; next++) sum[next - 1] = sum[next];
        sum[kernel - 1] = splat(b);
    }
}

/* One vector of outputs, where `left` floats are left in the plane, which may be fewer than it has. */
INLINE void depthwise_end(const depthwise_t *l, vec sum, const float *added, float *y, ptrdiff_t left) {
    const int whole = left >= LANES;
    float some[LANES] = {0};
    if (added) sum += load(whole ? added : memcpy(some, added, sizeof *y * (size_t)left));
    if (l->kind != none) sum = bounded(l->kind, sum, l->low, l->high);
    store(whole ? y : some, sum);
    if (!whole) memcpy(y, some, sizeof *y * (size_t)left);
}

/* A few rows of outputs, over any kernel. */
INLINE void any_rows(const int rows, const depthwise_t *l, const float *x, const float *w, float b, const float *added,
                     float *y, ptrdiff_t left) {
    const ptrdiff_t columns = l->panel.window.out_columns;
    vec sum[DEPTHWISE_ROWS];
    UNROLLED for (int r = 0; r < rows; r++) sum[r] = splat(b);
    for (int k = 0; k < l->taps; k++) {
        const vec one = splat(w[k]);
        UNROLLED for (int r = 0; r < rows; r++) sum[r] += one * load(x + (ptrdiff_t)r * l->step + l->at[k]);
    }
    UNROLLED for (int r = 0; r < rows; r++)
        depthwise_end(l, sum[r], added ? added + r * columns : NULL, y + r * columns, left - r * columns);
}

INLINE void any_columns(const depthwise_t *l, const float *x, const float *w, float b, const float *added, float *y,
                        ptrdiff_t left) {
    const ptrdiff_t columns = l->panel.window.out_columns;
    for (int rows = l->panel.window.out_rows, some; rows > 0; rows -= some) {
        some = rows >= DEPTHWISE_ROWS ? DEPTHWISE_ROWS : 1;
        if (some == 1)
            any_rows(1, l, x, w, b, added, y, left);
        else
            any_rows(DEPTHWISE_ROWS, l, x, w, b, added, y, left);
        x += some * l->step, y += some * columns, left -= some * columns;
        if (added) added += some * columns;
    }
}

/* The last vector of a row that is longer than one ends where the row does. */
INLINE void depthwise_plane(const int kernel, const int stride, const depthwise_t *l, const float *x, const float *w,
                            float b, const float *added, float *y) {
    const int rows = l->panel.window.out_rows, columns = l->panel.window.out_columns;
    const int last = max_i(0, columns - LANES);
    const ptrdiff_t room = added ? (ptrdiff_t)rows * columns : l->y_plane;
    const int whole = (ptrdiff_t)(rows - 1) * columns + last + LANES <= room;
    for (int v = 0; v < columns; v += LANES) {
        const int at = min_i(v, last);
        if (kernel && whole)
            square_columns(kernel, stride, l, x + at, w, b, added ? added + at : NULL, y + at);
        else
            any_columns(l, x + at, w, b, added ? added + at : NULL, y + at, room - at);
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
