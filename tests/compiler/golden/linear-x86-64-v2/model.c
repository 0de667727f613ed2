/* Written by secateur VERSION; do not edit. */
#define _GNU_SOURCE /* processors and threads on Linux */
#include "model.h"

#include "kernels/base.h"
#include "kernels/gemm.h"
#include "kernels/subnormals.h"
#include "kernels/threads.h"

typedef struct {
    const void *const *inputs;
    void *const *outputs;
    char *arena;
} run_t;

extern const unsigned char model_weights[];
#define WEIGHTS(type, offset) ((const type *)(const void *)(model_weights + (offset)))

/* Gemm, Gemm_0 */
static void step_0(part_t p, const run_t *r) {
    const float *x0 = r->inputs[0];
    const float *x2 = WEIGHTS(float, 1280);
    float *y0 = (void *)(r->arena + 1920);
    const float *w0 = WEIGHTS(float, 0);
    char *s = r->arena + 0 + (size_t)p.index * 960;
    dense_product(p, x0, (steps_t){13, 1}, w0, 5, 13, 7, (finish_t){x2, (steps_t){0, 1}, 1.0f, y0, (steps_t){7, 1}, relu, 0.0f, 0.0f}, (float *)(void *)s, 17);
    (void)p, (void)r;
}

/* Gemm, Gemm_2 */
static void step_1(part_t p, const run_t *r) {
    const float *x0 = (void *)(r->arena + 1920);
    const float *x2 = WEIGHTS(float, 1344);
    float *y0 = r->outputs[0];
    const float *w0 = WEIGHTS(float, 832);
    char *s = r->arena + 0 + (size_t)p.index * 576;
    dense_product(p, x0, (steps_t){7, 1}, w0, 5, 7, 1, (finish_t){x2, (steps_t){0, 0}, 1.0f, y0, (steps_t){1, 1}, none, 0.0f, 0.0f}, (float *)(void *)s, 17);
    (void)p, (void)r;
}

static void steps(part_t p, const void *run) {
    const run_t *r = (const run_t *)run;
    const float_mode_t before = flush_subnormals();
    step_0(p, r);
    barrier(p);
    step_1(p, r);
    (void)p, (void)r;
    set_float_mode(before);
}

#ifndef MODEL_RUN /* another name for each kind of processor, where the library chooses */
#define MODEL_RUN model_run
#endif
void MODEL_RUN(const void *const inputs[], void *const outputs[], void *arena) {
    const run_t r = {inputs, outputs, (char *)arena};
    run_together(2, steps, &r);
}
