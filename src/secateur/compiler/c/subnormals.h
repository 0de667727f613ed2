/* Numbers so small that processors compute them slowly (below 1.2e-38) count as 0 while a network runs. */
#ifndef SECATEUR_SUBNORMALS_H
#define SECATEUR_SUBNORMALS_H
#include "base.h"

/* The "memory" clobbers keep the network's loads and stores between the two calls. */
#if defined(__SSE__)
typedef uint32_t float_mode_t;
#define FLUSH 0x8040u /* flush to zero, subnormals are zero */
INLINE float_mode_t float_mode(void) {
    float_mode_t mode;
    __asm__ volatile("stmxcsr %0" : "=m"(mode) : : "memory");
    return mode;
}
INLINE void set_float_mode(float_mode_t mode) { __asm__ volatile("ldmxcsr %0" : : "m"(mode) : "memory"); }
#elif defined(__aarch64__)
typedef uint64_t float_mode_t;
#define FLUSH (1u << 24)
INLINE float_mode_t float_mode(void) {
    float_mode_t mode;
    __asm__ volatile("mrs %0, fpcr" : "=r"(mode) : : "memory");
    return mode;
}
INLINE void set_float_mode(float_mode_t mode) { __asm__ volatile("msr fpcr, %0" : : "r"(mode) : "memory"); }
#elif defined(__arm__) && defined(__ARM_FP)
typedef uint32_t float_mode_t;
#define FLUSH (1u << 24)
INLINE float_mode_t float_mode(void) {
    float_mode_t mode;
    __asm__ volatile("vmrs %0, fpscr" : "=r"(mode) : : "memory");
    return mode;
}
INLINE void set_float_mode(float_mode_t mode) { __asm__ volatile("vmsr fpscr, %0" : : "r"(mode) : "memory"); }
#else /* RISC-V and WebAssembly cannot, and without a floating-point unit it does not matter */
typedef uint32_t float_mode_t;
#define FLUSH 0u
INLINE float_mode_t float_mode(void) { return 0; }
INLINE void set_float_mode(float_mode_t mode) { (void)mode; }
#endif

/* Answers what the caller had, for set_float_mode. */
INLINE float_mode_t flush_subnormals(void) {
    const float_mode_t before = float_mode();
    set_float_mode(before | FLUSH);
    return before;
}

#endif
