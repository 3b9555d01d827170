/* Sixteen numbers that are computed with at once, in as many vectors as the instruction set needs for them: of a row, its next elements;
 * or an element each of so many rows. What is reduced is reduced in these lanes, on every instruction set in the same order.
 * Included once per REAL. */
#include "math.h"
#include "real.h"

#ifndef LANES
#define LANES 16
#define FORCE_INLINE static inline __attribute__((always_inline)) /* lanes belong in registers */
#define ARE_ALL(m) (__builtin_constant_p(m) && (m) == LANES)      /* so that a loop's last elements have code for themselves alone */

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

/* ---- 2^z ---- */

/* exp2_of_negative_float() in two steps: its exponent, made no smaller than matters, and the power. */
FORCE_INLINE vector_float limited_exponent_float(vector_float z) {
    const vector_float zero = {0};
    return max_float(zero - 127.0f, z);
}

FORCE_INLINE vector_float power_of_limited_float(vector_float limited) {
    const vector_float zero = {0}, n_biased = limited + EXP2_ROUND, f = limited - (n_biased - EXP2_ROUND);
    vector_float p = zero + EXP2_4;
    p = multiply_add_vectors(p, f, zero + EXP2_3);
    p = multiply_add_vectors(p, f, zero + EXP2_2);
    p = multiply_add_vectors(p, f, zero + EXP2_1);
    p = multiply_add_vectors(p, f, zero + EXP2_0);
    p = multiply_add_vectors(p, f, zero + 1.0f);
    return p * (vector_float)((mask_float)n_biased << 23);
}

/* The exponential of an element, 2^z with z = (x - reference) * factor + rest up to 1/2, is a long chain of operations. It is computed in
 * two steps: begun_*_float() are the chain's first links, power_float() is the others, and so is add_power_float(), which adds the power to
 * a sum. Factors are 2^-100 and more but for the baseline, which the call's backend leaves smaller ones to. */
#if defined(__AVX512F__)
/* z = n + j/32 + f with 0 <= f < 1/32: 2^(j/32) from a table, correctly rounded; for 2^f a polynomial that is 1 at 0 and whose own error,
 * 6.5e-8, is the least possible; and an instruction that rounds z down to n and multiplies by 2^n, however large or small. Relative error
 * below 1.8e-7, and of what is added to a sum below 2.4e-7. */
#define EXP2_FUSES 1 /* z = x * factor - start, rounded once; see R(start)() */
#define EXP2_OF_32ND_0 0x1.62e11ep-1f
#define EXP2_OF_32ND_1 0x1.f0f3e6p-3f
#define EXP2_ROUND_TO_32NDS 393216.0f /* 1.5 * 2^18: the low five bits of the sum are j */

static const _Alignas(64) float exp2_of_32nds[32] = {
    0x1.000000p+0f, 0x1.059b0ep+0f, 0x1.0b5586p+0f, 0x1.11301ep+0f, 0x1.172b84p+0f, 0x1.1d4874p+0f, 0x1.2387a6p+0f, 0x1.29e9e0p+0f,
    0x1.306fe0p+0f, 0x1.371a74p+0f, 0x1.3dea64p+0f, 0x1.44e086p+0f, 0x1.4bfdaep+0f, 0x1.5342b6p+0f, 0x1.5ab07ep+0f, 0x1.6247ecp+0f,
    0x1.6a09e6p+0f, 0x1.71f75ep+0f, 0x1.7a1148p+0f, 0x1.82589ap+0f, 0x1.8ace54p+0f, 0x1.93737cp+0f, 0x1.9c4918p+0f, 0x1.a5503cp+0f,
    0x1.ae89fap+0f, 0x1.b7f770p+0f, 0x1.c199bep+0f, 0x1.cb720ep+0f, 0x1.d5818ep+0f, 0x1.dfc974p+0f, 0x1.ea4afap+0f, 0x1.f50766p+0f};

typedef struct begun_float {
    vector_float z, f, place;
} begun_float;

