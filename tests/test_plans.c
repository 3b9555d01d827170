/* Every row of the plan table that accepts a shape gives the right answer, not only the row that wins; the algorithms that a caller
 * can ask for; what the library says about its plans. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check_choice_sweeps.h"
#include "check_layouts.h"
#include "check_plan.h"
#include "check_sweeps.h"
#include "suites.h"

/* Aligned, and with everything somewhere else, now and then in place. */
static void check_pinned_both_ways(trial t) {
    const int64_t cols = t.x.layout.cols;
    const bool both = cols <= 8192 || cols == smx_plan_table_row(t.plan_row)->max_cols;

    if (both || cols % 2 == 0) check_pinned(&t);
    if (both || cols % 2 == 1) {
        trial_set_offsets(&t, 1 + cols % 5, cols % 7, 3);
        trial_set_padding(&t, 1, 0, 3);
        t.targets = TARGETS_SOME_IGNORED;
        t.reduction = SMX_REDUCTION_NONE;
        if (cols % 3 == 0 && op_writes_elements(t.op)) t.placement = OVER_X;
        check_pinned(&t);
    }
}

/* Thousands of threads per row take the emulator long; the small lists leave them to the suite long_rows. */
static bool left_to_long_rows(int index) {
    const smx_plan_row *row = smx_plan_table_row(index);
    return session_small() && row->threads_per_row > row->threads_per_block;
}

/* The loop variable counts rows of the table and operations; row 0 exists in every table. */
START_TEST(every_row_of_the_table) {
    const int index = _i / OPERATIONS;
    const smxOp_t op = (smxOp_t)(_i % OPERATIONS);
    if (left_to_long_rows(index)) return;
    const column_list columns = shapes_of_plan_row(index);

    for (size_t k = 0; k < FLOATING_TYPES; k++) {
        for (size_t i = 0; i < columns.count; i++) {
            if (session_small() && ((i + k) % 3 != 0 || (k > 0 && columns.at[i] > 600))) continue;
            if (k > 0 && columns.at[i] > 2000 && (i + k) % 4 != 0) continue; /* fp32 has them all */
            trial t = trial_of(op, floating_types[k], shapes_rows(columns.at[i]), columns.at[i]);
            t.plan_row = index;
            t.seed = i;
            check_pinned_both_ways(t);
            if (op == SMX_OP_CROSS_ENTROPY_BACKWARD) {
                t.with_lse = false;
                check_pinned_both_ways(t);
                t.with_lse = i % 2 == 0;
            }
            if (!op_is_loss(op) || op_is_nll(op)) continue;
            if (i % 3 == 0) /* a loss in its general form, for which other rows of the table may be there */
                t.probabilities = PROBABILITIES_SOFT;
            else
                t.smoothing = 0.1f;
            t.softcap = i % 3 == 1 ? 25.0f : 0.0f;
            t.with_weights = i % 2 == 0;
            check_pinned_both_ways(t);
        }
    }
}
END_TEST

/* Rows with special values through every kernel. */
START_TEST(hard_values_in_every_row) {
    const int index = _i / OPERATIONS;
    const smx_plan_row *row = smx_plan_table_row(index);
    if (left_to_long_rows(index)) return;
    const int64_t most = row->max_cols >= 0 ? row->max_cols : row->min_cols + 9000;
    const int64_t columns[] = {most < 700 ? most : 700, most > 6 ? most - 5 : most};

    for (size_t k = 0; k < FLOATING_TYPES; k++) {
        for (size_t i = 0; i < 2; i++) {
            if (columns[i] > 9000 || (session_small() && columns[i] > 2000) || (columns[i] > 2000 && k > 0)) continue;
            trial t = trial_of((smxOp_t)(_i % OPERATIONS), floating_types[k], hard_row_count(), columns[i]);
            t.plan_row = index;
            t.values = VALUES_HARD;
            t.reduction = SMX_REDUCTION_NONE;
            t.empty_row = (smxEmptyRow_t)i;
            t.targets = TARGETS_SOME_BAD;
            check_pinned(&t);
        }
    }
}
END_TEST

/* ---- argmax, top-k, sample, multinomial ---- */

