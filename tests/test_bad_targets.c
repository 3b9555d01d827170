/* Targets outside [0, cols): counted, harmless to the other rows and to memory. Every other loss trial checks the count too. */
#include "check_sweeps.h"
#include "suites.h"

enum { ROWS = 12, COLS = 7 };

/* Runs one forward call on these targets and leaves the counters alone. */
static void run_targets(const int64_t *targets, int64_t rows) {
    const smxLayout_t layout = smxRowMajor(SMX_R_32F, rows, COLS);
    tensor x = tensor_make(BUFFER_INPUT, &layout, 0), loss = tensor_make_vector(BUFFER_OUTPUT, SMX_R_32F, 1, 0);
    buffer indices = buffer_make(BUFFER_INPUT, 0, (size_t)rows * sizeof(int64_t));

    for (int64_t r = 0; r < rows; r++) {
        for (int64_t j = 0; j < COLS; j++) tensor_store(&x, r, j, (double)(j - r));
        store_index(SMX_R_64I, indices.before + (size_t)r * sizeof(int64_t), targets[r]);
    }
    buffer_upload(&x.memory);
    buffer_upload(&indices);
    const smxTargets_t t = smxIndexTargets(SMX_R_64I, buffer_pointer(&indices));
    require_success(
        smxCrossEntropyForward(session_handle(), NULL, &layout, buffer_pointer(&x.memory), &t, buffer_pointer(&loss.memory), NULL),
        "smxCrossEntropyForward");
    require_success(smxSynchronize(session_handle()), "smxSynchronize");
    buffer_free(&x.memory);
    buffer_free(&loss.memory);
    buffer_free(&indices);
}

static void expect_counters(int64_t count, int64_t first) {
    int64_t got_count = -7, got_first = -7;

    session_count_comparison();
    require_success(smxGetBadTargets(session_handle(), &got_count, &got_first), "smxGetBadTargets");
    ck_assert_int_eq(got_count, count);
    ck_assert_int_eq(got_first, first);
}

START_TEST(nothing_seen_yet) { expect_counters(0, -1); }
END_TEST

START_TEST(counts_add_up_until_they_are_read) {
    const int64_t first[ROWS] = {0, 1, 2, 3, 4, 5, 6, 0, 7, 0, 0, -1};   /* bad: 8 and 11 */
    const int64_t second[ROWS] = {0, 1, 2, 3, 900, 5, 6, 0, 0, 0, 0, 0}; /* bad: 4 */
    const int64_t good[ROWS] = {0, -100, 2, 3, 6, -100, 6, 0, 0, 0, 0, 0};

    run_targets(first, ROWS);
    expect_counters(2, 8);
    expect_counters(0, -1);
    run_targets(first, ROWS);
    run_targets(second, ROWS);
    run_targets(good, ROWS);
    expect_counters(3, 4);
    run_targets(good, ROWS);
    expect_counters(0, -1);
    run_targets(second, ROWS); /* the smallest row also when it is seen first */
    run_targets(first, ROWS);
    expect_counters(3, 4);
}
END_TEST

START_TEST(either_pointer_may_be_null) {
    const int64_t targets[ROWS] = {0, 1, 2, -3, 4, 5, 6, 0, 0, 0, 0, 0};
    int64_t count = -7, first = -7;

    run_targets(targets, ROWS);
    require_success(smxGetBadTargets(session_handle(), &count, NULL), "smxGetBadTargets");
    ck_assert_int_eq(count, 1);
    expect_counters(0, -1);
    run_targets(targets, ROWS);
    require_success(smxGetBadTargets(session_handle(), NULL, &first), "smxGetBadTargets");
    ck_assert_int_eq(first, 3);
    run_targets(targets, ROWS);
    require_success(smxGetBadTargets(session_handle(), NULL, NULL), "smxGetBadTargets");
    expect_counters(0, -1);
}
END_TEST

/* All kinds of targets, all types of them, short rows and long ones, one row and many. */
START_TEST(bad_rows_leave_the_others_alone) {
    static const smxDataType_t types[] = {SMX_R_64I, SMX_R_32I, SMX_R_8U};
    static const int64_t shapes[][2] = {{1, 5}, {40, 5}, {700, 33}, {9, 1500}, {3, 40000}};

    for (int op = SMX_OP_CROSS_ENTROPY_FORWARD; op <= SMX_OP_CROSS_ENTROPY_FORWARD_BACKWARD; op++) {
        for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
            for (int reduction = SMX_REDUCTION_MEAN; reduction <= SMX_REDUCTION_NONE; reduction++) {
                if (shapes[i][1] > 10000 && (session_small() || reduction != SMX_REDUCTION_MEAN)) continue;
                trial t = trial_of((smxOp_t)op, floating_types[_i], shapes[i][0], shapes[i][1]);
                t.reduction = (smxReduction_t)reduction;
                t.targets = TARGETS_SOME_BAD;
                t.target_type = types[(i + (size_t)reduction) % 3];
                t.seed = i;
                check_trial(&t);
                t.targets = TARGETS_ALL_BAD;
                t.with_lse = false;
                t.placement = op_writes_elements(t.op) ? OVER_X : OUT_OF_PLACE;
                check_trial(&t);
            }
        }
    }
}
END_TEST

Suite *suite_bad_targets(void) {
    Suite *suite = suite_create("bad_targets");
    TCase *tcase = session_case("bad_targets");

    tcase_add_test(tcase, nothing_seen_yet);
    tcase_add_test(tcase, counts_add_up_until_they_are_read);
    tcase_add_test(tcase, either_pointer_may_be_null);
    tcase_add_loop_test(tcase, bad_rows_leave_the_others_alone, 0, FLOATING_TYPES);
    suite_add_tcase(suite, tcase);
    return suite;
}
