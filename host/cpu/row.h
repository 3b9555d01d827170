/* A row on the CPU: taken in blocks that stay in the first-level cache, with the online update. Its exponentials are kept for the results,
 * relative to the largest element so far; those of rows that are too long for that are computed again. Included once per REAL. */
#include "row_io.h"
#include "row_state.h"

#ifndef FOR_EACH_BLOCK
#include <stdlib.h>
#define FOR_EACH_BLOCK(cols) \
    for (int64_t first = 0, n_ = 0; n_ = (cols)-first < SMX_CPU_BLOCK ? (cols)-first : SMX_CPU_BLOCK, first < (cols); first += n_)
#define BLOCK_SIZE ((int)n_)
#endif

/* What the functions of single rows share: the type that their elements are dealt with as, and where the exponentials of a row are kept,
 * beside what they are relative to, block by block. */
enum { R(ROW_BLOCKS) = SMX_CPU_ROW_BYTES / SMX_CPU_BLOCK_BYTES };
typedef struct R(row_room) {
    smxDataType_t type;
    REAL *e;
    int64_t size; /* in elements, a block at least */
    REAL max[R(ROW_BLOCKS)];
    REAL block[SMX_CPU_BLOCK];
} R(row_room);

/* Without memory for the rows of a call there is room for a block. */
static inline void R(make_room)(R(row_room) * room, const smx_call *call, bool keeps_exponentials) {
    const int64_t cols = keeps_exponentials ? call->cols : 0;
    room->type = R(type_of_rows)(call);
    room->e = NULL;
    room->size = cols;
    if (cols > SMX_CPU_BLOCK && cols <= R(ROW_BLOCKS) * SMX_CPU_BLOCK) room->e = malloc((size_t)cols * sizeof *room->e);
    if (room->e != NULL) return;
    room->e = room->block;
    room->size = SMX_CPU_BLOCK;
}

static inline void R(free_room)(R(row_room) * room) {
    if (room->e != room->block) free(room->e);
}

/* e: where the exponentials are kept, which may replace x; or NULL. If the max is +inf they are of no use, and zeros.
 * so_far: the max of the blocks before, which counts as an element of this one. */
FORCE_INLINE R(row_state) R(state_of_block)(smxDataType_t type, const void *x, int n, REAL so_far, REAL factor, upcoming next, REAL *e) {
    const REAL own_max = R(max_of)(type, x, n), max = own_max > so_far ? own_max : so_far, reference = R(reference)(max);
    if (max == (REAL)INFINITY) {
        const R(row_state) state = {max, R(infinite_sum)(type, x, n)};
        if (e != NULL) memset(e, 0, (size_t)n * sizeof *e);
        return state;
    }
    return (R(row_state)){max, (REAL)R(sum_of_exponentials)(type, x, n, reference, factor, next, e)};
}

/* room: for a block, of elements that are not of that type */
FORCE_INLINE R(row_state) R(state_of_row)(smxDataType_t type, const smx_call *call, int64_t row, REAL *room) {
    const REAL factor = R(factor)((REAL)call->scale);
    R(growing_state) state = {(REAL)-INFINITY, 0};
    FOR_EACH_BLOCK(call->cols) {
        const void *const x = R(view)(type, &call->in, row, first, BLOCK_SIZE, room);
        const upcoming next = R(after)(&call->in, row, first, BLOCK_SIZE);
        const R(row_state) block = R(state_of_block)(type, x, BLOCK_SIZE, state.max, factor, next, NULL);
        R(grow)(&state, block, factor);
    }
    return (R(row_state)){state.max, (REAL)state.sum};
}

/* The same, and keeps the exponentials if there is room. */
FORCE_INLINE R(row_state) R(state_and_exponentials)(smxDataType_t type, const smx_call *call, int64_t row, R(row_room) * room) {
    if (call->cols > room->size) return R(state_of_row)(type, call, row, room->block);
    const REAL factor = R(factor)((REAL)call->scale);
    R(growing_state) state = {(REAL)-INFINITY, 0};
    FOR_EACH_BLOCK(call->cols) {
        REAL *const e = room->e + first;
        const void *const x = R(view)(type, &call->in, row, first, BLOCK_SIZE, e);
        const upcoming next = R(after)(&call->in, row, first, BLOCK_SIZE);
        const R(row_state) block = R(state_of_block)(type, x, BLOCK_SIZE, state.max, factor, next, e);
        R(grow)(&state, block, factor);
        room->max[first / SMX_CPU_BLOCK] = state.max;
    }
    return (R(row_state)){state.max, (REAL)state.sum};
}

/* Results are exponentials * a * b, but for that of the target, which is given. */
typedef struct R(scaling) {
    REAL reference, a, b;
    int64_t target; /* a column, or -1 */
    REAL at_target;
} R(scaling);

FORCE_INLINE R(lanes) R(scaled)(const R(scaling) * s, R(lanes) e, REAL a, int64_t at) {
    e = R(product)(R(product)(e, R(all)(a)), R(all)(s->b));
    if ((uint64_t)(s->target - at) < LANES) {
        REAL all[LANES];
        R(set)(all, e);
        all[s->target - at] = s->at_target;
        e = R(get)(all);
    }
    return e;
}

FORCE_INLINE void R(put_scaled_exponentials)(smxDataType_t type, const smx_call *call, int64_t row, R(row_room) * room,
                                             const R(scaling) * s) {
    const REAL factor = R(factor)((REAL)call->scale);
    const bool streams = smx_cpu_streams(call), are_kept = call->cols <= room->size;
    FOR_EACH_BLOCK(call->cols) {
        REAL *const e = are_kept ? room->e + first : room->block;
        const destination y = R(place)(type, &call->out, row, first, e, streams);
        if (are_kept) {
            const REAL max = room->max[first / SMX_CPU_BLOCK];
            const REAL a = max == s->reference ? s->a : R(exponential)(max, s->reference, factor) * s->a;
            PUT_EACH(type, y, BLOCK_SIZE, R(scaled)(s, R(lanes_at)(R(TYPE), e, i, m), a, first + i));
        } else {
            const void *const x = R(view)(type, &call->in, row, first, BLOCK_SIZE, e);
            const upcoming next = R(after)(&call->in, row, first, BLOCK_SIZE);
            const R(lanes) reference = R(all)(s->reference);
            PUT_EACH(type, y, BLOCK_SIZE,
                     (fetch_upcoming(next, i), R(scaled)(s, R(exponentials_of)(type, x, i, m, reference, factor), s->a, first + i)));
        }
        R(store_room)(&call->out, row, first, BLOCK_SIZE, y, e, streams);
    }
}
