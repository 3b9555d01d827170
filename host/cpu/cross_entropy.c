/* Cross-entropy on the CPU; compiled once per instruction set. */
#include "isa.h"

#define REAL float
#include "cross_entropy_rows.h"
#undef REAL
#define REAL double
#include "cross_entropy_rows.h"

/* The divisor of the mean has to be known before the first gradient is written. */
static int64_t count_valid(const smx_call *call) {
    int64_t valid = 0;
#pragma omp parallel for schedule(static) reduction(+ : valid) if (SMX_CPU_PARALLEL(call->rows, 1))
    for (int64_t row = 0; row < call->rows; row++) valid += target_of(call, row) != call->ignore_index;
    return valid;
}

smxStatus_t SMX_CPU_NAME(cross_entropy)(const smx_call *call) {
    const int64_t valid = call->reduction == SMX_REDUCTION_MEAN ? count_valid(call) : 0;
    (call->in.layout.type == SMX_R_64F ? cross_entropy_double : cross_entropy_float)(call, valid);
    return SMX_STATUS_SUCCESS;
}
