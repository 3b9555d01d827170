/* The command line of generate_words. */
#ifndef SAMPLES_OPTIONS_H
#define SAMPLES_OPTIONS_H

#include <stdint.h>

#include "smx/smx.h"

typedef struct options {
    smxBackend_t backend;
    int epochs, batch, hidden;
    int words; /* to write at every setting */
    uint64_t seed;
    const char *data; /* the word list */
} options;

/* --help prints the usage and ends the program with code 0, a mistake says what it is and ends it with code 2. */
options options_parse(int argc, char **argv);

#endif
