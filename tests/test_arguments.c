/* Everything that a caller can get wrong: the status, a message with the call, the argument and the numbers, and no output touched. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "check_refusal.h"
#include "suites.h"

#define INVALID SMX_STATUS_INVALID_VALUE
#define UNSUPPORTED SMX_STATUS_NOT_SUPPORTED

/* Rows that are not adjacent elements: what both backends say about them for now. */
#define STRIDED_AXIS_STATUS SMX_STATUS_NOT_SUPPORTED

/* Each test is a loop over the operations. */
static smxOp_t op_of(int i) { return (smxOp_t)i; }

static char *number(char text[32], long long value) {
    snprintf(text, 32, "%lld", value);
    return text;
}

/* ---- pointers ---- */

START_TEST(null_handle) {
    trial_run run;
    refusal_prepare(&run, op_of(_i));
    run.call.handle = NULL;
    expect_refused(&run, SMX_STATUS_NOT_INITIALIZED, "handle", NULL);
    refusal_release(&run);
}
END_TEST

START_TEST(null_data) {
    const smxOp_t op = op_of(_i);
    trial_run run;

    refusal_prepare(&run, op);
    run.call.x = NULL;
    expect_refused(&run, INVALID, op_x_name(op), "NULL", NULL);
    if (op_takes_gradient(op)) {
        run.call.dy = NULL;
        expect_refused(&run, INVALID, "dy", "NULL", NULL);
    }
    if (op_writes_elements(op)) {
        run.call.out = NULL;
        expect_refused(&run, INVALID, op_out_name(op), "NULL", NULL);
    }
    if (op == SMX_OP_LOG_SUM_EXP) {
        run.call.lse = NULL;
        expect_refused(&run, INVALID, "lse", "NULL", NULL);
    }
    if (op == SMX_OP_CROSS_ENTROPY_FORWARD) {
        run.call.loss = NULL;
        expect_refused(&run, INVALID, "loss", "NULL", NULL);
    }
    if (op_is_loss(op)) {
        run.call.targets.data = NULL;
        expect_refused(&run, INVALID, "targets", "NULL", NULL);
    }
    refusal_release(&run);
}
END_TEST

START_TEST(null_structures) {
    const smxOp_t op = op_of(_i);
    trial_run run;

    refusal_prepare(&run, op);
    run.call.without = WITHOUT_X_LAYOUT;
    expect_refused(&run, INVALID, op_x_name(op), "NULL", NULL);
    if (op_takes_gradient(op)) {
        run.call.without = WITHOUT_DY_LAYOUT;
        expect_refused(&run, INVALID, "dyLayout", "NULL", NULL);
    }
    if (op_writes_elements(op)) {
        run.call.without = WITHOUT_OUT_LAYOUT;
        expect_refused(&run, INVALID, op_out_name(op), "NULL", NULL);
    }
    if (op_is_loss(op)) {
        run.call.without = WITHOUT_TARGETS;
        expect_refused(&run, INVALID, "targets", "NULL", NULL);
    }
    refusal_release(&run);
}
END_TEST

static const void *one_byte_on(const void *pointer) { return (const unsigned char *)pointer + 1; }

static void *one_byte_on_output(void *pointer) { return (unsigned char *)pointer + 1; }

START_TEST(pointers_misaligned_to_their_elements) {
    const smxOp_t op = op_of(_i);
    trial_run run;

    refusal_prepare(&run, op);
    run.call.x = one_byte_on(run.call.x);
    expect_refused(&run, INVALID, op_x_name(op), "align", "4", NULL);
    if (op_takes_gradient(op)) {
        run.call.dy = one_byte_on(run.call.dy);
        expect_refused(&run, INVALID, "dy", "align", "4", NULL);
    }
    if (op_writes_elements(op)) {
        run.call.out = one_byte_on_output(run.call.out);
        expect_refused(&run, INVALID, op_out_name(op), "align", "4", NULL);
    }
    if (op_writes_loss(op)) {
        run.call.loss = one_byte_on_output(run.call.loss);
        expect_refused(&run, INVALID, "loss", "align", "4", NULL);
    }
    if (run.call.lse != NULL) {
        run.call.lse = one_byte_on_output(run.call.lse);
        expect_refused(&run, INVALID, "lse", "align", "4", NULL);
    }
    if (run.call.grad_loss != NULL) {
        run.call.grad_loss = one_byte_on(run.call.grad_loss);
        expect_refused(&run, INVALID, "gradLoss", "align", "4", NULL);
    }
    if (op_is_loss(op)) {
        run.call.targets.data = one_byte_on(run.call.targets.data);
        expect_refused(&run, INVALID, "targets", "align", "8", NULL);
    }
    refusal_release(&run);
}
END_TEST

