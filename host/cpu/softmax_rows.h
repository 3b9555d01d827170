/* Softmax, log-softmax, their gradients and logsumexp of one row. Included once per REAL. */
#include "row.h"

static void R(softmax_row)(const smx_call *call, int64_t row) {
    REAL x[SMX_CPU_BLOCK];
    const R(row_state) state = R(state_of_row)(call, row, x);
    R(distribution) d = R(distribution_of)(state, (REAL)call->scale);
    if (state.sum == 0 && call->empty_row == SMX_EMPTY_ROW_ZERO) d.normalizer = 0;
    FOR_EACH_BLOCK(call->cols) {
        R(load_again)(call, row, first, BLOCK_SIZE, x);
        R(probabilities)(x, BLOCK_SIZE, &d, R(factor)((REAL)call->scale));
        R(store)(&call->out, row, first, BLOCK_SIZE, x);
    }
}

static void R(log_softmax_row)(const smx_call *call, int64_t row) {
    REAL x[SMX_CPU_BLOCK];
    const R(row_state) state = R(state_of_row)(call, row, x);
    R(distribution) d = R(distribution_of)(state, (REAL)call->scale);
    if (state.sum == 0 && call->empty_row == SMX_EMPTY_ROW_ZERO) d.ln_sum = 0; /* leaves -inf */
    FOR_EACH_BLOCK(call->cols) {
        R(load_again)(call, row, first, BLOCK_SIZE, x);
        for (int j = 0; j < BLOCK_SIZE; j++) x[j] = R(log_probability)(&d, x[j], (REAL)call->scale);
        R(store)(&call->out, row, first, BLOCK_SIZE, x);
    }
}

static void R(log_sum_exp_row)(const smx_call *call, int64_t row) {
    REAL x[SMX_CPU_BLOCK];
    const R(row_state) state = R(state_of_row)(call, row, x);
    ((REAL *)call->lse)[row] = R(distribution_of)(state, (REAL)call->scale).lse;
}

/* dx = scale * y * (dy - sum y dy) */
static void R(softmax_backward_row)(const smx_call *call, int64_t row) {
    REAL y[SMX_CPU_BLOCK], dy[SMX_CPU_BLOCK];
    double sum = 0;
    FOR_EACH_BLOCK(call->cols) {
        R(load)(&call->in, row, first, BLOCK_SIZE, y);
        R(load)(&call->second, row, first, BLOCK_SIZE, dy);
        sum += R(dot_product)(y, dy, BLOCK_SIZE);
    }
    const REAL dot = (REAL)sum, scale = (REAL)call->scale;
    FOR_EACH_BLOCK(call->cols) {
        if (call->cols > SMX_CPU_BLOCK) {
            R(load)(&call->in, row, first, BLOCK_SIZE, y);
            R(load)(&call->second, row, first, BLOCK_SIZE, dy);
        }
        for (int j = 0; j < BLOCK_SIZE; j++) dy[j] = scale * y[j] * (dy[j] - dot);
        R(store)(&call->out, row, first, BLOCK_SIZE, dy);
    }
}

/* dx = scale * (dy - exp(y) * sum dy) */
static void R(log_softmax_backward_row)(const smx_call *call, int64_t row) {
    REAL y[SMX_CPU_BLOCK], dy[SMX_CPU_BLOCK];
    double sum = 0;
    FOR_EACH_BLOCK(call->cols) {
        R(load)(&call->second, row, first, BLOCK_SIZE, dy);
        sum += R(sum_of)(dy, BLOCK_SIZE);
    }
    const REAL total = (REAL)sum, scale = (REAL)call->scale;
    FOR_EACH_BLOCK(call->cols) {
        R(load)(&call->in, row, first, BLOCK_SIZE, y);
        if (call->cols > SMX_CPU_BLOCK) R(load)(&call->second, row, first, BLOCK_SIZE, dy);
        for (int j = 0; j < BLOCK_SIZE; j++) dy[j] = scale * (dy[j] - R(exponential)(y[j], 0, R(factor)(1)) * total);
        R(store)(&call->out, row, first, BLOCK_SIZE, dy);
    }
}

static void R(softmax_rows)(const smx_call *call) {
    void (*const row_function)(const smx_call *, int64_t) = call->op == SMX_OP_SOFTMAX_FORWARD       ? R(softmax_row)
                                                            : call->op == SMX_OP_LOG_SOFTMAX_FORWARD ? R(log_softmax_row)
                                                            : call->op == SMX_OP_LOG_SUM_EXP         ? R(log_sum_exp_row)
                                                            : call->op == SMX_OP_SOFTMAX_BACKWARD    ? R(softmax_backward_row)
                                                                                                     : R(log_softmax_backward_row);
#pragma omp parallel for schedule(static) if (SMX_CPU_PARALLEL(call->rows, call->cols))
    for (int64_t row = 0; row < call->rows; row++) {
        smx_call own;
        row_function(call_of_row(call, row, &own), row);
    }
}
