#include "accuracy.h"

#include <math.h>

#include "data.h"

/* Errors of the type computed with. The fp32 column is the promise made to users, the fp64 one its like. */
typedef struct limits {
    double relative;     /* of a probability */
    double per_argument; /* the same, for each unit of its exponent */
    double logarithm;    /* of max(1, |log|) */
    double product;      /* of the last few operations on a result */
    double given_lse;    /* of a probability, for each unit of an lse that was rounded before */
    double capped;       /* of a capped logit: tanh, and the rounding of its argument */
    double negligible;   /* probabilities below are as good as 0 */
    double underflow;    /* absolute, where denormal numbers may be flushed to 0 */
} limits;

static const limits narrow_limits = {4e-7, 2e-7, 1e-6, 3e-7, 1.5e-7, 4e-7, 1e-30, 0x1p-125};
static const limits wide_limits = {1e-14, 1e-15, 1e-14, 1e-15, 4e-16, 8e-16, 1e-300, 0x1p-1020};

static const limits *limits_of(accuracy a) { return a.wide ? &wide_limits : &narrow_limits; }

accuracy accuracy_of(smxDataType_t in, smxDataType_t out) { return (accuracy){.wide = in == SMX_R_64F, .out = out}; }

static double rounding(accuracy a, double value) {
    const bool narrow = a.out == SMX_R_16F || a.out == SMX_R_16BF;
    return narrow && isfinite(value) ? 0.5 * type_spacing(a.out, value) : 0.0;
}

static double bound_probability(const limits *l, double p, double argument) {
    return p > l->negligible ? p * (l->relative + l->per_argument * fabs(argument)) : l->negligible;
}

double bound_softmax(accuracy a, double p, double argument) { return bound_probability(limits_of(a), p, argument) + rounding(a, p); }

double bound_logarithm(accuracy a, double value) { return limits_of(a)->logarithm * fmax(1.0, fabs(value)) + rounding(a, value); }

double bound_softmax_backward(accuracy a, double scale, double y, double dy, double absolute_dot, double expected) {
    const limits *l = limits_of(a);
    return scale * fabs(y) * (fabs(dy) + absolute_dot) * l->relative + l->product * fabs(expected) +
           scale * (fabs(dy) + absolute_dot + 1.0) * l->underflow + rounding(a, expected);
}

double bound_log_softmax_backward(accuracy a, double scale, double y, double dy, double absolute_sum, double expected) {
    const limits *l = limits_of(a);
    const double p = exp(y);
    const double of_product = isfinite(y) ? bound_probability(l, p, y) * absolute_sum + p * absolute_sum * l->relative : 0.0;
    return scale * (fabs(dy) * l->relative + of_product + l->underflow) + l->product * fabs(expected) + rounding(a, expected);
}

double bound_lse(accuracy a, const oracle_loss *expected) {
    return bound_logarithm(a, expected->lse) + limits_of(a)->capped * expected->capped_lse;
}

double bound_loss(accuracy a, const oracle_loss *expected) {
    const limits *l = limits_of(a);
    return l->logarithm * expected->size + l->capped * expected->capped + rounding(a, expected->loss);
}

/* slope * (p * pull - a): what p, pull, a and slope are off by, each times the others. */
double bound_cross_entropy_gradient(accuracy a, double factor, const oracle_gradient *row, const oracle_element *element, double z_loss,
                                    double scale) {
    const limits *l = limits_of(a);
    const oracle_element *e = element;
    const double lse = fmax(1.0, fabs(row->lse)), expected = factor * e->value;
    const double of_lse = row->lse_is_given ? l->given_lse * lse : 0.0;
    const double of_p = bound_probability(l, e->p, e->argument) + e->p * (of_lse + l->capped * (e->capped + row->capped_lse));
    const double of_pull = l->relative * row->absolute + 2 * z_loss * (l->product * lse + l->capped * row->capped_lse);
    const double of_slope = 2 * l->capped * (scale - e->slope); /* 1 - tanh^2 where tanh is rounded */
    const double of_difference = of_p * fabs(row->pull) + e->p * of_pull + l->product * fabs(e->a);
    const double difference = fabs(e->p * row->pull - e->a);
    if (factor == 0) return l->underflow;
    return fabs(factor) * (e->slope * of_difference + of_slope * difference) + l->product * fabs(expected) + l->underflow +
           rounding(a, expected);
}

double bound_product(accuracy a, double expected) {
    const limits *l = limits_of(a);
    return l->product * fabs(expected) + l->underflow + rounding(a, expected);
}

double bound_row_sum(accuracy a) { return a.wide ? 1e-13 : 1e-6; }

bool accuracy_accepts(accuracy a, double expected, double got, double bound) {
    if (isnan(expected)) return isnan(got);
    if (isinf(expected)) return got == expected;
    if (isinf(got)) /* beyond the range of the type, or rounded up from its end */
        return (expected > 0) == (got > 0) && fabs(expected) + bound >= type_max(a.out);
    return fabs(got - expected) <= bound;
}