/* ---- layouts ---- */

/* The three layouts of a call in turn, with the names that they have in messages. */
static smxLayout_t *layout_of(trial_run *run, int which, const char **name) {
    const smxOp_t op = run->spec.op;

    *name = which == 0 ? op_x_name(op) : which == 1 ? "dy" : op_out_name(op);
    if (which == 0) return &run->call.x_layout;
    if (which == 1) return op_takes_gradient(op) ? &run->call.dy_layout : NULL;
    return op_writes_elements(op) ? &run->call.out_layout : NULL;
}

enum { LAYOUTS = 3 };

START_TEST(unknown_types) {
    static const int types[] = {99, -1, 3, SMX_R_8U, SMX_R_32I, SMX_R_64I};
    trial_run run;
    const char *name;
    char text[32];

    refusal_prepare(&run, op_of(_i));
    for (int which = 0; which < LAYOUTS; which++) {
        for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
            smxLayout_t *layout = layout_of(&run, which, &name);
            if (layout == NULL) continue;
            layout->type = (smxDataType_t)types[i];
            expect_refused(&run, INVALID, name, number(text, types[i]), NULL);
        }
    }
    refusal_release(&run);
}
END_TEST

START_TEST(impossible_sizes) {
    trial_run run;
    const char *name;
    smxLayout_t *layout;

    refusal_prepare(&run, op_of(_i));
    for (int which = 0; which < LAYOUTS; which++) {
        if ((layout = layout_of(&run, which, &name)) == NULL) continue;
        layout->outer = -3;
        expect_refused(&run, INVALID, name, "outer", "-3", NULL);
        layout->cols = -4;
        expect_refused(&run, INVALID, name, "cols", "-4", NULL);
        layout->cols = 0;
        expect_refused(&run, INVALID, name, "cols", "0", NULL);
        layout->inner = -5;
        expect_refused(&run, INVALID, name, "inner", "-5", NULL);
        layout->outerStride = 20; /* 21 columns */
        expect_refused(&run, INVALID, name, "outerStride", "20", "21", NULL);
        layout->outerStride = -23;
        expect_refused(&run, INVALID, name, "outerStride", "-23", NULL);
        layout->colStride = 0;
        expect_refused(&run, INVALID, name, "colStride", "0", NULL);
        layout->colStride = -1;
        expect_refused(&run, INVALID, name, "colStride", "-1", NULL);
    }
    refusal_release(&run);
}
END_TEST

/* Sizes whose products leave 63 bits must be noticed before anything is computed from them. */
START_TEST(sizes_that_overflow) {
    trial_run run;
    const char *name;
    smxLayout_t *layout;

    refusal_prepare(&run, op_of(_i));
    for (int which = 0; which < LAYOUTS; which++) {
        if ((layout = layout_of(&run, which, &name)) == NULL) continue;
        layout->outer = INT64_MAX / 8;
        expect_refused(&run, INVALID, name, NULL);
        layout->outerStride = INT64_MAX / 2;
        expect_refused(&run, INVALID, name, NULL);
        layout->cols = INT64_MAX;
        expect_refused(&run, INVALID, name, NULL);
    }
    run.call.x_layout.outer = run.call.dy_layout.outer = run.call.out_layout.outer = INT64_MAX;
    run.call.x_layout.inner = run.call.dy_layout.inner = run.call.out_layout.inner = 2;
    expect_refused(&run, INVALID, op_x_name(run.spec.op), NULL);
    refusal_release(&run);
}
END_TEST

