/* Every way of calling the library that changes what it enqueues: the ten operations, index and probability targets, the reductions, the
 * divisor from the device or not, rows that lie together and rows that lie apart. */
#ifndef CHECK_VARIANTS_H
#define CHECK_VARIANTS_H

#include "check_trial.h"

enum { MAX_VARIANTS = 128 };

/* Trials of fp32 with all optional pointers, seed 1; returns how many. Those of one operation follow one another. */
size_t variants_of_calls(trial list[MAX_VARIANTS]);

#endif
