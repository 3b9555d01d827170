/* How far a result may be from the oracle's. Bounds are absolute, for one element, and include the rounding of the output type:
 * half a unit in its last place for the 16-bit types, on top of the bound of the fp32 number that is rounded. */
#ifndef ACCURACY_H
#define ACCURACY_H

#include <stdbool.h>

#include "smx/smx.h"

/* The type that is computed with, fp64 for fp64 and fp32 for the others, and the type of the result. */
typedef struct accuracy {
    bool wide;
    smxDataType_t out;
} accuracy;

accuracy accuracy_of(smxDataType_t in, smxDataType_t out);

/* p = exp(argument) / sum with argument = scale * (x - max) */
double bound_softmax(accuracy a, double p, double argument);
/* a log-probability, a logsumexp or a loss */
double bound_logarithm(accuracy a, double value);
/* scale * y * (dy - dot); absolute_dot = sum_k |y_k dy_k| */
double bound_softmax_backward(accuracy a, double scale, double y, double dy, double absolute_dot, double expected);
/* scale * (dy - exp(y) * sum); absolute_sum = sum_k |dy_k| */
double bound_log_softmax_backward(accuracy a, double scale, double y, double dy, double absolute_sum, double expected);
/* factor * (p - [j = t]). lse: the rounded number that p is computed from, 0 when p is computed from the row's own sum. */
double bound_cross_entropy_gradient(accuracy a, double factor, double p, double argument, double lse, double expected);
/* |sum_j p_j - 1| of a row of fp32 probabilities */
double bound_row_sum(accuracy a);

/* Is `got` as good as `expected` +- bound? NaN and infinities must be met exactly; a number beyond the range of the type may be
 * infinite. */
bool accuracy_accepts(accuracy a, double expected, double got, double bound);

#endif
