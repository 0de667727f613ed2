/* Written by secateur VERSION; do not edit. */
#include "model.h"

#include "kernels/base.h"
#include "kernels/conv_depthwise.h"
#include "kernels/conv_elements.h"
#include "kernels/conv_tiles.h"
#include "kernels/numbers.h"
#include "kernels/rows.h"
#include "kernels/spmv.h"
#include "kernels/subnormals.h"

typedef struct {
    const void *const *inputs;
    void *const *outputs;
    char *arena;
} run_t;

extern const unsigned char model_weights[];
#define WEIGHTS(type, offset) ((const type *)(const void *)(model_weights + (offset)))

/* Conv, Conv_0 */
static void step_0(part_t p, const run_t *r) {
    const float *x0 = r->inputs[0];
    float *y0 = (void *)(r->arena + 17408);
    const uint32_t *w0 = WEIGHTS(uint32_t, 0);
    const float *w1 = WEIGHTS(float, 64);
    const uint32_t *w2 = WEIGHTS(uint32_t, 128);
    char *s = r->arena + 0 + (size_t)p.index * 17408;
    static const copy_t copies[] = {{0, 0, 8}, {8, 64, 8}, {1, 128, 8}, {16, 192, 8}, {24, 256, 8}, {17, 320, 8}, {32, 384, 8}, {40, 448, 8}, {33, 512, 8}};
    static const conv_t layer = {{{15, 13, 8, 7, 3, 3, 2, 2, 1, 1, 1, 1}, 8, 7, 17, 8, 576, 9, copies}, 1, 3, 9, 195, 0, 64, 1, 1, 64, 0, 16, 1, 0, 3, 1, 9, 1, 0, 0, relu, 0.0f, 0.0f};
    conv_tiles(p, &layer, x0, w1, (const weights_t *)w0, w2, NULL, y0, s, elements_64, elements_64);
    (void)p, (void)r;
}

/* Conv, Conv_2 */
static void step_1(part_t p, const run_t *r) {
    const float *x0 = (void *)(r->arena + 17408);
    float *y0 = (void *)(r->arena + 15040);
    const float *w0 = WEIGHTS(float, 640);
    const float *w1 = WEIGHTS(float, 1024);
    char *s = r->arena + 0 + (size_t)p.index * 15040;
    static const int at[] = {0, 1, 2, 16, 17, 18, 32, 33, 34};
    static const depthwise_t layer = {{{8, 7, 8, 7, 3, 3, 1, 1, 1, 1, 1, 1}, 8, 7, 10, 16, 0, 0, NULL}, 1, 9, 9, 64, 0, 64, 9, 416, 16, 9, at, relu, 0.0f, 0.0f};
    conv_depthwise(p, &layer, x0, w0, w1, NULL, y0, s);
    (void)p, (void)r;
}

/* Conv, Conv_4 */
static void step_2(part_t p, const run_t *r) {
    const float *x0 = (void *)(r->arena + 15040);
    const float *x3 = (void *)(r->arena + 17408);
    float *y0 = (void *)(r->arena + 0);
    const uint32_t *w0 = WEIGHTS(uint32_t, 0);
    const float *w1 = WEIGHTS(float, 1088);
    const uint32_t *w2 = WEIGHTS(uint32_t, 1152);
    char *s = r->arena + 2304 + (size_t)p.index * 256;
    static const copy_t copies[] = {{0, 0, 0}};
    static const conv_t layer = {{{1, 56, 1, 56, 1, 1, 1, 1, 1, 1, 0, 0}, 1, 64, 1, 64, 64, 1, copies}, 1, 9, 9, 64, 64, 64, 1, 1, 64, 0, 16, 0, 0, 9, 1, 9, 1, 0, 0, relu, 0.0f, 0.0f};
    conv_tiles(p, &layer, x0, w1, (const weights_t *)w0, w2, x3, y0, s, elements_64, elements_64);
    (void)p, (void)r;
}

/* ReduceMean, ReduceMean_7 */
static void step_3(part_t p, const run_t *r) {
    const float *x0 = (void *)(r->arena + 0);
    float *y0 = (void *)(r->arena + 2304);
    SHARE(9, lo, hi);
    for (ptrdiff_t i0 = lo; i0 < hi; i0++)
        y0[i0] = row_sum(x0 + i0 * 64, 56, 0) / 56;
    (void)p, (void)r;
}

/* Gemm, Gemm_8 */
static void step_4(part_t p, const run_t *r) {
    const float *x0 = (void *)(r->arena + 2304);
    const float *x2 = WEIGHTS(float, 1984);
    float *y0 = r->outputs[0];
    const float *w0 = WEIGHTS(float, 1408);
    char *s = r->arena + 0 + (size_t)p.index * 64;
    slices_product(p, x0, (steps_t){9, 1}, w0, 1, 9, 5, (finish_t){x2, (steps_t){0, 1}, 1.0f, y0, (steps_t){5, 1}, none, 0.0f, 0.0f}, (float *)(void *)s);
    (void)p, (void)r;
}

static void steps(part_t p, const void *run) {
    const run_t *r = (const run_t *)run;
    const float_mode_t before = flush_subnormals();
    step_0(p, r);
    step_1(p, r);
    step_2(p, r);
    step_3(p, r);
    step_4(p, r);
    (void)p, (void)r;
    set_float_mode(before);
}

#ifndef MODEL_RUN /* another name for each kind of processor, where the library chooses */
#define MODEL_RUN model_run
#endif
__attribute__((visibility("default"))) void MODEL_RUN(const void *const inputs[], void *const outputs[], void *arena) {
    const run_t r = {inputs, outputs, (char *)arena};
    steps((part_t){0, 1}, &r);
}
