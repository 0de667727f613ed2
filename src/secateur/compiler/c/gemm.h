/* Products of matrices from tiles that stay in registers.

   The second matrix lies in slices of SLICE columns: [slice][k][SLICE]. The rows of the first are packed in groups:
   [group][k][rows of a group]. A tile is a group of rows times one or two slices. Of a sparse second matrix, a slice
   holds only the k that any of its columns has, with their indices. */
#ifndef SECATEUR_GEMM_H
#define SECATEUR_GEMM_H
#include "matmul.h"
#include "transpose.h"

enum { SLICE = 16, SLICE_VECS = SLICE / LANES };

/* Rows of a group: sums of two slices, or of one sparse slice, fit the registers. */
#if LANES == 16
enum { PAIR = 2, ROWS_MOST = 12, SPARSE_ROWS_MOST = 24 };
#elif defined(__ARM_NEON)
enum { PAIR = 1, ROWS_MOST = 6, SPARSE_ROWS_MOST = 6 };
#elif LANES == 8
enum { PAIR = 1, ROWS_MOST = 6, SPARSE_ROWS_MOST = 6 };
#elif LANES == 4
enum { PAIR = 1, ROWS_MOST = 3, SPARSE_ROWS_MOST = 3 };
#else
enum { PAIR = 1, ROWS_MOST = 1, SPARSE_ROWS_MOST = 1 };
#endif

/* The last step over a tile: + c, the activation function, and where it goes. */
typedef struct {
    const float *c; /* or NULL */
    steps_t c_steps;
    float beta;
    float *y;
    steps_t y_steps;
    activation_t kind;
    float low, high;
} finish_t;

/* Rows of a group, as even as they can be. */
INLINE int group_rows(int rows, int most) {
    const int groups = (rows + most - 1) / most;
    return (rows + groups - 1) / groups;
}

/* `many` rows of a to [k][many]. What lies in the place of rows that are not there is never written to y.
   Whole vectors are stored: up to LANES floats behind the end are overwritten. */
INLINE void pack_rows(const float *a, steps_t as, int rows, int inner, float alpha, const int many, float *packed) {
    const int whole = as.column == 1 && LANES > 1 ? inner / LANES * LANES : 0;
    for (int k = 0; k < whole; k += LANES) /* the last vectors of a row first: they reach into the next row */
        for (int first = (many - 1) / LANES * LANES; first >= 0; first -= LANES) {
            vec square[LANES];
#pragma GCC unroll 16
            for (int i = 0; i < LANES; i++) square[i] = load(a + min_i(first + i, rows - 1) * as.row + k) * alpha;
            transpose_square(square);
#pragma GCC unroll 16
            for (int i = 0; i < LANES; i++) store(packed + (ptrdiff_t)(k + i) * many + first, square[i]);
        }
    for (int k = whole; k < inner; k++)
        for (int r = 0; r < many; r++)
            packed[(ptrdiff_t)k * many + r] = alpha * a[min_i(r, rows - 1) * as.row + k * as.column];
}

/* `columns` columns of b to [k][SLICE]; columns that are not there are 0. */
INLINE void pack_slice(const float *b, steps_t bs, int columns, int inner, float *packed) {
    if (columns >= SLICE && bs.column == 1)
        for (int k = 0; k < inner; k++) memcpy(packed + (ptrdiff_t)k * SLICE, b + k * bs.row, sizeof(float) * SLICE);
    else
        for (int k = 0; k < inner; k++)
            for (int c = 0; c < SLICE; c++)
                packed[(ptrdiff_t)k * SLICE + c] = c < columns ? b[k * bs.row + c * bs.column] : 0;
}

INLINE void finish_row(const float *sums, const float *c, float *y, const int columns, finish_t f) {
    if (c)
        INDEPENDENT
        for (int i = 0; i < columns; i++)
            y[i * f.y_steps.column] = activated(f.kind, sums[i] + f.beta * c[i * f.c_steps.column], f.low, f.high);
    else
        INDEPENDENT
        for (int i = 0; i < columns; i++) y[i * f.y_steps.column] = activated(f.kind, sums[i], f.low, f.high);
}

/* rows x columns sums, whose rows are `wide` apart, which is also how many columns there mostly are. */
INLINE void finish_tile(const float *tile, const int wide, int rows, int columns, ptrdiff_t row, ptrdiff_t column,
                        finish_t f) {
    for (int r = 0; r < rows; r++) {
        const float *sums = tile + (ptrdiff_t)r * wide;
        const float *c = f.c ? f.c + (row + r) * f.c_steps.row + column * f.c_steps.column : NULL;
        float *y = f.y + (row + r) * f.y_steps.row + column * f.y_steps.column;
        if (columns == wide)
            finish_row(sums, c, y, wide, f);
        else
            finish_row(sums, c, y, columns, f);
    }
}

