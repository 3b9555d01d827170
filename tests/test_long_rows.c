/* Rows of which a block holds a part only: those that blocks of a cluster share, and those that are taken in slices, by one block or by
 * many. */
#include "check_plan.h"
#include "check_sweeps.h"
#include "suites.h"

static bool is_of_long_rows(const smx_plan_row *row) {
    return row->kernel == SMX_KERNEL_ROW_STREAM || row->threads_per_row > row->threads_per_block;
}

/* Column counts that leave some blocks of a cluster without elements, fill them all, or make slices that are full, begun or empty. */
static column_list columns_of(const smx_plan_row *row) {
    static const int64_t of_slices[] = {16384, 16385, 16390, 40001, 70001}, few[] = {100, 5003};
    column_list list = {.count = 0};

    if (row->kernel == SMX_KERNEL_ROW_STREAM)
        for (size_t i = 0; i < sizeof of_slices / sizeof of_slices[0]; i++) list.at[list.count++] = of_slices[i];
    for (size_t i = 0; i < sizeof few / sizeof few[0]; i++) list.at[list.count++] = few[i];
    if (row->max_cols > 0) {
        list.at[list.count++] = row->max_cols - 3;
        list.at[list.count++] = row->max_cols * 5 / 8 + 1;
    }
    return list;
}

static bool left_out(const smx_plan_row *row, int64_t cols, smxOp_t op, size_t type) {
    if (session_small()) return (size_t)op % FLOATING_TYPES != type || (cols == 100 && op % 2 == 0);
    return type > 0 && cols > 30000 && row->max_cols > 0 && (size_t)op % FLOATING_TYPES != type;
}

/* The loop variable counts rows of the table and operations. */
START_TEST(against_the_oracle) {
    const int index = _i / OPERATIONS;
    const smx_plan_row *row = smx_plan_table_row(index);
    const smxOp_t op = (smxOp_t)(_i % OPERATIONS);

    if (!is_of_long_rows(row)) return;
    const column_list columns = columns_of(row);
    for (size_t k = 0; k < FLOATING_TYPES; k++)
        for (size_t i = 0; i < columns.count; i++) {
            trial t = trial_of(op, floating_types[k], 1 + (int64_t)i % 2, columns.at[i]);
            if (left_out(row, columns.at[i], op, k)) continue;
            t.plan_row = index;
            t.seed = i;
            trial_set_offsets(&t, (int64_t)i % 5, (int64_t)i % 3, (int64_t)(i + k) % 2 * 3);
            if (i % 2 == 1 && op_writes_elements(op)) t.placement = OVER_X;
            if (op_is_loss(op) && !op_is_nll(op) && i % 3 == 1) {
                t.smoothing = 0.1f;
                t.with_weights = true;
            }
            check_pinned(&t);
        }
}
END_TEST

/* Special values in every place of a row, and with them in every block and slice. */
START_TEST(hard_values) {
    const int index = _i / OPERATIONS;
    const smx_plan_row *row = smx_plan_table_row(index);
    const smxOp_t op = (smxOp_t)(_i % OPERATIONS);

    if (!is_of_long_rows(row) || (session_small() && row->max_cols > 70000)) return;
    trial t = trial_of(op, floating_types[session_small() ? 0 : _i % FLOATING_TYPES], hard_row_count(), 17003);
    t.plan_row = index;
    t.values = VALUES_HARD;
    t.reduction = SMX_REDUCTION_NONE;
    t.empty_row = (smxEmptyRow_t)(_i % 2);
    t.targets = TARGETS_SOME_BAD;
    if (op_writes_elements(op)) t.placement = OVER_X;
    check_pinned(&t);
}
END_TEST

Suite *suite_long_rows(void) {
    Suite *suite = suite_create("long_rows");
    TCase *tcase = session_case("long_rows");

    if (session_backend() == SMX_BACKEND_CUDA) { /* the CPU takes every row in one place */
        tcase_add_loop_test(tcase, against_the_oracle, 0, smx_plan_table_size() * OPERATIONS);
        tcase_add_loop_test(tcase, hard_values, 0, smx_plan_table_size() * OPERATIONS);
    }
    suite_add_tcase(suite, tcase);
    return suite;
}
