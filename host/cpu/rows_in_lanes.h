/* Several rows at once, one per lane: lane l of element c is x[c * LANES + l], so that what is reduced over a row is reduced vector by
 * vector. For short rows, and for rows that lie side by side. What reductions.h sums up in lanes is summed up here in the same order; only
 * exponents are never counted from a start (row_start.h). Included once per REAL. */
#include "row.h"
#include "threads.h"
#include "transpose.h"

/* Rows [row, row + count) of a call; the lanes behind them hold zeros. */
typedef struct R(row_group) {
    int64_t row;
    int count, cols;
    REAL *room; /* for cols * LANES elements */
} R(row_group);

/* x: room for three times cols * LANES elements; beyond, the room of the group. */
enum { R(GROUP_SIZE) = SMX_CPU_GROUP_BYTES / sizeof(REAL), R(GROUP_ROOM) = 4 * R(GROUP_SIZE) }; /* elements */

static inline R(row_group) R(group_from)(const smx_call *call, int64_t row, REAL *x) {
    const int64_t left = call->rows - row;
    return (R(row_group)){row, left < LANES ? (int)left : LANES, (int)call->cols, x + 3 * R(GROUP_SIZE)};
}

static inline bool R(takes_groups)(const smx_call *call) {
    const smxLayout_t *in = &call->in.layout;
    const bool side_by_side = in->inner >= LANES || (in->inner == 1 && in->outerStride == 1);
    if (call->in.offsets != NULL) return false;
    return call->cols <= SMX_CPU_GROUP_COLS || (call->strided && side_by_side && call->cols * LANES <= R(GROUP_SIZE));
}

/* ---- elements ---- */

static inline bool R(lie_side_by_side)(const smxLayout_t *l, const R(row_group) * g) {
    return g->count > 1 && distance_of_rows(l, g->row, g->count) == 1;
}

/* One row behind the other, without a gap. */
static inline bool R(are_dense)(const smxLayout_t *l, const R(row_group) * g) {
    return l->colStride == 1 && (g->count == 1 || distance_of_rows(l, g->row, g->count) == g->cols);
}

static inline void R(load_group)(const smx_operand *o, const R(row_group) * g, REAL *x) {
    const smxLayout_t *l = &o->layout;
    if (g->count < LANES) memset(x, 0, (size_t)(g->cols * LANES) * sizeof *x);
    if (R(lie_side_by_side)(l, g)) {
        const int64_t at = row_offset(l, g->row);
        for (int c = 0; c < g->cols; c++) R(read_piece)(o, at + c * l->colStride, g->count, x + c * LANES);
        return;
    }
    const REAL *from = g->room;
    if (R(are_dense)(l, g))
        from = R(view)(R(TYPE), o, g->row, 0, g->count * g->cols, g->room);
    else
        for (int k = 0; k < g->count; k++) R(load)(o, g->row + k, 0, g->cols, g->room + k * g->cols);
    R(transpose)(from, g->count, g->cols, g->cols, x, LANES);
}

static inline void R(store_group)(const smx_operand *o, const R(row_group) * g, const REAL *x, bool streams) {
    const smxLayout_t *l = &o->layout;
    if (R(lie_side_by_side)(l, g)) {
        const int64_t at = row_offset(l, g->row);
        for (int c = 0; c < g->cols; c++) R(write_piece)(o, at + c * l->colStride, g->count, x + c * LANES, streams);
        return;
    }
    const bool dense = R(are_dense)(l, g);
    REAL *const to = dense && !streams && lies_as(o, R(TYPE)) ? element_of(o, g->row, 0) : g->room;
    R(transpose)(x, g->cols, g->count, LANES, to, g->cols);
    if (to != g->room) return;
    if (dense)
        R(store)(o, g->row, 0, g->count * g->cols, to, streams);
    else
        for (int k = 0; k < g->count; k++) R(store)(o, g->row + k, 0, g->cols, to + k * g->cols, streams);
}

/* ---- reductions ---- */

static inline R(lanes) R(max_of_group)(const REAL *x, int cols) {
    R(lanes) max = R(all)((REAL)-INFINITY);
    for (int c = 0; c < cols; c++) max = R(larger)(R(get)(x + c * LANES), max);
    return max;
}

/* What SUM_OF() has in the lanes of a piece is a vector each here: part[k] holds the lanes k of all rows. */
static inline int R(parts_of_piece)(const REAL *x, int cols, R(lanes) * part) {
    const int parts = cols < LANES ? cols : LANES;
    for (int k = 0; k < parts; k++) part[k] = R(all)(0);
    int c = 0;
    for (; c + 2 * LANES <= cols; c += 2 * LANES)
        for (int k = 0; k < LANES; k++) part[k] = R(sum)(part[k], R(sum)(R(get)(x + (c + k) * LANES), R(get)(x + (c + LANES + k) * LANES)));
    for (; c < cols; c++) part[c % LANES] = R(sum)(part[c % LANES], R(get)(x + c * LANES));
    return parts;
}

