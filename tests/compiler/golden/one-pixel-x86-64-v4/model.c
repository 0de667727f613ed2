/* Written by secateur VERSION; do not edit. */
#include "model.h"

#include "kernels/base.h"
#include "kernels/conv_blocks.h"
#include "kernels/conv_elements.h"
#include "kernels/conv_tiles.h"
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
    float *y0 = (void *)(r->arena + 3136);
    const uint32_t *w0 = WEIGHTS(uint32_t, 0);
    const float *w1 = WEIGHTS(float, 64);
    const uint32_t *w2 = WEIGHTS(uint32_t, 128);
    char *s = r->arena + 0 + (size_t)p.index * 2176;
    static const copy_t copies[] = {{0, 0, 1}};
    static const conv_t layer = {{{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0}, 1, 1, 1, 1, 16, 1, copies}, 1, 1, 1, 1, 0, 1, 1, 1, 16, 0, 16, 1, 1, 1, 1, 1, 1, 0, 0, relu, 0.0f, 0.0f};
    conv_tiles(p, &layer, x0, w1, (const weights_t *)w0, w2, NULL, y0, s, elements_16, elements_16);
    (void)p, (void)r;
}

/* Conv, Conv_2 */
static void step_1(part_t p, const run_t *r) {
    const float *x0 = (void *)(r->arena + 3136);
    float *y0 = (void *)(r->arena + 3072);
    const uint32_t *w0 = WEIGHTS(uint32_t, 0);
    const float *w1 = WEIGHTS(float, 192);
    const uint32_t *w2 = WEIGHTS(uint32_t, 256);
    char *s = r->arena + 0 + (size_t)p.index * 3072;
    static const copy_t copies[] = {{0, 0, 1}, {1, 16, 1}, {2, 32, 1}, {3, 48, 1}, {4, 64, 1}, {5, 80, 1}, {6, 96, 1}, {7, 112, 1}, {8, 128, 1}};
    static const conv_t layer = {{{1, 1, 1, 1, 3, 3, 1, 1, 1, 1, 1, 1}, 1, 1, 3, 3, 144, 9, copies}, 1, 1, 3, 1, 0, 1, 1, 1, 16, 0, 16, 1, 1, 1, 1, 3, 1, 0, 0, none, 0.0f, 0.0f};
    conv_tiles(p, &layer, x0, w1, (const weights_t *)w0, w2, NULL, y0, s, blocks_4_16, blocks_4_16);
    (void)p, (void)r;
}

/* Reshape, Reshape_3 */
static void step_2(part_t p, const run_t *r) {
    const float *x0 = (void *)(r->arena + 3072);
    float *y0 = r->outputs[0];
    copy(p, x0, y0, 12);
    (void)p, (void)r;
}

static void steps(part_t p, const void *run) {
    const run_t *r = (const run_t *)run;
    const float_mode_t before = flush_subnormals();
    step_0(p, r);
    step_1(p, r);
    step_2(p, r);
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