/* The same where rows are called columns. */
INLINE finish_t turned_round(finish_t f) {
    const steps_t c = f.c_steps, y = f.y_steps;
    f.c_steps = (steps_t){c.column, c.row}, f.y_steps = (steps_t){y.column, y.row};
    return f;
}

/* a [k][many] times `slices` slices b [k][SLICE] that lie `apart`: to tile [many][slices * SLICE]. */
INLINE void dense_tile(const float *a, const float *b, ptrdiff_t apart, int inner, float *tile, const int many,
                       const int slices) {
    enum { MOST = 24 };
    vec sums[MOST][2 * SLICE_VECS];
    const int wide = slices * SLICE_VECS;
#pragma GCC unroll 24
    for (int r = 0; r < many; r++)
#pragma GCC unroll 32
        for (int v = 0; v < wide; v++) sums[r][v] = splat(0);
    for (int k = 0; k < inner; k++) {
        vec w[2 * SLICE_VECS];
#pragma GCC unroll 32
        for (int v = 0; v < wide; v++)
            w[v] = load(b + v / SLICE_VECS * apart + (ptrdiff_t)k * SLICE + v % SLICE_VECS * LANES);
#pragma GCC unroll 24
        for (int r = 0; r < many; r++)
#pragma GCC unroll 32
            for (int v = 0; v < wide; v++) sums[r][v] += w[v] * a[(ptrdiff_t)k * many + r];
    }
#pragma GCC unroll 24
    for (int r = 0; r < many; r++)
#pragma GCC unroll 32
        for (int v = 0; v < wide; v++) store(tile + ((ptrdiff_t)r * wide + v) * LANES, sums[r][v]);
}

/* a [k][many] times the n rows of one sparse slice, which belong to k = at[0], at[1], ... */
INLINE void sparse_tile(const float *a, const float *b, const uint16_t *at, int n, float *tile, const int many) {
    enum { MOST = 24 };
    vec sums[MOST][SLICE_VECS];
#pragma GCC unroll 24
    for (int r = 0; r < many; r++)
#pragma GCC unroll 16
        for (int v = 0; v < SLICE_VECS; v++) sums[r][v] = splat(0);
    for (int j = 0; j < n; j++) {
        const float *row = a + (ptrdiff_t)at[j] * many;
        vec w[SLICE_VECS];
#pragma GCC unroll 16
        for (int v = 0; v < SLICE_VECS; v++) w[v] = load(b + (ptrdiff_t)j * SLICE + v * LANES);
#pragma GCC unroll 24
        for (int r = 0; r < many; r++)
#pragma GCC unroll 16
            for (int v = 0; v < SLICE_VECS; v++) sums[r][v] += w[v] * row[r];
    }
#pragma GCC unroll 24
    for (int r = 0; r < many; r++)
#pragma GCC unroll 16
        for (int v = 0; v < SLICE_VECS; v++) store(tile + ((ptrdiff_t)r * SLICE_VECS + v) * LANES, sums[r][v]);
}

#define EACH_DENSE(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12)
#define EACH_SPARSE(X) \
    EACH_DENSE(X) X(13) X(14) X(15) X(16) X(17) X(18) X(19) X(20) X(21) X(22) X(23) X(24)

#define DENSE_TILE(R)                                                                                             \
    KERNEL void dense_tile_##R(const float *a, const float *b, ptrdiff_t apart, int inner, float *tile) {         \
        dense_tile(a, b, apart, inner, tile, R, PAIR);                                                            \
    }                                                                                                             \
    KERNEL void single_tile_##R(const float *a, const float *b, int inner, float *tile) {                         \
        dense_tile(a, b, 0, inner, tile, R, 1);                                                                   \
    }
#define SPARSE_TILE(R)                                                                                            \
    KERNEL void sparse_tile_##R(const float *a, const float *b, const uint16_t *at, int n, float *tile) {         \
        sparse_tile(a, b, at, n, tile, R);                                                                        \
    }
EACH_DENSE(DENSE_TILE)
EACH_SPARSE(SPARSE_TILE)

/* `many` is a constant where this is inlined, so that only one of the tiles is compiled. */
INLINE void dense_tile_of(int many, const float *a, const float *b, ptrdiff_t apart, int inner, float *tile) {
#define ONE(R) \
    case R: dense_tile_##R(a, b, apart, inner, tile); break;
    switch (many) { EACH_DENSE(ONE) }
#undef ONE
}

INLINE void single_tile_of(int many, const float *a, const float *b, int inner, float *tile) {
#define ONE(R) \
    case R: single_tile_##R(a, b, inner, tile); break;
    switch (many) { EACH_DENSE(ONE) }
#undef ONE
}

INLINE void sparse_tile_of(int many, const float *a, const float *b, const uint16_t *at, int n, float *tile) {
#define ONE(R) \
    case R: sparse_tile_##R(a, b, at, n, tile); break;
    switch (many) { EACH_SPARSE(ONE) }
#undef ONE
}

