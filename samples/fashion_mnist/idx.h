/* Reading gzipped IDX files, the format of MNIST and its relatives (yann.lecun.com/exdb/mnist). */
#ifndef SAMPLES_IDX_H
#define SAMPLES_IDX_H

#include <stdint.h>

#define IDX_MAX_DIMENSIONS 3

typedef struct idx_file {
    int dimensions;
    int size[IDX_MAX_DIMENSIONS];
    uint8_t *data; /* dense, the last dimension runs fastest; free() it */
} idx_file;

/* Reads a file of unsigned bytes with this many dimensions; anything else ends the program with a message. */
idx_file idx_read(const char *path, int dimensions);

#endif
