/* What a row of floats comes to. A vector of accumulators: fast, and rounding grows with the vector's part only. */
#ifndef SECATEUR_ROWS_H
#define SECATEUR_ROWS_H
#include "base.h"

#define ROW_PARTS 16
#define BEST_PARTS 64

#define ROW_SUM(name, element)                                                         \
    INLINE float name(const float *x, ptrdiff_t n, float middle) {                     \
        float parts[ROW_PARTS] = {0}, sum = 0;                                         \
        const ptrdiff_t whole = n - n % ROW_PARTS;                                     \
        for (ptrdiff_t i = 0; i < whole; i += ROW_PARTS)                               \
            for (int k = 0; k < ROW_PARTS; k++) parts[k] += element(x[i + k], middle); \
        for (ptrdiff_t i = whole; i < n; i++) sum += element(x[i], middle);            \
        for (int width = ROW_PARTS / 2; width; width /= 2)                             \
            for (int k = 0; k < width; k++) parts[k] += parts[k + width];              \
        return sum + parts[0];                                                         \
    }

#define SELF(x, middle) ((void)(middle), (x))
#define SIZE(x, middle) ((void)(middle), fabsf(x))
#define SQUARE(x, middle) (((x) - (middle)) * ((x) - (middle)))
ROW_SUM(row_sum, SELF)
ROW_SUM(row_sum_of_sizes, SIZE)
ROW_SUM(row_sum_of_squares, SQUARE)

/* NaN passes through. The rest of the row goes into the parts, too, and they are joined by halves: so that all of
   it is vectors. */
#define BETTER(a, sign, b) ((((b)sign(a)) | ((b) != (b))) ? (b) : (a))
#define ROW_BEST(name, sign, worst)                                                              \
    INLINE float name(const float *x, ptrdiff_t n) {                                             \
        float parts[BEST_PARTS];                                                                 \
        const int rest = (int)(n % BEST_PARTS);                                                  \
        const ptrdiff_t whole = n - rest;                                                        \
        for (int k = 0; k < BEST_PARTS; k++) parts[k] = worst;                                   \
        for (ptrdiff_t i = 0; i < whole; i += BEST_PARTS)                                        \
            for (int k = 0; k < BEST_PARTS; k++) parts[k] = BETTER(parts[k], sign, x[i + k]);    \
        for (int k = 0; k < rest; k++) parts[k] = BETTER(parts[k], sign, x[whole + k]);          \
        for (int width = BEST_PARTS / 2; width; width /= 2)                                      \
            for (int k = 0; k < width; k++) parts[k] = BETTER(parts[k], sign, parts[k + width]); \
        return parts[0];                                                                         \
    }

ROW_BEST(row_max, >, -INFINITY)
ROW_BEST(row_min, <, INFINITY)

#endif
