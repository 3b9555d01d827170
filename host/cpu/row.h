/* Rows on the CPU: each taken in blocks that stay in the first-level cache, with the online update. Its exponentials are kept for the
 * results, relative to the largest element so far; those of rows that are too long for that are computed again. Short rows are taken a few
 * at a time. Included once per REAL. */
#include "row_io.h"
#include "row_state.h"

#include "reductions.h"

#ifndef FOR_EACH_BLOCK
#include <stdlib.h>
#define FOR_EACH_BLOCK(cols) \
    for (int64_t first = 0, n_ = 0; n_ = (cols)-first < SMX_CPU_BLOCK ? (cols)-first : SMX_CPU_BLOCK, first < (cols); first += n_)
#define BLOCK_SIZE ((int)n_)
#endif

/* What is known of a call's rows before they are looked at: functions get it as a constant, BY_FORM() has one version of them for each. */
#ifndef BY_FORM
typedef struct row_form {
    smxDataType_t type; /* that their elements are dealt with as */
    bool lies;          /* those of all operands lie as that type, side by side; else it is REAL, and they may have to be converted */
    bool whole;         /* short rows that lie so and are nothing but whole vectors of sixteen: loops need no ends */
} row_form;

#define BY_FORM(form, f, ...)                                      \
    do {                                                           \
        if ((form).whole)                                          \
            BY_TYPE((form).type, WITH_FORM, f, true, __VA_ARGS__); \
        else                                                       \
            BY_FORM_WITH_ENDS(form, f, __VA_ARGS__);               \
    } while (0)

/* Of rows that are not whole: long ones, and short ones whose loops need ends. */
#define BY_FORM_WITH_ENDS(form, f, ...)                             \
    do {                                                            \
        if ((form).lies)                                            \
            BY_TYPE((form).type, WITH_FORM, f, false, __VA_ARGS__); \
        else                                                        \
            f((row_form){R(TYPE), false, false}, __VA_ARGS__);      \
    } while (0)
#define WITH_FORM(type, f, whole, ...) f((row_form){type, true, whole}, __VA_ARGS__)
#endif

/* Exponentials of rows, beside what they are relative to, block by block. Short rows have theirs in the block, one behind the other. */
enum { R(ROW_BLOCKS) = SMX_CPU_ROW_BYTES / SMX_CPU_BLOCK_BYTES };
_Static_assert((int)SMX_CPU_AT_ONCE_BYTES <= (int)SMX_CPU_BLOCK_BYTES && (int)SMX_CPU_AT_ONCE_BYTES_OF_TWO <= (int)SMX_CPU_BLOCK_BYTES,
               "rows that are taken together have their exponentials in a block");
typedef struct R(kept_rows) {
    _Alignas(CACHE_LINE) REAL block[SMX_CPU_BLOCK];
    REAL max[R(ROW_BLOCKS)];
    REAL *memory; /* or NULL */
} R(kept_rows);

/* A long row whose results are only exponentials so far. */
typedef struct R(unwritten_row) {
    bool is_there;
    int64_t row;
    REAL counted_from, normalizer;
} R(unwritten_row);

/* What the functions of rows share: what is known of the rows at hand, and where exponentials are kept. */
typedef struct R(row_room) {
    row_form form;
    open_line *line; /* where results go past the cache, else NULL */
    bool postpones;  /* are the results of a row written while the exponentials of the next one are computed? */
    int at_once;     /* rows that are taken together; 1 if they are not short */
    int apart;       /* of short rows, in elements: from the exponentials of one to those of the next */
    int64_t size;    /* of a row that has room, in elements; a block at least */
    bool in_results; /* are exponentials kept where the results will be, which stay in a cache? */
    bool is_crowded; /* see tuning.h */
    R(distributions) d;
    REAL inverse;          /* of the factor */
    R(per_row) normalizer; /* probability = exponential that is kept or would be * normalizer; see row_start.h */
    REAL counted_from;     /* of a long row, the reference whose start that is relative to */
    R(kept_rows) * kept;   /* of the rows at hand: one of these two */
    R(kept_rows) both[2];
    R(unwritten_row) unwritten;
    open_line own_line;
} R(row_room);

