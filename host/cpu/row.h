/* A row on the CPU: taken in blocks that stay in the first-level cache. A row of one block is loaded once and kept; a longer
 * one is streamed with the online update and loaded again for its results. Included once per REAL. */
#include "row_io.h"
#include "row_state.h"

#ifndef SMX_CPU_BLOCK
#define SMX_CPU_BLOCK 2048 /* elements */
#define FOR_EACH_BLOCK(cols) \
    for (int64_t first = 0, n_ = 0; n_ = (cols)-first < SMX_CPU_BLOCK ? (cols)-first : SMX_CPU_BLOCK, first < (cols); first += n_)
#define BLOCK_SIZE ((int)n_)
/* Threads pay from about this many elements on. */
#define SMX_CPU_PARALLEL(rows, cols) ((rows) > 1 && (rows) * (cols) >= 16384)
#endif

/* The state of a whole row. If it has one block only, that is left in x. */
static inline R(row_state) R(state_of_row)(const smx_call *call, int64_t row, REAL *x) {
    const REAL factor = R(factor)((REAL)call->scale);
    R(row_state) state = R(empty_row)();
    FOR_EACH_BLOCK(call->cols) {
        R(load)(&call->in, row, first, BLOCK_SIZE, x);
        const REAL max = R(max_of)(x, BLOCK_SIZE);
        const R(row_state) block = {max, (REAL)R(sum_of_exponentials)(x, BLOCK_SIZE, R(reference)(max), factor)};
        state = call->cols <= SMX_CPU_BLOCK ? block : R(merge)(state, block, factor);
    }
    return state;
}

/* Makes x hold the elements of a block again, unless the row is that block. */
static inline void R(load_again)(const smx_call *call, int64_t row, int64_t first, int n, REAL *x) {
    if (call->cols > SMX_CPU_BLOCK) R(load)(&call->in, row, first, n, x);
}
