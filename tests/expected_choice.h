/* What a row of smxArgmax, smxTopK, smxSample or smxMultinomial has to give, from the oracle: the tests and the fuzzer compare with it. */
#ifndef EXPECTED_CHOICE_H
#define EXPECTED_CHOICE_H

#include "oracle_choice.h"
#include "smx/smx.h"

typedef struct choice_row {
    smxOp_t op;
    smxDataType_t type;
    const double *x;
    int64_t cols, per_row;
    double scale; /* of top-k */
    smxEmptyRow_t empty_row;
    float temperature; /* of this row */
    oracle_filters filters;
    bool from_probabilities, with_replacement;
    uint64_t seed, key, offset; /* the random bits of its first draw */
} choice_row;

typedef struct expected_choice {
    int64_t index;
    double number, bound; /* top-k: the probability; sample: its logarithm */
} expected_choice;

/* Fills `expected`, per_row of them. False: the row has no distribution. */
bool expect_choices(const choice_row *row, expected_choice *expected);

/* A NaN where one is expected, an infinity likewise, else within the bound. */
bool choice_number_agrees(double got, const expected_choice *expected);

#endif
