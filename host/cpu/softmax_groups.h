/* Softmax, log-softmax, their gradients and logsumexp of several rows at once. Included once per REAL. */
#include "rows_in_lanes.h"

static void R(softmax_group)(const smx_call *call, const R(row_group) * g, REAL *x) {
    R(load_group)(&call->in, g, x);
    R(distributions)
    d = R(distributions_of_group)(x, g->cols, (REAL)call->scale, false, R(behind_group)(&call->in, g->row, g->count * g->cols));
    FOR_EACH_LANE
    if (d.sum.of[lane] == 0 && call->empty_row == SMX_EMPTY_ROW_ZERO) d.normalizer.of[lane] = 0;
    const R(lanes) normalizer = R(get)(d.normalizer.of);
    for (int c = 0; c < g->cols; c++) R(set)(x + c * LANES, R(limited)(R(product)(R(get)(x + c * LANES), normalizer), 1));
    R(store_group)(&call->out, g, x, smx_cpu_streams(call));
}

/* scale * (x - reference) - ln_sum */
static void R(log_softmax_group)(const smx_call *call, const R(row_group) * g, REAL *x) {
    REAL *const e = x + g->cols * LANES;
    R(load_group)(&call->in, g, x);
    memcpy(e, x, (size_t)(g->cols * LANES) * sizeof *e);
    R(distributions)
    d = R(distributions_of_group)(e, g->cols, (REAL)call->scale, true, R(behind_group)(&call->in, g->row, g->count * g->cols));
    FOR_EACH_LANE
    if (d.sum.of[lane] == 0 && call->empty_row == SMX_EMPTY_ROW_ZERO) d.ln_sum.of[lane] = 0; /* leaves -inf */
    const R(lanes) scale = R(all)((REAL)call->scale), reference = R(get)(d.reference.of), ln_sum = R(get)(d.ln_sum.of);
    for (int c = 0; c < g->cols; c++) {
        const R(lanes) distance = R(difference)(R(get)(x + c * LANES), reference);
        R(set)(x + c * LANES, R(difference)(R(product)(scale, distance), ln_sum));
    }
    R(store_group)(&call->out, g, x, smx_cpu_streams(call));
}

static void R(log_sum_exp_group)(const smx_call *call, const R(row_group) * g, REAL *x) {
    R(load_group)(&call->in, g, x);
    const R(distributions) d =
        R(distributions_of_group)(x, g->cols, (REAL)call->scale, true, R(behind_group)(&call->in, g->row, g->count * g->cols));
    memcpy((REAL *)call->lse + g->row, d.lse.of, (size_t)g->count * sizeof *d.lse.of);
}

/* ---- gradients ---- */

/* dx = scale * y * (dy - sum y dy) */
FORCE_INLINE R(lanes) R(softmax_gradient)(R(lanes) y, R(lanes) dy, REAL scale, R(lanes) dot) {
    return R(product)(R(product)(R(all)(scale), y), R(difference)(dy, dot));
}

/* dx = scale * (dy - exp(y) * sum dy) */
FORCE_INLINE R(lanes) R(log_softmax_gradient)(R(lanes) y, R(lanes) dy, REAL scale, R(lanes) total) {
    const R(lanes) e = R(exponentials)(y, R(all)(0), R(factor)(1));
    return R(product)(R(all)(scale), R(difference)(dy, R(product)(e, total)));
}

/* sum y dy; room: for as many elements */
static inline R(per_row) R(dots_of_group)(const REAL *y, const REAL *dy, int cols, REAL *room) {
    if (cols <= FEW_COLS) return R(sums_of_few)(y, dy, cols);
    for (int i = 0; i < cols * LANES; i += LANES) R(set)(room + i, R(product)(R(get)(y + i), R(get)(dy + i)));
    return R(sums_of_group)(room, cols);
}

static void R(softmax_backward_group)(const smx_call *call, const R(row_group) * g, REAL *y) {
    REAL *const dy = y + g->cols * LANES, *const products = dy + g->cols * LANES;
    R(load_group)(&call->in, g, y);
    R(load_group)(&call->second, g, dy);
    const R(per_row) dots = R(dots_of_group)(y, dy, g->cols, products);
    const REAL scale = (REAL)call->scale;
    const R(lanes) dot = R(get)(dots.of);
    const upcoming next_y = R(behind_group)(&call->in, g->row, g->count * g->cols),
                   next_dy = R(behind_group)(&call->second, g->row, g->count * g->cols);
    for (int i = 0; i < g->cols * LANES; i += LANES) {
        fetch_upcoming(next_y, i);
        fetch_upcoming(next_dy, i);
        R(set)(dy + i, R(softmax_gradient)(R(get)(y + i), R(get)(dy + i), scale, dot));
    }
    R(store_group)(&call->out, g, dy, smx_cpu_streams(call));
}

static void R(log_softmax_backward_group)(const smx_call *call, const R(row_group) * g, REAL *y) {
    REAL *const dy = y + g->cols * LANES;
    R(load_group)(&call->in, g, y);
    R(load_group)(&call->second, g, dy);
    const R(per_row) totals = R(sums_of_group)(dy, g->cols);
    const REAL scale = (REAL)call->scale;
    const R(lanes) total = R(get)(totals.of);
    for (int i = 0; i < g->cols * LANES; i += LANES) R(set)(dy + i, R(log_softmax_gradient)(R(get)(y + i), R(get)(dy + i), scale, total));
    R(store_group)(&call->out, g, dy, smx_cpu_streams(call));
}

typedef void R(softmax_group_function)(const smx_call *call, const R(row_group) * g, REAL *x);

static R(softmax_group_function) * R(softmax_group_of)(smxOp_t op) {
    switch (op) {
    case SMX_OP_SOFTMAX_FORWARD: return R(softmax_group);
    case SMX_OP_LOG_SOFTMAX_FORWARD: return R(log_softmax_group);
    case SMX_OP_LOG_SUM_EXP: return R(log_sum_exp_group);
    case SMX_OP_SOFTMAX_BACKWARD: return R(softmax_backward_group);
    default: return R(log_softmax_backward_group);
    }
}
