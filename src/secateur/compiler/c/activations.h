/* What may follow a layer at once: one value, and two parameters that most do not use. */
#ifndef SECATEUR_ACTIVATIONS_H
#define SECATEUR_ACTIVATIONS_H
#include "base.h"

typedef enum { none, relu, clip } activation_t;

INLINE float activated(activation_t kind, float x, float low, float high) {
    if (kind == relu) return relu_f(x);
    if (kind == clip) return clip_f(x, low, high);
    return x;
}

#endif
