/* A row on the CPU: taken in blocks that stay in the first-level cache, with the online update. Its exponentials are kept for the results,
 * relative to the largest element so far; those of rows that are too long for that are computed again. Short rows are taken a few at a
 * time. Included once per REAL. */
#include "row_io.h"
#include "row_state.h"

#ifndef FOR_EACH_BLOCK
#include <stdlib.h>
#define FOR_EACH_BLOCK(cols) \
    for (int64_t first = 0, n_ = 0; n_ = (cols)-first < SMX_CPU_BLOCK ? (cols)-first : SMX_CPU_BLOCK, first < (cols); first += n_)
#define BLOCK_SIZE ((int)n_)
#endif

/* What the functions of single rows share: the type that their elements are dealt with as, and where the exponentials of a row are kept,
 * beside what they are relative to, block by block. Several short rows have their exponentials in the block, one row behind the other. */
enum { R(ROW_BLOCKS) = SMX_CPU_ROW_BYTES / SMX_CPU_BLOCK_BYTES };
typedef struct R(row_room) {
    smxDataType_t type;
    bool streams;   /* do results go past the cache? */
    int apart;      /* of short rows, in elements: from the exponentials of one to those of the next */
    int most_ahead; /* short rows at a time; 1 if they are not short */
    REAL *memory;   /* or NULL */
    REAL *e;        /* of the row at hand */
    int64_t size;   /* of a row that has room, in elements; a block at least */
    int64_t end;    /* of the rows that will be asked for one by one; those of known states are [begin, known) */
    int64_t begin, known;
    R(row_state) state[SMX_CPU_ROWS_AHEAD];
    REAL max[R(ROW_BLOCKS)];
    REAL block[SMX_CPU_BLOCK];
} R(row_room);

/* Short rows have their states computed a few at a time, pass by pass: what a row has to wait for, the steps across its lanes, passes while
 * other rows are worked on. */
static inline void R(plan_ahead)(R(row_room) * room, const smx_call *call) {
    const size_t bytes = call->second.data != NULL ? SMX_CPU_AHEAD_BYTES_OF_TWO : SMX_CPU_AHEAD_BYTES;
    const int64_t most = (int64_t)(bytes / sizeof(REAL));
    room->most_ahead = 1;
    room->apart = 0;
    if (call->in.offsets != NULL || call->cols > most / 2) return;
    room->apart = ((int)call->cols + LANES - 1) / LANES * LANES;
    room->most_ahead = most / room->apart < SMX_CPU_ROWS_AHEAD ? (int)most / room->apart : SMX_CPU_ROWS_AHEAD;
}

static inline int R(rows_ahead)(const R(row_room) * room, int64_t row) {
    return room->end - row < room->most_ahead ? (int)(room->end - row) : room->most_ahead;
}

/* Without memory for the rows of a call there is room for a block. */
static inline void R(make_room)(R(row_room) * room, const smx_call *call, bool keeps_exponentials) {
    const int64_t cols = keeps_exponentials ? call->cols : 0;
    room->type = R(type_of_rows)(call);
    room->streams = call->out.data != NULL && smx_cpu_streams(call);
    R(plan_ahead)(room, call);
    room->memory = NULL;
    room->end = room->begin = room->known = 0;
    if (cols > SMX_CPU_BLOCK && cols <= R(ROW_BLOCKS) * SMX_CPU_BLOCK) room->memory = malloc((size_t)cols * sizeof *room->e);
    room->e = room->memory != NULL ? room->memory : room->block;
    room->size = room->memory != NULL ? cols : SMX_CPU_BLOCK;
}

static inline void R(free_room)(R(row_room) * room) { free(room->memory); }

/* The state of elements of which none is above max. e: where the exponentials are kept, which may replace x; or NULL. If the max is +inf
 * they are of no use, and zeros. */
