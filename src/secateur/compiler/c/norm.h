/* Normalization: mean 0 and variance 1, or a mean square of 1. */
#ifndef SECATEUR_NORM_H
#define SECATEUR_NORM_H
#include "rows.h"

/* Each row of n; scale and bias are one for each element, bias or NULL; so are mean and inverse, which are answers. */
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

/* Each plane of an image; scale and bias are one for each channel. */
KERNEL void normalize_planes(part_t p, const float *x, const float *scale, const float *bias, float *y, int images,
                             int channels, int pixels, float epsilon) {
    SHARE(images * channels, lo, hi);
    for (ptrdiff_t plane = lo; plane < hi; plane++) {
        const float *from = x + plane * pixels;
        float *to = y + plane * pixels;
        const float middle = row_sum(from, pixels, 0) / (float)pixels;
        const float variance = row_sum_of_squares(from, pixels, middle) / (float)pixels;
        const float factor = scale[plane % channels] / sqrtf(variance + epsilon), offset = bias[plane % channels];
        for (int i = 0; i < pixels; i++) to[i] = (from[i] - middle) * factor + offset;
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