/* Short rows are taken a few at a time, pass by pass: what a row has to wait for, the steps across its lanes, passes while others are
 * worked on; and what is computed once for a row is computed in lanes for all of them. */
static inline void R(take_at_once)(R(row_room) * room, const smx_call *call) {
    const size_t of_one = FUSES_EXPONENTS ? SMX_CPU_AT_ONCE_BYTES : SMX_CPU_AT_ONCE_BYTES_BY_MAX;
    const size_t bytes = call->second.data != NULL ? SMX_CPU_AT_ONCE_BYTES_OF_TWO : of_one;
    const int64_t streamed = (int64_t)(SMX_CPU_AT_ONCE_BYTES_STREAMED / smx_cpu_element_bytes(call->in.layout.type));
    int64_t most = (int64_t)(bytes / sizeof(REAL));
    if (room->line != NULL && most > streamed) most = streamed;
    room->at_once = 1;
    room->apart = 0;
    if (call->in.offsets != NULL || call->rows == 1 || call->cols == 0 || call->cols > most / 2) return;
    room->apart = ((int)call->cols + LANES - 1) / LANES * LANES;
    room->at_once = most / room->apart < LANES ? (int)most / room->apart : LANES;
}

static inline bool R(are_short)(const R(row_room) * room) { return room->at_once > 1; }

/* How many rows to take from this one on. */
static inline int R(rows_at_once)(const R(row_room) * room, int64_t row, int64_t end) {
    return end - row < room->at_once ? (int)(end - row) : room->at_once;
}

/* Results that go past the cache have to begin where whole vectors may. */
static inline bool R(are_whole)(const smx_call *call, smxDataType_t type, bool streams) {
    const int64_t begin = (int64_t)((uintptr_t)call->out.data % CACHE_LINE), apart = call->out.layout.outerStride;
    if (call->cols % LANES != 0) return false;
    return !streams || (begin == 0 && apart * (int64_t)smx_cpu_element_bytes(type) % CACHE_LINE == 0);
}

static inline row_form R(form_of_rows)(const smx_call *call, bool are_short, bool streams) {
    const smxDataType_t type = call->in.layout.type;
    const bool lies = (type == R(TYPE) || (HAS_WORDS && type != SMX_R_64F)) && all_lie_as(call, type);
    return (row_form){lies ? type : R(TYPE), lies, lies && are_short && R(are_whole)(call, type, streams)};
}

/* The columns of a call, of which the compiler is told that they are whole vectors if they are. */
FORCE_INLINE int64_t R(cols_of)(row_form form, const smx_call *call) {
    if (!form.whole) return call->cols;
    const int cols = (int)((unsigned)call->cols / LANES * LANES);
    if (cols == 0) __builtin_unreachable();
    return cols;
}

/* As view() and place(), of a whole row or of a block of one. */
FORCE_INLINE void *R(lying)(row_form form, const smx_operand *o, int64_t row, int64_t first) {
    const int64_t at = row * o->layout.outerStride + (form.whole ? 0 : first);
    return (char *)o->data + at * (int64_t)smx_cpu_element_bytes(form.type);
}

FORCE_INLINE const void *R(elements)(row_form form, const smx_operand *o, int64_t row, int64_t first, int n, REAL *room) {
    return form.lies ? R(lying)(form, o, row, first) : R(view)(form.type, o, row, first, n, room);
}

FORCE_INLINE destination R(results)(row_form form, const smx_operand *o, int64_t row, int64_t first, REAL *room, open_line *line) {
    if (!form.lies) return R(place)(form.type, o, row, first, room, line);
    return (destination){R(lying)(form, o, row, first), line, form.whole};
}

