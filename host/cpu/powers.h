/* 2^z of vectors: the exponentials that rows are made of. Errors are relative ones. */
#ifndef SMX_CPU_POWERS_H
#define SMX_CPU_POWERS_H

#include "vectors.h"

/* Where exponents are counted from: z = x * factor - start. unit: 2^-start; low: elements below that count nothing, and are taken for it.
 * Only AVX-512 has these two, see row_start.h; without, the start is the largest element, and z = (x - start) * factor. */
typedef struct origin_float {
    float start, unit, low;
} origin_float;

typedef struct origin_double {
    double start, unit, low;
} origin_double;

/* The exponential of an element, 2^z, is a long chain of operations. It is computed in two steps: begun_*_float() are the chain's first
 * links, power_float() is the others, and so is add_power_float(), which adds the power to a sum. Factors are 2^-100 and more but for the
 * baseline, which the call's backend leaves smaller ones to. */
#if defined(__AVX512F__)
/* z = n + j/32 + f with 0 <= f < 1/32: 2^(j/32) from a table, correctly rounded; for 2^f a polynomial that is 1 at 0 and whose own error,
 * 6.5e-8, is the least possible; and an instruction that rounds n + j/32 down to n and multiplies by 2^n, however large or small. f is
 * x * factor less a number of 32nds, rounded once, so it is the same from whatever start. Relative error below 1.8e-7, and of what is
 * added to a sum below 2.4e-7. On Zen 4 that takes the additions' two pipes and the products' two 5 to 5.5 cycles each for sixteen. */
#define EXP2_FUSES 1
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

/* What powers are made with. Those of 32nds have the unit in them, so that z need not have the start taken off. */
typedef struct exponents_float {
    vector_float factor, low, to_32nds, powers[2];
} exponents_float;

FORCE_INLINE exponents_float exponents_from_float(origin_float origin, float factor) {
    const vector_float zero = {0}, low = (vector_float)_mm512_load_ps(exp2_of_32nds),
                       high = (vector_float)_mm512_load_ps(exp2_of_32nds + 16);
    return (exponents_float){
        zero + factor, zero + origin.low, zero + (EXP2_ROUND_TO_32NDS - origin.start), {low * origin.unit, high * origin.unit}};
}

enum { EXP2_DOWN = _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC };

FORCE_INLINE begun_float begun_at_exponent_float(vector_float z) {
    const vector_float zero = {0}, f = (vector_float)_mm512_reduce_ps((__m512)z, 5 << 4 | EXP2_DOWN);
    return (begun_float){z, f, (vector_float)_mm512_add_round_ps((__m512)z, (__m512)(zero + EXP2_ROUND_TO_32NDS), EXP2_DOWN)};
}

FORCE_INLINE begun_float begun_at_element_float(vector_float x, const exponents_float *e) {
    const __m512 near = (__m512)max_float(e->low, x);
    const vector_float place = (vector_float)_mm512_fmadd_round_ps(near, (__m512)e->factor, (__m512)e->to_32nds, EXP2_DOWN);
    const vector_float z = place - e->to_32nds;
    return (begun_float){z, (vector_float)_mm512_fmsub_ps(near, (__m512)e->factor, (__m512)z), place};
}

FORCE_INLINE begun_float begun_at_distance_float(vector_float d, float factor) { return begun_at_exponent_float(d * -factor); }

FORCE_INLINE vector_float power_of_32nds(vector_float place, const exponents_float *e) {
    return (vector_float)_mm512_permutex2var_ps((__m512)e->powers[0], (__m512i)place, (__m512)e->powers[1]);
}

FORCE_INLINE vector_float power_float(begun_float b, const exponents_float *e) {
    const vector_float zero = {0}, t = power_of_32nds(b.place, e);
    const vector_float p = multiply_add_vectors(zero + EXP2_OF_32ND_1, b.f, zero + EXP2_OF_32ND_0);
    return (vector_float)_mm512_scalef_ps((__m512)multiply_add_vectors(p, t * b.f, t), (__m512)b.z);
}

