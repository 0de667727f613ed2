/* Sums over weights of several neighbouring output channels that share their columns, for one tile of pixels:
   each vector of pixels is loaded once for all of them. Dense layers are the case in which all columns are there.

   The stream of weights of a block of channels: the number of groups; then for each group of equally long
   lists: columns in a list, lists; then each list: the first output channel, and for each column the offset
   of its pixels in bytes and the weights of the rows. */
#ifndef SECATEUR_CONV_BLOCKS_H
#define SECATEUR_CONV_BLOCKS_H
#include "sums.h"

#if MOST_SUMS >= 28
#define BLOCK_SUMS 24
#define BLOCK_ROWS 8
#else
#define BLOCK_SUMS 12
#define BLOCK_ROWS 4
#endif

/* One column: its pixels are loaded once for all rows. */
INLINE void add_column(const int vectors, const int rows, const uint32_t *s, const uint32_t *w, const char *x,
                       vec (*sum)[BLOCK_SUMS]) {
    const float *pixels = (const float *)(x + *s);
    vec at[BLOCK_SUMS];
    UNROLLED for (int v = 0; v < vectors; v++) at[v] = load(pixels + v * LANES);
    UNROLLED for (int r = 0; r < rows; r++) {
        const vec each = splat(weight_of(w + r));
        UNROLLED for (int v = 0; v < vectors; v++) sum[r][v] += each * at[v];
    }
}

/* `rows` of the `stride` rows whose weights lie side by side; four columns a turn */
INLINE void block_sums(const int vectors, const int rows, const int stride, ptrdiff_t output, const uint32_t *s,
                       uint32_t n, const char *x, const sums_t *t, int first, int pixel) {
    vec sum[8][BLOCK_SUMS];
    const int column = 1 + stride; /* words of one */
    x += (ptrdiff_t)pixel * 4;
    output += first;
    UNROLLED for (int r = 0; r < rows; r++) {
        const ptrdiff_t o = output + r < t->outputs ? output + r : t->outputs - 1;
        start_sums(vectors, sum[r], t, o, place_of(t, o, pixel));
    }
    if (t->last && t->added)
        UNROLLED for (int r = 0; r < rows; r++)
            if (output + r < t->outputs) fetch_added(vectors, t, output + r, pixel);
    if (t->far)
        UNROLLED for (int r = 0; r < rows; r++)
            if (output + r < t->outputs) fetch_place(vectors, t, output + r, pixel);
    ROLLED for (uint32_t k = n / 4; k > 0; k--, s += 4 * column) {
        UNROLLED for (int line = 0; line < 4 * column; line += 16) __builtin_prefetch(s + AHEAD + line);
        UNROLLED for (int i = 0; i < 4; i++)
            add_column(vectors, rows, s + i * column, s + i * column + 1 + first, x, sum);
    }
    ROLLED for (uint32_t k = n % 4; k > 0; k--, s += column) add_column(vectors, rows, s, s + 1 + first, x, sum);
    UNROLLED for (int r = 0; r < rows; r++)
        if (output + r < t->outputs) end_sums(vectors, sum[r], t, output + r, place_of(t, output + r, pixel), pixel);
}

INLINE void block_tile(const int vectors, const int stride, const uint32_t *s, const char *x, const sums_t *given) {
    const sums_t own = *given, *t = &own; /* which no store to y can change */
    const int rows = stride < BLOCK_ROWS ? stride : BLOCK_ROWS, most = BLOCK_SUMS / rows;
    const int turns = (vectors + most - 1) / most, some = vectors / turns, longer = vectors % turns;
    for (uint32_t groups = *s++; groups > 0; groups--) {
        const uint32_t n = s[0], lists = s[1];
        s += 2;
        for (uint32_t i = 0; i < lists; i++, s += 1 + n * (1 + stride))
            for (int first = 0; first < stride; first += rows) {
                int v = 0;
                for (int turn = 0; turn < longer; turn++, v += some + 1)
                    block_sums(some + 1, rows, stride, s[0], s + 1, n, x, t, first, v * LANES);
                for (int turn = longer; turn < turns; turn++, v += some)
                    block_sums(some, rows, stride, s[0], s + 1, n, x, t, first, v * LANES);
            }
    }
}

#define BLOCKS(rows, pixels)                                                                    \
    KERNEL void blocks_##rows##_##pixels(const uint32_t *s, const char *x, const sums_t *t) {   \
        block_tile(pixels < LANES ? 1 : pixels / LANES, rows, s, x, t);                         \
    }
BLOCKS(4, 1) BLOCKS(4, 2) BLOCKS(4, 3) BLOCKS(4, 4) BLOCKS(4, 5) BLOCKS(4, 6) BLOCKS(4, 7) BLOCKS(4, 8)
BLOCKS(4, 16) BLOCKS(4, 24) BLOCKS(4, 32) BLOCKS(4, 40) BLOCKS(4, 48) BLOCKS(4, 56) BLOCKS(4, 64) BLOCKS(4, 72)
BLOCKS(4, 80) BLOCKS(4, 88) BLOCKS(4, 96) BLOCKS(4, 104) BLOCKS(4, 112) BLOCKS(4, 120) BLOCKS(4, 128)
BLOCKS(4, 136) BLOCKS(4, 144) BLOCKS(4, 152) BLOCKS(4, 160) BLOCKS(4, 168) BLOCKS(4, 176) BLOCKS(4, 184)
BLOCKS(4, 192) BLOCKS(4, 200) BLOCKS(4, 208) BLOCKS(4, 216) BLOCKS(4, 224)
BLOCKS(8, 1) BLOCKS(8, 2) BLOCKS(8, 3) BLOCKS(8, 4) BLOCKS(8, 5) BLOCKS(8, 6) BLOCKS(8, 7) BLOCKS(8, 8)
BLOCKS(8, 16) BLOCKS(8, 24) BLOCKS(8, 32) BLOCKS(8, 40) BLOCKS(8, 48) BLOCKS(8, 56) BLOCKS(8, 64) BLOCKS(8, 72)
BLOCKS(8, 80) BLOCKS(8, 88) BLOCKS(8, 96) BLOCKS(8, 104) BLOCKS(8, 112) BLOCKS(8, 120) BLOCKS(8, 128)
BLOCKS(8, 136) BLOCKS(8, 144) BLOCKS(8, 152) BLOCKS(8, 160) BLOCKS(8, 168) BLOCKS(8, 176) BLOCKS(8, 184)
BLOCKS(8, 192) BLOCKS(8, 200) BLOCKS(8, 208) BLOCKS(8, 216) BLOCKS(8, 224)

#endif
