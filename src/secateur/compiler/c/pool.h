/* Pooling: first down the columns of the window, a row of pixels at a time, then along the row. */
#ifndef SECATEUR_POOL_H
#define SECATEUR_POOL_H
#include "rows.h"
#include "window.h"

typedef enum { pool_max, pool_sum } pool_t;

INLINE float pooled(pool_t kind, float a, float b) {
    return kind == pool_sum ? a + b : (b > a) | (b != b) ? b : a; /* NaN passes through */
}

/* The first and behind the last tap of a window that lie in the image. */
INLINE void pool_bounds(int at, int size, int kernel, int dilation, int *first, int *last) {
    *first = at < 0 ? (-at + dilation - 1) / dilation : 0;
    *last = at >= size ? 0 : min_i(kernel, (size - at + dilation - 1) / dilation);
}

/* Along a row; the strides that are common are known to the C compiler. */
INLINE void pool_along(pool_t kind, const float *x, float *y, int n, int stride, int kernel, int dilation) {
    if (kernel == 3 && dilation == 1) { /* all at once */
        INDEPENDENT for (int c = 0; c < n; c++)
            y[c] = pooled(kind, pooled(kind, x[c * stride], x[c * stride + 1]), x[c * stride + 2]);
        return;
    }
    for (int c = 0; c < n; c++) y[c] = x[c * stride];
    for (int k = 1; k < kernel; k++)
        for (int c = 0; c < n; c++) y[c] = pooled(kind, y[c], x[c * stride + k * dilation]);
}

/* One row of the answer; s is the row of the image with its padding. */
INLINE void pool_row(pool_t kind, const float *plane, float *s, float *y, int r, window_t g) {
    const float nothing = kind == pool_sum ? 0 : -INFINITY;
    const int top = r * g.stride_rows - g.above;
    float *row = s + g.left;
    int first, last;
    pool_bounds(top, g.rows, g.kernel_rows, g.dilation_rows, &first, &last);
    const ptrdiff_t step = (ptrdiff_t)g.dilation_rows * g.columns;
    const float *from = plane + (ptrdiff_t)top * g.columns + first * step;
    if (last - first == 3) { /* all at once */
        INDEPENDENT for (int c = 0; c < g.columns; c++)
            row[c] = pooled(kind, pooled(kind, from[c], from[c + step]), from[c + 2 * step]);
    } else {
        for (int c = 0; c < g.columns; c++) row[c] = first < last ? from[c] : nothing;
        for (int k = first + 1; k < last; k++)
            INDEPENDENT for (int c = 0; c < g.columns; c++) row[c] = pooled(kind, row[c], from[c + (k - first) * step]);
    }
    if (g.stride_columns == 1)
        pool_along(kind, s, y, g.out_columns, 1, g.kernel_columns, g.dilation_columns);
    else if (g.stride_columns == 2)
        pool_along(kind, s, y, g.out_columns, 2, g.kernel_columns, g.dilation_columns);
    else
        pool_along(kind, s, y, g.out_columns, g.stride_columns, g.kernel_columns, g.dilation_columns);
}

/* s has room for a row and its padding: `width`. */
KERNEL void max_pool(part_t p, const float *x, float *y, float *s, int planes, int pitch, int out_pitch, int width,
                     window_t g) {
    SHARE(planes, lo, hi);
    for (int c = 0; c < width; c++) s[c] = -INFINITY;
    for (ptrdiff_t plane = lo; plane < hi; plane++)
        for (int r = 0; r < g.out_rows; r++)
            pool_row(pool_max, x + plane * pitch, s, y + plane * out_pitch + (ptrdiff_t)r * g.out_columns, r, g);
}

/* Divides by the pixels of the window that lie in the image or, with `padding`, in the image and its padding;
   s has room for those of each column, too. */
KERNEL void average_pool(part_t p, const float *x, float *y, float *s, int planes, int pitch, int out_pitch,
                         int width, int padding, int below, int right, window_t g) {
    SHARE(planes, lo, hi);
    const int above = padding ? g.above : 0, left = padding ? g.left : 0;
    const int rows = padding ? g.above + g.rows + below : g.rows;
    const int columns = padding ? g.left + g.columns + right : g.columns;
    float *counts = s + width;
    int first, last;
    for (int c = 0; c < width; c++) s[c] = 0;
    for (int c = 0; c < g.out_columns; c++) {
        pool_bounds(c * g.stride_columns - g.left + left, columns, g.kernel_columns, g.dilation_columns, &first, &last);
        counts[c] = (float)(last - first);
    }
    for (ptrdiff_t plane = lo; plane < hi; plane++)
        for (int r = 0; r < g.out_rows; r++) {
            float *to = y + plane * out_pitch + (ptrdiff_t)r * g.out_columns;
            pool_row(pool_sum, x + plane * pitch, s, to, r, g);
            pool_bounds(r * g.stride_rows - g.above + above, rows, g.kernel_rows, g.dilation_rows, &first, &last);
            for (int c = 0; c < g.out_columns; c++) to[c] /= (float)(last - first) * counts[c];
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