static bool plan_row_accepts_choice(const smx_plan_row *row, const choice *c) {
    const smx_call call = {.op = c->op,
                           .handle = session_handle(),
                           .rows = layout_rows(&c->layout),
                           .cols = c->layout.cols,
                           .in = {.layout = c->layout},
                           .strided = smx_is_strided(&c->layout)};
    return smx_plan_accepts(row, &call);
}

/* Pinned to its row of the table a choice is right if that accepts it, and is refused otherwise. */
static void check_pinned_choice(const choice *c) {
    choice_run run;
    if (plan_row_accepts_choice(smx_plan_table_row(c->plan_row), c)) {
        check_choice(c);
        return;
    }
    choice_prepare(&run, c);
    session_count_comparison();
    ck_assert_int_eq(choice_execute(&run), SMX_STATUS_NOT_SUPPORTED);
    choice_require_nothing_written(&run);
    choice_release(&run);
}

START_TEST(choices_in_every_row_of_the_table) {
    const int index = _i / CHOICES;
    const smx_plan_row *row = smx_plan_table_row(index);
    const int64_t columns[] = {1, 33, 700, 1024, 1025, 5003, 16384, 16385, 20000};

    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++)
        for (size_t k = 0; k < FLOATING_TYPES; k++) {
            if (columns[i] > (session_emulated() ? 5003 : INT64_MAX)) continue;
            if (columns[i] > 1025 && (session_small() || k > 0)) continue;
            if (columns[i] > 33 && k != i % FLOATING_TYPES) continue;
            choice c = choice_of((smxOp_t)(FIRST_CHOICE + _i % CHOICES), floating_types[k], columns[i] > 700 ? 1 : 5, columns[i]);
            if (row->max_cols >= 0 && columns[i] > row->max_cols + 1) continue;
            choice_vary(&c, i + k);
            c.plan_row = index;
            check_pinned_choice(&c);
            c.offset = 1 + (int64_t)k;
            c.values = VALUES_HARD;
            c.layout =
                layout_arranged(ARRANGED_PADDED, c.layout.type, columns[i] > 700 ? 1 : hard_row_count(), columns[i], 1 + (int64_t)i % 2);
            choice_vary(&c, i + k + 5);
            check_pinned_choice(&c);
        }
}
END_TEST

/* What smxGetWorkspaceSize says is enough, whatever the options, and nothing beside it is written. */
START_TEST(workspace_sizes_of_choices_suffice) {
    static const int64_t shapes[][2] = {{0, 11}, {1, 1}, {3, 65}, {40, 300}, {2, 6000}};

    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
        for (uint64_t k = 0; k < 4; k++) {
            choice c = choice_of((smxOp_t)(FIRST_CHOICE + _i), k % 2 == 0 ? SMX_R_32F : SMX_R_64F, shapes[i][0], shapes[i][1]);
            size_t bytes = SIZE_MAX;
            int64_t byte;

            choice_vary(&c, k + 7 * i);
            require_success(smxGetWorkspaceSize(session_handle(), c.op, &c.layout, &bytes), "smxGetWorkspaceSize");
            tensor workspace = tensor_make_vector(BUFFER_OUTPUT, SMX_R_16F, (int64_t)(bytes + 1) / 2, 0); /* behind its guard */
            buffer_upload(&workspace.memory);
            require_success(smxSetWorkspace(session_handle(), bytes > 0 ? buffer_pointer(&workspace.memory) : NULL, bytes),
                            "smxSetWorkspace");
            check_choice(&c);
            buffer_download(&workspace.memory);
            ck_assert_msg(!tensor_surroundings_changed(&workspace, &byte), "byte %lld outside of the workspace was written",
                          (long long)byte);
            require_success(smxSetWorkspace(session_handle(), NULL, 0), "smxSetWorkspace");
            buffer_free(&workspace.memory);
        }
}
END_TEST

