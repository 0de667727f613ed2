/* Convolution, tile by tile: the sums of all output channels over one block of input channels after the other. */
#ifndef SECATEUR_CONV_TILES_H
#define SECATEUR_CONV_TILES_H
#include "panel.h"
#include "sums.h"

typedef void sums_function_t(const uint32_t *stream, const char *x, const sums_t *t);

/* Where the weights of some outputs over some channels start. */
typedef struct {
    uint32_t start;       /* in words */
    uint32_t first, last; /* of these outputs? */
} weights_t;

#define NOTHING UINT32_MAX /* a start where these outputs have no weights */

typedef struct {
    panel_t panel;
    int batch, channels, outputs;
    int x_plane, added_plane, y_plane;
    int down, across;           /* tiles of an image */
    int pixels, longer;         /* of a tile; so many tiles have `step` more where x is read in its place */
    int step;
    int packed;                 /* x is read from a panel, not in its place */
    int staged;                 /* sums are kept in scratch memory, and rows are copied to y from there */
    int block_channels, blocks; /* of the input */
    int chunk_outputs, chunks;  /* of the output, which threads share */
    int large, far;             /* the weights, or the output, do not stay in the second cache */
    activation_t kind;
    float low, high;
} conv_t;

/* Behind the staged sums and the panel. */
INLINE float *padded_of(const conv_t *l, char *s) {
    const ptrdiff_t stage = l->staged ? (ptrdiff_t)l->outputs * l->pixels : 0;
    return padded_start(&l->panel, (float *)(void *)s + stage + (ptrdiff_t)l->block_channels * l->panel.floats + 16);
}

/* Rows of a tile from scratch memory to the output. */
KERNEL void unstage(const conv_t *l, const float *sums, const float *added, float *y, int row, int column) {
    const window_t *g = &l->panel.window;
    const int rows = min_i(l->panel.tile_rows, g->out_rows - row);
    const int columns = min_i(l->panel.tile_columns, g->out_columns - column);
    const ptrdiff_t start = (ptrdiff_t)row * g->out_columns + column;
    for (int i = 0; i < rows; i++, sums += l->panel.tile_columns) {
        float *to = y + start + (ptrdiff_t)i * g->out_columns;
        if (added) {
            const float *other = added + start + (ptrdiff_t)i * g->out_columns;
            for (int c = 0; c < columns; c++) to[c] = activated(l->kind, sums[c] + other[c], l->low, l->high);
        } else {
            copy_row(sums, to, columns, l->across > 1 ? 0 : (ptrdiff_t)(rows - i) * columns);
        }
    }
}

/* What a layer reads and writes. */
typedef struct {
    const float *x, *x_end, *bias, *added;
    const weights_t *at;
    const uint32_t *words; /* of the weights */
    float *y;
    char *scratch; /* of this thread: the staged sums, the panel and a padded channel */
    sums_function_t *sums, *sums_of_longer;
} conv_data_t;

/* Chunks of outputs from `chunk` to `end` of one tile of one image. */
KERNEL void conv_tile(const conv_t *l, const conv_data_t *d, ptrdiff_t place, int chunk, int end, int ahead) {
    const int tiles = l->down * l->across, tile = (int)(place % tiles);
    const ptrdiff_t n = place / tiles;
    const float *x = d->x + n * l->channels * l->x_plane;
    const float *added = d->added ? d->added + n * l->outputs * l->added_plane : NULL;
    float *y = d->y + n * l->outputs * l->y_plane;
    const int long_tile = tile < l->longer, pixels = l->pixels + long_tile * l->step;
    const int row = tile / l->across * l->panel.tile_rows, column = tile % l->across * l->panel.tile_columns;
    const ptrdiff_t pixel = l->packed ? (ptrdiff_t)row * l->panel.window.out_columns + column
                                      : (ptrdiff_t)tile * l->pixels + min_i(tile, l->longer) * l->step;
    float *stage = (float *)d->scratch, *panel = stage + (l->staged ? (ptrdiff_t)l->outputs * pixels : 0);
    sums_t t = {d->bias, l->staged || !added ? NULL : added + pixel, l->staged ? stage : y + pixel, l->added_plane,
                l->staged ? pixels : l->y_plane, l->outputs, 0, 0, 0, ahead, l->staged && added ? none : l->kind, l->low, l->high};
    const weights_t *at = d->at;
    for (int block = 0; block < l->blocks; block++, at += l->chunks) {
        const int channel = block * l->block_channels;
        const float *from = x + (ptrdiff_t)channel * l->x_plane;
        if (l->packed)
            pack_channels(&l->panel, from, l->x_plane, min_i(l->block_channels, l->channels - channel), d->x_end, row,
                          column, padded_of(l, d->scratch), panel);
        for (int k = chunk; k < end; k++)
            if (at[k].start != NOTHING) {
                t.first = (int)at[k].first, t.last = (int)at[k].last;
                t.far = l->far && !l->staged && t.first;
                (long_tile ? d->sums_of_longer : d->sums)(d->words + at[k].start,
                                                          (const char *)(l->packed ? panel : from + pixel), &t);
            }
    }
    if (l->staged)
        for (int o = chunk * l->chunk_outputs; o < min_i(end * l->chunk_outputs, l->outputs); o++)
            unstage(l, stage + (ptrdiff_t)o * pixels, added ? added + (ptrdiff_t)o * l->added_plane : NULL,
                    y + (ptrdiff_t)o * l->y_plane, row, column);
}

/* Threads share the outputs where they can: each then writes lines of the cache that no other writes, and reads no
   weights but its own. Where x is packed each would pack it whole, so there they share the tiles first. */
KERNEL void conv_tiles(part_t p, const conv_t *l, const float *x, const float *b, const weights_t *at,
                       const uint32_t *w, const float *added, float *y, char *s, sums_function_t *sums,
                       sums_function_t *sums_of_longer) {
    const float *x_end = x + (ptrdiff_t)l->batch * l->channels * l->x_plane;
    const conv_data_t d = {x, x_end, b, added, at, w, y, s, sums, sums_of_longer};
    const ptrdiff_t places = (ptrdiff_t)l->batch * l->down * l->across;
    if (!l->packed && l->chunks >= p.count) {
        SHARE(l->chunks, first, end);
        for (ptrdiff_t place = 0; place < places; place++)
            conv_tile(l, &d, place, (int)first, (int)end, l->large || place == 0 ? AHEAD : 0);
        return;
    }
    SHARE(places * l->chunks, lo, hi);
    if (l->packed) clear_channels(&l->panel, padded_of(l, s));
    for (ptrdiff_t i = lo; i < hi;) {
        const int chunk = (int)(i % l->chunks), end = (int)(hi - i < l->chunks - chunk ? chunk + hi - i : l->chunks);
        conv_tile(l, &d, i / l->chunks, chunk, end, l->large || i == lo ? AHEAD : 0);
        i += end - chunk;
    }
}

#endif
