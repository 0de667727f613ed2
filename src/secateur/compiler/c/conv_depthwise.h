/* Convolution of each channel by itself. A plane is copied between its padding, so that nothing has an edge; outputs
   are then summed along whole rows of the padded plane, and the columns of the padding are left out. */
#ifndef SECATEUR_CONV_DEPTHWISE_H
#define SECATEUR_CONV_DEPTHWISE_H
#include "panel.h"
#include "sums.h"

typedef struct {
    panel_t panel; /* of one tile that is the whole plane */
    int batch, channels, outputs;
    int x_plane, added_plane, y_plane;
    int lines, length, step; /* stretches of sums, and from one to the next in the padded plane */
    int taps;
    const int *at; /* of each weight of the kernel, in the padded plane */
    activation_t kind;
    float low, high;
} depthwise_t;

/* Vectors of outputs, all weights of the kernel. */
INLINE void depthwise_sums(const int vectors, const int taps, const depthwise_t *l, const float *x, const float *w,
                           float b, float *y) {
    vec sum[4];
    UNROLLED for (int v = 0; v < vectors; v++) sum[v] = splat(b);
    UNROLLED for (int k = 0; k < taps; k++) {
        const vec one = splat(w[k]);
        UNROLLED for (int v = 0; v < vectors; v++) sum[v] += one * load(x + l->at[k] + v * LANES);
    }
    if (!l->added_plane && l->kind != none) {
        UNROLLED for (int v = 0; v < vectors; v++) sum[v] = bounded(l->kind, sum[v], l->low, l->high);
    }
    UNROLLED for (int v = 0; v < vectors; v++) store(y + v * LANES, sum[v]);
}

INLINE void depthwise_plane(const depthwise_t *l, const int taps, const float *x, const float *w, float b, float *y) {
    for (int line = 0; line < l->lines; line++, x += l->step, y += l->length) {
        int i = 0;
        for (; i + 2 * LANES < l->length; i += 4 * LANES) depthwise_sums(4, taps, l, x + i, w, b, y + i);
        for (; i < l->length; i += LANES) depthwise_sums(1, taps, l, x + i, w, b, y + i);
    }
}

/* Rows of sums to the output, without the columns between. */
KERNEL void depthwise_end(const depthwise_t *l, const float *sums, const float *added, float *y) {
    const int columns = l->panel.window.out_columns;
    for (int r = 0; r < l->panel.window.out_rows; r++, sums += l->panel.padded_columns, y += columns) {
        if (added) {
            for (int c = 0; c < columns; c++) y[c] = activated(l->kind, sums[c] + added[c], l->low, l->high);
            added += columns;
        } else {
            copy_row(sums, y, columns, (ptrdiff_t)(l->panel.window.out_rows - r) * columns);
        }
    }
}

/* s: the sums, then the padded plane. */
KERNEL void conv_depthwise(part_t p, const depthwise_t *l, const float *x, const float *w, const float *b,
                           const float *added, float *y, char *s) {
    const int each = l->outputs / l->channels;
    const float *end = x + (ptrdiff_t)l->batch * l->channels * l->x_plane;
    float *sums = (float *)s, *padded = sums + (ptrdiff_t)l->lines * l->length + 4 * LANES;
    SHARE((ptrdiff_t)l->batch * l->channels, lo, hi);
    clear_padding(&l->panel, padded);
    for (ptrdiff_t plane = lo; plane < hi; plane++) {
        pad_channel(&l->panel, x + plane * l->x_plane, end, 0, 0, padded);
        for (int i = 0; i < each; i++) {
            const ptrdiff_t out = plane * each + i, o = plane % l->channels * each + i;
            const float *weights = w + o * l->taps;
            if (l->taps == 9)
                depthwise_plane(l, 9, padded, weights, b[o], sums);
            else if (l->taps == 25)
                depthwise_plane(l, 25, padded, weights, b[o], sums);
            else
                depthwise_plane(l, l->taps, padded, weights, b[o], sums);
            depthwise_end(l, sums, added ? added + out * l->added_plane : NULL, y + out * l->y_plane);
        }
    }
}

#endif