START_TEST(shapes_that_differ) {
    trial_run run;
    const char *name;
    smxLayout_t *layout;

    refusal_prepare(&run, op_of(_i));
    for (int which = 1; which < LAYOUTS; which++) {
        if ((layout = layout_of(&run, which, &name)) == NULL) continue;
        layout->outer = 4;
        expect_refused(&run, INVALID, name, "4", "5", NULL);
        layout->cols = 20;
        expect_refused(&run, INVALID, name, "20", "21", NULL);
    }
    refusal_release(&run);
}
END_TEST

/* One row can be written down with any outerStride; two rows cannot share their elements. */
START_TEST(strided_axis) {
    const smxOp_t op = op_of(_i);
    static const int64_t dims[] = {3, 5, 4};
    trial t = trial_of(op, SMX_R_32F, 12, 5);

    for (int axis = 0; axis < 2; axis++) {
        smxLayout_t layout;
        require_success(smxAlongAxis(SMX_R_32F, 3, dims, axis, &layout), "smxAlongAxis");
        t.x.layout = t.dy.layout = t.out.layout = layout;
        if (STRIDED_AXIS_STATUS == SMX_STATUS_SUCCESS) {
            check_trial(&t);
            continue;
        }
        check_refused_trial(&t, STRIDED_AXIS_STATUS);
        ck_assert_msg(strstr(smxGetLastErrorMessage(), op_function(op)) != NULL, "%s", smxGetLastErrorMessage());
    }
    /* columns apart, rows next to each other or not */
    t = trial_of(op, SMX_R_32F, 3, 5);
    t.x.layout.colStride = t.dy.layout.colStride = t.out.layout.colStride = 2;
    t.x.layout.outerStride = t.dy.layout.outerStride = t.out.layout.outerStride = 10;
    if (STRIDED_AXIS_STATUS == SMX_STATUS_SUCCESS)
        check_trial(&t);
    else
        check_refused_trial(&t, STRIDED_AXIS_STATUS);
}
END_TEST

/* ---- overlap ---- */

START_TEST(overlapping_operands) {
    const smxOp_t op = op_of(_i);
    trial_run run;

    refusal_prepare(&run, op);
    if (op_writes_elements(op)) {
        run.call.out = (char *)(uintptr_t)run.call.x + 4; /* one element further */
        expect_refused(&run, INVALID, op_x_name(op), op_out_name(op), "overlap", NULL);
        run.call.out = (char *)(uintptr_t)run.call.x + 23 * 4; /* one row further */
        run.call.out_layout = run.call.x_layout;
        expect_refused(&run, INVALID, op_x_name(op), op_out_name(op), "overlap", NULL);
        run.call.out = (void *)(uintptr_t)run.call.x; /* in place, but with another distance of rows */
        expect_refused(&run, INVALID, op_x_name(op), op_out_name(op), "overlap", NULL);
        run.call.out = (void *)(uintptr_t)run.call.x; /* or of another type */
        run.call.out_layout = run.call.x_layout;
        run.call.out_layout.type = SMX_R_16F;
        expect_refused(&run, INVALID, op_x_name(op), op_out_name(op), "overlap", NULL);
    }
    if (op_takes_gradient(op)) {
        run.call.out = (char *)(uintptr_t)run.call.dy + 8;
        expect_refused(&run, INVALID, "dy", op_out_name(op), "overlap", NULL);
    }
    refusal_release(&run);
}
END_TEST

/* Two tensors may be column ranges of one padded matrix, as long as these have no column in common. */
START_TEST(interleaved_rows) {
    const smxOp_t op = op_of(_i);
    trial t = trial_of(op, SMX_R_32F, 4, 10);
    trial_run run;

    if (!op_writes_elements(op)) return;
    t.x.layout.outerStride = t.out.layout.outerStride = 24;
    t.placement = OVER_X; /* guards on both sides of x */
    trial_prepare(&run, &t);
    run.call.out = (char *)(uintptr_t)run.call.x + 12 * 4;
    session_count_comparison();
    require_success(trial_execute(&run), "columns 12..21 of a matrix computed from columns 0..9");
    run.call.out = (char *)(uintptr_t)run.call.x - 10 * 4;
    session_count_comparison();
    require_success(trial_execute(&run), "columns 14..23 of the row before computed from columns 0..9");
    run.call.out = (char *)(uintptr_t)run.call.x + 9 * 4;
    expect_message(trial_execute(&run), INVALID, op_function(op), "overlap", NULL);
    run.call.out = (char *)(uintptr_t)run.call.x + 15 * 4;
    expect_message(trial_execute(&run), INVALID, op_function(op), "overlap", NULL);
    trial_release(&run);
}
END_TEST

