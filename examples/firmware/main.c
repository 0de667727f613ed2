/* Runs a compiled network on one input, and prints how long it took and what it answered. */
#include <stdint.h>
#include <stdio.h>

#include "example.h" /* const float example[MODEL_INPUT_0_SIZE]: in a product, what a sensor measured */
#include "model.h"

#define SYSTICK_CONTROL (*(volatile uint32_t *)0xE000E010)
#define SYSTICK_RELOAD (*(volatile uint32_t *)0xE000E014)
#define SYSTICK_VALUE (*(volatile uint32_t *)0xE000E018)
#define SYSTICK_LONGEST 0xFFFFFFu

static _Alignas(64) char arena[MODEL_ARENA_BYTES + 1]; /* a network may need none, and C has no empty arrays */
static float output[MODEL_OUTPUT_0_SIZE];
static volatile uint32_t rounds; /* of the counter */

void SysTick_Handler(void) { rounds++; }

int main(void) {
    const void *inputs[] = {example};
    void *outputs[] = {output};

    SYSTICK_RELOAD = SYSTICK_LONGEST;
    SYSTICK_VALUE = 0;
    SYSTICK_CONTROL = 7; /* counts the processor's clock down, and interrupts at 0 */
    while (SYSTICK_VALUE == 0) continue;
    const uint32_t before = SYSTICK_VALUE;
    model_run(inputs, outputs, arena);
    const uint32_t after = SYSTICK_VALUE;
    SYSTICK_CONTROL = 0;

    const uint64_t ticks = (uint64_t)rounds * (SYSTICK_LONGEST + 1) + before - after;
    printf("ticks %lu\n", (unsigned long)ticks);
    for (int i = 0; i < MODEL_OUTPUT_0_SIZE; i++) {
        union {
            float number;
            uint32_t bits;
        } y = {output[i]};
        printf("output %08lx\n", (unsigned long)y.bits); /* the bits: small C libraries print no floats */
    }
    return 0;
}
