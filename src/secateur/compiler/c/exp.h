/* Functions made of exponentials, without branches, so that the C compiler computes a vector of them at a time. */
#ifndef SECATEUR_EXP_H
#define SECATEUR_EXP_H
#include "base.h"

INLINE float bits_f(int32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

INLINE int32_t bits_i(float x) {
    int32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

/* e^x within 1 ulp: 2^n e^r with |r| <= ln(2) / 2. 2^n is applied in two halves, so that neither is beyond the
   range: the result may be denormal, 0 or infinity. */
INLINE float exp_f(float x) {
    x = x < -105.0f ? -105.0f : x;
    x = x > 89.0f ? 89.0f : x;
    const float magic = 12582912.0f; /* 1.5 * 2^23: adding it rounds to an integer, in the lowest bits */
    const float shifted = x * 1.44269504f + magic;
    const float n = shifted - magic;
    const int32_t i = bits_i(shifted) - bits_i(magic);
    const float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
    float e = 1.9875691500e-4f;
    e = e * r + 1.3981999507e-3f;
    e = e * r + 8.3334519073e-3f;
    e = e * r + 4.1665795894e-2f;
    e = e * r + 1.6666665459e-1f;
    e = e * r + 5.0000001201e-1f;
    e = e * (r * r) + r + 1.0f;
    const int32_t half = i >> 1;
    return e * bits_f((int32_t)((uint32_t)(half + 127) << 23)) * bits_f((int32_t)((uint32_t)(i - half + 127) << 23));
}

INLINE float sigmoid_f(float x) { return 1.0f / (1.0f + exp_f(-x)); }

/* A polynomial near 0, where 1 - 2 / (e^2x + 1) would lose digits. */
INLINE float tanh_f(float x) {
    const float s = x * x;
    float near = -5.70498872745e-3f;
    near = near * s + 2.06390887954e-2f;
    near = near * s - 5.37397155531e-2f;
    near = near * s + 1.33314422036e-1f;
    near = near * s - 3.33332819422e-1f;
    near = near * s * x + x;
    const float far = 1.0f - 2.0f / (exp_f(2.0f * x) + 1.0f);
    return s < 0.390625f ? near : far;
}

/* Polynomials after N. Juffa: in x near 0, in the exponent elsewhere. */
INLINE float erf_f(float x) {
    const float s = x * x;
    float near = -5.96761703e-4f;
    near = near * s + 4.99119423e-3f;
    near = near * s - 2.67681349e-2f;
    near = near * s + 1.12819925e-1f;
    near = near * s - 3.76125336e-1f;
    near = near * s + 1.28379166e-1f;
    near = near * x + x;
    float t = fabsf(x);
    t = t > 4.0f ? 4.0f : t; /* where it is 1 already */
    float far = -1.72853470e-5f;
    far = far * t + 3.83197126e-4f;
    far = far * t - 3.88396438e-3f;
    far = far * t + 2.42546219e-2f;
    far = far * t - 1.06777877e-1f;
    far = far * t - 6.34846687e-1f;
    far = far * t - 1.28717512e-1f;
    far = 1.0f - exp_f(far * t - t);
    far = x < 0 ? -far : far;
    return s < 0.8607f ? near : far;
}

INLINE float gelu_f(float x) { return 0.5f * x * (1.0f + erf_f(x * 0.70710678f)); }
INLINE float gelu_tanh_f(float x) { return 0.5f * x * (1.0f + tanh_f(0.79788456f * (x + 0.044715f * x * x * x))); }
INLINE float elu_f(float x, float alpha) { return x < 0 ? alpha * (exp_f(x) - 1.0f) : x; }

/* ln(1 + e^-|x|) + max(x, 0), where ln(1 + e) = 2 artanh(e / (2 + e)), of at most 1/3. */
INLINE float softplus_f(float x) {
    const float e = exp_f(-fabsf(x)), z = e / (2.0f + e), s = z * z;
    float series = 1.0f / 15;
    series = series * s + 1.0f / 13;
    series = series * s + 1.0f / 11;
    series = series * s + 1.0f / 9;
    series = series * s + 1.0f / 7;
    series = series * s + 1.0f / 5;
    series = series * s + 1.0f / 3;
    series = series * s + 1.0f;
    return (x < 0 ? 0 : x) + 2.0f * z * series;
}

/* x tanh(ln(1 + e^x)), where tanh(ln(a)) = (a^2 - 1) / (a^2 + 1). */
INLINE float mish_f(float x) {
    const float e = exp_f(x > 20.0f ? 20.0f : x), n = e * (e + 2.0f);
    return x * (n / (n + 2.0f));
}

#endif
