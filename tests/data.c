#include "data.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- 16-bit types: one sign bit, the exponent, the mantissa ---- */

typedef struct small_format {
    int exponent_bits, mantissa_bits;
} small_format;

static const small_format half_format = {5, 10};
static const small_format bfloat16_format = {8, 7};

static int least_exponent(small_format f) /* of a normal number */
{
    return 2 - (1 << (f.exponent_bits - 1));
}

static double decode_small(small_format f, uint16_t bits) {
    const unsigned mantissa = (unsigned)bits & ((1u << f.mantissa_bits) - 1u);
    const unsigned exponent = ((unsigned)bits >> f.mantissa_bits) & ((1u << f.exponent_bits) - 1u);
    const double sign = (bits & 0x8000u) != 0 ? -1.0 : 1.0;

    if (exponent == (1u << f.exponent_bits) - 1u) return mantissa != 0 ? (double)NAN : sign * (double)INFINITY;
    if (exponent == 0) return sign * ldexp((double)mantissa, least_exponent(f) - f.mantissa_bits);
    return sign * ldexp((double)(mantissa + (1u << f.mantissa_bits)), least_exponent(f) - f.mantissa_bits + (int)exponent - 1);
}

static uint16_t encode_small(small_format f, double value) {
    const unsigned sign = signbit(value) ? 0x8000u : 0u;
    const unsigned infinity = ((1u << f.exponent_bits) - 1u) << f.mantissa_bits;
    const double magnitude = fabs(value);

    if (isnan(value)) return (uint16_t)(sign | infinity | (1u << (f.mantissa_bits - 1)));
    if (isinf(value)) return (uint16_t)(sign | infinity);
    if (magnitude == 0) return (uint16_t)sign;

    int exponent = ilogb(magnitude);
    if (exponent < least_exponent(f)) exponent = least_exponent(f);
    /* In units of the last place; a carry out of the mantissa runs into the exponent, as it should. */
    const double units = nearbyint(ldexp(magnitude, f.mantissa_bits - exponent));
    const double biased = (double)(exponent - least_exponent(f)) * (double)(1u << f.mantissa_bits) + units;
    return (uint16_t)(sign | (biased >= (double)infinity ? infinity : (unsigned)biased));
}

/* Decoding is the inner loop of every comparison with a half tensor. */
static double decode_half(uint16_t bits) {
    static double table[1 << 16];
    static bool filled = false;
    if (!filled) {
        for (unsigned i = 0; i < (1u << 16); i++) table[i] = decode_small(half_format, (uint16_t)i);
        filled = true;
    }
    return table[bits];
}

static double decode_bfloat16(uint16_t bits) /* the upper half of a float */
{
    const uint32_t wide = (uint32_t)bits << 16;
    float value;
    memcpy(&value, &wide, sizeof value);
    return (double)value;
}

/* ---- any type ---- */

double load_element(smxDataType_t type, const void *place) {
    float f;
    double d;
    uint16_t bits;

    switch (type) {
    case SMX_R_32F: memcpy(&f, place, sizeof f); return (double)f;
    case SMX_R_64F: memcpy(&d, place, sizeof d); return d;
    case SMX_R_16F: memcpy(&bits, place, sizeof bits); return decode_half(bits);
    case SMX_R_16BF: memcpy(&bits, place, sizeof bits); return decode_bfloat16(bits);
    default: abort();
    }
}

void store_element(smxDataType_t type, void *place, double value) {
    const float f = type == SMX_R_32F ? (float)value : 0.0f;
    uint16_t bits;

    switch (type) {
    case SMX_R_32F: memcpy(place, &f, sizeof f); return;
    case SMX_R_64F: memcpy(place, &value, sizeof value); return;
    case SMX_R_16F:
        bits = encode_small(half_format, value);
        memcpy(place, &bits, sizeof bits);
        return;
    case SMX_R_16BF:
        bits = encode_small(bfloat16_format, value);
        memcpy(place, &bits, sizeof bits);
        return;
    default: abort();
    }
}

