/* Softmax, log-softmax, their gradients and logsumexp of one row, and of all rows of a call. Included once per REAL. */
#include "softmax_groups.h"

FORCE_INLINE void R(softmax_row_of)(smxDataType_t type, const smx_call *call, int64_t row, R(row_room) * room) {
    const R(row_state) state = R(state_of_row)(call, row, room, true);
    const R(distribution) d = R(distribution_of)(state, (REAL)call->scale);
    const REAL normalizer = state.sum == 0 && call->empty_row == SMX_EMPTY_ROW_ZERO ? 0 : d.normalizer;
    R(put_scaled_exponentials)(type, call, row, room, &(R(scaling)){.reference = d.reference, .a = normalizer, .b = 1, .target = -1});
}

FORCE_INLINE R(lanes) R(log_probabilities)(const R(distribution) * d, R(lanes) x, REAL scale) {
    const R(lanes) distance = R(product)(R(all)(scale), R(difference)(x, R(all)(d->reference)));
    return R(difference)(distance, R(all)(d->ln_sum));
}

FORCE_INLINE void R(log_softmax_row_of)(smxDataType_t type, const smx_call *call, int64_t row, R(row_room) * room) {
    const R(row_state) state = R(state_of_row)(call, row, room, false);
    R(distribution) d = R(distribution_of)(state, (REAL)call->scale);
    if (state.sum == 0 && call->empty_row == SMX_EMPTY_ROW_ZERO) d.ln_sum = 0; /* leaves -inf */
    const bool streams = room->streams;
    FOR_EACH_BLOCK(call->cols) {
        const void *const x = R(view)(type, &call->in, row, first, BLOCK_SIZE, room->block);
        const destination y = R(place)(type, &call->out, row, first, room->block, streams);
        PUT_EACH(type, y, BLOCK_SIZE, R(log_probabilities)(&d, R(lanes_at)(type, x, i, m), (REAL)call->scale));
        R(store_room)(&call->out, row, first, BLOCK_SIZE, y, room->block, streams);
    }
}

static void R(log_sum_exp_row)(const smx_call *call, int64_t row, R(row_room) * room) {
    const R(row_state) state = R(state_of_row)(call, row, room, false);
    ((REAL *)call->lse)[row] = R(distribution_of)(state, (REAL)call->scale).lse;
}

/* ---- gradients: two operands, of which blocks of another type than that of the rows have room here ---- */

FORCE_INLINE R(lanes) R(softmax_gradient)(R(lanes) y, R(lanes) dy, REAL scale, REAL dot) {
    return R(product)(R(product)(R(all)(scale), y), R(difference)(dy, R(all)(dot)));
}

FORCE_INLINE REAL R(sum_of_row)(smxDataType_t type, const smx_call *call, int64_t row, R(row_room) * room, REAL *room_y, bool of_products) {
    double sum = 0;
    FOR_EACH_BLOCK(call->cols) {
        const void *const dy = R(view)(type, &call->second, row, first, BLOCK_SIZE, room->block);
        if (of_products)
            sum += R(dot_product)(type, R(view)(type, &call->in, row, first, BLOCK_SIZE, room_y), dy, BLOCK_SIZE);
        else
            sum += R(sum_of)(type, dy, BLOCK_SIZE);
    }
    return (REAL)sum;
}

/* The sum of dy, or of y * dy, over a row; those of short rows are computed a few at a time. */
FORCE_INLINE REAL R(gradient_sum)(smxDataType_t type, const smx_call *call, int64_t row, R(row_room) * room, REAL *room_y,
                                  bool of_products) {
    if (row >= room->known) {
        room->begin = row;
        room->known = row + R(rows_ahead)(room, row);
        for (int k = 0; row + k < room->known; k++) room->state[k].sum = R(sum_of_row)(type, call, row + k, room, room_y, of_products);
    }
    return room->state[row - room->begin].sum;
}

