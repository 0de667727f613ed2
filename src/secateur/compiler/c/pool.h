/* Pooling. Sums are kept in several accumulators, so that rounding does not grow with the image. */
#include "base.h"

KERNEL void mean_planes(part_t p, const float *x, float *y, int channels, int pixels, int pitch, int out_pitch) {
    SHARE(channels, lo, hi);
    for (ptrdiff_t c = lo; c < hi; c++) {
        float sums[8] = {0};
        for (int i = 0; i < pixels; i++) sums[i & 7] += x[c * pitch + i];
        float total = ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
        y[c * out_pitch] = total / (float)pixels;
    }
}
