/* Softmax, log-softmax, their gradients and logsumexp of the rows at hand, and of all rows of a call. Included once per REAL. */
#include "softmax_groups.h"

#include "adjacent_rows.h"

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

/* A block of a row, or of adjacent ones. */
typedef struct R(gradient_block) {
    const void *y, *dy;
    destination dx;
    int n;
    REAL scale;
    const REAL *sum;          /* of dy, or of y * dy, over the row, or over each of them */
    upcoming next_y, next_dy; /* what to fetch meanwhile */
} R(gradient_block);

/* places: of adjacent rows, else NULL */
FORCE_INLINE void R(put_gradients)(smxDataType_t type, const R(gradient_block) * block, const row_places *places, bool of_logarithms,
                                   bool far) {
    const R(gradient_block) b = *block;
    const upcoming next_y = upcoming_if(far, b.next_y), next_dy = upcoming_if(far, b.next_dy);
    const R(lanes) sum = R(all)(b.sum[0]);
#define SUM_AT(i) (places == NULL ? sum : R(spread)(b.sum, places, i))
#define GRADIENT_OF(f) f(R(lanes_at)(type, b.y, i, m), R(lanes_at)(type, b.dy, i, m), b.scale, SUM_AT(i))
    PUT_EACH(type, b.dx, b.n,
             (fetch_upcoming(next_y, i), fetch_upcoming(next_dy, i),
              of_logarithms ? GRADIENT_OF(R(log_softmax_gradient)) : GRADIENT_OF(R(softmax_gradient))));
#undef GRADIENT_OF
#undef SUM_AT
}

/* Functions of their own: their loops need every register. */
static __attribute__((noinline)) double R(gradient_sum)(smxDataType_t type, const void *y, const void *dy, int n, bool of_products) {
#define RETURN_DOT(type, dy) return R(dot_product)(type, y, dy, n)
#define RETURN_SUM(type, dy) return R(sum_of)(type, dy, n)
    if (of_products) BY_TYPE(type, RETURN_DOT, dy);
    BY_TYPE(type, RETURN_SUM, dy);
#undef RETURN_SUM
#undef RETURN_DOT
}

static __attribute__((noinline)) void R(put_gradient_block)(smxDataType_t type, const R(gradient_block) * b, bool of_logarithms, bool far) {
    if (of_logarithms && far)
        BY_TYPE(type, R(put_gradients), b, NULL, true, true);
    else if (of_logarithms)
        BY_TYPE(type, R(put_gradients), b, NULL, true, false);
    else if (far)
        BY_TYPE(type, R(put_gradients), b, NULL, false, true);
    else
        BY_TYPE(type, R(put_gradients), b, NULL, false, false);
}

/* A row in more than one block. */
static void R(long_gradient_row)(const smx_call *call, int64_t row, R(row_room) * room, bool of_logarithms, bool far) {
    REAL room_y[SMX_CPU_BLOCK], *const room_dy = room->kept->block;
    const row_form form = room->form;
    R(gradient_block) b = {.scale = (REAL)call->scale};
    double sum = 0;
    FOR_EACH_BLOCK(call->cols) {
        const void *const dy = R(elements)(form, &call->second, row, first, BLOCK_SIZE, room_dy);
        const void *const y = of_logarithms ? NULL : R(elements)(form, &call->in, row, first, BLOCK_SIZE, room_y);
        sum += R(gradient_sum)(form.type, y, dy, BLOCK_SIZE, !of_logarithms);
    }
    const REAL rounded = (REAL)sum;
    b.sum = &rounded;
    FOR_EACH_BLOCK(call->cols) {
        b.n = BLOCK_SIZE;
        b.y = R(elements)(form, &call->in, row, first, BLOCK_SIZE, room_y);
        b.dy = R(elements)(form, &call->second, row, first, BLOCK_SIZE, room_dy);
        b.dx = R(results)(form, &call->out, row, first, room_dy, room->line);
        b.next_y = R(behind_one_of_two)(&call->in, row, first, BLOCK_SIZE, far);
        b.next_dy = R(behind_one_of_two)(&call->second, row, first, BLOCK_SIZE, far);
        R(put_gradient_block)(form.type, &b, of_logarithms, far);
        R(store_results)(form, &call->out, row, first, BLOCK_SIZE, b.dx, room_dy, room->line != NULL);
    }
}

