/* Panels: the pixels under each weight of a channel's kernel, side by side for one tile of outputs. */
#ifndef SECATEUR_PANEL_H
#define SECATEUR_PANEL_H
#include "base.h"
#include "window.h"

/* Rows of a padded channel that one copy in the panel holds, in floats: weights that read them with a whole number
   of vectors between them share the copy. */
typedef struct {
    int source, target, rows;
} copy_t;

typedef struct {
    window_t window;
    int tile_rows, tile_columns; /* of the output */
    int padded_rows, padded_columns; /* of the input under a tile, for each phase of the stride */
    int floats; /* of a channel in the panel */
    int copies;
    const copy_t *copy;
} panel_t;

INLINE void zeros(float *y, ptrdiff_t n) {
    for (ptrdiff_t i = 0; i < n; i += LANES) store(y + i, splat(0)); /* what is beyond is written next */
}

/* n columns of an input row from `first` on, zeros where there are none. */
INLINE void padded_row(const float *row, int columns, int first, float *y, int n, const float *end) {
    const int before = min_i(n, max_i(0, -first)), from = max_i(0, first);
    const int inside = max_i(0, min_i(columns - from, n - before));
    zeros(y, before);
    if (row + from + inside + LANES <= end)
        for (int i = 0; i < inside; i += LANES) store(y + before + i, load(row + from + i));
    else if (inside > 0)
        memcpy(y + before, row + from, (size_t)inside * sizeof *y);
    zeros(y + before + inside, n - before - inside);
}

/* Every second element of two vectors, from the first and from the second on, where the compiler knows how. */
#if LANES > 1 && (defined(__clang__) || __GNUC__ >= 12)
#define HALVES
#if LANES == 16
#define EVEN 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30
#define ODD 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31
#elif LANES == 8
#define EVEN 0, 2, 4, 6, 8, 10, 12, 14
#define ODD 1, 3, 5, 7, 9, 11, 13, 15
#else
#define EVEN 0, 2, 4, 6
#define ODD 1, 3, 5, 7
#endif
INLINE vec even_half(const float *x) { return __builtin_shufflevector(load(x), load(x + LANES), EVEN); }
INLINE vec odd_half(const float *x) { return __builtin_shufflevector(load(x), load(x + LANES), ODD); }
#endif

/* Every second element, from the first and from the second on: n of each. */
INLINE void split(const float *x, float *even, float *odd, int n) {
#ifdef HALVES
    for (int i = 0; i < n; i += LANES) store(even + i, even_half(x + 2 * i));
    for (int i = 0; i < n; i += LANES) store(odd + i, odd_half(x + 2 * i));
#else
    INDEPENDENT for (int i = 0; i < n; i++) even[i] = x[2 * i], odd[i] = x[2 * i + 1];
#endif
}

/* Every second element: n of them, and a few more. */
INLINE void evens(const float *x, float *y, int n) {
#ifdef HALVES
    for (int i = 0; i < n; i += LANES) store(y + i, even_half(x + 2 * i));
#else
    INDEPENDENT for (int i = 0; i < n; i++) y[i] = x[2 * i];
#endif
}

/* The columns of a padded row, those of each phase of the stride together. */
INLINE void by_phase(const float *x, float *y, int stride, int n) {
    if (stride == 2)
        split(x, y, y + n, n);
    else
        for (int c = 0; c < stride * n; c++) y[c % stride * n + c / stride] = x[c];
}

#if LANES > 1
/* n elements of a vector, and zeros. */
INLINE vec first_of(vec x, int n) {
    static const int32_t lanes[2 * LANES] = {[0 ... LANES - 1] = -1};
    return (vec)((ivec)x & (ivec)load((const float *)(const void *)(lanes + LANES - n)));
}
#endif

/* Rows that fit between their padding, which is zero before and stays so: what is beyond a row becomes zero. `step`
   and `wide`: from one row to the next in x and in y. */
