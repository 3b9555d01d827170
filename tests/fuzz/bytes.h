/* The fuzzer's input, taken one by one; zeros once it has run out. */
#ifndef FUZZ_BYTES_H
#define FUZZ_BYTES_H

#include <stddef.h>
#include <stdint.h>

typedef struct byte_source {
    const uint8_t *next;
    size_t left;
} byte_source;

static inline unsigned take_byte(byte_source *b) {
    if (b->left == 0) return 0;
    b->left--;
    return *b->next++;
}

static inline unsigned take_below(byte_source *b, unsigned limit) { return take_byte(b) % limit; }

#endif