/* A row that nothing can use would never be tried: an operation, on rows that lie together or apart, in its plain or general form. */
START_TEST(every_row_accepts_something) {
    const smx_plan_row *row = smx_plan_table_row(_i);
    int accepted = 0;

    for (int op = 0; op < OPERATIONS; op++)
        for (int form = 0; form < 4; form++) {
            trial t = trial_of((smxOp_t)op, SMX_R_32F, 2, row->min_cols > 1 ? row->min_cols : 2);
            t.smoothing = form % 2 == 0 ? 0.0f : 0.1f;
            if (form >= 2) t.x.layout.colStride = t.out.layout.colStride = t.dy.layout.colStride = 2;
            accepted += plan_row_accepts(row, &t);
        }
    for (int op = FIRST_CHOICE; op < FIRST_CHOICE + CHOICES; op++)
        for (int apart = 0; apart < 2; apart++) {
            choice c = choice_of((smxOp_t)op, SMX_R_32F, 2, row->min_cols > 1 ? row->min_cols : 2);
            c.layout.colStride += apart;
            accepted += plan_row_accepts_choice(row, &c);
        }
    session_count_comparison();
    ck_assert_msg(accepted > 0 || row->min_cc > session_handle()->compute_capability, "row %d of the plan table accepts nothing", _i);
}
END_TEST

/* RESIDENT is refused where a row is too long to be kept; everything else works. */
START_TEST(algorithms) {
    static const int64_t columns[] = {1, 30, 500, 5000, 40000};

    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
        for (size_t k = 0; k < FLOATING_TYPES; k++) {
            if (session_small() && columns[i] > 500 && k > 0) continue;
            trial t = trial_of((smxOp_t)_i, floating_types[k], shapes_rows(columns[i]), columns[i]);
            t.algorithm = SMX_ALGORITHM_ONLINE;
            check_trial(&t);
            t.algorithm = SMX_ALGORITHM_RESIDENT;
            if (session_backend() == SMX_BACKEND_CPU || columns[i] <= 500)
                check_trial(&t);
            else
                check_trial_if_supported(&t);
            t.values = VALUES_MASKED;
            t.algorithm = SMX_ALGORITHM_ONLINE;
            check_trial(&t);
        }
    }
}
END_TEST

/* ---- what is said about a plan ---- */

enum { TEXT = 400 };

static void describe(smxOp_t op, const smxLayout_t *layout, char *text) {
    session_count_comparison();
    require_success(smxDescribePlan(session_handle(), op, layout, text, TEXT), "smxDescribePlan");
    ck_assert_msg(text[0] != '\0' && strchr(text, '\n') == NULL, "not one line: '%s'", text);
}

START_TEST(descriptions) {
    static const int64_t columns[] = {1, 77, 1031, 8209, 262147};
    char first[TEXT], second[TEXT], number[32];

    for (size_t k = 0; k < FLOATING_TYPES; k++) {
        for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
            smxLayout_t layout = smxRowMajor(floating_types[k], 17, columns[i]);
            if (i % 2 == 1) layout.colStride = layout.inner = 17, layout.outer = 1; /* 17 rows beside each other */
            memset(first, 'x', sizeof first);
            describe((smxOp_t)_i, &layout, first);
            describe((smxOp_t)_i, &layout, second);
            ck_assert_str_eq(first, second);
            snprintf(number, sizeof number, "%lld", (long long)columns[i]);
            ck_assert_msg(strstr(first, number) != NULL, "no %s columns in '%s'", number, first);
        }
    }
}
END_TEST