FORCE_INLINE vector_float add_power_float(vector_float sum, begun_float b, const exponents_float *e) {
    const vector_float zero = {0}, t = (vector_float)_mm512_scalef_ps((__m512)power_of_32nds(b.place, e), (__m512)b.z);
    const vector_float p = multiply_add_vectors(zero + EXP2_OF_32ND_1, b.f, zero + EXP2_OF_32ND_0);
    return multiply_add_vectors(t, multiply_add_vectors(p, b.f, zero + 1.0f), sum);
}

/* As exp2_float(). */
FORCE_INLINE vector_float exp2_of_float(vector_float z) {
    const exponents_float e = exponents_from_float((origin_float){0, 1, 0}, 1);
    return power_float(begun_at_exponent_float(z), &e);
}
#else
#define EXP2_FUSES 0

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

typedef struct begun_float {
    vector_float limited;
} begun_float;

typedef struct exponents_float {
    vector_float start;
    float factor;
} exponents_float;

FORCE_INLINE exponents_float exponents_from_float(origin_float origin, float factor) {
    const vector_float zero = {0};
    return (exponents_float){zero + origin.start, factor};
}

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

FORCE_INLINE begun_float begun_at_distance_float(vector_float d, float factor) {
    const vector_float zero = {0};
    return (begun_float){(vector_float)_mm256_min_ps((__m256)(zero + 127.0f / factor), (__m256)d)}; /* d if that is NaN */
}

FORCE_INLINE vector_float power_float(begun_float begun, const exponents_float *e) {
    const vector_float zero = {0}, round = zero + EXP2_ROUND_TO_EIGHTHS, by = zero - e->factor;
    const vector_float biased = multiply_add_vectors(begun.limited, by, round);
    const vector_float f = multiply_add_vectors(begun.limited, by, round - biased);
    const vector_float eighths = (vector_float)(bits_of_eighths((mask_float)biased) + ((mask_float)biased << 20));
    vector_float p = zero + EXP2_OF_EIGHTH_2;
    p = multiply_add_vectors(p, f, zero + EXP2_OF_EIGHTH_1);
    p = multiply_add_vectors(p, f, zero + EXP2_OF_EIGHTH_0);
    return multiply_add_vectors(p, eighths * f, eighths);
}
#else
FORCE_INLINE begun_float begun_at_distance_float(vector_float d, float factor) {
    return (begun_float){limited_exponent_float(d * -factor)};
}

FORCE_INLINE vector_float power_float(begun_float begun, const exponents_float *e) {
    (void)e;
    return power_of_limited_float(begun.limited);
}
#endif

FORCE_INLINE vector_float add_power_float(vector_float sum, begun_float begun, const exponents_float *e) {
    return sum + power_float(begun, e);
}

FORCE_INLINE begun_float begun_at_element_float(vector_float x, const exponents_float *e) {
    return begun_at_distance_float(e->start - x, e->factor);
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

FORCE_INLINE begun_double begun_at_distance_double(vector_double d, double factor) { return (begun_double){d * -factor}; }

typedef struct exponents_double {
    vector_double start;
    double factor;
} exponents_double;

FORCE_INLINE exponents_double exponents_from_double(origin_double origin, double factor) {
    const vector_double zero = {0};
    return (exponents_double){zero + origin.start, factor};
}

FORCE_INLINE begun_double begun_at_element_double(vector_double x, const exponents_double *e) {
    return begun_at_distance_double(e->start - x, e->factor);
}

FORCE_INLINE vector_double power_double(begun_double begun, const exponents_double *e) {
    (void)e;
    return exp2_of_double(begun.z);
}

FORCE_INLINE vector_double add_power_double(vector_double sum, begun_double begun, const exponents_double *e) {
    return sum + power_double(begun, e);
}

#endif
