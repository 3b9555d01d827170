/* What all losses share: what a call means for every row, rows without a valid target, and the sum of the rows. Included once per REAL. */
#include "bad_rows.h"
#include "rows_in_lanes.h"

typedef struct R(loss_rule) {
    const smx_call *call;
    REAL *losses;        /* one per row, or NULL */
    const REAL *weights; /* of the classes, or NULL */
    double divisor;      /* of the mean, or 1 */
} R(loss_rule);

static inline REAL R(weight_of)(const R(loss_rule) * l, int64_t class) { return l->weights == NULL ? 1 : l->weights[class]; }

/* In an order that only the number of rows decides, whatever the number of threads: CHUNKS pieces of the rows, and of those 8 interleaved
 * sums. */
#ifndef CHUNKS
#define CHUNKS 64
#define WORK_OF_A_TERM 4 /* elements */
#endif
typedef double R(chunk_function)(const R(loss_rule) *, int64_t first, int64_t last);
typedef struct R(chunked_sum) {
    const R(loss_rule) * l;
    R(chunk_function) * sum;
    int64_t size; /* of a chunk */
    double *of;
} R(chunked_sum);

static void R(sum_chunks)(const void *context, int64_t begin, int64_t end) {
    const R(chunked_sum) *s = context;
    for (int64_t first = begin; first < end; first += s->size)
        s->of[first / s->size] = s->sum(s->l, first, first + s->size < end ? first + s->size : end);
}

static inline double R(sum_over_rows)(const R(loss_rule) * l, R(chunk_function) * sum_of_chunk) {
    double chunk[CHUNKS] = {0}, part[8] = {0}, sum = 0;
    const R(chunked_sum) chunks = {l, sum_of_chunk, (l->call->rows + CHUNKS - 1) / CHUNKS, chunk};
    smx_cpu_in_threads(l->call, WORK_OF_A_TERM, chunks.size, R(sum_chunks), &chunks);
    for (int i = 0; i < CHUNKS; i++) part[i % 8] += chunk[i];
    for (int k = 0; k < 8; k++) sum += part[k];
    return sum;
}

static double R(sum_of_losses)(const R(loss_rule) * l, int64_t first, int64_t last) {
    double_lanes sums = {{{0}}};
    int64_t row = first;
    for (; row + LANES <= last; row += LANES) R(add_piece)(&sums, R(get)(l->losses + row));
    if (row < last) R(add_piece)(&sums, R(first_lanes_from)(R(TYPE), l->losses + row, (int)(last - row)));
    return sum_across_double_lanes(&sums);
}

/* The weights of the targets that are not ignored; a bad target counts 1. */
static double R(sum_of_divisors)(const R(loss_rule) * l, int64_t first, int64_t last) {
    const smx_call *call = l->call;
    if (l->weights == NULL) return (double)(last - first - smx_count_targets(&call->indices, first, last, call->ignore_index));
    double sum = 0;
    for (int64_t row = first; row < last; row++) {
        const int64_t target = smx_index_target(&call->indices, row);
        if (target == call->ignore_index) continue;
        sum += target < 0 || target >= cols_of_row(call, row) ? 1.0 : (double)R(weight_of)(l, target);
    }
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
        l.divisor = smx_counts_divisor(call) ? R(sum_over_rows)(&l, R(sum_of_divisors)) : (double)call->rows;
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
    FOR_EACH_BLOCK(call->cols) R(store)(&call->out, row, first, BLOCK_SIZE, zeros, smx_cpu_streams(call));
}

/* A row without a valid target: its logits are not read. */
static void R(skipped_row)(const R(loss_rule) * l, int64_t row, REAL value) {
    const smx_call *call = l->call;
    if (l->losses != NULL) l->losses[row] = value;
    if (call->lse != NULL && call->op != SMX_OP_CROSS_ENTROPY_BACKWARD) ((REAL *)call->lse)[row] = value;
    if (call->out.data != NULL) R(store_zero_row)(call, row);
}

/* ---- targets ---- */

#ifndef SMX_CPU_TARGETS
#define SMX_CPU_TARGETS
/* In the place of a target's index. */
enum { PROBABILITIES = -1, IGNORED = -2, BAD = -3 };
#endif

