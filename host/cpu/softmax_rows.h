/* Softmax, log-softmax, their gradients and logsumexp of the rows at hand, and of all rows of a call. Included once per REAL. */
#include "softmax_groups.h"

static inline REAL R(normalizer_of)(const smx_call *call, const R(row_room) * room, int k) {
    const bool is_zero = room->d.sum.of[k] == 0 && call->empty_row == SMX_EMPTY_ROW_ZERO;
    return is_zero ? 0 : room->normalizer.of[k];
}

FORCE_INLINE void R(softmax_rows_of)(row_form form, const smx_call *call, int64_t row, int rows, R(row_room) * room) {
    R(find_distributions)(form, call, row, rows, room, false, true);
    if (room->postpones) {
        room->unwritten = (R(unwritten_row)){true, row, room->counted_from, R(normalizer_of)(call, room, 0)};
        room->kept = R(others_kept)(room);
        return;
    }
    for (int k = 0; k < rows; k++) {
        const R(scaling) s = {.a = R(normalizer_of)(call, room, k), .b = 1, .most = 1, .target = -1};
        R(put_scaled_exponentials)(form, call, row, k, room, &s);
    }
}

/* The last one of those whose results are postponed. */
static void R(write_last_row)(const smx_call *call, R(row_room) * room) {
    if (!room->unwritten.is_there) return;
    FOR_EACH_BLOCK(call->cols) {
        R(meanwhile) results;
        R(write_all)(R(TYPE), R(unwritten_block)(call, room, first, BLOCK_SIZE, &results));
    }
}

FORCE_INLINE R(lanes) R(log_probabilities)(R(lanes) x, REAL reference, REAL ln_sum, REAL scale) {
    const R(lanes) distance = R(product)(R(all)(scale), R(difference)(x, R(all)(reference)));
    return R(difference)(distance, R(all)(ln_sum));
}

FORCE_INLINE void R(log_softmax_rows_of)(row_form form, const smx_call *call, int64_t row, int rows, R(row_room) * room) {
    const REAL scale = (REAL)call->scale;
    open_line *const line = room->line;
    R(find_distributions)(form, call, row, rows, room, true, false);
    for (int64_t k = 0; k < rows; k++) {
        const bool is_zero = room->d.sum.of[k] == 0 && call->empty_row == SMX_EMPTY_ROW_ZERO; /* leaves -inf */
        const REAL reference = room->d.reference.of[k], ln_sum = is_zero ? 0 : room->d.ln_sum.of[k];
        FOR_EACH_BLOCK(R(cols_of)(form, call)) {
            const void *const x = R(elements)(form, &call->in, row + k, first, BLOCK_SIZE, room->kept->block);
            const destination y = R(results)(form, &call->out, row + k, first, room->kept->block, line);
            PUT_EACH(form.type, y, BLOCK_SIZE, R(log_probabilities)(R(lanes_at)(form.type, x, i, m), reference, ln_sum, scale));
            R(store_results)(form, &call->out, row + k, first, BLOCK_SIZE, y, room->kept->block, line != NULL);
        }
    }
}

FORCE_INLINE void R(log_sum_exp_rows_of)(row_form form, const smx_call *call, int64_t row, int rows, R(row_room) * room) {
    R(find_distributions)(form, call, row, rows, room, true, false);
    memcpy((REAL *)call->lse + row, room->d.lse.of, (size_t)rows * sizeof *room->d.lse.of);
}

/* ---- gradients: two operands, of which blocks of another type than that of the rows have room here ---- */

/* The sum of dy, or of y * dy. */
FORCE_INLINE REAL R(gradient_sum)(row_form form, const smx_call *call, int64_t row, R(row_room) * room, bool of_products) {
    REAL room_y[SMX_CPU_BLOCK];
    double sum = 0;
    FOR_EACH_BLOCK(R(cols_of)(form, call)) {
        const void *const dy = R(elements)(form, &call->second, row, first, BLOCK_SIZE, room->kept->block);
        if (of_products)
            sum += R(dot_product)(form.type, R(elements)(form, &call->in, row, first, BLOCK_SIZE, room_y), dy, BLOCK_SIZE);
        else
            sum += R(sum_of)(form.type, dy, BLOCK_SIZE);
    }
    return (REAL)sum;
}

/* The same of each of short rows, added up across the lanes of all of them together. */
FORCE_INLINE void R(gradient_sums)(row_form form, const smx_call *call, int64_t row, int rows, R(row_room) * room, bool of_products,
                                   R(per_row) * sum) {
    REAL room_y[SMX_CPU_BLOCK];
    R(lanes) part[LANES];
    if (!R(are_short)(room) || R(cols_of)(form, call) > PIECE) {
        for (int k = 0; k < rows; k++) sum->of[k] = R(gradient_sum)(form, call, row + k, room, of_products);
        return;
    }
    const int cols = (int)R(cols_of)(form, call);
    for (int k = 0; k < rows; k++) {
        const void *const dy = R(elements)(form, &call->second, row + k, 0, cols, room->kept->block);
        if (of_products)
            part[k] = R(piece_of_products)(form.type, R(elements)(form, &call->in, row + k, 0, cols, room_y), dy, 0, cols);
        else
            part[k] = R(piece_of_elements)(form.type, dy, 0, cols);
    }
    R(across_each)(part, rows, sum->of, true);
}

