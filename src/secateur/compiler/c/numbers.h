/* Arithmetic of which C leaves a part open, for each type of elements. */
#ifndef SECATEUR_NUMBERS_H
#define SECATEUR_NUMBERS_H
#include "base.h"

/* NaN passes through. */
#define COMPARED(type) \
    INLINE type larger_##type(type a, type b) { return ((a > b) | (a != a)) ? a : b; } \
    INLINE type smaller_##type(type a, type b) { return ((a < b) | (a != a)) ? a : b; }

/* Division by 0 gives 0, and that of the smallest number by -1 does not trap. */
#define DIVIDED(type)                                                                                       \
    INLINE type negated_##type(type a) { return (type)(0 - (uint64_t)a); }                                  \
    INLINE type quotient_##type(type a, type b) {                                                           \
        return b == 0 ? 0 : b == (type)-1 ? negated_##type(a) : (type)(a / b);                              \
    }                                                                                                       \
    INLINE type remainder_##type(type a, type b) { return b == 0 || b == (type)-1 ? 0 : (type)(a % b); }    \
    INLINE type modulus_##type(type a, type b) { /* of the sign of b */                                     \
        const type r = remainder_##type(a, b);                                                              \
        return r != 0 && (r < 0) != (b < 0) ? (type)(r + b) : r;                                            \
    }

#define SIGNED(type) \
    INLINE type leaky_##type(type x, type slope) { return x < 0 ? x * slope : x; }

SIGNED(float)
SIGNED(int64_t)
SIGNED(int32_t)
COMPARED(float)
COMPARED(int64_t)
COMPARED(int32_t)
COMPARED(uint8_t)
DIVIDED(int64_t)
DIVIDED(int32_t)

INLINE uint8_t quotient_uint8_t(uint8_t a, uint8_t b) { return b ? a / b : 0; }
INLINE uint8_t remainder_uint8_t(uint8_t a, uint8_t b) { return b ? a % b : 0; }
INLINE uint8_t modulus_uint8_t(uint8_t a, uint8_t b) { return b ? a % b : 0; }

/* Of the sign of b, 0 too. */
INLINE float modulus_float(float a, float b) {
    const float r = fmodf(a, b);
    return r == 0 ? copysignf(r, b) : (r < 0) != (b < 0) ? r + b : r;
}

/* An index as ONNX counts, from the end where it is negative; never outside. */
INLINE ptrdiff_t place(int64_t index, ptrdiff_t size) {
    const int64_t i = index < 0 ? index + size : index;
    return (ptrdiff_t)(i < 0 ? 0 : i >= size ? size - 1 : i);
}

#endif
