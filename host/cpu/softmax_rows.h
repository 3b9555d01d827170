/* Softmax, log-softmax, their gradients and logsumexp of one row, and of all rows of a call. Included once per REAL. */
#include "softmax_groups.h"

static void R(softmax_row)(const smx_call *call, int64_t row) {
    REAL e[SMX_CPU_BLOCK];
    const R(row_state) state = R(state_and_exponentials)(call, row, e);
    const R(distribution) d = R(distribution_of)(state, (REAL)call->scale);
    const REAL normalizer = state.sum == 0 && call->empty_row == SMX_EMPTY_ROW_ZERO ? 0 : d.normalizer;
    const bool streams = smx_cpu_streams(call);
    FOR_EACH_BLOCK(call->cols) {
        REAL *const y = R(place)(&call->out, row, first, e, streams);
        R(scaled_exponentials)(call, row, first, BLOCK_SIZE, d.reference, e, normalizer, 1, y);
        R(put)(&call->out, row, first, BLOCK_SIZE, y, e, streams);
    }
}

static void R(log_softmax_row)(const smx_call *call, int64_t row) {
    REAL room[SMX_CPU_BLOCK];
    const R(row_state) state = R(state_of_row)(call, row, room);
    R(distribution) d = R(distribution_of)(state, (REAL)call->scale);
    if (state.sum == 0 && call->empty_row == SMX_EMPTY_ROW_ZERO) d.ln_sum = 0; /* leaves -inf */
    const bool streams = smx_cpu_streams(call);
    FOR_EACH_BLOCK(call->cols) {
        const REAL *const x = R(view)(&call->in, row, first, BLOCK_SIZE, room);
        REAL *const y = R(place)(&call->out, row, first, room, streams);
#pragma omp simd
        for (int j = 0; j < BLOCK_SIZE; j++) y[j] = R(log_probability)(&d, x[j], (REAL)call->scale);
        R(put)(&call->out, row, first, BLOCK_SIZE, y, room, streams);
    }
}

static void R(log_sum_exp_row)(const smx_call *call, int64_t row) {
    REAL room[SMX_CPU_BLOCK];
    const R(row_state) state = R(state_of_row)(call, row, room);
    ((REAL *)call->lse)[row] = R(distribution_of)(state, (REAL)call->scale).lse;
}

static inline void R(softmax_gradient)(const REAL *y, const REAL *dy, int n, REAL scale, REAL dot, upcoming next_y, upcoming next_dy,
                                       REAL *dx) {
    const R(lanes) all_scale = R(all)(scale), all_dot = R(all)(dot);
    int i = 0;
    for (; i + LANES <= n; i += LANES) {
        fetch_upcoming(next_y, i);
        fetch_upcoming(next_dy, i);
        R(set)(dx + i, R(product)(R(product)(all_scale, R(get)(y + i)), R(difference)(R(get)(dy + i), all_dot)));
    }
    for (; i < n; i++) dx[i] = scale * y[i] * (dy[i] - dot);
}

/* dx = scale * y * (dy - sum y dy) */
static void R(softmax_backward_row)(const smx_call *call, int64_t row) {
    REAL room_y[SMX_CPU_BLOCK], room_dy[SMX_CPU_BLOCK];
    const REAL *y = room_y, *dy = room_dy;
    double sum = 0;
    FOR_EACH_BLOCK(call->cols) {
        y = R(view)(&call->in, row, first, BLOCK_SIZE, room_y);
        dy = R(view)(&call->second, row, first, BLOCK_SIZE, room_dy);
        sum += R(dot_product)(y, dy, BLOCK_SIZE);
    }
    const bool streams = smx_cpu_streams(call);
    FOR_EACH_BLOCK(call->cols) {
        if (call->cols > SMX_CPU_BLOCK) {
            y = R(view)(&call->in, row, first, BLOCK_SIZE, room_y);
            dy = R(view)(&call->second, row, first, BLOCK_SIZE, room_dy);
        }
        REAL *const dx = R(place)(&call->out, row, first, room_dy, streams);
        const upcoming next_y = R(after)(&call->in, row, first, BLOCK_SIZE), next_dy = R(after)(&call->second, row, first, BLOCK_SIZE);
        R(softmax_gradient)(y, dy, BLOCK_SIZE, (REAL)call->scale, (REAL)sum, next_y, next_dy, dx);
        R(put)(&call->out, row, first, BLOCK_SIZE, dx, room_dy, streams);
    }
}

