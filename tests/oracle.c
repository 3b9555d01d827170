#include "oracle.h"

#include <math.h>

oracle_row oracle_reduce(const double *x, int64_t cols, double scale) {
    oracle_row row = {.max = (double)-INFINITY};

    for (int64_t j = 0; j < cols; j++) {
        if (isnan(x[j]))
            row.has_nan = true;
        else if (x[j] > row.max)
            row.max = x[j];
    }
    row.ordinary = !row.has_nan && isfinite(row.max);
    if (row.ordinary)
        for (int64_t j = 0; j < cols; j++) row.sum += (long double)exp(scale * (x[j] - row.max));
    return row;
}

static void fill(double *row, int64_t cols, double value) {
    for (int64_t j = 0; j < cols; j++) row[j] = value;
}

static bool is_empty(const oracle_row *row) { return !row->has_nan && row->max == (double)-INFINITY; }

void oracle_softmax(const double *x, int64_t cols, double scale, smxEmptyRow_t empty, double *y) {
    const oracle_row row = oracle_reduce(x, cols, scale);

    if (!row.ordinary) {
        fill(y, cols, is_empty(&row) && empty == SMX_EMPTY_ROW_ZERO ? 0.0 : (double)NAN);
        return;
    }
    for (int64_t j = 0; j < cols; j++) y[j] = (double)((long double)exp(scale * (x[j] - row.max)) / row.sum);
}

void oracle_log_softmax(const double *x, int64_t cols, double scale, smxEmptyRow_t empty, double *y) {
    const oracle_row row = oracle_reduce(x, cols, scale);

    if (!row.ordinary) {
        fill(y, cols, is_empty(&row) && empty == SMX_EMPTY_ROW_ZERO ? (double)-INFINITY : (double)NAN);
        return;
    }
    const long double log_sum = logl(row.sum);
    for (int64_t j = 0; j < cols; j++) y[j] = (double)((long double)scale * ((long double)x[j] - (long double)row.max) - log_sum);
}

static double log_sum_exp(const oracle_row *row, double scale) {
    if (row->has_nan) return (double)NAN;
    if (!row->ordinary) return row->max; /* -inf: only -inf; +inf: at least one +inf */
    return (double)((long double)scale * (long double)row->max + logl(row->sum));
}

double oracle_log_sum_exp(const double *x, int64_t cols, double scale) {
    const oracle_row row = oracle_reduce(x, cols, scale);
    return log_sum_exp(&row, scale);
}

oracle_dot oracle_softmax_backward(const double *y, const double *dy, int64_t cols, double scale, double *dx) {
    long double dot = 0, absolute = 0;

    for (int64_t j = 0; j < cols; j++) {
        dot += (long double)y[j] * (long double)dy[j];
        absolute += fabsl((long double)y[j] * (long double)dy[j]);
    }
    for (int64_t j = 0; j < cols; j++) dx[j] = (double)((long double)scale * (long double)y[j] * ((long double)dy[j] - dot));
    return (oracle_dot){(double)dot, (double)absolute};
}

oracle_dot oracle_log_softmax_backward(const double *y, const double *dy, int64_t cols, double scale, double *dx) {
    long double sum = 0, absolute = 0;

    for (int64_t j = 0; j < cols; j++) {
        sum += (long double)dy[j];
        absolute += fabsl((long double)dy[j]);
    }
    for (int64_t j = 0; j < cols; j++) dx[j] = (double)((long double)scale * ((long double)dy[j] - (long double)exp(y[j]) * sum));
    return (oracle_dot){(double)sum, (double)absolute};
}

/* ---- cross-entropy ---- */

oracle_target oracle_classify(int64_t target, int64_t ignore_index, int64_t cols) {
    if (target == ignore_index) return ORACLE_TARGET_IGNORED;
    return target >= 0 && target < cols ? ORACLE_TARGET_VALID : ORACLE_TARGET_BAD;
}

oracle_loss oracle_cross_entropy(const double *x, int64_t cols, double scale, int64_t target, int64_t ignore_index) {
    switch (oracle_classify(target, ignore_index, cols)) {
    case ORACLE_TARGET_IGNORED: return (oracle_loss){0.0, 0.0};
    case ORACLE_TARGET_BAD: return (oracle_loss){(double)NAN, (double)NAN};
    default: break;
    }

    const oracle_row row = oracle_reduce(x, cols, scale);
    const double lse = log_sum_exp(&row, scale);
    if (!row.ordinary) return (oracle_loss){(double)NAN, lse};
    /* lse - scale * x_t, without the cancellation */
    return (oracle_loss){(double)(logl(row.sum) + (long double)scale * ((long double)row.max - (long double)x[target])), lse};
}

double oracle_divisor(smxReduction_t reduction, const int64_t *targets, int64_t rows, int64_t ignore_index) {
    int64_t counted = 0;

    if (reduction != SMX_REDUCTION_MEAN) return 1.0;
    for (int64_t r = 0; r < rows; r++) counted += targets[r] != ignore_index;
    return (double)counted;
}

double oracle_reduced_loss(smxReduction_t reduction, smxEmptyMean_t empty, const double *losses, int64_t rows, double divisor) {
    long double sum = 0;

    for (int64_t r = 0; r < rows; r++) sum += (long double)losses[r];
    if (reduction == SMX_REDUCTION_MEAN && divisor == 0) return empty == SMX_EMPTY_MEAN_ZERO ? 0.0 : (double)NAN;
    return (double)sum / divisor; /* infinite when the sum has left the range of double */
}

double oracle_gradient_factor(double upstream, double divisor, double scale) {
    return divisor == 0 ? 0.0 : upstream / divisor * scale; /* 0: every row is ignored */
}

void oracle_cross_entropy_gradient(const double *x, int64_t cols, double scale, int64_t target, int64_t ignore_index, double *p,
                                   double *difference) {
    if (oracle_classify(target, ignore_index, cols) != ORACLE_TARGET_VALID) {
        fill(p, cols, 0.0);
        fill(difference, cols, 0.0);
        return;
    }
    oracle_softmax(x, cols, scale, SMX_EMPTY_ROW_NAN, p);
    for (int64_t j = 0; j < cols; j++) difference[j] = p[j] - (j == target ? 1.0 : 0.0);
}
