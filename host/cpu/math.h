/* Exponentials and logarithms for the row loops. Plain C that the compiler turns into vector code. */
#ifndef SMX_CPU_MATH_H
#define SMX_CPU_MATH_H

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

static inline float bits_to_float(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline uint32_t float_to_bits(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* 2^z, relative error below 1.5e-7; 0 below -126, +inf above 127.5, NaN for NaN. z = n + f with |f| <= 1/2 and a
 * polynomial for 2^f whose own error is 1e-8 (Chebyshev interpolation of (2^f - 1) / f, degree 5). */
static inline float exp2_float(float z) {
    const float round_to_int = 12582912.0f; /* 1.5 * 2^23 */
    const float low = z < -126.0f ? -126.0f : z, clamped = low > 128.0f ? 128.0f : low;
    const float n_biased = clamped + round_to_int;
    const float f = clamped - (n_biased - round_to_int);
    float p = 0x1.44138ap-13f;
    p = p * f + 0x1.5f0890p-10f;
    p = p * f + 0x1.3b2a54p-7f;
    p = p * f + 0x1.c6af6cp-5f;
    p = p * f + 0x1.ebfbe0p-3f;
    p = p * f + 0x1.62e430p-1f;
    p = p * f + 1.0f;
    const float power = p * bits_to_float((float_to_bits(n_biased) << 23) + 0x3f800000u);
    return z < -126.0f ? 0.0f : power;
}

/* tanh(z), relative error below 2e-7, +-1 for +-inf. Near 0 an odd polynomial whose own error is 2e-8 (Chebyshev interpolation of
 * (tanh(z) / z - 1) / z^2 in z^2, degree 4); further out 1 - 2 / (exp(2 |z|) + 1). */
static inline float tanh_float(float z) {
    const float w = z * z, magnitude = fabsf(z);
    float p = -0x1.8c2d0ap-8f;
    p = p * w + 0x1.576e30p-6f;
    p = p * w - 0x1.b91582p-5f;
    p = p * w + 0x1.110dd8p-3f;
    p = p * w - 0x1.555552p-2f;
    const float near = z + z * w * p;
    const float far = copysignf(1.0f - 2.0f / (exp2_float(magnitude * 2.88539008f) + 1.0f), z);
    return magnitude < 0.63f ? near : far;
}

static inline double tanh_double(double z) { return tanh(z); }
static inline double exp2_double(double z) { return exp2(z); }
static inline float log_float(float x) { return logf(x); }
static inline double log_double(double x) { return log(x); }

#endif
