/* How far a result may be from the oracle's. Bounds are absolute, for one element, and include the rounding of the output type:
 * half a unit in its last place for the 16-bit types, on top of the bound of the fp32 number that is rounded. */
#ifndef ACCURACY_H
#define ACCURACY_H

#include <stdbool.h>

#include "oracle.h"

/* The type that is computed with, fp64 for fp64 and fp32 for the others, and the type of the result. */
typedef struct accuracy {
    bool wide;
    smxDataType_t out;
} accuracy;

accuracy accuracy_of(smxDataType_t in, smxDataType_t out);

/* p = exp(argument) / sum with argument = scale * (x - max) */
double bound_softmax(accuracy a, double p, double argument);
/* a log-probability or a logsumexp */
double bound_logarithm(accuracy a, double value);
/* scale * y * (dy - dot); absolute_dot = sum_k |y_k dy_k| */
double bound_softmax_backward(accuracy a, double scale, double y, double dy, double absolute_dot, double expected);
/* scale * (dy - exp(y) * sum); absolute_sum = sum_k |dy_k| */
double bound_log_softmax_backward(accuracy a, double scale, double y, double dy, double absolute_sum, double expected);
/* lse and loss of a row of a cross-entropy */
double bound_lse(accuracy a, const oracle_loss *expected);
double bound_loss(accuracy a, const oracle_loss *expected);
/* factor * element, for an element of a row's gradient */
double bound_cross_entropy_gradient(accuracy a, double factor, const oracle_gradient *row, const oracle_element *element, double z_loss,
                                    double scale);
/* weight * x, rounded a few times on the way */
double bound_product(accuracy a, double expected);
/* |sum_j p_j - 1| of a row of fp32 probabilities */
double bound_row_sum(accuracy a);

/* Is `got` as good as `expected` +- bound? NaN and infinities must be met exactly; a number beyond the range of the type may be
 * infinite. */
bool accuracy_accepts(accuracy a, double expected, double got, double bound);

#endif