FORCE_INLINE begun_float begun_at_exponent_float(vector_float z) {
    enum { DOWN = _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC };
    const vector_float zero = {0}, f = (vector_float)_mm512_reduce_ps((__m512)z, 5 << 4 | DOWN);
    return (begun_float){z, f, (vector_float)_mm512_add_round_ps((__m512)z, (__m512)(zero + EXP2_ROUND_TO_32NDS), DOWN)};
}

FORCE_INLINE begun_float begun_at_element_float(vector_float x, vector_float start, float factor) {
    const vector_float zero = {0};
    return begun_at_exponent_float((vector_float)_mm512_fmsub_ps((__m512)x, (__m512)(zero + factor), (__m512)start));
}

FORCE_INLINE begun_float begun_at_distance_float(vector_float d, float factor, vector_float rest) {
    const vector_float zero = {0};
    return begun_at_exponent_float(multiply_add_vectors(d, zero - factor, rest));
}

FORCE_INLINE vector_float power_of_32nds(vector_float place) {
    const __m512 low = _mm512_load_ps(exp2_of_32nds), high = _mm512_load_ps(exp2_of_32nds + 16);
    return (vector_float)_mm512_permutex2var_ps(low, (__m512i)place, high);
}

FORCE_INLINE vector_float power_float(begun_float b, float factor) {
    (void)factor;
    const vector_float zero = {0}, t = power_of_32nds(b.place);
    const vector_float p = multiply_add_vectors(zero + EXP2_OF_32ND_1, b.f, zero + EXP2_OF_32ND_0);
    return (vector_float)_mm512_scalef_ps((__m512)multiply_add_vectors(p, t * b.f, t), (__m512)b.z);
}

FORCE_INLINE vector_float add_power_float(vector_float sum, begun_float b, float factor) {
    (void)factor;
    const vector_float zero = {0}, t = (vector_float)_mm512_scalef_ps((__m512)power_of_32nds(b.place), (__m512)b.z);
    const vector_float p = multiply_add_vectors(zero + EXP2_OF_32ND_1, b.f, zero + EXP2_OF_32ND_0);
    return multiply_add_vectors(t, multiply_add_vectors(p, b.f, zero + 1.0f), sum);
}

/* As exp2_float(). */
FORCE_INLINE vector_float exp2_of_float(vector_float z) { return power_float(begun_at_exponent_float(z), 1); }
#else
#define EXP2_FUSES 0 /* rest is 0 */

typedef struct begun_float {
    vector_float limited;
} begun_float;

#if defined(__AVX2__)
/* Where an instruction looks up all lanes in a table it is a shorter chain of operations, and closer: -d * factor = n + j/8 + f with
 * |f| <= 1/16, 2^(j/8) from the table, and for 2^f a polynomial whose own error is 2.7e-8; in all below 1.35e-7. Below -126 it is some
 * number below 2^-126, and 0 for -127, which is the least. The table has the bits of 2^(j/8) less those of 1, and less j at the place where
 * the shifted eighths have it. */
#define EXP2_ROUND_TO_EIGHTHS 1572991.0f /* 1.5 * 2^20 + 127: as EXP2_ROUND, with three bits of fraction */
#define EXP2_EIGHTHS 0, -0x46a3e, -0x7c810, -0xa0129, -0xafb0d, -0xa98d6, -0x8bb03, -0x53f39
#define EXP2_OF_EIGHTH_0 0x1.62e432p-1f
#define EXP2_OF_EIGHTH_1 0x1.ec0c32p-3f
#define EXP2_OF_EIGHTH_2 0x1.c6a004p-5f

FORCE_INLINE mask_float bits_of_eighths(mask_float place) {
    const mask_float table = {EXP2_EIGHTHS};
    return (mask_float)_mm256_permutevar8x32_epi32((__m256i)table, (__m256i)place);
}

FORCE_INLINE begun_float begun_at_distance_float(vector_float d, float factor, vector_float rest) {
    (void)rest;
    const vector_float zero = {0};
    return (begun_float){(vector_float)_mm256_min_ps((__m256)(zero + 127.0f / factor), (__m256)d)}; /* d if that is NaN */
}

