/* What all losses share: what a call means for every row, rows without a valid target, and the sum of the rows. Included once per REAL. */
#include "row.h"

typedef struct R(loss_rule) {
    const smx_call *call;
    REAL *losses;        /* one per row, or NULL */
    const REAL *weights; /* of the classes, or NULL */
    double divisor;      /* of the mean, or 1 */
} R(loss_rule);

static inline REAL R(weight_of)(const R(loss_rule) * l, int64_t class) { return l->weights == NULL ? 1 : l->weights[class]; }

/* In a fixed order: eight interleaved sums, whatever the number of threads. */
static double R(sum_of_losses)(const REAL *losses, int64_t rows) {
    double part[8] = {0}, sum = 0;
    for (int64_t row = 0; row < rows; row++) part[row % 8] += (double)losses[row];
    for (int k = 0; k < 8; k++) sum += part[k];
    return sum;
}

/* The weights of the targets that are not ignored; a bad target counts 1. */
static double R(counted_divisor)(const R(loss_rule) * l) {
    const smx_call *call = l->call;
    double part[8] = {0}, sum = 0;
    for (int64_t row = 0; row < call->rows; row++) {
        const int64_t target = smx_index_target(&call->indices, row);
        if (target == call->ignore_index) continue;
        part[row % 8] += target < 0 || target >= cols_of_row(call, row) ? 1.0 : (double)R(weight_of)(l, target);
    }
    for (int k = 0; k < 8; k++) sum += part[k];
    return sum;
}

/* Where row losses go: to the caller, or to the workspace, which there is none of for no rows. */
static REAL *R(row_losses_of)(const smx_call *call) {
    if (call->loss == NULL || call->rows == 0) return NULL;
    if (call->reduction == SMX_REDUCTION_NONE) return call->loss;
    return (REAL *)((char *)call->workspace + smx_loss_workspace_of(call->in.layout.type, call->rows).row_losses);
}

static R(loss_rule) R(loss_rule_of)(const smx_call *call) {
    R(loss_rule) l = {.call = call, .losses = R(row_losses_of)(call), .weights = call->class_weights, .divisor = 1};
    if (call->reduction != SMX_REDUCTION_MEAN) return l;
    if (call->device_divisor != NULL)
        l.divisor = (double)*(const REAL *)call->device_divisor;
    else
        l.divisor = smx_counts_divisor(call) ? R(counted_divisor)(&l) : (double)call->rows;
    return l;
}

/* What a row's gradient is multiplied by; with a divisor of 0 there is none. */
static inline REAL R(upstream)(const R(loss_rule) * l, int64_t row) {
    const REAL *given = l->call->grad_loss;
    const REAL g = given == NULL ? 1 : given[l->call->reduction == SMX_REDUCTION_NONE ? row : 0];
    return g / (REAL)l->divisor;
}

static void R(store_zero_row)(const smx_call *call, int64_t row) {
    static const REAL zeros[SMX_CPU_BLOCK];
    FOR_EACH_BLOCK(call->cols) R(store)(&call->out, row, first, BLOCK_SIZE, zeros);
}

/* A row without a valid target: its logits are not read. */
static void R(skipped_row)(const R(loss_rule) * l, int64_t row, REAL value) {
    const smx_call *call = l->call;
    if (l->losses != NULL) l->losses[row] = value;
    if (call->lse != NULL && call->op != SMX_OP_CROSS_ENTROPY_BACKWARD) ((REAL *)call->lse)[row] = value;
    if (call->out.data != NULL) R(store_zero_row)(call, row);
}

/* row_function(rule, row, target) for all rows with a valid target; probabilities are always valid, and their index is -1. */
static void R(loss_rows)(const R(loss_rule) * l, void (*row_function)(const R(loss_rule) *, int64_t, int64_t)) {
    const smx_call *call = l->call;
    const bool has_indices = call->indices.data != NULL;
    unsigned long long count = 0;
    long long first_row = INT64_MAX;
#pragma omp parallel for schedule(static) reduction(+ : count) reduction(min : first_row) if (SMX_CPU_PARALLEL(call->rows, call->cols))
    for (int64_t row = 0; row < call->rows; row++) {
        smx_call own;
        R(loss_rule) rule = *l;
        rule.call = call_of_row(call, row, &own);
        const int64_t target = has_indices ? smx_index_target(&call->indices, row) : -1;
        if (has_indices && target == call->ignore_index) {
            R(skipped_row)(&rule, row, 0);
        } else if (has_indices && (target < 0 || target >= rule.call->cols)) {
            R(skipped_row)(&rule, row, (REAL)NAN);
            count++;
            first_row = row < first_row ? row : first_row;
        } else {
            row_function(&rule, row, target);
        }
    }
    if (count == 0) return;
    smx_bad_targets *bad = call->handle->bad_targets;
#ifdef _OPENMP
#pragma omp critical(smx_bad_targets) /* problems of a batch run at once */
#endif
    {
        bad->count += count;
        if (first_row < bad->first_row) bad->first_row = first_row;
    }
}

static void R(reduce_losses)(const R(loss_rule) * l) {
    const smx_call *call = l->call;
    if (call->loss == NULL || call->reduction == SMX_REDUCTION_NONE) return;
    const bool empty = l->divisor == 0; /* of a mean */
    *(REAL *)call->loss = (REAL)(!empty                                    ? R(sum_of_losses)(l->losses, call->rows) / l->divisor
                                 : call->empty_mean == SMX_EMPTY_MEAN_ZERO ? 0.0
                                                                           : (double)NAN);
}
