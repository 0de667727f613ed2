/* Transposed convolution: every input pixel is spread over the output. */
#ifndef SECATEUR_CONV_TRANSPOSE_H
#define SECATEUR_CONV_TRANSPOSE_H
#include "base.h"
#include "window.h"

/* w (channels, outputs / groups, kernel rows, kernel columns). In g, `rows` are those of x, the smaller image. */
KERNEL void conv_transpose(part_t p, const float *x, const float *w, const float *b, float *y, int batch, int channels,
                           int outputs, int groups, int pitch, int out_pitch, window_t g) {
    const int inside = channels / groups, outside = outputs / groups;
    SHARE(batch * outputs, lo, hi);
    for (ptrdiff_t no = lo; no < hi; no++) {
        const int n = (int)(no / outputs), o = (int)(no % outputs);
        float *plane = y + no * out_pitch;
        for (int i = 0; i < g.out_rows * g.out_columns; i++) plane[i] = b[o];
        for (int i = o / outside * inside; i < (o / outside + 1) * inside; i++)
            for (int kr = 0; kr < g.kernel_rows; kr++)
                for (int kc = 0; kc < g.kernel_columns; kc++) {
                    const float weight = w[(((ptrdiff_t)i * outside + o % outside) * g.kernel_rows + kr) *
                                               g.kernel_columns + kc];
                    const int right = kc * g.dilation_columns - g.left; /* of column 0 */
                    const int first = right < 0 ? (-right + g.stride_columns - 1) / g.stride_columns : 0;
                    const int room = g.out_columns - right + g.stride_columns - 1;
                    const int last = min_i(g.columns, room < 0 ? 0 : room / g.stride_columns);
                    for (int r = 0; r < g.rows; r++) {
                        const int to_row = r * g.stride_rows + kr * g.dilation_rows - g.above;
                        if (to_row < 0 || to_row >= g.out_rows) continue;
                        const float *from = x + ((ptrdiff_t)n * channels + i) * pitch + (ptrdiff_t)r * g.columns;
                        float *to = plane + (ptrdiff_t)to_row * g.out_columns + right;
                        INDEPENDENT
                        for (int c = first; c < last; c++) to[c * g.stride_columns] += weight * from[c];
                    }
                }
    }
}

#endif
