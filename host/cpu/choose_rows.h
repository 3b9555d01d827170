/* Argmax, top-k, sample and multinomial of all rows of a call. Included once per REAL. */
#include "rows_in_lanes.h" /* each needs those before it */

#include "keys.h"
#include "largest.h"
#include "weights.h"
#include "candidates.h"
#include "selection.h"

#include "argmax_rows.h"
#include "draw_rows.h"
#include "top_k_rows.h"

typedef void R(choice_function)(const smx_call *call, int64_t row, bad_rows *bad);

static R(choice_function) * R(choice_function_of)(smxOp_t op) {
    switch (op) {
    case SMX_OP_ARGMAX: return R(argmax_row);
    case SMX_OP_TOP_K: return R(top_k_row);
    case SMX_OP_SAMPLE: return R(sample_row);
    default: return R(multinomial_row);
    }
}

static void R(choose_part)(const void *context, int64_t begin, int64_t end) {
    const smx_call *call = context;
    R(choice_function) *const function = R(choice_function_of)(call->op);
    bad_rows bad = NO_BAD_ROWS;
    for (int64_t row = begin; row < end; row++) function(call, row, &bad);
    report_bad_rows(call, &bad);
}

static void R(choose)(const smx_call *call) {
    const bool groups = call->op == SMX_OP_ARGMAX && R(takes_groups)(call);
    smx_cpu_in_threads(call, call->cols, groups ? LANES : 1, groups ? R(argmax_groups) : R(choose_part), call);
}
