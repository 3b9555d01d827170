/* The general cross-entropy of a block of a row: logits u and terms a (smx.h has the formulas), and their sums beside the row state.
 * Included once per REAL. */
#include "loss_rows.h"

/* The state of elements, sum a, and sum a * (reference - u), with the reference of the state. No term of an ordinary row is negative,
 * so nothing cancels. */
typedef struct R(loss_sums) {
    R(row_state) state;
    double weight, distance;
} R(loss_sums);

/* Exponents and distances are taken of logits that still lack this factor. */
static inline REAL R(scale_of_logits)(const smx_call *call) { return call->softcap == 0 ? (REAL)call->scale : 1; }

/* x becomes u, but for its factor. */
static inline void R(cap)(const smx_call *call, REAL *x, int n) {
    if (call->softcap == 0) return;
    const REAL cap = (REAL)call->softcap, scale = (REAL)call->scale;
    for (int j = 0; j < n; j++) x[j] = cap * R(tanh)(scale * x[j] / cap);
}

/* du/dx, from u */
static inline REAL R(slope)(const smx_call *call, REAL u) {
    const REAL t = call->softcap == 0 ? 0 : u / (REAL)call->softcap;
    return (REAL)call->scale * (1 - t) * (1 + t);
}

/* The share of every target that goes to the target itself, and to each class by smoothing. */
static inline REAL R(kept_share)(const smx_call *call) { return (REAL)(1 - (double)call->label_smoothing); }
static inline REAL R(spread_share)(const smx_call *call) { return (REAL)((double)call->label_smoothing / (double)call->cols); }

/* a of columns [first, first + n), without what an index target has of its own. */
static inline void R(load_terms)(const R(loss_rule) * l, int64_t row, int64_t first, int n, REAL *a) {
    const smx_call *call = l->call;
    const REAL kept = R(kept_share)(call), spread = R(spread_share)(call);
    if (call->second.data != NULL) {
        R(load)(&call->second, row, first, n, a);
        for (int j = 0; j < n; j++) a[j] = kept * a[j] + spread;
    } else {
        for (int j = 0; j < n; j++) a[j] = spread;
    }
    if (l->weights != NULL)
        for (int j = 0; j < n; j++) a[j] *= l->weights[first + j];
}

static inline REAL R(distance)(REAL a, REAL u, REAL reference) { return a == 0 ? 0 : a * (reference - u); }

FORCE_INLINE R(lanes) R(distances)(const REAL *a, const REAL *u, int m, REAL reference) {
    REAL term[LANES] = {0};
    for (int k = 0; k < m; k++) term[k] = R(distance)(a[k], u[k], reference);
    return R(get)(term);
}

static inline double R(sum_of_distances)(const REAL *a, const REAL *u, int n, REAL reference) {
    SUM_OF(n, R(distances)(a + i, u + i, m, reference));
}

static inline R(loss_sums) R(sums_of_block)(const REAL *u, const REAL *a, int n, REAL factor, upcoming next) {
    const R(row_state) state = R(state_of_block)(R(TYPE), u, n, (REAL)-INFINITY, factor, next, NULL, NULL);
    return (R(loss_sums)){state, R(sum_of)(R(TYPE), a, n), R(sum_of_distances)(a, u, n, R(reference)(state.max))};
}

/* The distance from another reference. */
static inline double R(distance_from)(const R(loss_sums) * s, REAL reference) {
    return s->weight == 0 ? s->distance : s->distance + s->weight * ((double)reference - (double)R(reference)(s->state.max));
}

static inline R(loss_sums) R(merge_sums)(R(loss_sums) s, R(loss_sums) t, REAL factor) {
    const R(row_state) state = R(merge)(s.state, t.state, factor);
    const REAL reference = R(reference)(state.max);
    return (R(loss_sums)){state, s.weight + t.weight, R(distance_from)(&s, reference) + R(distance_from)(&t, reference)};
}

/* Leaves u and a of the row in their arrays if they fit. */
static inline R(loss_sums) R(sums_of_row)(const R(loss_rule) * l, int64_t row, REAL *u, REAL *a) {
    const smx_call *call = l->call;
    const REAL factor = R(factor)(R(scale_of_logits)(call));
    R(loss_sums) sums = {.state = R(empty_row)()};
    FOR_EACH_BLOCK(call->cols) {
        R(load)(&call->in, row, first, BLOCK_SIZE, u);
        R(cap)(call, u, BLOCK_SIZE);
        R(load_terms)(l, row, first, BLOCK_SIZE, a);
        const R(loss_sums) block = R(sums_of_block)(u, a, BLOCK_SIZE, factor, R(behind_block)(&call->in, row, first, BLOCK_SIZE, false));
        sums = first == 0 ? block : R(merge_sums)(sums, block, factor);
    }
    return sums;
}
