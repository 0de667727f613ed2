/* Pooling: first down the columns of the window, a row of pixels at a time, then along the row. */
#ifndef SECATEUR_POOL_H
#define SECATEUR_POOL_H
#include "rows.h"
#include "window.h"

INLINE float pool_max(float a, float b) { return (b > a) | (b != b) ? b : a; } /* NaN passes through */

/* The rows kr of the window that lie in the image. */
INLINE void pool_bounds(int at, int size, int kernel, int dilation, int *first, int *last) {
    *first = at < 0 ? (-at + dilation - 1) / dilation : 0;
    *last = at >= size ? 0 : min_i(kernel, (size - at + dilation - 1) / dilation);
}

/* s has room for the row and its padding: `left`, `columns`, and what the last window reaches. */
KERNEL void max_pool(part_t p, const float *x, float *y, float *s, int planes, int pitch, int out_pitch, int width,
                     window_t g) {
    SHARE(planes, lo, hi);
    for (int c = 0; c < width; c++) s[c] = -INFINITY;
    float *row = s + g.left;
    for (ptrdiff_t plane = lo; plane < hi; plane++)
        for (int r = 0; r < g.out_rows; r++) {
            const int top = r * g.stride_rows - g.above;
            int first, last;
            pool_bounds(top, g.rows, g.kernel_rows, g.dilation_rows, &first, &last);
            for (int c = 0; c < g.columns; c++) row[c] = -INFINITY;
            for (int k = first; k < last; k++) {
                const float *from = x + plane * pitch + (ptrdiff_t)(top + k * g.dilation_rows) * g.columns;
                for (int c = 0; c < g.columns; c++) row[c] = pool_max(row[c], from[c]);
            }
            float *to = y + plane * out_pitch + (ptrdiff_t)r * g.out_columns;
            for (int c = 0; c < g.out_columns; c++) {
                const float *from = s + c * g.stride_columns;
                float best = from[0];
                for (int k = 1; k < g.kernel_columns; k++) best = pool_max(best, from[k * g.dilation_columns]);
                to[c] = best;
            }
        }
}

/* Divides by the pixels of the window that lie in the image or, with `padding`, in the image and its padding. */
KERNEL void average_pool(part_t p, const float *x, float *y, float *s, int planes, int pitch, int out_pitch,
                         int width, int padding, int below, int right, window_t g) {
    SHARE(planes, lo, hi);
    for (int c = 0; c < width; c++) s[c] = 0;
    float *row = s + g.left;
    for (ptrdiff_t plane = lo; plane < hi; plane++)
        for (int r = 0; r < g.out_rows; r++) {
            const int top = r * g.stride_rows - g.above;
            int first, last, counted_first, counted_last;
            pool_bounds(top, g.rows, g.kernel_rows, g.dilation_rows, &first, &last);
            counted_first = first, counted_last = last;
            if (padding)
                pool_bounds(top + g.above, g.rows + g.above + below, g.kernel_rows, g.dilation_rows, &counted_first,
                            &counted_last);
            for (int c = 0; c < g.columns; c++) row[c] = 0;
            for (int k = first; k < last; k++) {
                const float *from = x + plane * pitch + (ptrdiff_t)(top + k * g.dilation_rows) * g.columns;
                for (int c = 0; c < g.columns; c++) row[c] += from[c];
            }
            float *to = y + plane * out_pitch + (ptrdiff_t)r * g.out_columns;
            for (int c = 0; c < g.out_columns; c++) {
                const float *from = s + c * g.stride_columns;
                const int side = c * g.stride_columns - (padding ? 0 : g.left);
                int start, end;
                pool_bounds(side, padding ? g.left + g.columns + right : g.columns, g.kernel_columns,
                            g.dilation_columns, &start, &end);
                float sum = 0;
                for (int k = 0; k < g.kernel_columns; k++) sum += from[k * g.dilation_columns];
                to[c] = sum / (float)((counted_last - counted_first) * (end - start));
            }
        }
}

KERNEL void mean_planes(part_t p, const float *x, float *y, int planes, int pixels, int pitch, int out_pitch) {
    SHARE(planes, lo, hi);
    for (ptrdiff_t c = lo; c < hi; c++) y[c * out_pitch] = row_sum(x + c * pitch, pixels, 0) / (float)pixels;
}

KERNEL void max_planes(part_t p, const float *x, float *y, int planes, int pixels, int pitch, int out_pitch) {
    SHARE(planes, lo, hi);
    for (ptrdiff_t c = lo; c < hi; c++) y[c * out_pitch] = row_max(x + c * pitch, pixels);
}

#endif
