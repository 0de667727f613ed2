/* A neural network, written by secateur VERSION; do not edit. */
#ifndef SECATEUR_MODEL_H
#define SECATEUR_MODEL_H

#define MODEL_ARENA_BYTES 19712 /* working memory, aligned to 64 */
#define MODEL_WEIGHTS_BYTES 2004 /* constants, in flash */
#define MODEL_THREADS 1
#define MODEL_INPUTS 1
#define MODEL_OUTPUTS 1
#define MODEL_INPUT_0_SIZE 585 /* elements of type float, 1 x 3 x 15 x 13: x */
#define MODEL_INPUT_0_BYTES 2340
#define MODEL_OUTPUT_0_SIZE 5 /* elements of type float, 1 x 5: linear */
#define MODEL_OUTPUT_0_BYTES 20

#ifdef __cplusplus
extern "C" {
#endif

/* Computes the outputs from the inputs.

   inputs, outputs  a pointer to each, in the order of the numbers above, row-major. They do not overlap.
   arena            MODEL_ARENA_BYTES of memory aligned to 64. Between calls it holds
                    nothing, and may be used for something else.

   There is nothing to initialise and nothing to free; nothing is allocated. */
void model_run(const void *const inputs[], void *const outputs[], void *arena);

#ifdef __cplusplus
}
#endif

#endif
