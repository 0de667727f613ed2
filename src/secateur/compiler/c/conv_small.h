/* Convolution for processors without vectors: a weight is multiplied with several neighbouring pixels at once.

   Where windows reach beyond the image, it is copied into scratch memory with zeros around it first. So the pixel
   that belongs to a weight lies equally far from each output's own place, and a list of weights needs only the steps
   from one pixel to the next: 16 bits each. */
#ifndef SECATEUR_CONV_SMALL_H
#define SECATEUR_CONV_SMALL_H
#include "activations.h"
#include "window.h"

#define SMALL_TILE 8 /* pixels whose sums are in registers */
#define SMALL_ROWS 4 /* output channels of a dense layer that share a pixel, and pixels that share a weight */

typedef struct {
    window_t window;
    int batch, channels, outputs, groups;
    int rows, columns; /* of the image with its border; as without where there is none */
    activation_t kind;
    float low, high;
} conv_small_t;

INLINE const float *bordered(const conv_small_t *l, const float *x, float *room) {
    const window_t *g = &l->window;
    if (l->rows == g->rows && l->columns == g->columns) return x;
    memset(room, 0, sizeof *room * (size_t)(l->channels * l->rows * l->columns));
    for (int c = 0; c < l->channels; c++)
        for (int r = 0; r < g->rows && r + g->above < l->rows; r++) {
            const int many = min_i(g->columns, l->columns - g->left);
            memcpy(room + ((ptrdiff_t)c * l->rows + r + g->above) * l->columns + g->left,
                   x + ((ptrdiff_t)c * g->rows + r) * g->columns, (size_t)many * sizeof *x);
        }
    return room;
}

/* Sums of `outputs` rows of weights, which lie side by side, for `pixels` neighbours in a row of the image. */
INLINE void small_sums(const int outputs, const int pixels, const int stride, const conv_small_t *l, const float *x,
                       const uint16_t *steps, const float *w, int count, const float *b, const float *added, float *y,
                       int stored) {
    const int plane = l->window.out_rows * l->window.out_columns;
    float sum[SMALL_ROWS][SMALL_TILE];
#pragma GCC unroll 4
    for (int o = 0; o < outputs; o++)
#pragma GCC unroll 8
        for (int j = 0; j < pixels; j++)
            sum[o][j] = o < stored ? (added ? b[o] + added[o * plane + j] : b[o]) : 0;
#pragma GCC unroll 1
    for (int k = 0; k < count; k++, w += outputs) {
        x += steps[k];
#pragma GCC unroll 4
        for (int o = 0; o < outputs; o++)
#pragma GCC unroll 8
            for (int j = 0; j < pixels; j++) sum[o][j] += w[o] * x[j * stride];
    }
#pragma GCC unroll 4
    for (int o = 0; o < outputs; o++)
#pragma GCC unroll 8
        for (int j = 0; j < pixels; j++)
            if (o < stored) y[o * plane + j] = activated(l->kind, sum[o][j], l->low, l->high);
}

/* All pixels of some output channels. */
INLINE void small_plane(const int outputs, const int pixels, const int stride, const conv_small_t *l, const float *x,
                        const uint16_t *steps, const float *w, int count, const float *b, const float *added, float *y,
                        int stored) {
    const window_t *g = &l->window;
    const int whole = g->out_columns - g->out_columns % pixels;
    for (int r = 0; r < g->out_rows; r++, x += (ptrdiff_t)g->stride_rows * l->columns) {
        for (int c = 0; c < whole; c += pixels, y += pixels, added += added ? pixels : 0)
            small_sums(outputs, pixels, stride, l, x + c * stride, steps, w, count, b, added, y, stored);
        for (int c = whole; c < g->out_columns; c++, y++, added += added ? 1 : 0)
            small_sums(outputs, 1, stride, l, x + c * stride, steps, w, count, b, added, y, stored);
    }
}

/* starts[o] to starts[o + 1] are the weights of an output channel, and their steps */
KERNEL void conv_small_sparse(part_t p, const conv_small_t *l, const float *x, const uint32_t *starts,
                              const uint16_t *steps, const float *w, const float *b, const float *added, float *y,
                              float *room) {
    const window_t *g = &l->window;
    const ptrdiff_t pixels = (ptrdiff_t)g->out_rows * g->out_columns, inside = l->channels / l->groups;
    const int each = l->outputs / l->groups;
    SHARE(l->outputs, lo, hi);
    for (int n = 0; n < l->batch; n++, x += (ptrdiff_t)l->channels * g->rows * g->columns) {
        const float *image = bordered(l, x, room);
        for (ptrdiff_t o = lo; o < hi; o++) {
            const float *from = image + o / each * inside * l->rows * l->columns;
            const ptrdiff_t to = (n * l->outputs + o) * pixels;
            const int count = (int)(starts[o + 1] - starts[o]);
            const uint16_t *s = steps + starts[o];
            if (g->stride_columns == 1)
                small_plane(1, SMALL_TILE, 1, l, from, s, w + starts[o], count, b + o, added ? added + to : NULL, y + to, 1);
            else
                small_plane(1, SMALL_TILE, g->stride_columns, l, from, s, w + starts[o], count, b + o,
                            added ? added + to : NULL, y + to, 1);
        }
    }
}

/* w (outputs / SMALL_ROWS, weights of one output, SMALL_ROWS); all outputs have the same steps */
KERNEL void conv_small_dense(part_t p, const conv_small_t *l, const float *x, const uint16_t *steps, int count,
                             const float *w, const float *b, const float *added, float *y, float *room) {
    const window_t *g = &l->window;
    const ptrdiff_t pixels = (ptrdiff_t)g->out_rows * g->out_columns, inside = l->channels / l->groups;
    const int each = l->outputs / l->groups;
    SHARE((l->outputs + SMALL_ROWS - 1) / SMALL_ROWS, lo, hi);
    for (int n = 0; n < l->batch; n++, x += (ptrdiff_t)l->channels * g->rows * g->columns) {
        const float *image = bordered(l, x, room);
        for (ptrdiff_t block = lo; block < hi; block++) {
            const ptrdiff_t o = block * SMALL_ROWS, to = (n * l->outputs + o) * pixels;
            const float *from = image + o / each * inside * l->rows * l->columns;
            small_plane(SMALL_ROWS, SMALL_ROWS, g->stride_columns, l, from, steps, w + o * count, count, b + o,
                        added ? added + to : NULL, y + to, min_i(SMALL_ROWS, l->outputs - (int)o));
        }
    }
}

#endif