static inline void R(log_softmax_gradient)(const REAL *y, const REAL *dy, int n, REAL scale, REAL total, upcoming next_y, upcoming next_dy,
                                           REAL *dx) {
    const REAL factor = R(factor)(1);
    for (int from = 0; from < n; from += PIECE) {
        const int end = n - from < PIECE ? n : from + PIECE;
        for (int i = from; i < end; i += LANES) {
            fetch_upcoming(next_y, i);
            fetch_upcoming(next_dy, i);
        }
#pragma omp simd
        for (int j = from; j < end; j++) dx[j] = scale * (dy[j] - R(exponential)(y[j], 0, factor) * total);
    }
}

/* dx = scale * (dy - exp(y) * sum dy) */
static void R(log_softmax_backward_row)(const smx_call *call, int64_t row) {
    REAL room_y[SMX_CPU_BLOCK], room_dy[SMX_CPU_BLOCK];
    double sum = 0;
    FOR_EACH_BLOCK(call->cols) sum += R(sum_of)(R(view)(&call->second, row, first, BLOCK_SIZE, room_dy), BLOCK_SIZE);
    const bool streams = smx_cpu_streams(call);
    FOR_EACH_BLOCK(call->cols) {
        const REAL *const y = R(view)(&call->in, row, first, BLOCK_SIZE, room_y);
        const REAL *const dy = R(view)(&call->second, row, first, BLOCK_SIZE, room_dy);
        REAL *const dx = R(place)(&call->out, row, first, room_dy, streams);
        const upcoming next_y = R(after)(&call->in, row, first, BLOCK_SIZE), next_dy = R(after)(&call->second, row, first, BLOCK_SIZE);
        R(log_softmax_gradient)(y, dy, BLOCK_SIZE, (REAL)call->scale, (REAL)sum, next_y, next_dy, dx);
        R(put)(&call->out, row, first, BLOCK_SIZE, dx, room_dy, streams);
    }
}

typedef void R(softmax_function)(const smx_call *call, int64_t row);

static R(softmax_function) * R(softmax_function_of)(smxOp_t op) {
    switch (op) {
    case SMX_OP_SOFTMAX_FORWARD: return R(softmax_row);
    case SMX_OP_LOG_SOFTMAX_FORWARD: return R(log_softmax_row);
    case SMX_OP_LOG_SUM_EXP: return R(log_sum_exp_row);
    case SMX_OP_SOFTMAX_BACKWARD: return R(softmax_backward_row);
    default: return R(log_softmax_backward_row);
    }
}

static void R(softmax_part)(const void *context, int64_t begin, int64_t end) {
    const smx_call *call = context;
    R(softmax_function) *const function = R(softmax_function_of)(call->op);
    smx_call own;
    for (int64_t row = begin; row < end; row++) function(call_of_row(call, row, &own), row);
    stream_fence();
}

static void R(softmax_groups)(const void *context, int64_t begin, int64_t end) {
    const smx_call *call = context;
    R(softmax_group_function) *const function = R(softmax_group_of)(call->op);
    REAL x[R(GROUP_ROOM)];
    for (int64_t row = begin; row < end; row += LANES) {
        const R(row_group) group = R(group_from)(call, row, x);
        function(call, &group, x);
    }
    stream_fence();
}

static void R(softmax)(const smx_call *call) {
    const bool groups = R(takes_groups)(call);
    smx_cpu_in_threads(call, groups ? LANES : 1, groups ? R(softmax_groups) : R(softmax_part), call);
}