START_TEST(overlapping_losses) {
    const smxOp_t op = op_of(_i);
    trial_run run;

    refusal_prepare(&run, op);
    if (op_writes_lse(op)) {
        run.call.lse = (char *)(uintptr_t)run.call.x + 16;
        expect_refused(&run, INVALID, "lse", "x", "overlap", NULL);
    }
    if (op_writes_loss(op)) {
        run.call.loss = (char *)(uintptr_t)run.call.x + 8;
        expect_refused(&run, INVALID, "loss", "x", "overlap", NULL);
        run.call.loss = (char *)run.call.lse + 4;
        expect_refused(&run, INVALID, "loss", "lse", "overlap", NULL);
        run.call.loss = run.call.lse;
        expect_refused(&run, INVALID, "loss", "lse", "overlap", NULL);
        run.call.loss = (char *)(uintptr_t)run.call.targets.data + 12;
        expect_refused(&run, INVALID, "loss", "targets", "overlap", NULL);
        run.call.lse = (void *)(uintptr_t)run.call.targets.data;
        expect_refused(&run, INVALID, "lse", "targets", "overlap", NULL);
    }
    if (op_takes_grad_loss(op)) {
        run.call.out = (char *)(uintptr_t)run.call.targets.data;
        expect_refused(&run, INVALID, "dx", "targets", "overlap", NULL);
        run.call.grad_loss = (char *)run.call.out + 4;
        expect_refused(&run, INVALID, "dx", "gradLoss", "overlap", NULL);
        run.call.lse = (char *)run.call.out + 8;
        expect_refused(&run, INVALID, "dx", "lse", "overlap", NULL);
    }
    refusal_release(&run);
}
END_TEST

/* ---- options ---- */

START_TEST(option_sizes) {
    const bool loss = op_is_loss(op_of(_i));
    const size_t sizes[] = {0, 1, (loss ? sizeof(smxCrossEntropyOptions_t) : sizeof(smxSoftmaxOptions_t)) - 1};
    trial_run run;
    char text[32];

    refusal_prepare(&run, op_of(_i));
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        run.call.softmax.size = sizes[i];
        run.call.cross_entropy.size = sizes[i];
        expect_refused(&run, INVALID, "size", number(text, (long long)sizes[i]), NULL);
    }
    refusal_release(&run);
}
END_TEST

START_TEST(scales_out_of_range) {
    static const float scales[] = {0.0f, -0.0f, -2.5f, NAN, INFINITY, -INFINITY};
    static const char *const words[] = {"0", "0", "-2.5", "nan", "inf", "-inf"};
    const bool loss = op_is_loss(op_of(_i));
    trial_run run;

    refusal_prepare(&run, op_of(_i));
    for (size_t i = 0; i < sizeof scales / sizeof scales[0]; i++) {
        run.call.softmax.scale = scales[i];
        run.call.cross_entropy.logitScale = scales[i];
        expect_refused(&run, INVALID, loss ? "logitScale" : "scale", words[i], NULL);
    }
    refusal_release(&run);
}
END_TEST

START_TEST(unknown_enumerators) {
    static const int values_out_of_range[] = {-1, 3, 77};
    const bool loss = op_is_loss(op_of(_i));
    trial_run run;
    char text[32];

    refusal_prepare(&run, op_of(_i));
    for (size_t i = 0; i < sizeof values_out_of_range / sizeof values_out_of_range[0]; i++) {
        const int value = values_out_of_range[i];
        number(text, value);
        run.call.softmax.algorithm = (smxAlgorithm_t)value;
        run.call.cross_entropy.algorithm = (smxAlgorithm_t)value;
        expect_refused(&run, INVALID, "algorithm", text, NULL);
        if (!loss) {
            run.call.softmax.emptyRow = (smxEmptyRow_t)value;
            expect_refused(&run, INVALID, "emptyRow", text, NULL);
            continue;
        }
        run.call.cross_entropy.reduction = (smxReduction_t)value;
        expect_refused(&run, INVALID, "reduction", text, NULL);
        run.call.cross_entropy.emptyMean = (smxEmptyMean_t)value;
        expect_refused(&run, INVALID, "emptyMean", text, NULL);
        run.call.targets.type = (smxDataType_t)(value + 200);
        expect_refused(&run, INVALID, "targets", number(text, value + 200), NULL);
    }
    refusal_release(&run);
}
END_TEST

