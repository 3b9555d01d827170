/* How a token is drawn: what both backends have to compute alike, bit by bit (the specification is in the public header, "inference"). The
 * weights of many elements at once each backend computes in its own way, from the constants here. */
#ifndef SMX_DRAW_H
#define SMX_DRAW_H

#include <Random123/philox.h>
#include <math.h>
#include <string.h>

#include "internal.h"

#ifdef __CUDACC__
#define SMX_BOTH __host__ __device__ static inline
#else
#define SMX_BOTH static inline
#endif

#define SMX_EXPONENT_BITS 24                                                    /* fractional bits of an exponent */
#define SMX_LEAST_EXPONENT (-63 * (1 << SMX_EXPONENT_BITS))                     /* whose weight is 0 */
#define SMX_LOG2_E_IN_EXPONENTS (1.4426950408889634 * (1 << SMX_EXPONENT_BITS)) /* at temperature 1 */
#define SMX_WEIGHT_BITS 40                                                      /* the largest weight is 2^40 */
#define SMX_COLS_OF_FULL_WEIGHTS_LOG2 22                                        /* sums of more would not fit in 64 bits */

/* 2^f = 1 + f * (C1 + f * (C2 + f * (C3 + f * (C4 + f * C5)))) for 0 <= f < 1, relative error 1.5e-7 with the roundings to fp32; never
 * decreasing, below 2. Least squares for the relative error, weighted until all its peaks were equally high. */
#define SMX_EXP2_C1 0x1.62e4bap-1f
#define SMX_EXP2_C2 0x1.ebdb56p-3f
#define SMX_EXP2_C3 0x1.c91cf0p-5f
#define SMX_EXP2_C4 0x1.277820p-7f
#define SMX_EXP2_C5 0x1.e975c2p-10f

/* The bits of the polynomial's value, less this, are it in units of 2^-23. */
#define SMX_BITS_OF_HALF 0x3f000000u
#define SMX_FRACTION_TO_WEIGHT (SMX_WEIGHT_BITS - 23)

/* Bits that weights of longer rows have less. */
SMX_BOTH int smx_missing_weight_bits(int64_t cols) {
    int missing = 0;
    while (cols > (int64_t)1 << (SMX_COLS_OF_FULL_WEIGHTS_LOG2 + missing)) missing++;
    return missing;
}

/* Of an exponent between SMX_LEAST_EXPONENT and 0, from the polynomial's value at its fraction. */
SMX_BOTH uint64_t smx_weight_of(int32_t exponent, uint32_t bits_of_power, int missing_bits) {
    const int shift = -(exponent >> SMX_EXPONENT_BITS) + missing_bits;
    return shift > 63 ? 0 : (uint64_t)(bits_of_power - SMX_BITS_OF_HALF) << SMX_FRACTION_TO_WEIGHT >> shift;
}

/* The 64 random bits of one draw of a row. */
SMX_BOTH uint64_t smx_random_bits(const smx_random *from, int64_t row, int64_t draw) {
    uint64_t seed = from->seed, offset = from->offset, key = (uint64_t)row;
    if (from->seed_offset != NULL) {
        seed = from->seed_offset[0];
        offset = from->seed_offset[1];
    }
    if (from->row_seeds != NULL) {
        seed = from->row_seeds[row];
        key = 0;
    }
    if (from->row_offsets != NULL) offset += from->row_offsets[row];
    if (from->row_keys != NULL) key = from->row_keys[row];
    offset += (uint64_t)draw;
    const philox4x32_ctr_t counter = {{(uint32_t)key, (uint32_t)(key >> 32), (uint32_t)offset, (uint32_t)(offset >> 32)}};
    const philox4x32_key_t philox_key = {{(uint32_t)seed, (uint32_t)(seed >> 32)}};
    const philox4x32_ctr_t bits = philox4x32_R(10, counter, philox_key);
    return (uint64_t)bits.v[1] << 32 | bits.v[0];
}

/* floor(u * total / 2^64): below total. */
SMX_BOTH uint64_t smx_weight_to_pass(uint64_t u, uint64_t total) {
#ifdef __CUDA_ARCH__
    return __umul64hi(u, total);
#else
    __extension__ typedef unsigned __int128 product;
    return (uint64_t)((product)u * total >> 64);
#endif
}

/* The least integer that is not below share * total, for a share above 0 and at most 1; exact, as the product has 88 bits. */
SMX_BOTH uint64_t smx_weight_of_share(float share, uint64_t total) {
    uint32_t bits;
    memcpy(&bits, &share, sizeof bits);
    const int biased = (int)(bits >> 23), right = biased > 0 ? 150 - biased : 149; /* share = mantissa / 2^right */
    const uint64_t mantissa = (bits & 0x7fffffu) | (biased > 0 ? 0x800000u : 0u);
    const uint64_t high = smx_weight_to_pass(mantissa, total), low = mantissa * total;
    if (right >= 64) {
        const uint64_t whole = right < 128 ? high >> (right - 64) : 0;
        const bool exact = low == 0 && (right < 128 ? whole << (right - 64) : 0) == high;
        return whole + (exact ? 0 : 1);
    }
    const uint64_t whole = high << (64 - right) | low >> right;
    return whole + (low << (64 - right) != 0 ? 1 : 0);
}

SMX_BOTH uint64_t smx_least_weight(float min_p, int missing_bits) {
    return (uint64_t)ceil((double)min_p * (double)((uint64_t)1 << (SMX_WEIGHT_BITS - missing_bits)));
}

/* Of a drawn token, the logarithm of its share of the total. */
SMX_BOTH float smx_log_of_share(int32_t exponent, uint64_t total, int missing_bits) {
    const double log2_share = (double)exponent / (1 << SMX_EXPONENT_BITS) + (SMX_WEIGHT_BITS - missing_bits) - log2((double)total);
    return (float)(log2_share * 0.69314718055994530942);
}

#endif