FORCE_INLINE void R(store_results)(row_form form, const smx_operand *o, int64_t row, int64_t first, int n, destination from,
                                   const REAL *room, bool streams) {
    if (!form.lies) R(store_room)(o, row, first, n, from, room, streams);
}

/* Without memory for the rows of a call there is room for a block. */
static inline void R(make_room)(R(row_room) * room, const smx_call *call, bool keeps_exponentials) {
    const int64_t cols = keeps_exponentials ? call->cols : 0;
    const bool streams = call->out.data != NULL && smx_cpu_streams(call);
    room->line = streams ? &room->own_line : NULL;
    room->own_line.at = NULL;
    memset(&room->d, 0, sizeof room->d);
    room->inverse = 1 / R(factor)((REAL)call->scale);
    memset(&room->normalizer, 0, sizeof room->normalizer);
    room->counted_from = 0;
    R(take_at_once)(room, call);
    room->form = R(form_of_rows)(call, R(are_short)(room), streams);
    room->kept = &room->both[0];
    room->unwritten.is_there = false;
    room->postpones = call->op == SMX_OP_SOFTMAX_FORWARD && call->in.offsets == NULL && streams && !R(are_short)(room) &&
                      room->form.type == R(TYPE) && lies_as(&call->out, R(TYPE)); /* 16-bit ones gain nothing by it */
    const int64_t apart = (cols + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE, wanted = room->postpones ? 2 * apart : apart;
    REAL *memory = NULL;
    const bool wants_memory = cols > SMX_CPU_BLOCK && cols <= R(ROW_BLOCKS) * SMX_CPU_BLOCK;
    room->in_results = keeps_exponentials && !streams && lies_as(&call->out, R(TYPE));
    if (wants_memory && !room->in_results) memory = aligned_alloc(CACHE_LINE, (size_t)wanted * sizeof *memory);
    room->both[0].memory = memory;
    room->both[1].memory = memory != NULL && room->postpones ? memory + apart : NULL;
    room->size = memory != NULL || (wants_memory && room->in_results) ? cols : SMX_CPU_BLOCK;
    room->postpones = room->postpones && cols <= room->size;
    room->is_crowded = room->postpones && (size_t)wanted * sizeof *memory > SMX_CPU_CROWDED_BYTES;
}

/* After the last row. */
static inline void R(leave_room)(R(row_room) * room) {
    flush_line(&room->own_line);
    stream_fence();
    free(room->both[0].memory);
}

/* Those that are not of the rows at hand. */
FORCE_INLINE R(kept_rows) * R(others_kept)(R(row_room) * room) { return room->kept == &room->both[0] ? &room->both[1] : &room->both[0]; }

/* Where exponentials from `first` on are. */
FORCE_INLINE REAL *R(kept_from)(R(kept_rows) * kept, int64_t first) { return kept->memory != NULL ? kept->memory + first : kept->block; }

/* The same of row k of those at hand, wherever they are kept. */
FORCE_INLINE REAL *R(kept_of_row)(const smx_call *call, int64_t row, int k, int64_t first, R(row_room) * room) {
    if (room->in_results) return element_of_type(R(TYPE), &call->out, row + k, first);
    return R(kept_from)(room->kept, first) + k * room->apart;
}

/* Where results are put together that cannot be where they belong. */
FORCE_INLINE REAL *R(room_for_results)(const R(row_room) * room, REAL *e) { return room->in_results ? room->kept->block : e; }

/* What they are multiplied by, by which those counted from the start of the reference would be by a. */
FORCE_INLINE REAL R(scale_of_block)(const R(kept_rows) * kept, int64_t first, REAL reference, REAL factor, REAL a) {
    return R(change_of_start)(kept->max[first / SMX_CPU_BLOCK], reference, factor) * a;
}

/* A block of the unwritten row, to be written meanwhile; NULL if there is none. */
FORCE_INLINE const R(meanwhile) * R(unwritten_block)(const smx_call *call, R(row_room) * room, int64_t first, int n, R(meanwhile) * w) {
    const R(unwritten_row) *const u = &room->unwritten;
    R(kept_rows) *const kept = R(others_kept)(room);
    if (!u->is_there) return NULL;
    const REAL a = R(scale_of_block)(kept, first, u->counted_from, R(factor)((REAL)call->scale), u->normalizer);
    const destination to = {element_of_type(R(TYPE), &call->out, u->row, first), room->line, false};
    *w = R(write_meanwhile)(R(TYPE), R(kept_from)(kept, first), a, to, n);
    return w;
}

/* ---- states ---- */

/* The state of elements of which none is above max. e: where the exponentials are kept, which may replace x; or NULL. If the max is +inf
 * they are of no use, and zeros. w: what to write meanwhile, as many results; or NULL. */
FORCE_INLINE R(row_state)
    R(state_below)(smxDataType_t type, const void *x, int n, REAL max, REAL factor, upcoming next, REAL *e, const R(meanwhile) * w) {
    if (max == (REAL)INFINITY) {
        const R(row_state) state = {max, R(infinite_sum)(type, x, n)};
        R(write_all)(type, w);
        if (e != NULL) memset(e, 0, (size_t)n * sizeof *e);
        return state;
    }
    const R(row_state) state = {max, (REAL)R(sum_of_exponentials)(type, x, n, R(reference)(max), factor, next, e, w)};
    R(write_ends)(type, w);
    return state;
}

/* so_far: the max of the blocks before, which counts as an element of this one. */
FORCE_INLINE R(row_state)
    R(state_of_block)(smxDataType_t type, const void *x, int n, REAL so_far, REAL factor, upcoming next, REAL *e, const R(meanwhile) * w) {
    const REAL own_max = R(max_of)(type, x, n);
    return R(state_below)(type, x, n, own_max > so_far ? own_max : so_far, factor, next, e, w);
}

/* The same from a guess, which spares the pass for the max; by the max if the guess is no good. A sum of exponentials that are kept is
 * counted from the start of what is here in place of a max then. */
FORCE_INLINE R(row_state)
    R(state_near)(smxDataType_t type, const void *x, int n, REAL guess, REAL factor, upcoming next, REAL *e, const R(meanwhile) * w) {
    const REAL most = FUSES_EXPONENTS && x != e ? R(most_of_guess)(guess, factor) : 0;
    if (most > 0) {
        const R(origin) origin = R(origin_of)(guess, factor, 1 / factor);
        REAL max;
        const double sum = R(sum_from_start)(type, x, n, origin, factor, next, e, w, &max);
        R(write_ends)(type, w);
        if (sum < (double)most && e != NULL) return (R(row_state)){guess, (REAL)sum};
        if (sum < (double)most) {
            max = max > guess ? max : guess;
            return (R(row_state)){max, (REAL)sum / R(counts_of)(R(all)(max), origin, factor).of[0][0]};
        }
        w = NULL;
    }
    return R(state_of_block)(type, x, n, guess, factor, next, e, w);
}

/* ---- long rows ---- */

/* Of a row in blocks. Keeps the exponentials if that is wanted and there is room. */
FORCE_INLINE R(row_state) R(state_of_row)(row_form form, const smx_call *call, int64_t row, R(row_room) * room, bool keeps) {
    const REAL factor = R(factor)((REAL)call->scale);
    const bool are_kept = keeps && call->cols <= room->size;
    R(growing_state) state = {(REAL)-INFINITY, 0};
    FOR_EACH_BLOCK(call->cols) {
        R(meanwhile) results;
        REAL *const e = are_kept ? R(kept_of_row)(call, row, 0, first, room) : room->kept->block;
        const void *const x = R(elements)(form, &call->in, row, first, BLOCK_SIZE, e);
        const upcoming next = R(behind_block)(&call->in, row, first, BLOCK_SIZE, room->is_crowded);
        const R(meanwhile) *const w = keeps && form.type == R(TYPE) ? R(unwritten_block)(call, room, first, BLOCK_SIZE, &results) : NULL;
        const REAL guess = FUSES_EXPONENTS && first == 0 ? R(max_across)(R(lanes_of_sample)(form.type, x, BLOCK_SIZE)) : state.max;
        const R(row_state) block = R(state_near)(form.type, x, BLOCK_SIZE, guess, factor, next, keeps ? e : NULL, w);
        if (keeps)
            R(grow_by)(&state, block, R(change_of_start)(state.max, R(reference)(block.max), factor));
        else
            R(grow)(&state, block, factor);
        if (are_kept) room->kept->max[first / SMX_CPU_BLOCK] = state.max;
    }
    const R(row_state) all = {state.max, (REAL)state.sum};
    if (!keeps) return all;
    room->counted_from = R(reference)(all.max);
    room->normalizer.of[0] = R(normalizer_of_sum)(all.sum);
    return R(state_from_start)(all, factor, room->inverse);
}

#include "short_rows.h"

/* ---- any rows ---- */

FORCE_INLINE void R(find_distribution_of_row)(row_form form, const smx_call *call, int64_t row, R(row_room) * room, bool keeps) {
    const R(row_state) state = R(state_of_row)(form, call, row, room, keeps);
    R(set_distribution)(&room->d, 0, state.sum, R(distribution_of)(state, (REAL)call->scale));
}

/* A function of its own, as what short rows need is in little code then. */
static __attribute__((noinline)) void R(find_distribution_of_long_row)(const smx_call *call, int64_t row, R(row_room) * room, bool keeps) {
    BY_FORM_WITH_ENDS(room->form, R(find_distribution_of_row), call, row, room, keeps);
}

/* Leaves the distributions of these rows in the room, their logarithms and their exponentials if that is wanted. */
FORCE_INLINE void R(find_distributions)(row_form form, const smx_call *call, int64_t row, int rows, R(row_room) * room, bool logs,
                                        bool keeps) {
    if (form.whole || R(are_short)(room)) {
        R(row_states) states;
        if (keeps)
            R(states_of_kept_short_rows)(call, row, rows, room, &states);
        else
            R(states_of_short_rows)(call, row, rows, room, &states);
        R(find_distributions_of)(&states, (REAL)call->scale, logs, &room->d);
    } else {
        R(find_distribution_of_long_row)(call, row, room, keeps);
    }
}

/* The probability of element x in a column of row k of those at hand, whose exponentials are kept or would be. */
static inline REAL R(probability_of)(const smx_call *call, int64_t row, int k, int64_t column, REAL x, R(row_room) * room) {
    const REAL factor = R(factor)((REAL)call->scale), normalizer = room->normalizer.of[k];
    REAL p;
    if (call->cols > room->size)
        p = R(recounted_element)(x, room->counted_from, factor) * normalizer;
    else if (R(are_short)(room))
        p = R(kept_of_row)(call, row, k, 0, room)[column] * normalizer;
    else
        p = R(kept_of_row)(call, row, k, 0, room)[column] * R(scale_of_block)(room->kept, column, room->counted_from, factor, normalizer);
    return p > 1 ? 1 : p;
}

/* With none of the low bits set if it is a NaN; see elements.h. */
static inline REAL R(plain)(REAL a) { return isnan(a) ? (REAL)NAN : a; }

/* Results are exponentials * a * b, but for that of the target, which is given; none is above the most. */
typedef struct R(scaling) {
    REAL a, b, most;
    int64_t target; /* a column, or -1 */
    REAL at_target;
} R(scaling);

/* type: that they will be rounded to; 16-bit ones have no number between the most and what may be above it by the last bit. */
FORCE_INLINE R(lanes) R(scaled)(smxDataType_t type, R(lanes) e, REAL by, REAL most) {
    const R(lanes) results = R(product)(e, R(all)(by));
    return type == R(TYPE) && most < (REAL)INFINITY ? R(limited)(results, most) : results;
}

/* target: counted from the first of these lanes */
FORCE_INLINE R(lanes) R(scaled_with_target)(smxDataType_t type, R(lanes) e, REAL by, REAL most, int64_t target, REAL at_target) {
    e = R(scaled)(type, e, by, most);
    if ((uint64_t)target < LANES) {
        REAL all[LANES];
        R(set)(all, e);
        all[target] = at_target;
        e = R(get)(all);
    }
    return e;
}

/* n results; target: counted from the first of them. Past the cache it has to be among them when they are written. In rows of so few
 * elements a branch guessed wrong would cost more than to look for it everywhere. */
FORCE_INLINE void R(put_scaled)(smxDataType_t type, destination y, int n, const REAL *e, REAL by, REAL most, int64_t target,
                                REAL at_target) {
    const bool has_target = (uint64_t)target < (uint64_t)n;
    if (!has_target || y.line == NULL) {
        PUT_EACH(type, y, n, R(scaled)(type, R(lanes_at)(R(TYPE), e, i, m), by, most));
        if (has_target) R(set_element)(type, y.at, target, at_target);
    } else if (n <= PIECE) {
        PUT_EACH(type, y, n, R(with_lane)(R(scaled)(type, R(lanes_at)(R(TYPE), e, i, m), by, most), (int)target - i, at_target));
    } else {
        PUT_EACH(type, y, n, R(scaled_with_target)(type, R(lanes_at)(R(TYPE), e, i, m), by, most, target - i, at_target));
    }
}

FORCE_INLINE void R(put_scaled_blocks)(row_form form, const smx_call *call, int64_t row, R(row_room) * room, const R(scaling) * s) {
    const REAL factor = R(factor)((REAL)call->scale);
    open_line *const line = room->line;
    const bool are_kept = call->cols <= room->size;
    FOR_EACH_BLOCK(call->cols) {
        REAL *const e = are_kept ? R(kept_of_row)(call, row, 0, first, room) : room->kept->block;
        REAL *const own = R(room_for_results)(room, e);
        const destination y = R(results)(form, &call->out, row, first, own, line);
        if (are_kept) {
            const REAL a = R(scale_of_block)(room->kept, first, room->counted_from, factor, s->a);
            R(put_scaled)(form.type, y, BLOCK_SIZE, e, a * s->b, s->most, s->target - first, s->at_target);
        } else {
            const void *const x = R(elements)(form, &call->in, row, first, BLOCK_SIZE, e);
            const upcoming next = R(behind_block)(&call->in, row, first, BLOCK_SIZE, false);
            const R(recount) recount = R(recount_of)(room->counted_from, factor);
            PUT_EACH(form.type, y, BLOCK_SIZE,
                     (fetch_upcoming(next, i), R(scaled_with_target)(form.type, R(recounted)(R(lanes_at)(form.type, x, i, m), &recount),
                                                                     s->a * s->b, s->most, s->target - first - i, s->at_target)));
        }
        R(store_results)(form, &call->out, row, first, BLOCK_SIZE, y, own, line != NULL);
    }
}

static __attribute__((noinline)) void R(put_scaled_long_row)(const smx_call *call, int64_t row, R(row_room) * room, const R(scaling) * s) {
    BY_FORM_WITH_ENDS(room->form, R(put_scaled_blocks), call, row, room, s);
}

/* Of row k of those at hand. */
FORCE_INLINE void R(put_scaled_exponentials)(row_form form, const smx_call *call, int64_t row, int k, R(row_room) * room,
                                             const R(scaling) * s) {
    if (!form.whole && !R(are_short)(room)) {
        R(put_scaled_long_row)(call, row, room, s);
        return;
    }
    const int cols = (int)R(cols_of)(form, call);
    REAL *const e = R(kept_of_row)(call, row, k, 0, room), *const own = R(room_for_results)(room, e);
    const destination y = R(results)(form, &call->out, row + k, 0, own, room->line);
    R(put_scaled)(form.type, y, cols, e, s->a * s->b, s->most, s->target, s->at_target);
    R(store_results)(form, &call->out, row + k, 0, cols, y, own, room->line != NULL);
}
