/* Sums over the non-zero weights of each output channel, for one tile of pixels.

   The stream of weights of a block of channels: the number of groups; then for each group of rows with equally
   many weights (so that the processor foresees where rows end): weights in a row, pairs of rows, single rows;
   then each pair: two output channels, and by turns a weight of either row; then each single row alike. A weight
   is its value and the offset of its pixels in bytes. */
#ifndef SECATEUR_CONV_ELEMENTS_H
#define SECATEUR_CONV_ELEMENTS_H
#include "sums.h"

#define MOST_PAIRED (MOST_SUMS >= 28 ? 14 : 6) /* vectors of a tile of which two rows are summed at once */
#define MOST_SINGLE (MOST_SUMS >= 28 ? 14 : MOST_SUMS)

/* One weight of each row. */
INLINE void add_elements(const int vectors, const int rows, const uint32_t *s, const char *x, vec (*sum)[MOST_SINGLE]) {
    UNROLLED for (int r = 0; r < rows; r++) {
        const vec w = splat(weight_of(s + 2 * r));
        const float *pixels = (const float *)(x + s[2 * r + 1]);
        UNROLLED for (int v = 0; v < vectors; v++) sum[r][v] += w * load(pixels + v * LANES);
    }
}

/* rows of the `paired` rows whose weights lie side by side. Four weights a turn: the processor foresees the end of a
   loop of few turns. */
INLINE void element_sums(const int vectors, const int rows, const int paired, const uint32_t *outputs,
                         const uint32_t *s, uint32_t n, const char *x, const sums_t *t, int pixel) {
    vec sum[2][MOST_SINGLE];
    float *y[2];
    x += (ptrdiff_t)pixel * 4;
    UNROLLED for (int r = 0; r < rows; r++) {
        y[r] = place_of(t, outputs[r], pixel);
        start_sums(vectors, sum[r], t, outputs[r], y[r]);
    }
    ROLLED for (uint32_t k = n / 4; k > 0; k--, s += 8 * paired)
        UNROLLED for (int i = 0; i < 4; i++) add_elements(vectors, rows, s + 2 * i * paired, x, sum);
    ROLLED for (uint32_t k = n % 4; k > 0; k--, s += 2 * paired) add_elements(vectors, rows, s, x, sum);
    UNROLLED for (int r = 0; r < rows; r++) end_sums(vectors, sum[r], t, outputs[r], y[r], pixel);
}

/* All vectors of a tile: in as few turns as the registers allow. */
INLINE void element_row(const int vectors, const int paired, const uint32_t *outputs, const uint32_t *s, uint32_t n,
                        const char *x, const sums_t *t) {
    if (paired == 2 && vectors <= MOST_PAIRED) {
        element_sums(vectors, 2, 2, outputs, s, n, x, t, 0);
        return;
    }
    const int turns = (vectors + MOST_SINGLE - 1) / MOST_SINGLE, some = vectors / turns, longer = vectors % turns;
    for (int r = 0; r < paired; r++) {
        int v = 0;
        for (int turn = 0; turn < longer; turn++, v += some + 1)
            element_sums(some + 1, 1, paired, outputs + r, s + 2 * r, n, x, t, v * LANES);
        for (int turn = longer; turn < turns; turn++, v += some)
            element_sums(some, 1, paired, outputs + r, s + 2 * r, n, x, t, v * LANES);
    }
}

INLINE void element_tile(const int vectors, const uint32_t *s, const char *x, const sums_t *given) {
    const sums_t own = *given, *t = &own; /* which no store to y can change */
    for (uint32_t groups = *s++; groups > 0; groups--) {
        const uint32_t n = s[0], pairs = s[1], singles = s[2];
        s += 3;
        for (uint32_t i = 0; i < pairs; i++, s += 2 + 4 * n) {
            if (t->ahead)
                for (uint32_t k = 0; k < 2 + 4 * n; k += 16) __builtin_prefetch(s + t->ahead + k);
            if (t->last && t->added && i + 1 < pairs)
                for (int r = 0; r < 2; r++) fetch_added(vectors, t, s[2 + 4 * n + r], 0);
            if (t->far && i + 1 < pairs)
                for (int r = 0; r < 2; r++) fetch_place(vectors, t, s[2 + 4 * n + r], 0);
            element_row(vectors, 2, s, s + 2, n, x, t);
        }
        for (uint32_t i = 0; i < singles; i++, s += 1 + 2 * n) element_row(vectors, 1, s, s + 1, n, x, t);
    }
}

#define ELEMENTS(pixels)                                                                 \
    KERNEL void elements_##pixels(const uint32_t *s, const char *x, const sums_t *t) {   \
        element_tile(pixels < LANES ? 1 : pixels / LANES, s, x, t);                      \
    }
ELEMENTS(1) ELEMENTS(2) ELEMENTS(3) ELEMENTS(4) ELEMENTS(5) ELEMENTS(6) ELEMENTS(7) ELEMENTS(8) ELEMENTS(16)
ELEMENTS(24) ELEMENTS(32) ELEMENTS(40) ELEMENTS(48) ELEMENTS(56) ELEMENTS(64) ELEMENTS(72) ELEMENTS(80)
ELEMENTS(88) ELEMENTS(96) ELEMENTS(104) ELEMENTS(112) ELEMENTS(120) ELEMENTS(128) ELEMENTS(136) ELEMENTS(144)
ELEMENTS(152) ELEMENTS(160) ELEMENTS(168) ELEMENTS(176) ELEMENTS(184) ELEMENTS(192) ELEMENTS(200) ELEMENTS(208)
ELEMENTS(216) ELEMENTS(224)

#endif