INLINE void inner_rows(const float *x, int rows, int columns, ptrdiff_t step, float *y, ptrdiff_t wide,
                       const float *end) {
#if LANES > 1
    const int whole = columns / LANES * LANES, rest = columns - whole;
    for (; rows > 0 && x + columns + LANES <= end; rows--, x += step, y += wide) {
        for (int c = 0; c < whole; c += LANES) store(y + c, load(x + c));
        if (rest) store(y + whole, first_of(load(x + whole), rest));
    }
#endif
    (void)end;
    for (; rows > 0; rows--, x += step, y += wide) memcpy(y, x, (size_t)columns * sizeof *y);
}

#ifdef HALVES
/* Every second element, from the first or from the second on: n of them, and zeros up to a whole vector. */
INLINE void half_row(const int odd, const float *x, float *y, int n) {
    const int whole = n / LANES * LANES;
    for (int c = 0; c < whole; c += LANES) store(y + c, odd ? odd_half(x + 2 * c) : even_half(x + 2 * c));
    if (n > whole) store(y + whole, first_of(odd ? odd_half(x + 2 * whole) : even_half(x + 2 * whole), n - whole));
}

/* The same as `inner_rows` with a stride of two columns, `left` columns of padding in front, and n columns for each
   phase: those of the first come first, then those of the second, where their zeros were written. */
INLINE void split_rows(const float *x, int rows, int columns, ptrdiff_t step, float *y, ptrdiff_t wide, int n, int left,
                       const float *end) {
    const int odd = left % 2, fewer = columns / 2, more = columns - fewer;
    for (; rows > 0 && x + columns + 2 * LANES <= end; rows--, x += step, y += wide)
        if (odd)
            half_row(1, x, y + left / 2 + 1, fewer), half_row(0, x, y + n + left / 2, more);
        else
            half_row(0, x, y + left / 2, more), half_row(1, x, y + n + left / 2, fewer);
    for (; rows > 0; rows--, x += step, y += wide)
        for (int c = left; c < left + columns; c++) y[c % 2 * n + c / 2] = x[c - left];
}
#endif

/* Where a channel is padded in memory that starts where a vector does: so that its pixels do, too. */
INLINE float *padded_start(const panel_t *l, float *room) {
    return room + (l->window.stride_columns == 1 ? (LANES - l->window.left % LANES) % LANES : 0);
}

/* Before the first `pad_channel` into this memory. */
INLINE void clear_padding(const panel_t *l, float *padded) {
    memset(padded, 0, 2 * sizeof *padded * (size_t)(l->padded_rows * l->padded_columns * l->window.stride_columns + LANES));
}

/* The input of a tile with its padding: by rows, in them by phases of the stride. padded has room for twice as much;
   end is behind the last float of x. */
KERNEL void pad_channel(const panel_t *l, const float *plane, const float *end, int out_row, int out_column,
                        float *padded) {
    const window_t *g = &l->window;
    const int stride = g->stride_columns, wide = stride * l->padded_columns;
    const int top = out_row * g->stride_rows - g->above, left = out_column * stride - g->left;
    const int every = g->kernel_rows == 1 ? g->stride_rows : 1; /* rows between are not read */
    float *rows = stride == 1 ? padded : padded + (ptrdiff_t)l->padded_rows * wide + 2 * LANES;
    /* one tile of columns: what is not written here is zero from before, and another tile would start at another `left` */
    const int inner = left <= 0 && g->columns - left <= wide && l->tile_columns >= g->out_columns;
    const int first = (max_i(0, -top) + every - 1) / every * every; /* row that is in the image */
    const int last = min_i(l->padded_rows, g->rows - top);          /* and behind them */
#ifdef HALVES
    if (stride == 2 && inner) rows = padded;
#endif
    for (int i = 0; i < l->padded_rows; i += every)
        if (i < first || i >= last)
            zeros(rows + (ptrdiff_t)i * wide, wide);
        else if (!inner)
            padded_row(plane + (ptrdiff_t)(top + i) * g->columns, g->columns, left, rows + (ptrdiff_t)i * wide, wide, end);
#ifdef HALVES
    if (stride == 2 && inner) {
        split_rows(plane + (ptrdiff_t)(top + first) * g->columns, (last - first + every - 1) / every, g->columns,
                   (ptrdiff_t)every * g->columns, padded + (ptrdiff_t)first * wide, (ptrdiff_t)every * wide,
                   l->padded_columns, -left, end);
        return;
    }
#endif
    if (inner)
        inner_rows(plane + (ptrdiff_t)(top + first) * g->columns, (last - first + every - 1) / every, g->columns,
                   (ptrdiff_t)every * g->columns, rows + (ptrdiff_t)first * wide - left, (ptrdiff_t)every * wide, end);
    if (stride > 1) /* after all rows: what was just stored is slow to load */
        for (int i = 0; i < l->padded_rows; i += every)
            by_phase(rows + (ptrdiff_t)i * wide, padded + (ptrdiff_t)i * wide, stride, l->padded_columns);
}