FORCE_INLINE vector_float power_float(begun_float begun, float factor) {
    const vector_float zero = {0}, round = zero + EXP2_ROUND_TO_EIGHTHS, by = zero - factor;
    const vector_float biased = multiply_add_vectors(begun.limited, by, round);
    const vector_float f = multiply_add_vectors(begun.limited, by, round - biased);
    const vector_float eighths = (vector_float)(bits_of_eighths((mask_float)biased) + ((mask_float)biased << 20));
    vector_float p = zero + EXP2_OF_EIGHTH_2;
    p = multiply_add_vectors(p, f, zero + EXP2_OF_EIGHTH_1);
    p = multiply_add_vectors(p, f, zero + EXP2_OF_EIGHTH_0);
    return multiply_add_vectors(p, eighths * f, eighths);
}
#else
FORCE_INLINE begun_float begun_at_distance_float(vector_float d, float factor, vector_float rest) {
    (void)rest;
    return (begun_float){limited_exponent_float(d * -factor)};
}

FORCE_INLINE vector_float power_float(begun_float begun, float factor) {
    (void)factor;
    return power_of_limited_float(begun.limited);
}
#endif

FORCE_INLINE vector_float add_power_float(vector_float sum, begun_float begun, float factor) { return sum + power_float(begun, factor); }

FORCE_INLINE begun_float begun_at_element_float(vector_float x, vector_float start, float factor) {
    const vector_float zero = {0};
    return begun_at_distance_float(start - x, factor, zero);
}

/* As exp2_float(). */
FORCE_INLINE vector_float exp2_of_float(vector_float z) {
    const vector_float zero = {0};
    return power_of_limited_float(limited_exponent_float(-max_float(zero - 128.0f, -z)));
}
#endif

FORCE_INLINE vector_double exp2_of_double(vector_double z) {
    for (size_t k = 0; k < VECTOR_BYTES / sizeof(double); k++) z[k] = exp2_double(z[k]);
    return z;
}

typedef struct begun_double {
    vector_double z;
} begun_double;

FORCE_INLINE begun_double begun_at_distance_double(vector_double d, double factor, vector_double rest) {
    (void)rest;
    return (begun_double){d * -factor};
}
FORCE_INLINE begun_double begun_at_element_double(vector_double x, vector_double start, double factor) {
    return begun_at_distance_double(start - x, factor, x);
}
FORCE_INLINE vector_double power_double(begun_double begun, double factor) {
    (void)factor;
    return exp2_of_double(begun.z);
}
FORCE_INLINE vector_double add_power_double(vector_double sum, begun_double begun, double factor) {
    return sum + power_double(begun, factor);
}
#endif

enum { R(VECTORS) = LANES * sizeof(REAL) / VECTOR_BYTES };
#define FOR_EACH_VECTOR _Pragma("GCC unroll 8") for (int v = 0; v < R(VECTORS); v++)

typedef struct R(lanes) {
    R(vector) of[R(VECTORS)];
} R(lanes);

FORCE_INLINE R(lanes) R(all)(REAL value) {
    const R(vector) zero = {0};
    R(lanes) a;
    FOR_EACH_VECTOR a.of[v] = zero + value;
    return a;
}

FORCE_INLINE void R(set_lane)(R(lanes) * a, int lane, REAL value) {
    a->of[lane / (LANES / R(VECTORS))][lane % (LANES / R(VECTORS))] = value;
}

/* The same for any lane, and none where there is no such lane. */
FORCE_INLINE R(lanes) R(with_lane)(R(lanes) a, int lane, REAL value) {
    FOR_EACH_VECTOR {
        R(mask) place = {0};
        for (int k = 0; k < LANES / R(VECTORS); k++) place[k] = v * (LANES / R(VECTORS)) + k;
        const R(mask) is_it = place == (lane - (R(mask)){0});
        a.of[v] = (R(vector))((is_it & (R(mask))(value - (R(vector)){0})) | (~is_it & (R(mask))a.of[v]));
    }
    return a;
}

