/* 16-bit types to and from float: rounding to nearest even; NaN stays NaN, overflow becomes infinity, denormals are kept. */
#ifndef SMX_CPU_CONVERT_H
#define SMX_CPU_CONVERT_H

#if defined(__F16C__)
#include <immintrin.h>
#endif

#include "math.h"

static inline float half_to_float(uint16_t h) {
    const uint32_t magnitude = (uint32_t)(h & 0x7fff) << 13, sign = (uint32_t)(h & 0x8000) << 16;
    const float scaled = bits_to_float(magnitude) * 0x1p112f; /* also lifts denormals */
    const uint32_t finite = float_to_bits(scaled), special = magnitude | 0x7f800000u;
    return bits_to_float(((h & 0x7c00) == 0x7c00 ? special : finite) | sign);
}

static inline uint16_t float_to_half(float value) {
    const uint32_t bits = float_to_bits(value), sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
    const uint32_t normal = (magnitude + 0xfff + (magnitude >> 13 & 1) - (112u << 23)) >> 13;
    const uint32_t denormal = float_to_bits(bits_to_float(magnitude) + 0.5f) - 0x3f000000u; /* the addition rounds */
    const uint32_t finite = magnitude < 0x38800000 ? denormal : normal;
    const uint32_t large = magnitude > 0x7f800000 ? 0x7e00 : 0x7c00;
    return (uint16_t)((magnitude >= 0x47800000 ? large : finite) | sign);
}

static inline float bfloat16_to_float(uint16_t b) { return bits_to_float((uint32_t)b << 16); }

static inline uint16_t float_to_bfloat16(float value) {
    const uint32_t bits = float_to_bits(value);
    const uint32_t rounded = (bits + 0x7fff + (bits >> 16 & 1)) >> 16, quiet = bits >> 16 | 0x40;
    return (uint16_t)((bits & 0x7fffffff) > 0x7f800000 ? quiet : rounded);
}

/* ---- n of them; the instruction set may know halves, which the compiler does not see in the arithmetic above ---- */

#if defined(__F16C__)
static inline void eight_halves_to_floats(const uint16_t *from, float *to) {
    _mm256_storeu_ps(to, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)from)));
}

static inline void eight_floats_to_halves(const float *from, uint16_t *to) {
    _mm_storeu_si128((__m128i *)(void *)to, _mm256_cvtps_ph(_mm256_loadu_ps(from), _MM_FROUND_TO_NEAREST_INT));
}

static inline void halves_to_floats(const uint16_t *from, int n, float *to) {
    int j = 0;
    for (; j + 8 <= n; j += 8) eight_halves_to_floats(from + j, to + j);
    if (j == n) return;
    uint16_t rest[8] = {0};
    float converted[8];
    memcpy(rest, from + j, (size_t)(n - j) * sizeof *rest);
    eight_halves_to_floats(rest, converted);
    memcpy(to + j, converted, (size_t)(n - j) * sizeof *to);
}

static inline void floats_to_halves(const float *from, int n, uint16_t *to) {
    int j = 0;
    for (; j + 8 <= n; j += 8) eight_floats_to_halves(from + j, to + j);
    if (j == n) return;
    float rest[8] = {0};
    uint16_t converted[8];
    memcpy(rest, from + j, (size_t)(n - j) * sizeof *rest);
    eight_floats_to_halves(rest, converted);
    memcpy(to + j, converted, (size_t)(n - j) * sizeof *to);
}
#else
static inline void halves_to_floats(const uint16_t *from, int n, float *to) {
    for (int j = 0; j < n; j++) to[j] = half_to_float(from[j]);
}

static inline void floats_to_halves(const float *from, int n, uint16_t *to) {
    for (int j = 0; j < n; j++) to[j] = float_to_half(from[j]);
}
#endif

static inline void bfloat16s_to_floats(const uint16_t *from, int n, float *to) {
    for (int j = 0; j < n; j++) to[j] = bfloat16_to_float(from[j]);
}

static inline void floats_to_bfloat16s(const float *from, int n, uint16_t *to) {
    for (int j = 0; j < n; j++) to[j] = float_to_bfloat16(from[j]);
}

#endif
