/* Many rows times a sparse matrix, element by element: one broadcast, and one product per vector of rows.

   The rows of x are cut in panels of PANEL_ROWS, the inputs in bands, the outputs in chunks. In a band and chunk, the
   outputs are sorted by how many elements they have, so that the processor foresees where each loop ends; a panel of
   one band stays in the first cache. */
#ifndef SECATEUR_SPMM_H
#define SECATEUR_SPMM_H
#include "gemm.h"

/* The compiler computes this address once, not anew for each vector behind it. */
#if defined(__GNUC__)
#define SETTLED(pointer) __asm__("" : "+r"(pointer))
#else
#define SETTLED(pointer) (void)pointer
#endif

/* Inputs of one band to [k][wide]; rows that are not there are 0. */
INLINE void pack_panel(const float *x, steps_t xs, int rows, int inputs, int wide, float *panel) {
    if (rows < wide) memset(panel, 0, sizeof(float) * (size_t)inputs * (size_t)wide);
    if (xs.column == 1)
        transpose(x, xs.row, rows, inputs, panel, wide);
    else
        for (int k = 0; k < inputs; k++)
            for (int r = 0; r < rows; r++) panel[(ptrdiff_t)k * wide + r] = x[k * xs.column + r * xs.row];
}

enum { MOST = 128 / LANES }; /* vectors of a panel */

INLINE void add_element(const float *panel, int k, float w, vec *sums, const int wide) {
    const float *x = panel + (ptrdiff_t)k * wide;
    SETTLED(x);
#pragma GCC unroll 8
    for (int v = 0; v < wide / LANES; v++) sums[v] += w * load(x + v * LANES);
}

/* Outputs order[0], order[1], ... of a chunk, with counts[...] elements each, from one band. */
INLINE const float *band_sums(const float *panel, const uint16_t *order, const uint16_t *counts, int outputs,
                              const uint16_t **index, const float *w, float *sums, const int wide) {
    const int vecs = wide / LANES;
    const uint16_t *at = *index;
    for (int o = 0; o < outputs; o++) {
        vec a[MOST], b[MOST];
        float *to = sums + (ptrdiff_t)order[o] * wide;
#pragma GCC unroll 8
        for (int v = 0; v < vecs; v++) a[v] = load(to + v * LANES), b[v] = splat(0);
        int j = counts[o];
        for (; j > 1; j -= 2, w += 2, at += 2) { /* two sums, so that no product waits for the one before */
            add_element(panel, at[0], w[0], a, wide);
            add_element(panel, at[1], w[1], b, wide);
        }
        if (j) add_element(panel, *at++, *w++, a, wide);
#pragma GCC unroll 8
        for (int v = 0; v < vecs; v++) a[v] += b[v];
#pragma GCC unroll 8
        for (int v = 0; v < vecs; v++) store(to + v * LANES, a[v]);
    }
    *index = at;
    return w;
}

/* Sums of outputs first, first + 1, ...: c, or 0. */
INLINE void first_sums(float *sums, int wide, int outputs, const float *c, ptrdiff_t step, ptrdiff_t first) {
    for (int o = 0; o < outputs; o++)
        for (int v = 0; v < wide; v += LANES)
            store(sums + (ptrdiff_t)o * wide + v, splat(c ? c[(first + o) * step] : 0));
}

/* How w lies. A chunk's elements start at start[chunk]; order and counts are (chunks, bands, outputs of a chunk). */
typedef struct {
    const uint32_t *start;
    const uint16_t *order, *counts, *index;
    const float *w;
    int chunk, band; /* outputs, inputs */
} elements_t;

/* s: room for `wide` rows of x, and for their sums in one chunk, twice. */
INLINE void elements_product(part_t p, const float *x, steps_t xs, elements_t e, int rows, int inputs, int outputs,
                             finish_t f, float *s, const int wide) {
    const int bands = (inputs + e.band - 1) / e.band, chunks = (outputs + e.chunk - 1) / e.chunk;
    float *sums = s + (ptrdiff_t)inputs * wide, *turned = sums + (ptrdiff_t)e.chunk * wide;
    const int with_bias = f.beta == 1 && f.c_steps.row == 0; /* the same for all rows: the sums begin with it */
    finish_t last = f;
    if (with_bias) last.c = NULL;
    SHARE((ptrdiff_t)((rows + wide - 1) / wide) * chunks, lo, hi); /* panels first: what is packed is packed once */
    for (ptrdiff_t i = lo; i < hi; i++) {
        const ptrdiff_t r = i / chunks * wide, c = i % chunks;
        const int there = min_i(wide, rows - (int)r), here = min_i(e.chunk, outputs - (int)c * e.chunk);
        if (i == lo || c == 0) pack_panel(x + r * xs.row, xs, there, inputs, wide, s);
        const uint16_t *index = e.index + e.start[c];
        const float *w = e.w + e.start[c];
        first_sums(sums, wide, here, with_bias ? f.c : NULL, f.c_steps.column, c * e.chunk);
        for (int b = 0; b < bands; b++) {
            const ptrdiff_t list = (c * bands + b) * e.chunk;
            w = band_sums(s + (ptrdiff_t)b * e.band * wide, e.order + list, e.counts + list, here, &index, w, sums, wide);
        }
        if (f.y_steps.column == 1) { /* apart from y, whose rows may fall into the same set of the cache */
            transpose(sums, wide, here, there, turned, here);
            finish_tile(turned, here, there, here, r, c * e.chunk, last);
        } else {
            finish_tile(sums, wide, here, there, c * e.chunk, r, turned_round(last));
        }
    }
}

#endif