FORCE_INLINE R(lanes) R(get)(const REAL *from) {
    R(lanes) a;
    FOR_EACH_VECTOR memcpy(&a.of[v], from + v * (LANES / R(VECTORS)), VECTOR_BYTES);
    return a;
}

FORCE_INLINE void R(set)(REAL *to, R(lanes) a) { FOR_EACH_VECTOR memcpy(to + v * (LANES / R(VECTORS)), &a.of[v], VECTOR_BYTES); }

/* Past the cache, where whole vectors may begin at `to`. */
FORCE_INLINE void R(set_or_stream)(REAL *to, R(lanes) a, bool streams) {
    if (streams)
        FOR_EACH_VECTOR stream_vector((char *)to + v * VECTOR_BYTES, &a.of[v]);
    else
        R(set)(to, a);
}

FORCE_INLINE R(lanes) R(sum)(R(lanes) a, R(lanes) b) {
    FOR_EACH_VECTOR a.of[v] += b.of[v];
    return a;
}

FORCE_INLINE R(lanes) R(difference)(R(lanes) a, R(lanes) b) {
    FOR_EACH_VECTOR a.of[v] -= b.of[v];
    return a;
}

FORCE_INLINE R(lanes) R(product)(R(lanes) a, R(lanes) b) {
    FOR_EACH_VECTOR a.of[v] *= b.of[v];
    return a;
}

FORCE_INLINE R(lanes) R(larger)(R(lanes) a, R(lanes) b) {
    FOR_EACH_VECTOR a.of[v] = R(max)(a.of[v], b.of[v]);
    return a;
}

/* The exponentials of elements that are not above the reference, in two steps; see begun_at_element_float(). */
typedef struct R(begun_lanes) {
    R(begun) of[R(VECTORS)];
} R(begun_lanes);

FORCE_INLINE R(begun_lanes) R(begun_at_elements)(R(lanes) x, R(lanes) start, REAL factor) {
    R(begun_lanes) begun;
    FOR_EACH_VECTOR begun.of[v] = R(begun_at_element)(x.of[v], start.of[v], factor);
    return begun;
}

FORCE_INLINE R(begun_lanes) R(begun_at_distances)(R(lanes) x, R(lanes) reference, REAL factor, R(lanes) rest) {
    R(begun_lanes) begun;
    FOR_EACH_VECTOR begun.of[v] = R(begun_at_distance)(reference.of[v] - x.of[v], factor, rest.of[v]);
    return begun;
}

FORCE_INLINE R(lanes) R(powers)(R(begun_lanes) begun, REAL factor) {
    R(lanes) powers;
    FOR_EACH_VECTOR powers.of[v] = R(power)(begun.of[v], factor);
    return powers;
}

FORCE_INLINE R(lanes) R(add_powers)(R(lanes) sum, R(begun_lanes) begun, REAL factor) {
    FOR_EACH_VECTOR sum.of[v] = R(add_power)(sum.of[v], begun.of[v], factor);
    return sum;
}

/* As R(exponential)(). */
FORCE_INLINE R(lanes) R(exponentials)(R(lanes) x, R(lanes) reference, REAL factor) {
    FOR_EACH_VECTOR x.of[v] = R(exp2_of)((x.of[v] - reference.of[v]) * factor);
    return x;
}

/* The first n lanes, and `rest` in the others. */
FORCE_INLINE R(lanes) R(first_lanes)(R(lanes) a, int n, REAL rest) {
    if (ARE_ALL(n)) return a;
    FOR_EACH_VECTOR {
        R(mask) place = {0};
        for (int k = 0; k < LANES / R(VECTORS); k++) place[k] = v * (LANES / R(VECTORS)) + k;
        const R(mask) is_first = place < (n - (R(mask)){0});
        a.of[v] = (R(vector))((is_first & (R(mask))a.of[v]) | (~is_first & (R(mask))(rest - (R(vector)){0})));
    }
    return a;
}

/* ---- across the lanes ---- */

