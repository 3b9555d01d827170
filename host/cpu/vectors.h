/* Vectors of the instruction set that is compiled for: what the compiler's own operators lack. */
#ifndef SMX_CPU_VECTORS_H
#define SMX_CPU_VECTORS_H

#include "math.h"

#define FORCE_INLINE static inline __attribute__((always_inline)) /* vectors belong in registers */

#if defined(__AVX512F__)
#define VECTOR_BYTES 64
#elif defined(__AVX__)
#define VECTOR_BYTES 32
#else
#define VECTOR_BYTES 16
#endif
#if defined(__SSE2__)
#include <immintrin.h>
#endif

typedef float vector_float __attribute__((vector_size(VECTOR_BYTES)));
typedef double vector_double __attribute__((vector_size(VECTOR_BYTES)));
typedef int32_t mask_float __attribute__((vector_size(VECTOR_BYTES)));
typedef int64_t mask_double __attribute__((vector_size(VECTOR_BYTES)));

/* The larger; b where one of them is NaN. */
FORCE_INLINE vector_float max_float(vector_float a, vector_float b) {
#if defined(__AVX512F__)
    return (vector_float)_mm512_max_ps((__m512)a, (__m512)b);
#elif defined(__AVX__)
    return (vector_float)_mm256_max_ps((__m256)a, (__m256)b);
#elif defined(__SSE2__)
    return (vector_float)_mm_max_ps((__m128)a, (__m128)b);
#else
    const mask_float larger = a > b;
    return (vector_float)((larger & (mask_float)a) | (~larger & (mask_float)b));
#endif
}

/* The smaller; b where one of them is NaN. */
FORCE_INLINE vector_float min_float(vector_float a, vector_float b) {
    const mask_float smaller = a < b;
#if defined(__AVX512F__)
    (void)smaller;
    return (vector_float)_mm512_min_ps((__m512)a, (__m512)b);
#else
    return (vector_float)((smaller & (mask_float)a) | (~smaller & (mask_float)b));
#endif
}

FORCE_INLINE vector_double min_double(vector_double a, vector_double b) {
    const mask_double smaller = a < b;
    return (vector_double)((smaller & (mask_double)a) | (~smaller & (mask_double)b));
}

FORCE_INLINE vector_double max_double(vector_double a, vector_double b) {
    const mask_double larger = a > b;
    return (vector_double)((larger & (mask_double)a) | (~larger & (mask_double)b));
}

/* Lane k and the one at k ^ distance change places, for a distance of 1, 2, 4 or 8 below the number of lanes in a vector. */
#if defined(__has_builtin)
#if __has_builtin(__builtin_shufflevector)
#define HAS_SHUFFLES 1
#define PLACES_2(n, i, d) ((i) ^ (d)) % (n), (((i) + 1) ^ (d)) % (n)
#define PLACES_4(n, i, d) PLACES_2(n, i, d), PLACES_2(n, (i) + 2, d)
#define PLACES_8(n, i, d) PLACES_4(n, i, d), PLACES_4(n, (i) + 4, d)
#define PLACES_16(n, i, d) PLACES_8(n, i, d), PLACES_8(n, (i) + 8, d)
#define SWAPPED_(v, d, n) __builtin_shufflevector(v, v, PLACES_##n(n, 0, d))
#define SWAPPED(v, distance, n) \
    ((distance) == 8 ? SWAPPED_(v, 8, n) : (distance) == 4 ? SWAPPED_(v, 4, n) : (distance) == 2 ? SWAPPED_(v, 2, n) : SWAPPED_(v, 1, n))
#endif
#endif

FORCE_INLINE vector_float swapped_float(vector_float v, int distance) {
#if defined(HAS_SHUFFLES) && VECTOR_BYTES == 64
    return SWAPPED(v, distance, 16);
#elif defined(HAS_SHUFFLES) && VECTOR_BYTES == 32
    return SWAPPED(v, distance, 8);
#elif defined(HAS_SHUFFLES)
    return SWAPPED(v, distance, 4);
#else
    const vector_float old = v;
    for (size_t k = 0; k < VECTOR_BYTES / sizeof(float); k++) v[k] = old[k ^ (size_t)distance];
    return v;
#endif
}

FORCE_INLINE vector_double swapped_double(vector_double v, int distance) {
#if defined(HAS_SHUFFLES) && VECTOR_BYTES == 64
    return SWAPPED(v, distance, 8);
#elif defined(HAS_SHUFFLES) && VECTOR_BYTES == 32
    return SWAPPED(v, distance, 4);
#elif defined(HAS_SHUFFLES)
    return SWAPPED(v, distance, 2);
#else
    const vector_double old = v;
    for (size_t k = 0; k < VECTOR_BYTES / sizeof(double); k++) v[k] = old[k ^ (size_t)distance];
    return v;
#endif
}

/* As multiply_add() of single numbers. */
FORCE_INLINE vector_float multiply_add_vectors(vector_float a, vector_float b, vector_float c) {
#if defined(__AVX512F__)
    return (vector_float)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__FMA__)
    return (vector_float)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#elif defined(__ARM_FEATURE_FMA)
    vector_float sum;
    for (size_t k = 0; k < VECTOR_BYTES / sizeof(float); k++) sum[k] = __builtin_fmaf(a[k], b[k], c[k]);
    return sum;
#else
    return a * b + c;
#endif
}

#endif