/* dx = scale * y * (dy - sum y dy) */
FORCE_INLINE void R(softmax_backward_row_of)(smxDataType_t type, const smx_call *call, int64_t row, R(row_room) * room) {
    REAL room_y[SMX_CPU_BLOCK];
    const REAL scale = (REAL)call->scale, dot = R(gradient_sum)(type, call, row, room, room_y, true);
    const bool streams = room->streams;
    FOR_EACH_BLOCK(call->cols) {
        const void *const y = R(view)(type, &call->in, row, first, BLOCK_SIZE, room_y);
        const void *const dy = R(view)(type, &call->second, row, first, BLOCK_SIZE, room->block);
        const destination dx = R(place)(type, &call->out, row, first, room->block, streams);
        const upcoming next_y = R(after)(&call->in, row, first, room->most_ahead * BLOCK_SIZE);
        const upcoming next_dy = R(after)(&call->second, row, first, room->most_ahead * BLOCK_SIZE);
        PUT_EACH(type, dx, BLOCK_SIZE,
                 (fetch_upcoming(next_y, i), fetch_upcoming(next_dy, i),
                  R(softmax_gradient)(R(lanes_at)(type, y, i, m), R(lanes_at)(type, dy, i, m), scale, dot)));
        R(store_room)(&call->out, row, first, BLOCK_SIZE, dx, room->block, streams);
    }
}

FORCE_INLINE R(lanes) R(log_softmax_gradient)(R(lanes) y, R(lanes) dy, REAL scale, REAL total) {
    const R(lanes) e = R(exponentials)(y, R(all)(0), R(factor)(1));
    return R(product)(R(all)(scale), R(difference)(dy, R(product)(e, R(all)(total))));
}

/* dx = scale * (dy - exp(y) * sum dy) */
FORCE_INLINE void R(log_softmax_backward_row_of)(smxDataType_t type, const smx_call *call, int64_t row, R(row_room) * room) {
    REAL room_y[SMX_CPU_BLOCK];
    const REAL scale = (REAL)call->scale, total = R(gradient_sum)(type, call, row, room, room_y, false);
    const bool streams = room->streams;
    FOR_EACH_BLOCK(call->cols) {
        const void *const y = R(view)(type, &call->in, row, first, BLOCK_SIZE, room_y);
        const void *const dy = R(view)(type, &call->second, row, first, BLOCK_SIZE, room->block);
        const destination dx = R(place)(type, &call->out, row, first, room->block, streams);
        const upcoming next_y = R(after)(&call->in, row, first, room->most_ahead * BLOCK_SIZE);
        const upcoming next_dy = R(after)(&call->second, row, first, room->most_ahead * BLOCK_SIZE);
        PUT_EACH(type, dx, BLOCK_SIZE,
                 (fetch_upcoming(next_y, i), fetch_upcoming(next_dy, i),
                  R(log_softmax_gradient)(R(lanes_at)(type, y, i, m), R(lanes_at)(type, dy, i, m), scale, total)));
        R(store_room)(&call->out, row, first, BLOCK_SIZE, dx, room->block, streams);
    }
}

/* ---- all rows ---- */

static void R(softmax_row)(const smx_call *call, int64_t row, R(row_room) * room) {
    BY_TYPE(room->type, R(softmax_row_of), call, row, room);
}

static void R(log_softmax_row)(const smx_call *call, int64_t row, R(row_room) * room) {
    BY_TYPE(room->type, R(log_softmax_row_of), call, row, room);
}

static void R(softmax_backward_row)(const smx_call *call, int64_t row, R(row_room) * room) {
    BY_TYPE(room->type, R(softmax_backward_row_of), call, row, room);
}

static void R(log_softmax_backward_row)(const smx_call *call, int64_t row, R(row_room) * room) {
    BY_TYPE(room->type, R(log_softmax_backward_row_of), call, row, room);
}

typedef void R(softmax_function)(const smx_call *call, int64_t row, R(row_room) * room);

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
    R(row_room) room;
    smx_call own;
    R(make_room)(&room, call, call->op == SMX_OP_SOFTMAX_FORWARD);
    room.end = end;
    for (int64_t row = begin; row < end; row++) function(call_of_row(call, row, &own), row, &room);
    R(free_room)(&room);
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