static inline int64_t R(target_of)(const R(loss_rule) * l, int64_t row, bad_rows *bad) {
    const smx_call *call = l->call;
    if (call->indices.data == NULL) return PROBABILITIES;
    const int64_t target = smx_index_target(&call->indices, row);
    if (target == call->ignore_index) return IGNORED;
    if (target >= 0 && target < call->cols) return target;
    add_bad_row(bad, row);
    return BAD;
}

/* ---- all rows ---- */

/* target: of each of the rows its index, or PROBABILITIES */
typedef void R(loss_function)(const R(loss_rule) *, int64_t row, int rows, const int64_t *target, R(row_room) * room);

/* A ragged row is the only row of a call of its own. */
static void R(one_row)(const R(loss_rule) * l, R(loss_function) * function, int64_t row, R(row_room) * room, bad_rows *bad) {
    smx_call own;
    R(loss_rule) rule = *l;
    rule.call = call_of_row(l->call, row, &own);
    const int64_t target = R(target_of)(&rule, row, bad);
    if (target == IGNORED)
        R(skipped_row)(&rule, row, 0);
    else if (target == BAD)
        R(skipped_row)(&rule, row, (REAL)NAN);
    else
        function(&rule, row, 1, &target, room);
}

/* How many of so many rows are taken together: those before the first without a valid index. */
static inline int R(indexed_rows)(const R(loss_rule) * l, int64_t row, int most, int64_t *target) {
    const smx_call *call = l->call;
    if (call->indices.data == NULL) return 0;
    for (int k = 0; k < most; k++) {
        target[k] = smx_index_target(&call->indices, row + k);
        if (target[k] == call->ignore_index || target[k] < 0 || target[k] >= call->cols) return k;
    }
    return most;
}

/* The rows from this one on that are taken together. Returns how many. */
static int R(next_rows)(const R(loss_rule) * l, R(loss_function) * function, int64_t row, int64_t end, R(row_room) * room, bad_rows *bad) {
    int64_t target[LANES];
    const int rows = R(are_short)(room) ? R(indexed_rows)(l, row, R(rows_at_once)(room, row, end), target) : 0;
    if (rows == 0) {
        R(one_row)(l, function, row, room, bad);
        return 1;
    }
    function(l, row, rows, target, room);
    return rows;
}

/* groups: the same for several rows at once, or NULL. It looks at the targets itself. */
typedef void R(loss_group_function)(const R(loss_rule) *, const R(row_group) * g, REAL *x, bad_rows *bad);

typedef struct R(loss_work) {
    const R(loss_rule) * l;
    R(loss_function) * function;
    R(loss_group_function) * groups;
} R(loss_work);

static void R(loss_part)(const void *context, int64_t begin, int64_t end) {
    const R(loss_work) *work = context;
    bad_rows bad = NO_BAD_ROWS;
    R(row_room) room;
    R(make_room)(&room, work->l->call, work->l->call->out.data != NULL);
    for (int64_t row = begin; row < end;) row += R(next_rows)(work->l, work->function, row, end, &room, &bad);
    R(leave_room)(&room);
    report_bad_rows(work->l->call, &bad);
}

static void R(loss_groups)(const void *context, int64_t begin, int64_t end) {
    const R(loss_work) *work = context;
    bad_rows bad = NO_BAD_ROWS;
    REAL x[R(GROUP_ROOM)];
    for (int64_t row = begin; row < end; row += LANES) {
        const R(row_group) group = R(group_from)(work->l->call, row, x);
        work->groups(work->l, &group, x, &bad);
    }
    stream_fence();
    report_bad_rows(work->l->call, &bad);
}

static void R(loss_rows)(const R(loss_rule) * l, R(loss_function) * function, R(loss_group_function) * groups) {
    const R(loss_work) work = {l, function, groups};
    smx_cpu_in_threads(l->call, l->call->cols, groups != NULL ? LANES : 1, groups != NULL ? R(loss_groups) : R(loss_part), &work);
}

static void R(reduce_losses)(const R(loss_rule) * l) {
    const smx_call *call = l->call;
    if (call->loss == NULL || call->reduction == SMX_REDUCTION_NONE) return;
    const bool empty = l->divisor == 0; /* of a mean */
    *(REAL *)call->loss = (REAL)(!empty                                    ? R(sum_over_rows)(l, R(sum_of_losses)) / l->divisor
                                 : call->empty_mean == SMX_EMPTY_MEAN_ZERO ? 0.0
                                                                           : (double)NAN);
}