void store_index(smxDataType_t type, void *place, int64_t value) {
    const uint8_t byte = (uint8_t)value;
    const int32_t word = (int32_t)value;

    switch (type) {
    case SMX_R_8U: memcpy(place, &byte, sizeof byte); return;
    case SMX_R_32I: memcpy(place, &word, sizeof word); return;
    case SMX_R_64I: memcpy(place, &value, sizeof value); return;
    default: abort();
    }
}

size_t element_bytes(smxDataType_t type) {
    switch (type) {
    case SMX_R_8U: return 1;
    case SMX_R_16F:
    case SMX_R_16BF: return 2;
    case SMX_R_32F:
    case SMX_R_32I: return 4;
    case SMX_R_64F:
    case SMX_R_64I: return 8;
    default: abort();
    }
}

const char *type_name(smxDataType_t type) {
    switch (type) {
    case SMX_R_8U: return "uint8";
    case SMX_R_16F: return "fp16";
    case SMX_R_16BF: return "bf16";
    case SMX_R_32F: return "fp32";
    case SMX_R_32I: return "int32";
    case SMX_R_64F: return "fp64";
    case SMX_R_64I: return "int64";
    default: return "unknown type";
    }
}

double type_max(smxDataType_t type) {
    switch (type) {
    case SMX_R_16F: return decode_small(half_format, 0x7bffu);
    case SMX_R_16BF: return decode_small(bfloat16_format, 0x7f7fu);
    case SMX_R_32F: return (double)FLT_MAX;
    case SMX_R_64F: return DBL_MAX;
    default: abort();
    }
}

static int mantissa_bits_of(smxDataType_t type) {
    switch (type) {
    case SMX_R_16F: return half_format.mantissa_bits;
    case SMX_R_16BF: return bfloat16_format.mantissa_bits;
    case SMX_R_32F: return FLT_MANT_DIG - 1;
    case SMX_R_64F: return DBL_MANT_DIG - 1;
    default: abort();
    }
}

static int least_exponent_of(smxDataType_t type) {
    switch (type) {
    case SMX_R_16F: return least_exponent(half_format);
    case SMX_R_16BF: return least_exponent(bfloat16_format);
    case SMX_R_32F: return FLT_MIN_EXP - 1;
    case SMX_R_64F: return DBL_MIN_EXP - 1;
    default: abort();
    }
}

double type_smallest(smxDataType_t type) { return ldexp(1.0, least_exponent_of(type) - mantissa_bits_of(type)); }

double type_spacing(smxDataType_t type, double value) {
    int exponent = value == 0 ? INT32_MIN : ilogb(value);
    if (exponent < least_exponent_of(type)) exponent = least_exponent_of(type);
    return ldexp(1.0, exponent - mantissa_bits_of(type));
}

smxDataType_t loss_type(smxDataType_t logits) { return logits == SMX_R_64F ? SMX_R_64F : SMX_R_32F; }

/* ---- generator: splitmix64 ---- */

generator generator_of(uint64_t seed) { return (generator){seed * 0x9e3779b97f4a7c15u + 0x2545f4914f6cdd1du}; }

uint64_t next_bits(generator *g) {
    uint64_t z = g->state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

double next_uniform(generator *g) { return (double)(next_bits(g) >> 11) * 0x1p-53; }

/* The sum of four uniform numbers, taken from one word. */
double next_normal(generator *g) {
    const uint64_t bits = next_bits(g);
    const double sum =
        (double)(bits & 0xffffu) + (double)((bits >> 16) & 0xffffu) + (double)((bits >> 32) & 0xffffu) + (double)(bits >> 48);
    return (sum / 65536.0 - 2.0) * 1.7320508075688772;
}

int64_t next_below(generator *g, int64_t limit) { return (int64_t)(next_bits(g) % (uint64_t)limit); }
