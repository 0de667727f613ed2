/* Normalization: mean 0 and variance 1, or a mean square of 1. */
#ifndef SECATEUR_NORM_H
#define SECATEUR_NORM_H
#include "rows.h"

/* Each row of n; scale and bias are one for each element, or NULL; so are mean and inverse, which are answers. */
KERNEL void normalize_rows(part_t p, const float *x, const float *scale, const float *bias, float *y, float *mean,
                           float *inverse, int rows, int n, int centered, float epsilon) {
    SHARE(rows, lo, hi);
    for (ptrdiff_t r = lo; r < hi; r++) {
        const float *from = x + r * n;
        float *to = y + r * n;
        const float middle = centered ? row_sum(from, n, 0) / (float)n : 0;
        const float factor = 1.0f / sqrtf(row_sum_of_squares(from, n, middle) / (float)n + epsilon);
        if (mean) mean[r] = middle;
        if (inverse) inverse[r] = factor;
        if (bias)
            for (int i = 0; i < n; i++) to[i] = (from[i] - middle) * factor * scale[i] + bias[i];
        else
            for (int i = 0; i < n; i++) to[i] = (from[i] - middle) * factor * scale[i];
    }
}

/* Groups of `inside` planes of an image; scale and bias are one for each plane. */
KERNEL void normalize_groups(part_t p, const float *x, const float *scale, const float *bias, float *y, int images,
                             int groups, int inside, int pixels, float epsilon) {
    SHARE(images * groups, lo, hi);
    const ptrdiff_t n = (ptrdiff_t)inside * pixels;
    for (ptrdiff_t g = lo; g < hi; g++) {
        const float middle = row_sum(x + g * n, n, 0) / (float)n;
        const float factor = 1.0f / sqrtf(row_sum_of_squares(x + g * n, n, middle) / (float)n + epsilon);
        for (int plane = 0; plane < inside; plane++) {
            const ptrdiff_t c = g % groups * inside + plane, start = g * n + (ptrdiff_t)plane * pixels;
            const float a = factor * scale[c];
            for (int i = 0; i < pixels; i++) y[start + i] = (x[start + i] - middle) * a + bias[c];
        }
    }
}

/* Divides by a power of the squares in `size` neighbouring channels. */
KERNEL void normalize_channels(part_t p, const float *x, float *y, int images, int channels, int pixels, int size,
                               float alpha, float beta, float offset) {
    SHARE(images * channels, lo, hi);
    for (ptrdiff_t plane = lo; plane < hi; plane++) {
        const int c = (int)(plane % channels);
        const int first = max_i(0, c - (size - 1) / 2), last = min_i(channels - 1, c + size / 2);
        const float *near = x + (plane - c) * pixels;
        for (int i = 0; i < pixels; i++) {
            float sum = 0;
            for (ptrdiff_t k = first; k <= last; k++) sum += near[k * pixels + i] * near[k * pixels + i];
            y[plane * pixels + i] = x[plane * pixels + i] * powf(offset + alpha / (float)size * sum, -beta);
        }
    }
}

#endif