/* What a plan moves follows from the shape; whatever is predicted is no more than the memory's limit, and of much traffic near it. */
START_TEST(descriptions_say_what_is_moved) {
    static const struct {
        smxOp_t op;
        int64_t rows, cols;
        const char *moved;
        double least_share;
    } cases[] = {{SMX_OP_SOFTMAX_FORWARD, 65536, 256, "moves 134.218 MB", 90},
                 {SMX_OP_SOFTMAX_BACKWARD, 65536, 256, "moves 201.327 MB", 90},
                 {SMX_OP_LOG_SUM_EXP, 4096, 50257, "moves 823.411 MB", 90},
                 {SMX_OP_CROSS_ENTROPY_FORWARD_BACKWARD, 4096, 8192, "moves 268.435 MB", 80},
                 {SMX_OP_NLL_LOSS_BACKWARD, 1000, 1000, "moves 4.000 MB", 0},
                 {SMX_OP_SOFTMAX_FORWARD, 3, 5, "moves 0.000 MB", 0}};
    char text[TEXT];

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const smxLayout_t layout = smxRowMajor(SMX_R_32F, cases[i].rows, cases[i].cols);
        describe(cases[i].op, &layout, text);
        ck_assert_msg(strstr(text, cases[i].moved) != NULL, "'%s' is not in '%s'", cases[i].moved, text);
        const char *share = strstr(text, " us, ");
        ck_assert_msg(share != NULL, "nothing is predicted in '%s'", text);
        const double percent = strtod(share + strlen(" us, "), NULL);
        ck_assert_msg(percent <= 100 && (session_emulated() || percent >= cases[i].least_share), "'%s'", text);
    }
}
END_TEST

START_TEST(descriptions_are_cut_to_the_capacity) {
    const smxLayout_t layout = smxRowMajor(SMX_R_32F, 3, 1031);
    char whole[TEXT], cut[TEXT];

    describe((smxOp_t)_i, &layout, whole);
    for (size_t capacity = 1; capacity <= strlen(whole) + 2; capacity++) {
        memset(cut, '#', sizeof cut);
        session_count_comparison();
        require_success(smxDescribePlan(session_handle(), (smxOp_t)_i, &layout, cut, capacity), "smxDescribePlan");
        const size_t length = capacity - 1 < strlen(whole) ? capacity - 1 : strlen(whole);
        ck_assert_msg(cut[length] == '\0' && memcmp(cut, whole, length) == 0, "capacity %zu: '%.*s'", capacity, TEXT, cut);
        for (size_t i = capacity; i < sizeof cut; i++) ck_assert_msg(cut[i] == '#', "capacity %zu: byte %zu was written", capacity, i);
    }
}
END_TEST

/* The row of the table that the description names. */
static int described_row(smxOp_t op, const smxLayout_t *layout) {
    char text[TEXT];
    describe(op, layout, text);
    const char *row = strstr(text, "plan row ");
    ck_assert_msg(row != NULL, "no plan row in '%s'", text);
    return (int)strtol(row + strlen("plan row "), NULL, 10);
}

/* That is the one that a call uses: pinning it changes no bit. */
START_TEST(described_row_is_the_one_in_use) {
    static const int64_t columns[] = {5, 40, 900, 5000, 33000};

    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
        trial t = trial_of((smxOp_t)_i, SMX_R_16BF, 2, columns[i]);
        t.plan_row = described_row(t.op, &t.x.layout);
        check_trial(&t);
    }
}
END_TEST

START_TEST(described_row_of_a_choice) {
    static const int64_t columns[] = {5, 900, 5000, 33000};

    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
        choice c = choice_of((smxOp_t)(FIRST_CHOICE + _i), SMX_R_16BF, 2, columns[i]);
        c.plan_row = described_row(c.op, &c.layout);
        check_choice(&c);
    }
}
END_TEST

/* ---- workspace sizes ---- */

