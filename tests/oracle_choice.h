/* What argmax, top-k, sample and multinomial are meant to choose, slowly, one row at a time.
 *
 * Written from the section "inference" of smx.h and apart from the library: nothing is shared with it, neither the generator of random
 * bits nor the polynomial's code, so a mistake has to be made twice to go unnoticed. What it gives is exact: tokens have to be equal. */
#ifndef ORACLE_CHOICE_H
#define ORACLE_CHOICE_H

#include <stdbool.h>
#include <stdint.h>

/* ---- random bits ---- */

void oracle_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t bits[4]);
uint64_t oracle_random_bits(uint64_t seed, uint64_t row_key, uint64_t offset);

/* ---- rows ---- */

/* Columns, the largest element first, of equal ones the smaller column. */
void oracle_order(const double *x, int64_t cols, int64_t *order);
/* The first column of the largest element, -1 of a row that has a NaN or nothing but -inf. */
int64_t oracle_argmax(const double *x, int64_t cols);
/* No NaN, no +inf, not only -inf. */
bool oracle_has_distribution(const double *x, int64_t cols);

/* ---- weights ---- */

/* Of a row that has a distribution, at a temperature above 0. wide: the logits are fp64. */
void oracle_logit_weights(const double *x, int64_t cols, bool wide, float temperature, uint64_t *weights);
/* False: the row has none, because of a negative, infinite or NaN probability, or nothing but zeros. */
bool oracle_probability_weights(const double *x, int64_t cols, uint64_t *weights);

typedef struct oracle_filters {
    int64_t top_k; /* 0, or at least the number of columns: all */
    float top_p, min_p;
} oracle_filters;

/* Weights of what is not kept become 0. */
void oracle_filter(const double *x, int64_t cols, const oracle_filters *filters, uint64_t *weights);

/* The column that these random bits choose, -1 where nothing weighs anything. */
int64_t oracle_draw(const uint64_t *weights, int64_t cols, uint64_t bits);

/* ---- probabilities, in double precision ---- */

/* The softmax of x / temperature over the columns that have a weight, 0 elsewhere. weights NULL: over all columns. */
void oracle_kept_softmax(const double *x, int64_t cols, double temperature, const uint64_t *weights, double *p);
/* The logarithm of one of them, which may be too small to be a number itself. */
double oracle_kept_log_softmax(const double *x, int64_t cols, double temperature, const uint64_t *weights, int64_t column);

#endif
