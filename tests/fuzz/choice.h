/* Calls of argmax, top-k, sample and multinomial made of bytes. What callers get wrong about pointers has tests of its own; here shapes,
 * types, options, plan rows and data meet at random, right or wrong, and what comes out has to be the oracle's. */
#ifndef FUZZ_CHOICE_H
#define FUZZ_CHOICE_H

#include "bytes.h"
#include "smx/smx.h"

void fuzz_choice(smxHandle_t handle, byte_source *b, int64_t most_elements);

#endif
