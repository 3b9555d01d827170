/* What every operation is meant to compute, slowly and in double precision, one row at a time.
 *
 * Written from the formulas in smx.h and apart from the library: nothing is shared with it, so a mistake has to be made twice
 * to go unnoticed. Rows are dense arrays of double; sums are carried in long double. */
#ifndef ORACLE_H
#define ORACLE_H

#include <stdbool.h>
#include <stdint.h>

#include "smx/smx.h"

/* Maximum and sum of a row, of scale * x. */
typedef struct oracle_row {
    double max;      /* max_k x_k, not yet scaled; -inf when all are */
    long double sum; /* sum_k exp(scale * (x_k - max)); undefined unless the row is ordinary */
    bool ordinary;   /* finite maximum and no NaN */
    bool has_nan;
} oracle_row;

oracle_row oracle_reduce(const double *x, int64_t cols, double scale);

void oracle_softmax(const double *x, int64_t cols, double scale, smxEmptyRow_t empty, double *y);
void oracle_log_softmax(const double *x, int64_t cols, double scale, smxEmptyRow_t empty, double *y);
double oracle_log_sum_exp(const double *x, int64_t cols, double scale);

/* sum_k y_k dy_k and sum_k dy_k with their sums of absolute values, which say how well conditioned the results are. */
typedef struct oracle_dot {
    double value, absolute;
} oracle_dot;

oracle_dot oracle_softmax_backward(const double *y, const double *dy, int64_t cols, double scale, double *dx);
oracle_dot oracle_log_softmax_backward(const double *y, const double *dy, int64_t cols, double scale, double *dx);

/* ---- cross-entropy ---- */

typedef enum oracle_target { ORACLE_TARGET_VALID, ORACLE_TARGET_IGNORED, ORACLE_TARGET_BAD } oracle_target;

oracle_target oracle_classify(int64_t target, int64_t ignore_index, int64_t cols);

/* Loss and logsumexp of one row; x is not looked at unless the target is valid. */
typedef struct oracle_loss {
    double loss, lse;
} oracle_loss;

oracle_loss oracle_cross_entropy(const double *x, int64_t cols, double scale, int64_t target, int64_t ignore_index);

/* Divisor of the reduction: the rows that are not ignored for a mean, 1 otherwise. */
double oracle_divisor(smxReduction_t reduction, const int64_t *targets, int64_t rows, int64_t ignore_index);
/* The reduced loss; not for SMX_REDUCTION_NONE. */
double oracle_reduced_loss(smxReduction_t reduction, smxEmptyMean_t empty, const double *losses, int64_t rows, double divisor);

/* dx_j = upstream / divisor * scale * (p_j - [j = target]). The two factors are kept apart: bounds need both. */
double oracle_gradient_factor(double upstream, double divisor, double scale);
/* p_j - [j = target] for a valid target, else zeros; NaN in a row whose maximum is not finite. p receives the probabilities. */
void oracle_cross_entropy_gradient(const double *x, int64_t cols, double scale, int64_t target, int64_t ignore_index, double *p,
                                   double *difference);

#endif
