/* Convolution, the plain form, which the others must equal. */
#include "activations.h"
#include "window.h"

/* w (outputs, channels / groups, kernel rows, kernel columns); added is of the shape of y, or NULL. */
KERNEL void conv_reference(part_t p, const float *x, const float *w, const float *b, const float *added, float *y,
                           int batch, int channels, int outputs, int groups, int pitch, int added_pitch, int out_pitch,
                           window_t g, activation_t kind, float low, float high) {
    const int inside = channels / groups, outside = outputs / groups;
    SHARE(batch * outputs, lo, hi);
    for (ptrdiff_t no = lo; no < hi; no++) {
        const int n = (int)(no / outputs), o = (int)(no % outputs);
        for (int r = 0; r < g.out_rows; r++)
            for (int c = 0; c < g.out_columns; c++) {
                float sum = b[o];
                for (int i = 0; i < inside; i++)
                    for (int kr = 0; kr < g.kernel_rows; kr++)
                        for (int kc = 0; kc < g.kernel_columns; kc++) {
                            const int xr = r * g.stride_rows - g.above + kr * g.dilation_rows;
                            const int xc = c * g.stride_columns - g.left + kc * g.dilation_columns;
                            if (xr < 0 || xc < 0 || xr >= g.rows || xc >= g.columns) continue;
                            const ptrdiff_t plane = (ptrdiff_t)n * channels + o / outside * inside + i;
                            sum += x[plane * pitch + xr * g.columns + xc] *
                                   w[(((ptrdiff_t)o * inside + i) * g.kernel_rows + kr) * g.kernel_columns + kc];
                        }
                const int at = r * g.out_columns + c;
                if (added) sum += added[no * added_pitch + at];
                y[no * out_pitch + at] = activated(kind, sum, low, high);
            }
    }
}
