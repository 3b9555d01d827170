/* Cross-entropy of rows: losses, gradients, and their sums. Included once per REAL. */
#include "row.h"

typedef struct R(loss_row) {
    const smx_call *call;
    REAL *losses; /* one per row, or NULL */
    REAL divisor; /* of the mean; 1 otherwise */
} R(loss_row);

/* g * (p - [j = target]), where p comes from the row's distribution or, for a given lse, from p = exp(scale * x - lse) */
static inline void R(store_gradient)(const smx_call *call, int64_t row, int64_t first, int n, REAL *p, REAL g, int64_t target) {
    const int64_t at = target - first;
    const REAL p_target = at >= 0 && at < n ? p[at] : 0;
    for (int j = 0; j < n; j++) p[j] *= g;
    if (at >= 0 && at < n) p[at] = g * (p_target - 1);
    R(store)(&call->out, row, first, n, p);
}

static void R(store_zero_row)(const smx_call *call, int64_t row) {
    static const REAL zeros[SMX_CPU_BLOCK];
    FOR_EACH_BLOCK(call->cols) R(store)(&call->out, row, first, BLOCK_SIZE, zeros);
}

static inline REAL R(upstream)(const R(loss_row) * l, int64_t row) {
    const smx_call *call = l->call;
    const REAL *given = call->grad_loss;
    const REAL g = given == NULL ? 1 : given[call->reduction == SMX_REDUCTION_NONE ? row : 0];
    return g * (REAL)call->scale / l->divisor;
}

/* A row without a valid target: its logits are not read. */
static void R(skipped_row)(const R(loss_row) * l, int64_t row, REAL value) {
    const smx_call *call = l->call;
    if (l->losses != NULL) l->losses[row] = value;
    if (call->lse != NULL && call->op != SMX_OP_CROSS_ENTROPY_BACKWARD) ((REAL *)call->lse)[row] = value;
    if (call->out.data != NULL) R(store_zero_row)(call, row);
}

static void R(loss_and_gradient_row)(const R(loss_row) * l, int64_t row, int64_t target) {
    const smx_call *call = l->call;
    REAL x[SMX_CPU_BLOCK], x_target;
    R(load)(&call->in, row, target, 1, &x_target); /* before the gradient may overwrite it */
    const R(distribution) d = R(distribution_of)(R(state_of_row)(call, row, x), (REAL)call->scale);
    if (l->losses != NULL) l->losses[row] = -R(log_probability)(&d, x_target, (REAL)call->scale);
    if (call->lse != NULL) ((REAL *)call->lse)[row] = d.lse;
    if (call->out.data == NULL) return;
    const REAL g = R(upstream)(l, row);
    FOR_EACH_BLOCK(call->cols) {
        R(load_again)(call, row, first, BLOCK_SIZE, x);
        R(probabilities)(x, BLOCK_SIZE, &d, R(factor)((REAL)call->scale));
        R(store_gradient)(call, row, first, BLOCK_SIZE, x, g, target);
    }
}

static void R(gradient_from_lse_row)(const R(loss_row) * l, int64_t row, int64_t target) {
    const smx_call *call = l->call;
    REAL x[SMX_CPU_BLOCK];
    const REAL given = ((const REAL *)call->lse)[row];
    const REAL lse = isfinite(given) ? given : (REAL)NAN; /* such a row has no distribution */
    const REAL scale = (REAL)call->scale, g = R(upstream)(l, row);
    FOR_EACH_BLOCK(call->cols) {
        R(load)(&call->in, row, first, BLOCK_SIZE, x);
        for (int j = 0; j < BLOCK_SIZE; j++) x[j] = R(exponential)(scale * x[j], lse, R(factor)(1));
        R(store_gradient)(call, row, first, BLOCK_SIZE, x, g, target);
    }
}

static void R(loss_rows)(const R(loss_row) * l, smx_bad_targets *bad) {
    const smx_call *call = l->call;
    const bool from_lse = call->op == SMX_OP_CROSS_ENTROPY_BACKWARD && call->lse != NULL;
    unsigned long long count = 0;
    long long first_row = INT64_MAX;
#pragma omp parallel for schedule(static) reduction(+ : count) reduction(min : first_row) if (SMX_CPU_PARALLEL(call->rows, call->cols))
    for (int64_t row = 0; row < call->rows; row++) {
        const int64_t target = target_of(call, row);
        if (target == call->ignore_index) {
            R(skipped_row)(l, row, 0);
        } else if (target < 0 || target >= call->cols) {
            R(skipped_row)(l, row, (REAL)NAN);
            count++;
            first_row = row < first_row ? row : first_row;
        } else if (from_lse) {
            R(gradient_from_lse_row)(l, row, target);
        } else {
            R(loss_and_gradient_row)(l, row, target);
        }
    }
    bad->count += count;
    if (first_row < bad->first_row) bad->first_row = first_row;
}

/* In a fixed order: eight interleaved sums, whatever the number of threads. */
static double R(sum_of_losses)(const REAL *losses, int64_t rows) {
    double part[8] = {0}, sum = 0;
    for (int64_t row = 0; row < rows; row++) part[row % 8] += (double)losses[row];
    for (int k = 0; k < 8; k++) sum += part[k];
    return sum;
}

static void R(cross_entropy)(const smx_call *call, int64_t valid_rows) {
    const bool reduced = call->reduction != SMX_REDUCTION_NONE;
    REAL *scratch = (REAL *)((char *)call->workspace + smx_loss_workspace_of(call->in.layout.type, call->rows).row_losses);
    const bool mean = call->reduction == SMX_REDUCTION_MEAN;
    const R(loss_row) l = {.call = call,
                           .losses = call->loss == NULL ? NULL
                                     : reduced          ? scratch
                                                        : call->loss,
                           .divisor = mean ? (REAL)valid_rows : 1};
    R(loss_rows)(&l, call->handle->bad_targets);
    if (call->loss == NULL || !reduced) return;
    const double sum = R(sum_of_losses)(l.losses, call->rows);
    const bool empty = mean && valid_rows == 0;
    *(REAL *)call->loss = (REAL)(empty  ? (call->empty_mean == SMX_EMPTY_MEAN_ZERO ? 0.0 : (double)NAN)
                                 : mean ? sum / (double)valid_rows
                                        : sum);
}