/* Parts of the interface that are declared and not there yet. */
START_TEST(options_not_implemented_yet) {
    trial_run run;

    if (!op_is_loss(op_of(_i))) return;
    refusal_prepare(&run, op_of(_i));
    run.call.cross_entropy.labelSmoothing = 0.1f;
    expect_refused(&run, UNSUPPORTED, "labelSmoothing", NULL);
    run.call.cross_entropy.zLoss = 1e-4f;
    expect_refused(&run, UNSUPPORTED, "zLoss", NULL);
    run.call.cross_entropy.softcap = 30.0f;
    expect_refused(&run, UNSUPPORTED, "softcap", NULL);
    run.call.cross_entropy.classWeights = run.call.x;
    expect_refused(&run, UNSUPPORTED, "classWeights", NULL);
    run.call.cross_entropy.deviceDivisor = run.call.x;
    expect_refused(&run, UNSUPPORTED, "deviceDivisor", NULL);
    run.call.targets = smxProbabilityTargets(&run.call.x_layout, run.call.x);
    expect_refused(&run, UNSUPPORTED, "targets", NULL);
    refusal_release(&run);
}
END_TEST

/* ---- workspace ---- */

START_TEST(workspace_too_small) {
    trial t = trial_of(op_of(_i), SMX_R_32F, 50, 9);
    void *workspace = NULL;
    size_t bytes = 0;
    char needed[32], given[32];

    require_success(smxGetWorkspaceSize(session_handle(), t.op, &t.x.layout, &bytes), "smxGetWorkspaceSize");
    if (bytes == 0) return;
    require_success(smxMalloc(session_handle(), &workspace, bytes), "smxMalloc");
    for (size_t less = 1; less <= bytes; less = less * 3 + bytes / 2) {
        require_success(smxSetWorkspace(session_handle(), workspace, bytes - less), "smxSetWorkspace");
        check_refused_trial(&t, SMX_STATUS_WORKSPACE_TOO_SMALL);
        expect_message(SMX_STATUS_WORKSPACE_TOO_SMALL, SMX_STATUS_WORKSPACE_TOO_SMALL, op_function(t.op), number(needed, (long long)bytes),
                       number(given, (long long)(bytes - less)), NULL);
    }
    require_success(smxSetWorkspace(session_handle(), workspace, bytes), "smxSetWorkspace");
    check_trial(&t);
    require_success(smxSetWorkspace(session_handle(), NULL, 0), "smxSetWorkspace");
    check_trial(&t);
    require_success(smxFree(session_handle(), workspace), "smxFree");
}
END_TEST

/* What smxGetWorkspaceSize names is enough for any options; a call that needs less is not refused for it. */
START_TEST(workspace_not_needed) {
    trial t = trial_of(op_of(_i), SMX_R_32F, 50, 9);
    void *workspace = NULL;

    require_success(smxMalloc(session_handle(), &workspace, 256), "smxMalloc");
    require_success(smxSetWorkspace(session_handle(), workspace, 256), "smxSetWorkspace");
    t.reduction = SMX_REDUCTION_NONE;
    check_trial(&t);
    require_success(smxSetWorkspace(session_handle(), NULL, 0), "smxSetWorkspace");
    require_success(smxFree(session_handle(), workspace), "smxFree");
}
END_TEST

/* ---- planning calls ---- */

