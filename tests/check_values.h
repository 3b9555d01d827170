/* What the tests feed to the library. */
#ifndef CHECK_VALUES_H
#define CHECK_VALUES_H

#include "data.h"

typedef enum values {
    VALUES_NORMAL,      /* ordinary logits */
    VALUES_LARGE,       /* magnitudes of 1e4: one logit takes nearly everything */
    VALUES_OFFSET,      /* ordinary logits on top of 1000: exp of one overflows, and lse is far from the differences */
    VALUES_MASKED,      /* a third of the entries -inf; in odd rows also the whole first half */
    VALUES_FINITE_MASK, /* the same with the lowest finite number of the type instead of -inf */
    VALUES_PEAK,        /* one logit far above the others */
    VALUES_CONFIDENT,   /* the softmax of one entry is just below 1 */
    VALUES_DENORMAL,    /* denormal numbers and zeros of either sign */
    VALUES_EQUAL,       /* every entry the same number */
    VALUES_DISTANT,     /* from row to row further away from 0, with the smallest differences that count there */
    VALUES_STEEP,       /* low at both ends and up to 300 higher between them, or the other way, from row to row differently */
    VALUES_HARD,        /* row by row: rows of only -inf, NaN or +inf somewhere, extremes, and ordinary rows between them */
    VALUES_COUNT
} values;

const char *values_name(values kind);
/* Number of different rows of VALUES_HARD; row r is of kind r modulo this. */
int64_t hard_row_count(void);
/* One row of logits, not yet rounded to `type`. */
void fill_logits(values kind, smxDataType_t type, uint64_t seed, int64_t row, int64_t cols, double *x);
/* One row of an upstream gradient: mostly ordinary, some zeros; with VALUES_HARD now and then a NaN. */
void fill_gradient(values kind, uint64_t seed, int64_t row, int64_t cols, double *dy);

typedef enum targets_kind {
    TARGETS_VALID,
    TARGETS_ENDS, /* the first and the last column in turn */
    TARGETS_SOME_IGNORED,
    TARGETS_ALL_IGNORED,
    TARGETS_SOME_BAD, /* outside [0, cols), among valid and ignored ones */
    TARGETS_ALL_BAD,
    TARGETS_COUNT
} targets_kind;

const char *targets_name(targets_kind kind);
/* A target per row, representable in `type`. Kinds that need a value which the type or cols cannot give fall back on valid ones:
 * uint8 has no negative numbers, and none that is too large where cols > 255. */
void fill_targets(targets_kind kind, smxDataType_t type, uint64_t seed, int64_t rows, int64_t cols, int64_t ignore_index, int64_t *targets);

typedef enum probabilities_kind {
    PROBABILITIES_NONE, /* the targets are indices */
    PROBABILITIES_ONE_HOT,
    PROBABILITIES_SOFT,
    PROBABILITIES_UNNORMALIZED, /* many zeros, sums far from 1 */
    PROBABILITIES_WHERE_FINITE, /* soft, and 0 where the logit is -inf */
    PROBABILITIES_COUNT
} probabilities_kind;

const char *probabilities_name(probabilities_kind kind);
/* One row of target probabilities for these logits. */
void fill_probabilities(probabilities_kind kind, uint64_t seed, int64_t row, int64_t cols, const double *logits, double *q);
/* A weight per class; about one in six is 0. */
void fill_weights(uint64_t seed, int64_t cols, double *weights);

#endif
