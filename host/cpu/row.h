/* A row on the CPU: taken in blocks that stay in the first-level cache. Of a row of one block the exponentials are kept; a longer one is
 * streamed with the online update and read again for its results. Included once per REAL. */
#include "row_io.h"
#include "row_state.h"

#ifndef FOR_EACH_BLOCK
#define FOR_EACH_BLOCK(cols) \
    for (int64_t first = 0, n_ = 0; n_ = (cols)-first < SMX_CPU_BLOCK ? (cols)-first : SMX_CPU_BLOCK, first < (cols); first += n_)
#define BLOCK_SIZE ((int)n_)
#endif

/* e: where the exponentials are kept, which may replace x; or NULL. If the max is +inf they are of no use, and zeros. */
static inline R(row_state) R(state_of_block)(const REAL *x, int n, REAL factor, upcoming next, REAL *e) {
    const REAL max = R(max_of)(x, n), reference = R(reference)(max);
    if (max == (REAL)INFINITY) {
        const R(row_state) state = {max, R(infinite_sum)(x, n)};
        if (e != NULL) memset(e, 0, (size_t)n * sizeof *e);
        return state;
    }
    const double sum =
        e == NULL ? R(sum_of_exponentials)(x, n, reference, factor, next) : R(exponentials)(x, n, reference, factor, next, e);
    return (R(row_state)){max, (REAL)sum};
}

/* room: SMX_CPU_BLOCK elements */
static inline R(row_state) R(state_of_row)(const smx_call *call, int64_t row, REAL *room) {
    const REAL factor = R(factor)((REAL)call->scale);
    R(row_state) state = R(empty_row)();
    FOR_EACH_BLOCK(call->cols) {
        const upcoming next = R(after)(&call->in, row, first, BLOCK_SIZE);
        const R(row_state) block = R(state_of_block)(R(view)(&call->in, row, first, BLOCK_SIZE, room), BLOCK_SIZE, factor, next, NULL);
        state = call->cols <= SMX_CPU_BLOCK ? block : R(merge)(state, block, factor);
    }
    return state;
}

/* Leaves the exponentials of a row of one block in e. */
static inline R(row_state) R(state_and_exponentials)(const smx_call *call, int64_t row, REAL *e) {
    if (call->cols > SMX_CPU_BLOCK) return R(state_of_row)(call, row, e);
    const int n = (int)call->cols;
    const REAL *const x = R(view)(&call->in, row, 0, n, e);
    return R(state_of_block)(x, n, R(factor)((REAL)call->scale), R(after)(&call->in, row, 0, n), e);
}

/* to = e * a * b, from the exponentials e if the row is this block, else from its elements again. */
static inline void R(scaled_exponentials)(const smx_call *call, int64_t row, int64_t first, int n, REAL reference, REAL *e, REAL a, REAL b,
                                          REAL *to) {
    const R(lanes) all_a = R(all)(a), all_b = R(all)(b);
    int i = 0;
    if (call->cols <= SMX_CPU_BLOCK) {
        for (; i + LANES <= n; i += LANES) R(set)(to + i, R(product)(R(product)(R(get)(e + i), all_a), all_b));
        for (; i < n; i++) to[i] = e[i] * a * b;
        return;
    }
    const REAL *const x = R(view)(&call->in, row, first, n, e), factor = R(factor)((REAL)call->scale);
    const R(lanes) all = R(all)(reference);
    const upcoming next = R(after)(&call->in, row, first, n);
    for (; i + LANES <= n; i += LANES) {
        fetch_upcoming(next, i);
        R(set)(to + i, R(product)(R(product)(R(exponentials_of)(x + i, LANES, all, factor), all_a), all_b));
    }
    if (i < n) R(set_some)(to + i, n - i, R(product)(R(product)(R(exponentials_of)(x + i, n - i, all, factor), all_a), all_b));
}
