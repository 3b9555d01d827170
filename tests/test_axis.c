/* Rows along any axis of a tensor, at any strides, in operands that are laid out differently. */
#include <math.h>

#include "check_layouts.h"
#include "check_plan.h"
#include "check_sweeps.h"
#include "suites.h"

enum { COMBINATIONS = OPERATIONS * FLOATING_TYPES, MOST_DIMENSIONS = 5 };

static smxOp_t op_of(int i) { return (smxOp_t)(i / FLOATING_TYPES); }
static smxDataType_t type_of(int i) { return floating_types[i % FLOATING_TYPES]; }

/* All operands with this layout; every other seed with options of a loss that need all elements of a row. */
static trial trial_on(int i, const smxLayout_t *layout, uint64_t seed) {
    trial t = trial_of(op_of(i), type_of(i), 1, 1);

    trial_set_layout(&t, layout);
    t.seed = seed;
    t.reduction = (smxReduction_t)(seed % 3);
    t.with_grad_loss = seed % 5 < 3;
    t.with_lse = seed % 7 < 4;
    t.targets = seed % 3 == 0 ? TARGETS_SOME_BAD : seed % 3 == 1 ? TARGETS_SOME_IGNORED : TARGETS_VALID;
    if (!op_is_loss(t.op) || seed % 2 == 0) return t;
    t.with_weights = seed % 4 == 1;
    t.smoothing = seed % 8 < 4 ? 0.1f : 0.0f;
    t.softcap = seed % 8 > 2 ? 20.0f : 0.0f;
    t.probabilities = seed % 16 > 8 ? PROBABILITIES_SOFT : PROBABILITIES_NONE;
    return t;
}

static void check_in_and_out_of_place(trial t) {
    check_trial(&t);
    if (!op_writes_elements(t.op)) return;
    t.placement = op_takes_gradient(t.op) && t.seed % 2 == 1 ? OVER_DY : OVER_X;
    check_trial(&t);
}

START_TEST(every_axis) {
    static const struct {
        int count;
        int64_t dims[MOST_DIMENSIONS];
    } tensors[] = {{1, {7}},          {2, {5, 9}},       {2, {1, 6}},          {2, {6, 1}},          {3, {3, 4, 5}},
                   {3, {2, 1, 7}},    {3, {1, 1, 1}},    {3, {4, 33, 17}},     {3, {2, 300, 3}},     {4, {2, 3, 4, 5}},
                   {4, {1, 8, 1, 6}}, {4, {2, 9, 8, 8}}, {5, {2, 3, 1, 2, 6}}, {5, {3, 2, 4, 2, 3}}, {3, {0, 4, 2}}};
    uint64_t seed = 0;

    for (size_t k = 0; k < sizeof tensors / sizeof tensors[0]; k++)
        for (int axis = -1; axis >= -tensors[k].count; axis--) {
            const smxLayout_t layout = layout_along(type_of(_i), tensors[k].count, tensors[k].dims, axis);
            seed++;
            if (session_small() && (seed + (uint64_t)_i) % 3 != 0) continue;
            if (layout.cols > 0) check_in_and_out_of_place(trial_on(_i, &layout, seed));
        }
}
END_TEST

/* Every number of neighbours that a vector can be cut into, and then some; the operations and types take turns. */
START_TEST(sizes_of_inner) {
    static const int64_t columns[] = {2, 9, 31, 32, 33, 65, 256, 257};

    for (int64_t inner = 1; inner <= 41; inner++)
        for (size_t k = 0; k < sizeof columns / sizeof columns[0]; k++) {
            const int64_t size = inner > 40 ? 1000 : inner;
            const uint64_t seed = (uint64_t)inner * 5 + k;
            if ((columns[k] > 65 && ((inner + (int64_t)k) % 4 != 0 || inner > 40)) ||
                (seed + (uint64_t)_i) % (session_small() ? 17 : 3) != 0)
                continue;
            const smxLayout_t layout = layout_arranged(ARRANGED_DENSE, type_of(_i), 2, columns[k], size);
            trial t = trial_on(_i, &layout, seed);
            trial_set_offsets(&t, inner % 8, (inner * 3) % 8, (inner * 5 + 1) % 8);
            t.aimed.offset = (inner + 3) % 5;
            if (inner % 4 == 0) trial_set_offsets(&t, 0, 0, 0);
            check_trial(&t);
        }
}
END_TEST