/* The body of a function that combines the lanes of a: one half of them with the other, then the halves of that half, and so on. */
#ifndef ACROSS
#define ACROSS(a, vectors, combined, swapped)                                                                                             \
    _Pragma("GCC unroll 4") for (int half = (vectors) / 2; half > 0; half /= 2) _Pragma("GCC unroll 4") for (int v = 0; v < half; v++)(a) \
        .of[v] = combined((a).of[v], (a).of[v + half]);                                                                                   \
    _Pragma("GCC unroll 4") for (int half = LANES / (vectors) / 2; half > 0; half /= 2)(a).of[0] =                                        \
        combined((a).of[0], swapped((a).of[0], half));                                                                                    \
    return (a).of[0][0]
#define ADDED(a, b) ((a) + (b))
#endif

FORCE_INLINE REAL R(sum_across)(R(lanes) a) { ACROSS(a, R(VECTORS), ADDED, R(swapped)); }
FORCE_INLINE REAL R(max_across)(R(lanes) a) { ACROSS(a, R(VECTORS), R(max), R(swapped)); }

/* ---- across the lanes of several ---- */

/* sum_across() or max_across() of eight, or of four: a vector has the half of one and that of another beside it, then a quarter of each of
 * four, and so on, so that they take as many operations together as one of them would alone; and nothing waits for the one before. */
#if !defined(SEVERAL) && defined(HAS_SHUFFLES)
#if VECTOR_BYTES >= 32
#define SEVERAL 8
typedef float several_floats __attribute__((vector_size(32)));
#define HALVES(a, b) PAIRED(PLACES(a, b, 0, 1, 2, 3, 8, 9, 10, 11), PLACES(a, b, 4, 5, 6, 7, 12, 13, 14, 15))
#define QUARTERS(a, b) PAIRED(PLACES(a, b, 0, 1, 8, 9, 4, 5, 12, 13), PLACES(a, b, 2, 3, 10, 11, 6, 7, 14, 15))
#define EIGHTHS(a, b) PAIRED(PLACES(a, b, 0, 2, 8, 10, 4, 6, 12, 14), PLACES(a, b, 1, 3, 9, 11, 5, 7, 13, 15))
#else
#define SEVERAL 4
typedef vector_float several_floats;
#define HALVES(a, b) PAIRED(PLACES(a, b, 0, 1, 4, 5), PLACES(a, b, 2, 3, 6, 7))
#define QUARTERS(a, b) PAIRED(PLACES(a, b, 0, 2, 4, 6), PLACES(a, b, 1, 3, 5, 7))
#endif
#define PLACES __builtin_shufflevector
#define PAIRED(a, b) paired(a, b, sums)

FORCE_INLINE several_floats paired(several_floats a, several_floats b, bool sums) {
#if VECTOR_BYTES >= 32
    const several_floats largest = (several_floats)_mm256_max_ps((__m256)a, (__m256)b);
#else
    const several_floats largest = max_float(a, b);
#endif
    return sums ? a + b : largest;
}

FORCE_INLINE void several_across(const lanes_float *a, float *results, bool sums) {
    several_floats v[SEVERAL];
    _Pragma("GCC unroll 8") for (int k = 0; k < SEVERAL; k++) {
        several_floats part[LANES / SEVERAL];
        memcpy(part, &a[k], sizeof part);
        _Pragma("GCC unroll 2") for (int half = LANES / SEVERAL / 2; half > 0; half /= 2)
            _Pragma("GCC unroll 2") for (int p = 0; p < half; p++) part[p] = PAIRED(part[p], part[p + half]);
        v[k] = part[0];
    }
#if SEVERAL == 8
    const several_floats w[4] = {HALVES(v[0], v[4]), HALVES(v[1], v[5]), HALVES(v[2], v[6]), HALVES(v[3], v[7])};
    const several_floats all = EIGHTHS(QUARTERS(w[0], w[1]), QUARTERS(w[2], w[3]));
#else
    const several_floats all = QUARTERS(HALVES(v[0], v[1]), HALVES(v[2], v[3]));
#endif
    memcpy(results, &all, sizeof all);
}
#endif

