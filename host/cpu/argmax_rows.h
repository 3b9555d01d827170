/* Argmax of one row, and of a group of rows in lanes. Included once per REAL. */
#include "bad_rows.h"
#include "choice.h"

static inline void R(choose_largest)(const smx_call *call, int64_t row, int64_t column, bad_rows *bad) {
    set_chosen(&call->choice, row, column);
    if (column < 0) add_bad_row(bad, row);
}

static void R(argmax_row)(const smx_call *call, int64_t row, bad_rows *bad) {
    const R(largest) found = R(largest_of_row)(call, row);
    R(choose_largest)(call, row, found.nan ? -1 : found.column, bad);
}

static void R(argmax_group)(const smx_call *call, const R(row_group) * group, REAL *x, bad_rows *bad) {
    R(per_row) max;
    int32_t column[LANES], nan[LANES];
    R(load_group)(&call->in, group, x);
    FOR_EACH_LANE {
        max.of[lane] = (REAL)-INFINITY;
        column[lane] = -1;
        nan[lane] = 0;
    }
    for (int c = 0; c < group->cols; c++) {
        const REAL *const of_rows = x + c * LANES;
#pragma omp simd
        FOR_EACH_LANE {
            const bool larger = of_rows[lane] > max.of[lane];
            max.of[lane] = larger ? of_rows[lane] : max.of[lane];
            column[lane] = larger ? c : column[lane];
            nan[lane] |= of_rows[lane] != of_rows[lane];
        }
    }
    for (int k = 0; k < group->count; k++) R(choose_largest)(call, group->row + k, nan[k] ? -1 : column[k], bad);
}

static void R(argmax_groups)(const void *context, int64_t begin, int64_t end) {
    const smx_call *call = context;
    REAL x[R(GROUP_ROOM)];
    bad_rows bad = NO_BAD_ROWS;
    for (int64_t row = begin; row < end; row += LANES) {
        const R(row_group) group = R(group_from)(call, row, x);
        R(argmax_group)(call, &group, x, &bad);
    }
    report_bad_rows(call, &bad);
}