/* x, the output and the third operand, each in every arrangement. */
START_TEST(arrangements) {
    static const int64_t inner_sizes[] = {1, 4, 7}, columns[] = {6, 40};

    for (int of_x = 0; of_x < ARRANGEMENTS; of_x++)
        for (int of_out = 0; of_out < ARRANGEMENTS; of_out++)
            for (size_t k = 0; k < 6; k++) {
                const int64_t inner = inner_sizes[k % 3], cols = columns[k / 3];
                const smxDataType_t type = type_of(_i);
                const smxLayout_t x = layout_arranged((arrangement)of_x, type, 5, cols, inner);
                const uint64_t seed = (uint64_t)(of_x * 100 + of_out * 10) + k;
                trial t = trial_on(_i, &x, seed);
                if (session_small() && (seed + (uint64_t)(of_x + of_out)) % 7 != 0) continue;
                t.out.layout = layout_arranged((arrangement)of_out, type, 5, cols, inner);
                t.dy.layout = t.aimed.layout = layout_arranged((arrangement)((of_x + of_out) % ARRANGEMENTS), type, 5, cols, inner);
                trial_set_offsets(&t, of_out, (of_x + 2) % 5, (int64_t)k);
                t.aimed.offset = of_x;
                check_trial(&t);
                if (of_x == of_out) check_in_and_out_of_place(t);
            }
}
END_TEST

/* Elements of different types that lie differently. */
START_TEST(types_in_different_layouts) {
    static const smxDataType_t narrow[] = {SMX_R_32F, SMX_R_16F, SMX_R_16BF};
    enum { NARROW = 3 };

    for (int k = 0; k < NARROW * NARROW * NARROW; k++)
        for (int how = 0; how < ARRANGEMENTS; how++) {
            const smxLayout_t x = layout_arranged((arrangement)how, SMX_R_32F, 3, 21, 9);
            trial t = trial_on(_i * FLOATING_TYPES, &x, (uint64_t)(k * ARRANGEMENTS + how));
            if (session_small() && (k + how) % 5 != 0) continue;
            t.out.layout = layout_arranged((arrangement)((how + k) % ARRANGEMENTS), SMX_R_32F, 3, 21, 9);
            trial_set_types(&t, narrow[k % NARROW], narrow[k / NARROW % NARROW], narrow[k / NARROW / NARROW]);
            t.aimed.layout.type = narrow[k / NARROW % NARROW];
            check_trial(&t);
        }
}
END_TEST

/* Columns that do not stay on the chip, by every algorithm. */
START_TEST(long_columns) {
    static const int64_t columns[] = {600, 5000}, inner_sizes[] = {1, 3, 24};

    for (size_t k = 0; k < 6; k++)
        for (int algorithm = SMX_ALGORITHM_AUTO; algorithm <= SMX_ALGORITHM_ONLINE; algorithm++) {
            const int64_t cols = columns[k / 3], inner = inner_sizes[k % 3];
            const arrangement how = inner == 1 ? ARRANGED_TRANSPOSED : ARRANGED_DENSE;
            if ((cols > 600 && inner > 3) || (session_small() && (cols > 600 || (inner == 24 && type_of(_i) != SMX_R_32F)))) continue;
            const smxLayout_t layout = layout_arranged(how, type_of(_i), 2, cols, inner);
            trial t = trial_on(_i, &layout, k * 3 + (uint64_t)algorithm);
            t.algorithm = (smxAlgorithm_t)algorithm;
            t.values = k % 2 == 0 ? VALUES_MASKED : VALUES_NORMAL;
            if (algorithm == SMX_ALGORITHM_RESIDENT && session_backend() == SMX_BACKEND_CUDA)
                check_trial_if_supported(&t);
            else
                check_trial(&t);
        }
}
END_TEST

/* Short columns stay, and can be streamed all the same. */
START_TEST(algorithms_of_short_columns) {
    for (int algorithm = SMX_ALGORITHM_AUTO; algorithm <= SMX_ALGORITHM_ONLINE; algorithm++)
        for (int64_t cols = 1; cols <= 200; cols = cols * 5 + 1) {
            const smxLayout_t layout = layout_arranged(ARRANGED_DENSE, type_of(_i), 2, cols, 19);
            trial t = trial_on(_i, &layout, (uint64_t)(cols + algorithm));
            t.algorithm = (smxAlgorithm_t)algorithm;
            check_trial(&t);
        }
}
END_TEST

/* Rows of -inf, NaN and extremes beside each other in one vector. */
START_TEST(hard_values) {
    static const int64_t columns[] = {1, 5, 40, 300};

    for (size_t k = 0; k < sizeof columns / sizeof columns[0]; k++)
        for (int64_t inner = 7; inner <= 64; inner = inner * 2 + 1)
            for (uint64_t seed = 0; seed < 4; seed++) {
                if (columns[k] * (int64_t)seed > 300 || (session_small() && (columns[k] > 40 || seed != k % 2))) continue;
                const smxLayout_t layout = layout_arranged(ARRANGED_DENSE, type_of(_i), hard_row_count() / inner + 2, columns[k], inner);
                trial t = trial_on(_i, &layout, seed);
                t.values = VALUES_HARD;
                t.reduction = SMX_REDUCTION_NONE;
                t.empty_row = (smxEmptyRow_t)(seed % 2);
                check_in_and_out_of_place(t);
            }
}
END_TEST

