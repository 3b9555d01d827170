/* Unsigned integers that have the order of numbers. */
#ifndef SMX_CPU_KEYS_H
#define SMX_CPU_KEYS_H

#include "math.h"

typedef uint32_t key_float;
typedef uint64_t key_double;

/* Keys have the order of the numbers; both zeros have the same. */
static inline key_float key_of_float(float x) {
    const uint32_t bits = float_to_bits(x + 0.0f);
    return bits >> 31 ? ~bits : bits | 0x80000000u;
}

static inline float number_of_key_float(key_float key) { return bits_to_float(key >> 31 ? key & 0x7fffffffu : ~key); }

static inline key_double key_of_double(double x) {
    uint64_t bits;
    x += 0.0;
    memcpy(&bits, &x, sizeof bits);
    return bits >> 63 ? ~bits : bits | (uint64_t)1 << 63;
}

static inline double number_of_key_double(key_double key) {
    const uint64_t bits = key >> 63 ? key & ~((uint64_t)1 << 63) : ~key;
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

#endif