START_TEST(planning_calls) {
    const smxOp_t op = op_of(_i);
    smxLayout_t layout = smxRowMajor(SMX_R_32F, 3, 8);
    smxHandle_t h = session_handle();
    char text[100] = "before";
    size_t bytes = 12345;

    expect_message(smxGetWorkspaceSize(NULL, op, &layout, &bytes), SMX_STATUS_NOT_INITIALIZED, "smxGetWorkspaceSize", "handle", NULL);
    expect_message(smxGetWorkspaceSize(h, op, NULL, &bytes), INVALID, "smxGetWorkspaceSize", "Layout", "NULL", NULL);
    expect_message(smxGetWorkspaceSize(h, op, &layout, NULL), INVALID, "smxGetWorkspaceSize", "bytes", "NULL", NULL);
    expect_message(smxGetWorkspaceSize(h, (smxOp_t)99, &layout, &bytes), INVALID, "smxGetWorkspaceSize", "99", NULL);
    expect_message(smxDescribePlan(NULL, op, &layout, text, sizeof text), SMX_STATUS_NOT_INITIALIZED, "smxDescribePlan", "handle", NULL);
    expect_message(smxDescribePlan(h, op, NULL, text, sizeof text), INVALID, "smxDescribePlan", "Layout", "NULL", NULL);
    expect_message(smxDescribePlan(h, op, &layout, NULL, sizeof text), INVALID, "smxDescribePlan", "text", "NULL", NULL);
    expect_message(smxDescribePlan(h, op, &layout, text, 0), INVALID, "smxDescribePlan", "capacity", "0", NULL);
    expect_message(smxDescribePlan(h, (smxOp_t)-1, &layout, text, sizeof text), INVALID, "smxDescribePlan", "-1", NULL);
    layout.cols = -8;
    expect_message(smxDescribePlan(h, op, &layout, text, sizeof text), INVALID, "smxDescribePlan", "cols", "-8", NULL);
    expect_message(smxGetWorkspaceSize(h, op, &layout, &bytes), INVALID, "smxGetWorkspaceSize", "cols", "-8", NULL);
    ck_assert_str_eq(text, "before");
    ck_assert_uint_eq(bytes, 12345);
}
END_TEST

/* No rows: nothing to read, nothing to write, and pointers to nothing may be NULL, as smxMalloc returns them. */
START_TEST(no_rows) {
    const smxOp_t op = op_of(_i);
    trial t = trial_of(op, SMX_R_32F, 0, 21);

    check_trial(&t);
    t.with_lse = t.with_grad_loss = false;
    t.placement = op_writes_elements(op) ? OVER_X : OUT_OF_PLACE;
    check_trial(&t);
    t.reduction = SMX_REDUCTION_SUM;
    check_trial(&t);
    t.reduction = SMX_REDUCTION_NONE;
    check_trial(&t);
}
END_TEST

Suite *suite_arguments(void) {
    Suite *suite = suite_create("arguments");
    TCase *tcase = session_case("arguments");

    tcase_add_loop_test(tcase, null_handle, 0, OPERATIONS);
    tcase_add_loop_test(tcase, null_data, 0, OPERATIONS);
    tcase_add_loop_test(tcase, null_structures, 0, OPERATIONS);
    tcase_add_loop_test(tcase, pointers_misaligned_to_their_elements, 0, OPERATIONS);
    tcase_add_loop_test(tcase, unknown_types, 0, OPERATIONS);
    tcase_add_loop_test(tcase, impossible_sizes, 0, OPERATIONS);
    tcase_add_loop_test(tcase, sizes_that_overflow, 0, OPERATIONS);
    tcase_add_loop_test(tcase, shapes_that_differ, 0, OPERATIONS);
    tcase_add_loop_test(tcase, strided_axis, 0, OPERATIONS);
    tcase_add_loop_test(tcase, overlapping_operands, 0, OPERATIONS);
    tcase_add_loop_test(tcase, interleaved_rows, 0, OPERATIONS);
    tcase_add_loop_test(tcase, overlapping_losses, 0, OPERATIONS);
    tcase_add_loop_test(tcase, option_sizes, 0, OPERATIONS);
    tcase_add_loop_test(tcase, scales_out_of_range, 0, OPERATIONS);
    tcase_add_loop_test(tcase, unknown_enumerators, 0, OPERATIONS);
    tcase_add_loop_test(tcase, options_not_implemented_yet, 0, OPERATIONS);
    tcase_add_loop_test(tcase, workspace_too_small, 0, OPERATIONS);
    tcase_add_loop_test(tcase, workspace_not_needed, 0, OPERATIONS);
    tcase_add_loop_test(tcase, planning_calls, 0, OPERATIONS);
    tcase_add_loop_test(tcase, no_rows, 0, OPERATIONS);
    suite_add_tcase(suite, tcase);
    return suite;
}