/* The sums of rows of no more than a block; those of short ones are added up across the lanes of all of them together. */
FORCE_INLINE void R(gradient_sums)(row_form form, const smx_call *call, int64_t row, int rows, R(row_room) * room, bool of_products,
                                   R(per_row) * sum) {
    REAL room_y[SMX_CPU_BLOCK], *const room_dy = room->kept->block;
    R(lanes) part[LANES];
    const int cols = (int)R(cols_of)(form, call);
#define Y R(elements)(form, &call->in, row + k, 0, cols, room_y)
#define DY R(elements)(form, &call->second, row + k, 0, cols, room_dy)
    if (!form.whole && cols > PIECE) {
        for (int k = 0; k < rows; k++)
            sum->of[k] = (REAL)(of_products ? R(dot_product)(form.type, Y, DY, cols) : R(sum_of)(form.type, DY, cols));
        return;
    }
    for (int k = 0; k < rows; k++)
        part[k] = of_products ? R(piece_of_products)(form.type, Y, DY, 0, cols) : R(piece_of_elements)(form.type, DY, 0, cols);
    R(across_each)(part, rows, sum->of, true);
#undef DY
#undef Y
}

FORCE_INLINE void R(put_gradients_of_rows)(row_form form, const smx_call *call, int64_t row, int rows, R(row_room) * room,
                                           const R(per_row) * sum, bool of_logarithms, bool far) {
    REAL room_y[SMX_CPU_BLOCK], *const room_dy = room->kept->block;
    const int n = (int)R(cols_of)(form, call);
    R(gradient_block) b = {.n = n, .scale = (REAL)call->scale};
    b.next_y = R(behind_short_rows_of_two)(&call->in, row, rows * n, far, of_logarithms);
    b.next_dy = R(behind_short_rows_of_two)(&call->second, row, rows * n, far, of_logarithms);
    for (int k = 0; k < rows; k++) {
        b.sum = &sum->of[k];
        b.y = R(elements)(form, &call->in, row + k, 0, n, room_y);
        b.dy = R(elements)(form, &call->second, row + k, 0, n, room_dy);
        b.dx = R(results)(form, &call->out, row + k, 0, room_dy, room->line);
        R(put_gradients)(form.type, &b, NULL, of_logarithms, far);
        R(store_results)(form, &call->out, row + k, 0, n, b.dx, room_dy, room->line != NULL);
        b.next_y.at += (size_t)n * b.next_y.each;
        b.next_dy.at += (size_t)n * b.next_dy.each;
    }
}

FORCE_INLINE void R(gradient_rows_of)(row_form form, const smx_call *call, int64_t begin, int64_t end, R(row_room) * room,
                                      bool of_logarithms, bool far) {
    for (int64_t row = begin; row < end; row += room->at_once) {
        const int rows = R(rows_at_once)(room, row, end);
        R(per_row) sum;
        R(gradient_sums)(form, call, row, rows, room, !of_logarithms, &sum);
        R(put_gradients_of_rows)(form, call, row, rows, room, &sum, of_logarithms, far);
    }
}

FORCE_INLINE void R(adjacent_gradient_rows_of)(row_form form, const smx_call *call, int64_t begin, int64_t end, R(row_room) * room,
                                               bool of_logarithms, bool far) {
    row_places places;
    R(gradient_block) b = {.scale = (REAL)call->scale};
    place_rows(&places, R(rows_at_once)(room, begin, end), (int)call->cols);
    for (int64_t row = begin; row < end; row += room->at_once) {
        const int rows = R(rows_at_once)(room, row, end);
        R(per_row) sum;
        R(gradient_sums)(form, call, row, rows, room, !of_logarithms, &sum);
        b.n = rows * (int)call->cols;
        b.sum = sum.of;
        b.y = R(lying)(form, &call->in, row, 0);
        b.dy = R(lying)(form, &call->second, row, 0);
        b.dx = (destination){R(lying)(form, &call->out, row, 0), room->line, false};
        b.next_y = R(behind_one_of_two)(&call->in, row, 0, b.n, far);
        b.next_dy = R(behind_one_of_two)(&call->second, row, 0, b.n, far);
        R(put_gradients)(form.type, &b, &places, of_logarithms, far);
    }
}