/* What smxGetWorkspaceSize says is enough. */
START_TEST(workspace_sizes_suffice) {
    static const int64_t rows[] = {0, 1, 3, 300, 5000};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (session_small() && rows[i] > 1000) continue;
        for (int reduction = SMX_REDUCTION_MEAN; reduction <= SMX_REDUCTION_NONE; reduction++) {
            trial t = trial_of((smxOp_t)_i, i % 2 == 0 ? SMX_R_32F : SMX_R_64F, rows[i], 11);
            const smxLayout_t beside = layout_arranged(ARRANGED_DENSE, t.x.layout.type, 1, 11, rows[i]);
            if (reduction == SMX_REDUCTION_SUM && rows[i] > 0) trial_set_layout(&t, &beside);
            tensor workspace;
            size_t bytes = SIZE_MAX;
            int64_t byte;

            require_success(smxGetWorkspaceSize(session_handle(), t.op, &t.x.layout, &bytes), "smxGetWorkspaceSize");
            ck_assert_uint_lt(bytes, SIZE_MAX);
            workspace = tensor_make_vector(BUFFER_OUTPUT, SMX_R_16F, (int64_t)(bytes + 1) / 2, 0); /* behind its guard at 256 bytes */
            buffer_upload(&workspace.memory);
            require_success(smxSetWorkspace(session_handle(), bytes > 0 ? buffer_pointer(&workspace.memory) : NULL, bytes),
                            "smxSetWorkspace");
            t.reduction = (smxReduction_t)reduction;
            check_trial(&t);
            t.with_weights = true;
            check_trial(&t);
            t.probabilities = PROBABILITIES_SOFT;
            t.with_divisor = i % 2 == 0;
            t.divisor = 3.0f;
            check_trial(&t);
            buffer_download(&workspace.memory);
            ck_assert_msg(!tensor_surroundings_changed(&workspace, &byte), "byte %lld outside of the workspace was written",
                          (long long)byte);
            require_success(smxSetWorkspace(session_handle(), NULL, 0), "smxSetWorkspace");
            buffer_free(&workspace.memory);
        }
    }
}
END_TEST

/* Rows for which a grid has not blocks enough are left to a kernel whose blocks make several turns. */
START_TEST(more_rows_than_blocks) {
    const struct {
        int64_t rows, cols;
        smx_kernel kernel;
    } calls[] = {
        {(int64_t)INT32_MAX * 256 - 1, 4, SMX_KERNEL_ROW_REGISTERS},
        {(int64_t)INT32_MAX * 256, 4, SMX_KERNEL_ROW_STREAM},
        {INT32_MAX - 1, 4000, SMX_KERNEL_ROW_REGISTERS},
        {(int64_t)INT32_MAX + 1, 4000, SMX_KERNEL_ROW_STREAM},
        {(int64_t)1 << 40, 4, SMX_KERNEL_ROW_STREAM},
    };
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        smx_call call = {.op = SMX_OP_LOG_SOFTMAX_FORWARD,
                         .name = "smxLogSoftmaxForward",
                         .handle = session_handle(),
                         .rows = calls[i].rows,
                         .cols = calls[i].cols,
                         .in = {.layout = smxRowMajor(SMX_R_32F, calls[i].rows, calls[i].cols)}};
        session_count_comparison();
        require_success(smx_plan_call(&call), "smx_plan_call");
        ck_assert_int_eq(call.plan.row->kernel, calls[i].kernel);
    }
}
END_TEST

Suite *suite_plans(void) {
    Suite *suite = suite_create("plans");
    TCase *tcase = session_case("plans");
    TCase *table = session_case("plan_table");

    tcase_add_loop_test(tcase, algorithms, 0, OPERATIONS);
    tcase_add_loop_test(tcase, descriptions, 0, SMX_OP_MULTINOMIAL + 1);
    tcase_add_loop_test(tcase, descriptions_are_cut_to_the_capacity, 0, SMX_OP_MULTINOMIAL + 1);
    tcase_add_loop_test(tcase, workspace_sizes_suffice, 0, OPERATIONS);
    tcase_add_loop_test(tcase, workspace_sizes_of_choices_suffice, 0, CHOICES);
    suite_add_tcase(suite, tcase);

    if (session_backend() == SMX_BACKEND_CUDA) { /* the CPU has no use for the table */
        tcase_add_loop_test(table, every_row_of_the_table, 0, smx_plan_table_size() * OPERATIONS);
        tcase_add_loop_test(table, hard_values_in_every_row, 0, smx_plan_table_size() * OPERATIONS);
        tcase_add_loop_test(table, every_row_accepts_something, 0, smx_plan_table_size());
        tcase_add_test(table, descriptions_say_what_is_moved);
        tcase_add_loop_test(table, described_row_is_the_one_in_use, 0, OPERATIONS);
        tcase_add_loop_test(table, choices_in_every_row_of_the_table, 0, smx_plan_table_size() * CHOICES);
        tcase_add_loop_test(table, described_row_of_a_choice, 0, CHOICES);
        tcase_add_test(table, more_rows_than_blocks);
    }
    suite_add_tcase(suite, table);
    return suite;
}
