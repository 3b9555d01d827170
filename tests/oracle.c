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

double oracle_log_sum_exp(const double *x, int64_t cols, double scale) {
    const oracle_row row = oracle_reduce(x, cols, scale);

    if (row.has_nan) return (double)NAN;
    if (!row.ordinary) return row.max; /* -inf: only -inf; +inf: at least one +inf */
    return (double)((long double)scale * (long double)row.max + logl(row.sum));
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

/* ---- losses ---- */

oracle_target_kind oracle_classify(int64_t target, int64_t ignore_index, int64_t cols) {
    if (target == ignore_index) return ORACLE_TARGET_IGNORED;
    return target >= 0 && target < cols ? ORACLE_TARGET_VALID : ORACLE_TARGET_BAD;
}

oracle_target oracle_index(int64_t index) { return (oracle_target){.index = index}; }

oracle_target oracle_probabilities(const double *probabilities) { return (oracle_target){.probabilities = probabilities}; }

oracle_target_kind oracle_classify_target(const oracle_options *o, oracle_target target, int64_t cols) {
    return target.probabilities != NULL ? ORACLE_TARGET_VALID : oracle_classify(target.index, o->ignore_index, cols);
}

static double weight_of(const oracle_options *o, int64_t class) { return o->weights != NULL ? o->weights[class] : 1.0; }

/* a_j */
static long double share_of(const oracle_options *o, oracle_target target, int64_t j, int64_t cols) {
    const long double e = (long double)o->smoothing;
    const long double aimed = target.probabilities != NULL ? (long double)target.probabilities[j] : j == target.index ? 1.0L : 0.0L;
    return (long double)weight_of(o, j) * (e / (long double)cols + (1.0L - e) * aimed);
}

static long double logit(const oracle_options *o, double x) {
    const long double scaled = (long double)o->scale * (long double)x;
    return o->softcap > 0 ? (long double)o->softcap * tanhl(scaled / (long double)o->softcap) : scaled;
}

/* u(x) - u(other), also where both are large and close to each other. */
static long double logit_above(const oracle_options *o, double x, double other) {
    if (o->softcap > 0) return logit(o, x) - logit(o, other);
    return (long double)o->scale * ((long double)x - (long double)other);
}

static double slope_of(const oracle_options *o, double x) {
    if (o->softcap == 0) return o->scale;
    const long double cosh_of_x = coshl((long double)o->scale * (long double)x / (long double)o->softcap);
    return (double)((long double)o->scale / (cosh_of_x * cosh_of_x)); /* 0 for an infinite x */
}

/* Of the logits u of a row. They grow with x, so the largest u is that of the largest x. */
typedef struct logit_row {
    double max_x;
    long double log_sum; /* log sum_k exp(u_k - u_max) */
    double lse;
    double capped; /* sum_k p_k |u_k| with a softcap, else 0 */
    bool ordinary;
} logit_row;

static logit_row reduce_logits(const oracle_options *o, const double *x, int64_t cols) {
    logit_row row = {.max_x = (double)-INFINITY};
    long double sum = 0, capped = 0;
    bool has_nan = false;

    for (int64_t j = 0; j < cols; j++) {
        has_nan = has_nan || isnan(x[j]);
        if (x[j] > row.max_x) row.max_x = x[j];
    }
    row.ordinary = !has_nan && (isfinite(row.max_x) || o->softcap > 0);
    row.lse = has_nan ? (double)NAN : row.max_x; /* -inf: only -inf; +inf: at least one +inf */
    if (!row.ordinary) return row;
    for (int64_t j = 0; j < cols; j++) {
        const long double term = expl(logit_above(o, x[j], row.max_x));
        sum += term;
        if (o->softcap > 0) capped += term * fabsl(logit(o, x[j]));
    }
    row.log_sum = logl(sum);
    row.lse = (double)(logit(o, row.max_x) + row.log_sum);
    row.capped = (double)(capped / sum);
    return row;
}

oracle_loss oracle_cross_entropy(const oracle_options *o, const double *x, int64_t cols, oracle_target target) {
    switch (oracle_classify_target(o, target, cols)) {
    case ORACLE_TARGET_IGNORED: return (oracle_loss){.loss = 0.0, .lse = 0.0};
    case ORACLE_TARGET_BAD: return (oracle_loss){.loss = (double)NAN, .lse = (double)NAN};
    default: break;
    }

    const logit_row row = reduce_logits(o, x, cols);
    const long double z = (long double)o->z_loss, lse = (long double)row.lse;
    if (!row.ordinary) return (oracle_loss){.loss = (double)NAN, .lse = row.lse};
    long double loss = z * lse * lse, size = z * fabsl(lse) * fmaxl(1.0L, fabsl(lse));
    long double capped = 2.0L * z * fabsl(lse) * (long double)row.capped, distance = 0;
    for (int64_t j = 0; j < cols; j++) {
        const long double a = share_of(o, target, j, cols);
        if (a == 0) continue;
        const long double below = row.log_sum - logit_above(o, x[j], row.max_x); /* lse - u_j, without the cancellation */
        loss += a * below;
        distance = fmaxl(distance, below);
        size += fabsl(a) * fmaxl(1.0L, fabsl(below));
        if (o->softcap > 0) capped += fabsl(a) * (fabsl(logit(o, x[j])) + (long double)row.capped);
    }
    return (oracle_loss){(double)loss, row.lse, (double)size, (double)capped, row.capped, (double)distance};
}

oracle_gradient oracle_cross_entropy_gradient(const oracle_options *o, const double *x, int64_t cols, oracle_target target,
                                              const double *given_lse, oracle_element *elements) {
    for (int64_t j = 0; j < cols; j++) elements[j] = (oracle_element){.value = 0.0};
    if (oracle_classify_target(o, target, cols) != ORACLE_TARGET_VALID) return (oracle_gradient){.lse = 0.0};

    const logit_row row = reduce_logits(o, x, cols);
    if (given_lse != NULL ? !isfinite(*given_lse) : !row.ordinary) {
        for (int64_t j = 0; j < cols; j++) elements[j].value = elements[j].p = (double)NAN;
        return (oracle_gradient){.lse = given_lse != NULL ? *given_lse : row.lse, .lse_is_given = given_lse != NULL};
    }

    oracle_gradient g = {.lse = given_lse != NULL ? *given_lse : row.lse,
                         .capped_lse = given_lse != NULL ? 0.0 : row.capped,
                         .lse_is_given = given_lse != NULL};
    long double sum = 0, absolute = 0;
    for (int64_t j = 0; j < cols; j++) {
        const long double a = share_of(o, target, j, cols);
        elements[j].a = (double)a;
        sum += a;
        absolute += fabsl(a);
    }
    const long double pull = sum + 2.0L * (long double)o->z_loss * (long double)g.lse;
    g.pull = (double)pull;
    g.absolute = (double)absolute;
    for (int64_t j = 0; j < cols; j++) {
        oracle_element *e = &elements[j];
        const long double u = logit(o, x[j]), above = g.lse_is_given ? u - (long double)g.lse : logit_above(o, x[j], row.max_x);
        const long double p = expl(g.lse_is_given ? above : above - row.log_sum);
        e->p = (double)p;
        e->argument = (double)above;
        e->slope = slope_of(o, x[j]);
        e->capped = o->softcap > 0 ? fabs((double)u) : 0.0;
        e->value = (double)((long double)e->slope * (p * pull - share_of(o, target, j, cols)));
    }
    return g;
}

double oracle_nll(const oracle_options *o, const double *x, int64_t cols, int64_t target) {
    const oracle_target_kind kind = oracle_classify(target, o->ignore_index, cols);

    if (kind != ORACLE_TARGET_VALID) return kind == ORACLE_TARGET_BAD ? (double)NAN : 0.0;
    return weight_of(o, target) == 0 ? 0.0 : -weight_of(o, target) * x[target];
}

double oracle_nll_slope(const oracle_options *o, int64_t cols, int64_t target) {
    return oracle_classify(target, o->ignore_index, cols) == ORACLE_TARGET_VALID ? -weight_of(o, target) : 0.0;
}

double oracle_divisor(const oracle_options *o, smxReduction_t reduction, const int64_t *targets, int64_t rows, int64_t cols,
                      const double *given) {
    long double sum = 0;

    if (reduction != SMX_REDUCTION_MEAN) return 1.0;
    if (given != NULL) return *given;
    if (targets == NULL) return (double)rows;
    for (int64_t r = 0; r < rows; r++) {
        switch (oracle_classify(targets[r], o->ignore_index, cols)) {
        case ORACLE_TARGET_VALID: sum += (long double)weight_of(o, targets[r]); break;
        case ORACLE_TARGET_BAD: sum += 1; break;
        default: break;
        }
    }
    return (double)sum;
}

double oracle_reduced_loss(smxReduction_t reduction, smxEmptyMean_t empty, const double *losses, int64_t rows, double divisor) {
    long double sum = 0;

    for (int64_t r = 0; r < rows; r++) sum += (long double)losses[r];
    if (reduction == SMX_REDUCTION_MEAN && divisor == 0) return empty == SMX_EMPTY_MEAN_ZERO ? 0.0 : (double)NAN;
    return (double)sum / divisor; /* infinite when the sum has left the range of double */
}

double oracle_gradient_factor(double upstream, double divisor) { return divisor == 0 ? 0.0 : upstream / divisor; }