FORCE_INLINE R(row_state) R(state_below)(smxDataType_t type, const void *x, int n, REAL max, REAL factor, upcoming next, REAL *e) {
    if (max == (REAL)INFINITY) {
        const R(row_state) state = {max, R(infinite_sum)(type, x, n)};
        if (e != NULL) memset(e, 0, (size_t)n * sizeof *e);
        return state;
    }
    return (R(row_state)){max, (REAL)R(sum_of_exponentials)(type, x, n, R(reference)(max), factor, next, e)};
}

/* so_far: the max of the blocks before, which counts as an element of this one. */
FORCE_INLINE R(row_state) R(state_of_block)(smxDataType_t type, const void *x, int n, REAL so_far, REAL factor, upcoming next, REAL *e) {
    const REAL own_max = R(max_of)(type, x, n);
    return R(state_below)(type, x, n, own_max > so_far ? own_max : so_far, factor, next, e);
}

/* Of a row in blocks. Keeps the exponentials if that is wanted and there is room. */
FORCE_INLINE void R(state_of_long_row)(smxDataType_t type, const smx_call *call, int64_t row, R(row_room) * room, bool keeps) {
    const REAL factor = R(factor)((REAL)call->scale);
    const bool are_kept = keeps && call->cols <= room->size;
    R(growing_state) state = {(REAL)-INFINITY, 0};
    room->e = room->memory != NULL ? room->memory : room->block;
    FOR_EACH_BLOCK(call->cols) {
        REAL *const e = are_kept ? room->e + first : room->block;
        const void *const x = R(view)(type, &call->in, row, first, BLOCK_SIZE, e);
        const upcoming next = R(after)(&call->in, row, first, BLOCK_SIZE);
        const R(row_state) block = R(state_of_block)(type, x, BLOCK_SIZE, state.max, factor, next, are_kept ? e : NULL);
        R(grow)(&state, block, factor);
        if (are_kept) room->max[first / SMX_CPU_BLOCK] = state.max;
    }
    room->state[0] = (R(row_state)){state.max, (REAL)state.sum};
}

/* ---- short rows ---- */

FORCE_INLINE void R(look_ahead)(smxDataType_t type, const smx_call *call, int64_t row, int rows, R(row_room) * room, bool keeps) {
    const int cols = (int)call->cols, apart = room->apart;
    const REAL factor = R(factor)((REAL)call->scale);
    const void *x[SMX_CPU_ROWS_AHEAD];
    for (int k = 0; k < rows; k++) {
        x[k] = R(view)(type, &call->in, row + k, 0, cols, room->block + k * apart);
        room->state[k].max = R(max_of)(type, x[k], cols);
    }
    upcoming next = R(after)(&call->in, row, 0, rows * cols);
    for (int k = 0; k < rows; k++) {
        REAL *const e = keeps ? room->block + k * apart : NULL;
        room->state[k] = R(state_below)(type, x[k], cols, room->state[k].max, factor, next, e);
        next.at += (size_t)cols * next.each;
    }
    room->begin = row;
    room->known = row + rows;
}

/* ---- any row ---- */

static void R(find_states)(const smx_call *call, int64_t row, R(row_room) * room, bool keeps) {
    const int rows = R(rows_ahead)(room, row);
    if (rows > 1)
        BY_TYPE(room->type, R(look_ahead), call, row, rows, room, keeps);
    else
        BY_TYPE(room->type, R(state_of_long_row), call, row, room, keeps);
}

static inline R(row_state) R(state_of_row)(const smx_call *call, int64_t row, R(row_room) * room, bool keeps) {
    if (row >= room->known) R(find_states)(call, row, room, keeps);
    if (row >= room->known) return room->state[0];
    const int k = (int)(row - room->begin);
    room->e = room->block + k * room->apart;
    room->max[0] = room->state[k].max;
    return room->state[k];
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
    const bool streams = room->streams, are_kept = call->cols <= room->size;
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
