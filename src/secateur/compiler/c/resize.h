/* Resizing of images, by tables: each row of the answer is a sum of a few rows, and so is each column. */
#ifndef SECATEUR_RESIZE_H
#define SECATEUR_RESIZE_H
#include "base.h"

/* For each row or column of the answer: `taps` places in the image, -1 first where it lies outside; weights. */
typedef struct {
    const int32_t *places;
    const float *weights;
    int size, taps;
} resize_t;

/* s has room for a row of the image. Where one pixel is taken as it is, nothing is multiplied. */
KERNEL void resize(part_t p, const float *x, float *y, float *s, int planes, int pitch, int out_pitch, int columns,
                   resize_t row, resize_t column, float outside) {
    SHARE((ptrdiff_t)planes * row.size, lo, hi);
    for (ptrdiff_t at = lo; at < hi; at++) {
        const int r = (int)(at % row.size);
        const int32_t *tap = row.places + (ptrdiff_t)r * row.taps;
        const float *plane = x + at / row.size * pitch, *from = s;
        float *to = y + at / row.size * out_pitch + (ptrdiff_t)r * column.size;
        if (tap[0] < 0) {
            for (int c = 0; c < column.size; c++) to[c] = outside;
            continue;
        }
        if (row.taps == 1)
            from = plane + (ptrdiff_t)tap[0] * columns;
        else
            for (int c = 0; c < columns; c++) {
                float sum = 0;
                for (int k = 0; k < row.taps; k++)
                    sum += row.weights[r * row.taps + k] * plane[(ptrdiff_t)tap[k] * columns + c];
                s[c] = sum;
            }
        for (int c = 0; c < column.size; c++) {
            const int32_t *place = column.places + (ptrdiff_t)c * column.taps;
            float sum = from[max_i(place[0], 0)];
            if (column.taps > 1) {
                sum *= column.weights[c * column.taps];
                for (int k = 1; k < column.taps; k++) sum += column.weights[c * column.taps + k] * from[place[k]];
            }
            to[c] = place[0] < 0 ? outside : sum;
        }
    }
}

#endif
