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

/* ---- losses ---- */

typedef enum oracle_target_kind { ORACLE_TARGET_VALID, ORACLE_TARGET_IGNORED, ORACLE_TARGET_BAD } oracle_target_kind;

oracle_target_kind oracle_classify(int64_t target, int64_t ignore_index, int64_t cols);

/* What is the same for all rows. */
typedef struct oracle_options {
    double scale, softcap, smoothing, z_loss; /* softcap 0: none */
    const double *weights;                    /* of the classes; NULL: all 1 */
    int64_t ignore_index;
} oracle_options;

#define ORACLE_OPTIONS_INIT \
    { .scale = 1.0, .ignore_index = -100 }

/* What a row aims at: an index, or a row of probabilities. */
typedef struct oracle_target {
    const double *probabilities; /* NULL: the index counts */
    int64_t index;
} oracle_target;

oracle_target oracle_index(int64_t index);
oracle_target oracle_probabilities(const double *probabilities);
/* Valid also where the target is a row of probabilities. */
oracle_target_kind oracle_classify_target(const oracle_options *o, oracle_target target, int64_t cols);

/* Loss and logsumexp of one row, with u_j = scale * x_j or its capped value; x is not looked at unless the target is valid. The other
 * numbers say how much rounding there is to be forgiven, and are 0 in rows that are not ordinary. */
typedef struct oracle_loss {
    double loss, lse;
    double size;       /* sum_j |a_j| max(1, |lse - u_j|) + z |lse| max(1, |lse|): what errors of the terms are relative to */
    double capped;     /* with a softcap, the change of the loss if every u_j is off by |u_j|, in the worst case; else 0 */
    double capped_lse; /* the same of lse: sum_k p_k |u_k| */
    double distance; /* the largest lse - u_j that counts: beyond the range of a type, a_j times it may be infinite however small a_j is */
} oracle_loss;

oracle_loss oracle_cross_entropy(const oracle_options *o, const double *x, int64_t cols, oracle_target target);

/* One element of a row's gradient and what it is made of: slope * (p * pull - a). */
typedef struct oracle_element {
    double value;
    double p, a, slope; /* slope: du/dx */
    double argument;    /* p is exp(argument), or exp(argument) over the sum of its like */
    double capped;      /* |u| with a softcap, else 0 */
} oracle_element;

typedef struct oracle_gradient {
    double lse;        /* the given or the recomputed one */
    double pull;       /* sum_j a_j + 2 z lse */
    double absolute;   /* sum_j |a_j| */
    double capped_lse; /* as in oracle_loss, for a recomputed lse; else 0 */
    bool lse_is_given;
} oracle_gradient;

/* given_lse: NULL, or the lse that p and z-loss are taken from; one that is not finite makes the row NaN. Zeros unless the target
 * is valid. Upstream gradient and divisor are not in it: oracle_gradient_factor. */
oracle_gradient oracle_cross_entropy_gradient(const oracle_options *o, const double *x, int64_t cols, oracle_target target,
                                              const double *given_lse, oracle_element *elements);

/* -w_t x_t, and its derivative by x_t */
double oracle_nll(const oracle_options *o, const double *x, int64_t cols, int64_t target);
double oracle_nll_slope(const oracle_options *o, int64_t cols, int64_t target);

/* What the sum of losses is divided by. targets: NULL for probabilities; given: NULL, or what replaces the divisor of a mean. */
double oracle_divisor(const oracle_options *o, smxReduction_t reduction, const int64_t *targets, int64_t rows, int64_t cols,
                      const double *given);
/* The reduced loss; not for SMX_REDUCTION_NONE. */
double oracle_reduced_loss(smxReduction_t reduction, smxEmptyMean_t empty, const double *losses, int64_t rows, double divisor);
/* What the gradient of a row is multiplied with: 0, whatever the row is, where the divisor is 0. */
double oracle_gradient_factor(double upstream, double divisor);

#endif
