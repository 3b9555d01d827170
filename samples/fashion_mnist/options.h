/* The command line of train_fashion_mnist. */
#ifndef SAMPLES_OPTIONS_H
#define SAMPLES_OPTIONS_H

#include <stdint.h>

#include "smx/smx.h"

typedef struct options {
    smxBackend_t backend;
    int epochs, batch;
    uint64_t seed;
    const char *data;        /* folder */
    double require_accuracy; /* of the test set at the end, else the program fails */
} options;

/* --help prints the usage and ends the program with code 0, a mistake says what it is and ends it with code 2. */
options options_parse(int argc, char **argv);

#endif