/* sums: or the largest */
FORCE_INLINE void R(across_each)(const R(lanes) * a, int n, REAL *results, bool sums) {
    int k = 0;
#ifdef SEVERAL
    if (sizeof(REAL) == sizeof(float))
        for (; k + SEVERAL <= n; k += SEVERAL)
            several_across((const lanes_float *)(const void *)(a + k), (float *)(void *)(results + k), sums);
#endif
    for (; k < n; k++) results[k] = sums ? R(sum_across)(a[k]) : R(max_across)(a[k]);
}

/* ---- long sums ---- */

/* A sum of REAL loses digits where one element dwarfs the others. So it takes 8 terms per lane at most, of two elements each, a piece; of
 * several pieces the lanes are added up as double. */
#ifndef PIECE
#define PIECE (16 * LANES)

/* The body of a function that returns a sum over n elements; get_piece: sets `piece` to the lanes of that over [from, end). */
#define SUM_OF_PIECES(n, get_piece)                            \
    double_lanes total = {{{0}}};                              \
    for (int from = 0; from < (n); from += PIECE) {            \
        const int end = (n)-from < PIECE ? (n) : from + PIECE; \
        R(lanes) piece;                                        \
        get_piece;                                             \
        if ((n) <= PIECE) return (double)R(sum_across)(piece); \
        R(add_piece)(&total, piece);                           \
    }                                                          \
    return sum_across_double_lanes(&total)

/* The same of the sum of `term`, the lanes of elements [i, i + m); m is 16 but for the last. */
#define SUM_OF(n, term) SUM_OF_PIECES(n, PIECE_OF(piece, from, end, term))

/* Of no more than a piece: its lanes, which are not added up yet. */
#define PIECE_OF(piece, from, end, term)                   \
    do {                                                   \
        const int m_ = ((end) - (from)) % LANES;           \
        (piece) = R(all)(0);                               \
        int i = from;                                      \
        for (; i + LANES < (end)-m_; i += LANES) {         \
            enum { m = LANES };                            \
            const R(lanes) first_ = term;                  \
            i += LANES;                                    \
            (piece) = R(sum)(piece, R(sum)(first_, term)); \
        }                                                  \
        if (i < (end)-m_) {                                \
            enum { m = LANES };                            \
            (piece) = R(sum)(piece, term);                 \
            i += LANES;                                    \
        }                                                  \
        if (m_ > 0) {                                      \
            const int m = m_;                              \
            (piece) = R(sum)(piece, term);                 \
        }                                                  \
    } while (0)

enum { DOUBLE_VECTORS = LANES * sizeof(double) / VECTOR_BYTES };
typedef struct double_lanes {
    vector_double of[DOUBLE_VECTORS];
} double_lanes;

typedef float half_vector __attribute__((vector_size(VECTOR_BYTES / 2)));

FORCE_INLINE vector_double as_doubles(half_vector v) {
#if defined(__AVX512F__)
    return (vector_double)_mm512_cvtps_pd((__m256)v);
#elif defined(__AVX__)
    return (vector_double)_mm256_cvtps_pd((__m128)v);
#else
    return __builtin_convertvector(v, vector_double);
#endif
}

FORCE_INLINE void add_piece_float(double_lanes *total, lanes_float piece) {
    half_vector half[DOUBLE_VECTORS];
    memcpy(half, &piece, sizeof half);
    _Pragma("GCC unroll 8") for (int v = 0; v < DOUBLE_VECTORS; v++) total->of[v] += as_doubles(half[v]);
}

FORCE_INLINE double sum_across_double_lanes(const double_lanes *total) {
    double_lanes all = *total;
    ACROSS(all, DOUBLE_VECTORS, ADDED, swapped_double);
}
#else
FORCE_INLINE void add_piece_double(double_lanes *total, lanes_double piece) {
    _Pragma("GCC unroll 8") for (int v = 0; v < DOUBLE_VECTORS; v++) total->of[v] += piece.of[v];
}
#endif