/* A transposed matrix written down in two ways: as C x N, class axis first, and as rows one element apart. Both are the same memory
 * and have to give the same bits. */
static bool same(double a, double b) { return a == b || (isnan(a) && isnan(b)); }

START_TEST(transposed_matrix_in_two_ways) {
    const int64_t classes = 37, rows = 21, dims[] = {classes, rows};
    const smxLayout_t first = layout_along(type_of(_i), 2, dims, 0);
    const smxLayout_t second = layout_arranged(ARRANGED_TRANSPOSED, type_of(_i), rows, classes, 1);
    const trial t = trial_on(_i, &first, 7), u = trial_on(_i, &second, 7);
    trial_run a, b;

    ck_assert(first.inner == rows && second.inner == 1);
    trial_prepare(&a, &t);
    trial_prepare(&b, &u);
    require_success(trial_execute(&a), op_function(t.op));
    require_success(trial_execute(&b), op_function(u.op));
    trial_compare(&a);
    session_count_comparison();
    for (int64_t r = 0; r < rows; r++) {
        for (int64_t j = 0; op_writes_elements(t.op) && j < classes; j++)
            ck_assert_msg(same(tensor_result(a.out, r, j), tensor_result(b.out, r, j)), "row %lld, column %lld", (long long)r,
                          (long long)j);
        if (a.lse.memory.before != NULL) ck_assert(same(tensor_result(&a.lse, 0, r), tensor_result(&b.lse, 0, r)));
    }
    trial_release(&a);
    trial_release(&b);
}
END_TEST

/* ---- every row of the plan table; the loop variable counts rows and operations ---- */

START_TEST(pinned) {
    const int index = _i / OPERATIONS;
    const smxOp_t op = (smxOp_t)(_i % OPERATIONS);
    const smx_plan_row *row = smx_plan_table_row(index);
    const column_list columns = shapes_of_plan_row(index);
    static const int64_t inner_sizes[] = {1, 3, 8, 65};

    if (row->kernel != SMX_KERNEL_ROW_STRIDED && row->kernel != SMX_KERNEL_ROW_PICK) return; /* test_plans.c */
    for (size_t k = 0; k < FLOATING_TYPES; k++)
        for (size_t i = 0; i < columns.count; i++)
            for (size_t n = 0; n < sizeof inner_sizes / sizeof inner_sizes[0]; n++) {
                const int64_t cols = columns.at[i];
                if (cols > 6000 || (cols > 600 && n > 1) || (session_small() && (i + k + n + (size_t)_i) % 8 != 0)) continue;
                const arrangement how = n == 0 ? ARRANGED_TRANSPOSED_PADDED : ARRANGED_DENSE;
                const smxLayout_t layout = layout_arranged(how, floating_types[k], 2, cols, inner_sizes[n]);
                trial t = trial_on((int)op * FLOATING_TYPES + (int)k, &layout, i * 4 + n);
                t.plan_row = index;
                check_pinned(&t);
                t.values = VALUES_HARD;
                t.reduction = SMX_REDUCTION_NONE;
                check_pinned(&t);
            }
}
END_TEST

Suite *suite_axis(void) {
    Suite *suite = suite_create("axis");
    TCase *tcase = session_case("axis"), *table = session_case("axis_plan_table");

    tcase_add_loop_test(tcase, every_axis, 0, COMBINATIONS);
    tcase_add_loop_test(tcase, sizes_of_inner, 0, COMBINATIONS);
    tcase_add_loop_test(tcase, arrangements, 0, COMBINATIONS);
    tcase_add_loop_test(tcase, types_in_different_layouts, 0, OPERATIONS);
    tcase_add_loop_test(tcase, long_columns, 0, COMBINATIONS);
    tcase_add_loop_test(tcase, algorithms_of_short_columns, 0, COMBINATIONS);
    tcase_add_loop_test(tcase, hard_values, 0, COMBINATIONS);
    tcase_add_loop_test(tcase, transposed_matrix_in_two_ways, 0, COMBINATIONS);
    suite_add_tcase(suite, tcase);
    if (session_backend() == SMX_BACKEND_CUDA) tcase_add_loop_test(table, pinned, 0, smx_plan_table_size() * OPERATIONS);
    suite_add_tcase(suite, table);
    return suite;
}
