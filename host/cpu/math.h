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

/* a * b + c: rounded once where the instruction set has that, in every loop alike. */
static inline float multiply_add(float a, float b, float c) {
#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)
    return __builtin_fmaf(a, b, c);
#else
    return a * b + c;
#endif
}

/* 2^z for z <= 1/2, relative error below 1.8e-7; 0 below -126.5, NaN for NaN. z = n + f with |f| <= 1/2 and a polynomial for 2^f whose
 * own error is 9.3e-8, the least possible with this degree and 1 at f = 0. The bits of 2^n are made from n; those of 2^-127 would be 0. */
#define EXP2_ROUND 12583039.0f /* 1.5 * 2^23 + 127: adding it rounds to n, and puts n + 127, the exponent's bits, into the low ones */
#define EXP2_0 0x1.62e42ap-1f
#define EXP2_1 0x1.ebf9c2p-3f
#define EXP2_2 0x1.c6b6d8p-5f
#define EXP2_3 0x1.3ce8aep-7f
#define EXP2_4 0x1.5bda5cp-10f

static inline float exp2_of_negative_float(float z) {
    const float low = z < -127.0f ? -127.0f : z;
    const float n_biased = low + EXP2_ROUND, f = low - (n_biased - EXP2_ROUND);
    float p = EXP2_4;
    p = multiply_add(p, f, EXP2_3);
    p = multiply_add(p, f, EXP2_2);
    p = multiply_add(p, f, EXP2_1);
    p = multiply_add(p, f, EXP2_0);
    p = multiply_add(p, f, 1.0f);
    return p * bits_to_float(float_to_bits(n_biased) << 23);
}

/* The same for any z; +inf above 127.5. */
static inline float exp2_float(float z) { return exp2_of_negative_float(z > 128.0f ? 128.0f : z); }

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

/* log(x) for x = 0 and x >= 2^-126, relative error below 2e-7; NaN for what is negative or NaN. x = m * 2^e with m between sqrt(1/2) and
 * sqrt(2); log(m) = 2 artanh(s) with s = (m - 1) / (m + 1), as a series in s^2 <= 0.0295 whose next term is 2e-9. */
static inline float log_float(float x) {
    const uint32_t shifted = float_to_bits(x) - 0x3f3504f3u; /* sqrt(1/2) */
    const float e = (float)((int32_t)shifted >> 23), m = bits_to_float((shifted & 0x7fffffu) + 0x3f3504f3u);
    const float s = (m - 1.0f) / (m + 1.0f), w = s * s;
    float p = 2.0f / 9;
    p = multiply_add(p, w, 2.0f / 7);
    p = multiply_add(p, w, 2.0f / 5);
    p = multiply_add(p, w, 2.0f / 3);
    const float of_m = multiply_add(s, 2.0f, s * w * p);
    const float finite = multiply_add(e, 0x1.62e4p-1f, multiply_add(e, 0x1.7f7d1cp-20f, of_m)); /* ln 2 in two parts */
    const float ends = x > 0 ? x : x == 0 ? -INFINITY : NAN;
    return x > 0 && x < INFINITY ? finite : ends;
}

static inline double tanh_double(double z) { return tanh(z); }
static inline double exp2_double(double z) { return exp2(z); }
static inline double exp2_of_negative_double(double z) { return exp2(z); }
static inline double log_double(double x) { return log(x); }

#endif