/* dx = scale * y * (dy - sum y dy) */
FORCE_INLINE R(lanes) R(softmax_gradient)(R(lanes) y, R(lanes) dy, REAL scale, REAL dot) {
    return R(product)(R(product)(R(all)(scale), y), R(difference)(dy, R(all)(dot)));
}

/* dx = scale * (dy - exp(y) * sum dy) */
FORCE_INLINE R(lanes) R(log_softmax_gradient)(R(lanes) y, R(lanes) dy, REAL scale, REAL total) {
    const R(lanes) e = R(exponentials)(y, R(all)(0), R(factor)(1));
    return R(product)(R(all)(scale), R(difference)(dy, R(product)(e, R(all)(total))));
}

/* far: of what is fetched meanwhile */
FORCE_INLINE void R(put_gradients)(row_form form, const smx_call *call, int64_t row, int rows, const R(per_row) * sum, R(row_room) * room,
                                   bool of_logarithms, bool far) {
    REAL room_y[SMX_CPU_BLOCK];
    const REAL scale = (REAL)call->scale;
    open_line *const line = room->line;
    const int64_t cols = R(cols_of)(form, call);
    const int at_once = (int)(cols < SMX_CPU_BLOCK ? rows * cols : SMX_CPU_BLOCK);
    upcoming next_y = R(behind_one_of_two)(&call->in, row, 0, at_once, far);
    upcoming next_dy = R(behind_one_of_two)(&call->second, row, 0, at_once, far);
    for (int k = 0; k < rows; k++) {
        FOR_EACH_BLOCK(cols) {
            const void *const y = R(elements)(form, &call->in, row + k, first, BLOCK_SIZE, room_y);
            const void *const dy = R(elements)(form, &call->second, row + k, first, BLOCK_SIZE, room->kept->block);
            const destination dx = R(results)(form, &call->out, row + k, first, room->kept->block, line);
#define GRADIENT_OF(f) f(R(lanes_at)(form.type, y, i, m), R(lanes_at)(form.type, dy, i, m), scale, sum->of[k])
            PUT_EACH(form.type, dx, BLOCK_SIZE,
                     (fetch_upcoming(next_y, i), fetch_upcoming(next_dy, i),
                      of_logarithms ? GRADIENT_OF(R(log_softmax_gradient)) : GRADIENT_OF(R(softmax_gradient))));
#undef GRADIENT_OF
            R(store_results)(form, &call->out, row + k, first, BLOCK_SIZE, dx, room->kept->block, line != NULL);
            next_y.at += (size_t)BLOCK_SIZE * next_y.each;
            next_dy.at += (size_t)BLOCK_SIZE * next_dy.each;
        }
    }
}

FORCE_INLINE void R(gradient_rows_of)(row_form form, const smx_call *call, int64_t row, int rows, R(row_room) * room, bool of_logarithms) {
    R(per_row) sum;
    R(gradient_sums)(form, call, row, rows, room, !of_logarithms, &sum);
    if (R(is_far)(&call->in))
        R(put_gradients)(form, call, row, rows, &sum, room, of_logarithms, true);
    else
        R(put_gradients)(form, call, row, rows, &sum, room, of_logarithms, false);
}

/* ---- all rows ---- */

static void R(softmax_rows)(const smx_call *call, int64_t row, int rows, R(row_room) * room) {
    BY_FORM(room->form, R(softmax_rows_of), call, row, rows, room);
}

static void R(log_softmax_rows)(const smx_call *call, int64_t row, int rows, R(row_room) * room) {
    BY_FORM(room->form, R(log_softmax_rows_of), call, row, rows, room);
}

static void R(log_sum_exp_rows)(const smx_call *call, int64_t row, int rows, R(row_room) * room) {
    BY_FORM(room->form, R(log_sum_exp_rows_of), call, row, rows, room);
}

static void R(softmax_backward_rows)(const smx_call *call, int64_t row, int rows, R(row_room) * room) {
    BY_FORM(room->form, R(gradient_rows_of), call, row, rows, room, false);
}

static void R(log_softmax_backward_rows)(const smx_call *call, int64_t row, int rows, R(row_room) * room) {
    BY_FORM(room->form, R(gradient_rows_of), call, row, rows, room, true);
}

typedef void R(softmax_function)(const smx_call *call, int64_t row, int rows, R(row_room) * room);

static R(softmax_function) * R(softmax_function_of)(smxOp_t op) {
    switch (op) {
    case SMX_OP_SOFTMAX_FORWARD: return R(softmax_rows);
    case SMX_OP_LOG_SOFTMAX_FORWARD: return R(log_softmax_rows);
    case SMX_OP_LOG_SUM_EXP: return R(log_sum_exp_rows);
    case SMX_OP_SOFTMAX_BACKWARD: return R(softmax_backward_rows);
    default: return R(log_softmax_backward_rows);
    }
}

static void R(softmax_part)(const void *context, int64_t begin, int64_t end) {
    const smx_call *call = context;
    R(softmax_function) *const function = R(softmax_function_of)(call->op);
    R(row_room) room;
    smx_call own;
    R(make_room)(&room, call, call->op == SMX_OP_SOFTMAX_FORWARD);
    for (int64_t row = begin; row < end; row += room.at_once)
        function(call_of_row(call, row, &own), row, R(rows_at_once)(&room, row, end), &room);
    R(write_last_row)(call, &room);
    R(leave_room)(&room);
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
    smx_cpu_in_threads(call, call->cols, groups ? LANES : 1, groups ? R(softmax_groups) : R(softmax_part), call);
}