/* Floats that one channel is padded in; as in `kernels/panel.py`. */
INLINE ptrdiff_t padded_room(const panel_t *l) {
    return (2 * l->padded_rows * l->padded_columns * l->window.stride_columns + 7 * 16 - 1) / 16 * 16;
}

/* From a padded channel to the panel. */
KERNEL void copy_channel(const panel_t *l, const float *padded, float *panel) {
    const ptrdiff_t columns = l->tile_columns;
    const ptrdiff_t step = (ptrdiff_t)l->window.stride_rows * l->window.stride_columns * l->padded_columns;
    for (int k = 0; k < l->copies; k++) {
        const float *from = padded + l->copy[k].source;
        float *to = panel + l->copy[k].target;
        const int alike = step == columns; /* rows lie one after the other in both */
        const ptrdiff_t rows = alike ? 1 : l->copy[k].rows, n = alike ? l->copy[k].rows * columns : columns;
        for (ptrdiff_t i = 0; i < rows; i++, from += step, to += columns)
            for (ptrdiff_t c = 0; c < n; c += LANES) store(to + c, load(from + c));
    }
}

/* One channel of a kernel of one weight with a stride of two columns, which needs no padding. */
KERNEL void halve_channel(const panel_t *l, const float *plane, const float *end, int out_row, int out_column,
                          float *panel) {
    const window_t *g = &l->window;
    const int columns = min_i(l->tile_columns, g->out_columns - out_column);
    for (int i = 0; i < l->tile_rows; i++, panel += l->tile_columns) {
        const float *x = plane + (ptrdiff_t)(out_row + i) * g->stride_rows * g->columns + 2 * out_column;
        if (out_row + i >= g->out_rows)
            zeros(panel, l->tile_columns);
        else if (x + 2 * (columns + LANES) <= end)
            evens(x, panel, columns);
        else
            for (int c = 0; c < columns; c++) panel[c] = x[2 * c];
    }
}

#define PADDED_AT_ONCE 4 /* channels, so that what was just stored has arrived when it is loaded */

/* Before the first `pack_channels` into this memory. */
INLINE void clear_channels(const panel_t *l, float *padded) {
    for (int i = 0; i < PADDED_AT_ONCE; i++) clear_padding(l, padded + i * padded_room(l));
}

/* Neighbouring channels, from the tile's first output on. */
KERNEL void pack_channels(const panel_t *l, const float *x, ptrdiff_t plane, int channels, const float *end,
                          int out_row, int out_column, float *padded, float *panel) {
    const window_t *g = &l->window;
    if (g->kernel_rows == 1 && g->kernel_columns == 1 && g->stride_columns == 2 && !g->above && !g->left) {
        for (int c = 0; c < channels; c++)
            halve_channel(l, x + c * plane, end, out_row, out_column, panel + (ptrdiff_t)c * l->floats);
        return;
    }
    for (int first = 0; first < channels; first += PADDED_AT_ONCE) {
        const int many = min_i(PADDED_AT_ONCE, channels - first);
        for (int i = 0; i < many; i++)
            pad_channel(l, x + (first + i) * plane, end, out_row, out_column, padded + i * padded_room(l));
        for (int i = 0; i < many; i++)
            copy_channel(l, padded + i * padded_room(l), panel + (ptrdiff_t)(first + i) * l->floats);
    }
}

#endif
