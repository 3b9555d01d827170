/* SplitMix64 (Steele, Lea, Flood 2014): small, and the same numbers everywhere for the same seed. */
#ifndef SAMPLES_RANDOM_H
#define SAMPLES_RANDOM_H

#include <stdint.h>

static inline uint64_t random_bits(uint64_t *state) {
    uint64_t z = *state += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

/* In [-1, 1). */
static inline float random_signed(uint64_t *state) { return (float)(random_bits(state) >> 40) * 0x1p-23f - 1.0f; }

/* A new random order of the `count` numbers (Fisher and Yates). */
static inline void shuffle(int32_t *numbers, int count, uint64_t *state) {
    for (int i = count - 1; i > 0; i--) {
        const int j = (int)(random_bits(state) % (uint64_t)(i + 1));
        const int32_t kept = numbers[i];
        numbers[i] = numbers[j];
        numbers[j] = kept;
    }
}

#endif
