/* Images read at computed places. */
#ifndef SECATEUR_GRID_SAMPLE_H
#define SECATEUR_GRID_SAMPLE_H
#include "base.h"

enum { GRID_LINEAR, GRID_NEAREST, GRID_CUBIC };
enum { OUTSIDE_ZEROS, OUTSIDE_BORDER, OUTSIDE_REFLECTION };

/* -1 to 1 from end to end, to pixels; what is NaN or far away is far outside. */
INLINE float grid_pixel(float at, int size, int corners) {
    const float v = corners ? (at + 1) * 0.5f * (float)(size - 1) : ((at + 1) * (float)size - 1) * 0.5f;
    return v > -1e8f ? v < 1e8f ? v : 1e8f : -1e8f;
}

INLINE float grid_reflected(float v, int size, int corners) {
    const float low = corners ? 0 : -0.5f, range = (float)(corners ? size - 1 : size);
    if (range <= 0) return 0;
    const float r = fmodf(fabsf(v - low), 2 * range);
    return low + (r > range ? 2 * range - r : r);
}

/* A place inside; of zeros, any. */
INLINE float grid_inside(float v, int size, int outside, int corners) {
    if (outside == OUTSIDE_REFLECTION) v = grid_reflected(v, size, corners);
    return outside == OUTSIDE_ZEROS ? v : clip_f(v, 0, (float)(size - 1));
}

/* Neighbours of a place along one axis, and their weights; at[k] is -1 where there is only 0. */
INLINE void grid_taps(float place, int size, int mode, int outside, int corners, int taps, int *at, float *w) {
    const float v = grid_pixel(place, size, corners);
    const float inside = mode == GRID_CUBIC ? v : grid_inside(v, size, outside, corners);
    const float base = mode == GRID_NEAREST ? nearbyintf(inside) : floorf(inside), t = inside - base;
    if (mode == GRID_NEAREST) {
        w[0] = 1;
    } else if (mode == GRID_LINEAR) {
        w[0] = 1 - t, w[1] = t;
    } else { /* Keys' cubic with -0.75 */
        const float a = -0.75f, u = 1 - t, f = 1 + t, b = 2 - t;
        w[0] = ((a * f - 5 * a) * f + 8 * a) * f - 4 * a, w[1] = ((a + 2) * t - (a + 3)) * t * t + 1;
        w[2] = ((a + 2) * u - (a + 3)) * u * u + 1, w[3] = ((a * b - 5 * a) * b + 8 * a) * b - 4 * a;
    }
    for (int k = 0; k < taps; k++) {
        const float pixel = grid_inside(base + (float)(mode == GRID_CUBIC ? k - 1 : k), size, outside, corners);
        at[k] = pixel < 0 || pixel > (float)(size - 1) ? -1 : (int)nearbyintf(pixel);
    }
}

KERNEL void grid_sample(part_t p, const float *x, const float *grid, float *y, int batch, int channels, int rows,
                        int columns, int points, int mode, int outside, int corners) {
    const int taps = mode == GRID_CUBIC ? 4 : mode == GRID_LINEAR ? 2 : 1;
    SHARE((ptrdiff_t)batch * points, lo, hi);
    for (ptrdiff_t i = lo; i < hi; i++) {
        int column[4], row[4];
        float across[4], down[4];
        grid_taps(grid[2 * i], columns, mode, outside, corners, taps, column, across);
        grid_taps(grid[2 * i + 1], rows, mode, outside, corners, taps, row, down);
        const ptrdiff_t n = i / points, point = i % points;
        for (int c = 0; c < channels; c++) {
            const float *plane = x + (n * channels + c) * rows * columns;
            float sum = 0;
            for (int r = 0; r < taps; r++)
                for (int k = 0; k < taps; k++)
                    if (row[r] >= 0 && column[k] >= 0)
                        sum += down[r] * across[k] * plane[(ptrdiff_t)row[r] * columns + column[k]];
            y[(n * channels + c) * points + point] = sum;
        }
    }
}

#endif