FORCE_INLINE void R(gradient_rows)(const smx_call *call, int64_t row, int64_t rows, R(row_room) * room, bool of_logarithms, bool far) {
    if (R(are_adjacent)(call, room->form))
        BY_FORM_WITH_ENDS(room->form, R(adjacent_gradient_rows_of), call, row, row + rows, room, of_logarithms, far);
    else if (call->cols <= SMX_CPU_BLOCK)
        BY_FORM(room->form, R(gradient_rows_of), call, row, row + rows, room, of_logarithms, far);
    else
        for (int64_t end = row + rows; row < end; row++) R(long_gradient_row)(call, row, room, of_logarithms, far);
}

/* ---- all rows ---- */

/* Of as many rows as are taken together; of any number of rows if there are two operands. */
typedef void R(softmax_function)(const smx_call *call, int64_t row, int64_t rows, R(row_room) * room);

static void R(softmax_rows)(const smx_call *call, int64_t row, int64_t rows, R(row_room) * room) {
    BY_FORM(room->form, R(softmax_rows_of), call, row, (int)rows, room);
}

static void R(log_softmax_rows)(const smx_call *call, int64_t row, int64_t rows, R(row_room) * room) {
    BY_FORM(room->form, R(log_softmax_rows_of), call, row, (int)rows, room);
}

static void R(log_sum_exp_rows)(const smx_call *call, int64_t row, int64_t rows, R(row_room) * room) {
    BY_FORM(room->form, R(log_sum_exp_rows_of), call, row, (int)rows, room);
}

static void R(softmax_gradients)(const smx_call *call, int64_t row, int64_t rows, R(row_room) * room) {
    R(gradient_rows)(call, row, rows, room, false, false);
}

static void R(far_softmax_gradients)(const smx_call *call, int64_t row, int64_t rows, R(row_room) * room) {
    R(gradient_rows)(call, row, rows, room, false, true);
}

static void R(log_softmax_gradients)(const smx_call *call, int64_t row, int64_t rows, R(row_room) * room) {
    R(gradient_rows)(call, row, rows, room, true, false);
}

static void R(far_log_softmax_gradients)(const smx_call *call, int64_t row, int64_t rows, R(row_room) * room) {
    R(gradient_rows)(call, row, rows, room, true, true);
}

static R(softmax_function) * R(softmax_function_of)(const smx_call *call) {
    const bool far = R(is_far)(&call->in);
    switch (call->op) {
    case SMX_OP_SOFTMAX_FORWARD: return R(softmax_rows);
    case SMX_OP_LOG_SOFTMAX_FORWARD: return R(log_softmax_rows);
    case SMX_OP_LOG_SUM_EXP: return R(log_sum_exp_rows);
    case SMX_OP_SOFTMAX_BACKWARD: return far ? R(far_softmax_gradients) : R(softmax_gradients);
    default: return far ? R(far_log_softmax_gradients) : R(log_softmax_gradients);
    }
}

static void R(softmax_part)(const void *context, int64_t begin, int64_t end) {
    const smx_call *call = context;
    R(softmax_function) *const function = R(softmax_function_of)(call);
    R(row_room) room;
    smx_call own;
    R(make_room)(&room, call, call->op == SMX_OP_SOFTMAX_FORWARD);
    const int64_t step = call->second.data != NULL && call->in.offsets == NULL ? end - begin : room.at_once;
    for (int64_t row = begin; row < end; row += step)
        function(call_of_row(call, row, &own), row, end - row < step ? end - row : step, &room);
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
    const bool has_gradient = call->second.data != NULL;
    const bool groups =
        R(takes_groups)(call) && !(has_gradient && R(are_adjacent)(call, R(form_of_rows)(call, true, smx_cpu_streams(call))));
    smx_cpu_in_threads(call, call->cols, groups ? LANES : 1, groups ? R(softmax_groups) : R(softmax_part), call);
}