static inline R(per_row) R(sums_of_long_rows)(const REAL *x, int cols) {
    R(lanes) part[LANES];
    double_lanes total[LANES] = {{{{0}}}};
    R(per_row) sums;
    for (int from = 0; from < cols; from += PIECE) {
        const int parts = R(parts_of_piece)(x + from * LANES, cols - from < PIECE ? cols - from : PIECE, part);
        for (int k = 0; k < parts; k++) R(add_piece)(&total[k], part[k]);
    }
    for (int half = LANES / 2; half > 0; half /= 2)
        for (int k = 0; k < half; k++)
            for (int v = 0; v < DOUBLE_VECTORS; v++) total[k].of[v] += total[k + half].of[v];
    double rounded[LANES];
    memcpy(rounded, &total[0], sizeof rounded);
    FOR_EACH_LANE sums.of[lane] = (REAL)rounded[lane];
    return sums;
}

/* Of rows of no more than two vectors, without a stop in memory; of products if `by` is not NULL. */
#ifndef FEW_COLS
#define FEW_COLS (2 * LANES)
#endif
FORCE_INLINE R(per_row) R(sums_of_few)(const REAL *x, const REAL *by, int cols) {
#define COLUMN(c) (by == NULL ? R(get)(x + (c)*LANES) : R(product)(R(get)(x + (c)*LANES), R(get)(by + (c)*LANES)))
    R(lanes) part[LANES / 2];
    R(per_row) sums;
    _Pragma("GCC unroll 8") for (int k = 0; k < LANES / 2; k++) {
        R(lanes) other = R(all)(0);
        part[k] = other;
        if (k < cols) part[k] = COLUMN(k);
        if (k + LANES < cols) part[k] = R(sum)(part[k], COLUMN(k + LANES));
        if (k + LANES / 2 < cols) other = COLUMN(k + LANES / 2);
        if (k + LANES / 2 + LANES < cols) other = R(sum)(other, COLUMN(k + LANES / 2 + LANES));
        part[k] = R(sum)(part[k], other);
    }
    _Pragma("GCC unroll 4") for (int half = LANES / 4; half > 0; half /= 2) _Pragma("GCC unroll 4") for (int k = 0; k < half; k++) part[k] =
        R(sum)(part[k], part[k + half]);
    R(set)(sums.of, part[0]);
    return sums;
#undef COLUMN
}

static inline R(per_row) R(sums_of_group)(const REAL *x, int cols) {
    if (cols <= FEW_COLS) return R(sums_of_few)(x, NULL, cols);
    if (cols > PIECE) return R(sums_of_long_rows)(x, cols);
    R(lanes) part[LANES];
    R(per_row) sums;
    R(parts_of_piece)(x, cols, part);
    for (int half = LANES / 2; half > 0; half /= 2)
        for (int k = 0; k < half; k++) part[k] = R(sum)(part[k], part[k + half]);
    R(set)(sums.of, part[0]);
    return sums;
}

/* ---- distributions ---- */

/* Which rows hold a NaN: their max says nothing of it. */
static inline row_flags R(nan_of_group)(const REAL *x, int cols) {
    row_flags found = {{false}};
    for (int c = 0; c < cols; c++) FOR_EACH_LANE found.of[lane] |= isnan(x[c * LANES + lane]);
    return found;
}

/* x becomes the exponentials; logs: as in find_distributions_of() */
FORCE_INLINE R(distributions) R(distributions_of_group)(REAL *x, int cols, REAL scale, bool logs, upcoming next) {
    const REAL factor = R(factor)(scale);
    R(row_states) states;
    R(per_row) reference;
    row_flags nan = {{false}};
    int infinite = 0;
    R(set)(states.max.of, R(max_of_group)(x, cols));
    FOR_EACH_LANE reference.of[lane] = R(reference)(states.max.of[lane]);
    FOR_EACH_LANE infinite += states.max.of[lane] == (REAL)INFINITY;
    if (infinite > 0) nan = R(nan_of_group)(x, cols);

    const R(lanes) references = R(get)(reference.of);
    for (int i = 0; i < cols * LANES; i += LANES) {
        fetch_upcoming(next, i);
        R(set)(x + i, R(exponentials_of)(R(TYPE), x, i, LANES, references, factor));
    }
    states.sum = R(sums_of_group)(x, cols);
    if (infinite > 0)
        FOR_EACH_LANE if (states.max.of[lane] == (REAL)INFINITY) states.sum.of[lane] = nan.of[lane] ? (REAL)NAN : (REAL)INFINITY;
    R(distributions) d;
    R(find_distributions_of)(&states, scale, logs, &d);
    return d;
}