/* The slices of b that are in tile t: constant ones, or packed on the way. */
INLINE const float *slices_of(const float *slices, const float *b, steps_t bs, ptrdiff_t t, const int pair,
                              int columns, int inner, float *packed) {
    if (slices) return slices + t * pair * SLICE * inner;
    for (ptrdiff_t i = 0; i < pair; i++) {
        const ptrdiff_t first = (t * pair + i) * SLICE;
        if (first < columns)
            pack_slice(b + first * bs.column, bs, min_i(SLICE, columns - (int)first), inner,
                       packed + i * inner * SLICE);
    }
    return packed;
}

/* y = alpha * a (rows, inner) * b + beta * c. `slices` is b in slices, or NULL: then they are packed from b.
   s: room for panel_rows packed rows, one vector, and PAIR packed slices. */
INLINE void gemm(part_t p, const float *a, steps_t as, const float *slices, const float *b, steps_t bs, int rows,
                 int columns, int inner, float alpha, finish_t f, float *s, int panel_rows) {
    const int many = group_rows(rows, ROWS_MOST), groups = (rows + many - 1) / many, step = panel_rows / many;
    const int pair = columns <= SLICE ? 1 : PAIR, wide = pair * SLICE, tiles = (columns + wide - 1) / wide;
    const part_t all = {0, 1};
    const int by_rows = tiles < 2 * p.count; /* few columns: the threads share the rows */
    const part_t of_rows = by_rows ? p : all, of_tiles = by_rows ? all : p;
    const int first = groups * of_rows.index / of_rows.count, last = groups * (of_rows.index + 1) / of_rows.count;
    const int low = tiles * of_tiles.index / of_tiles.count, high = tiles * (of_tiles.index + 1) / of_tiles.count;
    const ptrdiff_t group = (ptrdiff_t)many * inner;
    float *packed_slices = s + (ptrdiff_t)panel_rows * inner + LANES;
    float tile[ROWS_MOST * PAIR * SLICE];
    for (int start = first; start < last; start += step) {
        const int end = min_i(start + step, last);
        for (int g = start; g < end; g++)
            pack_rows(a + (ptrdiff_t)g * many * as.row, as, min_i(many, rows - g * many), inner, alpha, many,
                      s + (g - start) * group);
        for (int t = low; t < high; t++) {
            const float *w = slices_of(slices, b, bs, t, pair, columns, inner, packed_slices);
            /* where there is no second slice, the first is read again */
            const ptrdiff_t apart = (t * PAIR + 1) * SLICE < columns ? (ptrdiff_t)inner * SLICE : 0;
            for (int g = start; g < end; g++) {
                if (pair == 1)
                    single_tile_of(many, s + (g - start) * group, w, inner, tile);
                else
                    dense_tile_of(many, s + (g - start) * group, w, apart, inner, tile);
                finish_tile(tile, wide, min_i(many, rows - g * many), min_i(wide, columns - t * wide),
                            (ptrdiff_t)g * many, (ptrdiff_t)t * wide, f);
            }
        }
    }
}

/* The same with a constant b in slices; columns are called outputs. */
INLINE void dense_product(part_t p, const float *x, steps_t xs, const float *w, int rows, int inputs, int outputs,
                          finish_t f, float *s, int panel_rows) {
    gemm(p, x, xs, w, NULL, (steps_t){0, 0}, rows, outputs, inputs, 1.0f, f, s, panel_rows);
}

/* A sparse b: of slice t the rows start[t] to start[t + 1] are there, those of the inputs index[...]. */
INLINE void sparse_product(part_t p, const float *x, steps_t xs, const uint32_t *start, const uint16_t *index,
                           const float *w, int rows, int inputs, int outputs, finish_t f, float *s, int panel_rows) {
    const int many = group_rows(rows, SPARSE_ROWS_MOST), step = panel_rows / many;
    const int groups = (rows + many - 1) / many;
    float tile[SPARSE_ROWS_MOST * SLICE];
    SHARE((outputs + SLICE - 1) / SLICE, lo, hi);
    for (int first = 0; first < groups; first += step) {
        const int last = min_i(first + step, groups);
        for (int g = first; g < last; g++)
            pack_rows(x + (ptrdiff_t)g * many * xs.row, xs, min_i(many, rows - g * many), inputs, 1.0f, many,
                      s + (ptrdiff_t)(g - first) * many * inputs);
        for (ptrdiff_t t = lo; t < hi; t++)
            for (int g = first; g < last; g++) {
                sparse_tile_of(many, s + (ptrdiff_t)(g - first) * many * inputs, w + (ptrdiff_t)start[t] * SLICE,
                               index + start[t], (int)(start[t + 1] - start[t]), tile);
                finish_tile(tile, SLICE, min_i(many, rows - g * many), min_i(SLICE, outputs - (int)t * SLICE),
                            (ptrdiff_t)g * many, t * SLICE, f);
            }
    }
}

#endif
