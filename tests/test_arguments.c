/* Everything that a caller can get wrong: the status, a message with the call, the argument and the numbers, and no output touched. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "check_refusal.h"
#include "suites.h"

#define INVALID SMX_STATUS_INVALID_VALUE
#define UNSUPPORTED SMX_STATUS_NOT_SUPPORTED

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
    if (op_reads_elements(op)) {
        run.call.x = NULL;
        expect_refused(&run, INVALID, op_x_name(op), "NULL", NULL);
    }
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
    if (op == SMX_OP_CROSS_ENTROPY_FORWARD || op == SMX_OP_NLL_LOSS_FORWARD) {
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
    if (op_reads_elements(op)) {
        run.call.x = one_byte_on(run.call.x);
        expect_refused(&run, INVALID, op_x_name(op), "align", "4", NULL);
    }
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

/* Two elements in one place, in each way that strides can bring it about. One row can be written down with any outerStride. */
START_TEST(elements_in_one_place) {
    static const smxLayout_t shapes[] = {
        {.outer = 5, .cols = 21, .inner = 1, .outerStride = 2, .colStride = 1},  /* rows */
        {.outer = 5, .cols = 21, .inner = 1, .outerStride = 1, .colStride = 4},  /* columns */
        {.outer = 1, .cols = 21, .inner = 5, .outerStride = 0, .colStride = 4},  /* columns and what lies inside of them */
        {.outer = 5, .cols = 21, .inner = 1, .outerStride = 40, .colStride = 2}, /* rows of columns that lie apart */
        {.outer = 5, .cols = 21, .inner = 1, .outerStride = 0, .colStride = 5},
    };
    trial_run run;
    const char *name;
    smxLayout_t *layout;

    refusal_prepare(&run, op_of(_i));
    for (int which = 0; which < LAYOUTS; which++) {
        for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
            if ((layout = layout_of(&run, which, &name)) == NULL) continue;
            *layout = shapes[i];
            expect_refused(&run, INVALID, name, i == 0 ? "outerStride 2 is less than cols 21" : "puts two elements in one place", NULL);
        }
    }
    refusal_release(&run);
}
END_TEST

/* ---- overlap ---- */

START_TEST(overlapping_operands) {
    const smxOp_t op = op_of(_i);
    trial_run run;

    refusal_prepare(&run, op);
    if (op_writes_elements(op) && op_reads_elements(op)) {
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

    if (!op_writes_elements(op) || !op_reads_elements(op)) return;
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

static void *place(const void *pointer, int64_t bytes_further) { return (char *)(uintptr_t)pointer + bytes_further; }

START_TEST(overlapping_losses) {
    const smxOp_t op = op_of(_i);
    trial_run run;

    refusal_prepare(&run, op);
    if (op_writes_lse(op)) {
        run.call.lse = place(run.call.x, 16);
        expect_refused(&run, INVALID, "lse", "x", "overlap", NULL);
    }
    if (op_writes_loss(op)) {
        run.call.loss = place(run.call.x, 8);
        expect_refused(&run, INVALID, "loss", "x", "overlap", NULL);
        run.call.loss = place(run.call.targets.data, 12);
        expect_refused(&run, INVALID, "loss", "targets", "overlap", NULL);
        run.call.cross_entropy.classWeights = place(run.call.loss, -16);
        expect_refused(&run, INVALID, "loss", "classWeights", "overlap", NULL);
    }
    if (op_writes_loss(op) && op_writes_lse(op)) {
        run.call.loss = place(run.call.lse, 4);
        expect_refused(&run, INVALID, "loss", "lse", "overlap", NULL);
        run.call.loss = run.call.lse;
        expect_refused(&run, INVALID, "loss", "lse", "overlap", NULL);
        run.call.lse = place(run.call.targets.data, 0);
        expect_refused(&run, INVALID, "lse", "targets", "overlap", NULL);
    }
    if (op_takes_grad_loss(op)) {
        run.call.out = place(run.call.targets.data, 0);
        expect_refused(&run, INVALID, "dx", "targets", "overlap", NULL);
        run.call.grad_loss = place(run.call.out, 4);
        expect_refused(&run, INVALID, "dx", "gradLoss", "overlap", NULL);
        run.call.cross_entropy.classWeights = place(run.call.out, 8);
        expect_refused(&run, INVALID, "dx", "classWeights", "overlap", NULL);
        run.call.cross_entropy.classWeights = place(run.call.out, -80); /* the last of 21 */
        expect_refused(&run, INVALID, "dx", "classWeights", "overlap", NULL);
        run.call.cross_entropy.reduction = SMX_REDUCTION_MEAN; /* counts for a mean only */
        run.call.cross_entropy.deviceDivisor = place(run.call.out, 12);
        expect_refused(&run, INVALID, "dx", "deviceDivisor", "overlap", NULL);
    }
    if (op_takes_grad_loss(op) && !op_is_nll(op)) {
        run.call.lse = place(run.call.out, 8);
        expect_refused(&run, INVALID, "dx", "lse", "overlap", NULL);
        run.call.targets = smxProbabilityTargets(&run.call.out_layout, place(run.call.out, 4));
        expect_refused(&run, INVALID, "dx", "targets", "overlap", NULL);
        run.call.targets = smxProbabilityTargets(&run.call.out_layout, run.call.out); /* in place, with another distance of rows */
        run.call.targets.outerStride += 3;
        expect_refused(&run, INVALID, "dx", "targets", "overlap", NULL);
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

/* The number is shown as printf's %g shows it. */
static void expect_number_refused(trial_run *run, float *option, float value, const char *name, const char *rule) {
    char text[160];

    *option = value;
    if (op_is_nll(run->spec.op) && value > 0 && isfinite(value) && value <= 1) return; /* right for other losses: numbers_of_another_loss */
    snprintf(text, sizeof text, "%s: %s is %g, it has to be %s", op_function(run->spec.op), name, (double)value, rule);
    expect_refused(run, INVALID, text, NULL);
}

START_TEST(loss_numbers_out_of_range) {
    static const float wrong[] = {-0.1f, -1.0f, NAN, INFINITY, -INFINITY};
    trial_run run;

    if (!op_is_loss(op_of(_i))) return;
    refusal_prepare(&run, op_of(_i));
    smxCrossEntropyOptions_t *o = &run.call.cross_entropy;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        expect_number_refused(&run, &o->labelSmoothing, wrong[i], "labelSmoothing", "in [0, 1]");
        expect_number_refused(&run, &o->zLoss, wrong[i], "zLoss", "finite and at least 0");
        expect_number_refused(&run, &o->softcap, wrong[i], "softcap", "finite and at least 0 (0 = none)");
        expect_number_refused(&run, &o->logitScale, wrong[i], "logitScale", "finite and above 0");
    }
    expect_number_refused(&run, &o->labelSmoothing, 1.5f, "labelSmoothing", "in [0, 1]");
    expect_number_refused(&run, &o->labelSmoothing, nextafterf(1.0f, 2.0f), "labelSmoothing", "in [0, 1]");
    expect_number_refused(&run, &o->labelSmoothing, -1e-40f, "labelSmoothing", "in [0, 1]");
    refusal_release(&run);
}
END_TEST

/* The ends of the ranges are right. */
START_TEST(loss_numbers_at_the_ends) {
    trial t = trial_of(op_of(_i), SMX_R_32F, 5, 21);

    if (!op_is_loss(t.op)) return;
    t.smoothing = 1.0f;
    check_trial(&t);
    t.smoothing = -0.0f;
    t.z_loss = -0.0f;
    t.softcap = -0.0f;
    check_trial(&t);
    t.smoothing = 0x1p-140f; /* denormal */
    check_trial(&t);
}
END_TEST

/* nll takes log-probabilities as they are, and indices only. */
START_TEST(options_of_another_loss) {
    const smxOp_t op = op_of(_i);
    trial_run run;
    char text[300];

    if (!op_is_nll(op)) return;
    refusal_prepare(&run, op);
    smxCrossEntropyOptions_t *o = &run.call.cross_entropy;
    for (int i = 0; i < 4; i++) {
        *(i == 0 ? &o->labelSmoothing : i == 1 ? &o->zLoss : i == 2 ? &o->softcap : &o->logitScale) = 0.5f;
        snprintf(
            text, sizeof text,
            "%s: labelSmoothing is %g, zLoss %g, softcap %g, logitScale %g: log-probabilities are taken as they are, so these have to be "
            "0, 0, 0 and 1",
            op_function(op), (double)o->labelSmoothing, (double)o->zLoss, (double)o->softcap, (double)o->logitScale);
        expect_refused(&run, INVALID, text, NULL);
    }
    run.call.targets = smxProbabilityTargets(&run.call.x_layout, run.call.x);
    snprintf(text, sizeof text, "%s: targets type is %s, this loss takes indices", op_function(op), "fp32");
    expect_refused(&run, INVALID, text, NULL);
    run.call.targets.type = SMX_R_16BF;
    snprintf(text, sizeof text, "%s: targets type is %s, this loss takes indices", op_function(op), "bf16");
    expect_refused(&run, INVALID, text, NULL);
    refusal_release(&run);
}
END_TEST

START_TEST(misaligned_loss_operands) {
    const smxOp_t op = op_of(_i);
    trial_run run;
    char text[300];

    if (!op_is_loss(op)) return;
    refusal_prepare(&run, op);
    smxCrossEntropyOptions_t *o = &run.call.cross_entropy;
    o->classWeights = place(run.call.targets.data, 1);
    snprintf(text, sizeof text, "%s: classWeights = %p is not aligned to its element size, 4 bytes (fp32)", op_function(op),
             o->classWeights);
    expect_refused(&run, INVALID, text, NULL);
    o->reduction = SMX_REDUCTION_MEAN;
    o->deviceDivisor = place(run.call.targets.data, 2);
    snprintf(text, sizeof text, "%s: deviceDivisor = %p is not aligned to its element size, 4 bytes (fp32)", op_function(op),
             o->deviceDivisor);
    expect_refused(&run, INVALID, text, NULL);
    refusal_release(&run);
}
END_TEST

/* Probabilities are an operand like x, of its shape: everything that can be wrong with it. */
START_TEST(probabilities_out_of_range) {
    const smxOp_t op = op_of(_i);
    trial t = trial_of(op, SMX_R_32F, 5, 21);
    trial_run run;
    char text[400];

    if (!op_is_loss(op) || op_is_nll(op)) return;
    t.probabilities = PROBABILITIES_SOFT;
    t.aimed.layout.outerStride = 26;
    trial_prepare(&run, &t);
    run.good = run.call;
    smxTargets_t *q = &run.call.targets;

    q->data = NULL;
    expect_refused(&run, INVALID, "targets is NULL", NULL);
    q->data = place(q->data, 2);
    snprintf(text, sizeof text, "%s: targets = %p is not aligned to its element size, 4 bytes (fp32)", op_function(op), q->data);
    expect_refused(&run, INVALID, text, NULL);
    q->type = SMX_R_64F;
    expect_refused(&run, UNSUPPORTED, "x is fp32 but targets is fp64: fp64 does not mix with other types", NULL);
    q->type = (smxDataType_t)5;
    expect_refused(&run, INVALID, "targets type 5 is unknown", NULL);
    q->outerStride = 20;
    expect_refused(&run, INVALID, "targets outerStride 20 is less than cols 21", NULL);
    q->outerStride = -26;
    expect_refused(&run, INVALID, "targets outerStride is -26", NULL);
    q->outerStride = 0;
    expect_refused(&run, INVALID, "targets outerStride 0 is less than cols 21", NULL);
    q->colStride = 0;
    expect_refused(&run, INVALID, "targets colStride is 0, at least 1 is needed", NULL);
    q->colStride = 2;
    expect_refused(&run, INVALID, "targets", "puts two elements in one place", NULL);
    q->outerStride = INT64_MAX / 3;
    expect_refused(&run, INVALID, "targets", "spans more than 2^63 bytes", NULL);
    *q = smxProbabilityTargets(NULL, q->data); /* no layout: no probabilities */
    expect_refused(&run, INVALID, "targets", NULL);
    refusal_release(&run);
}
END_TEST

/* The same in fp64, where probabilities of 32 bits do not mix. */
START_TEST(double_probabilities) {
    trial t = trial_of(op_of(_i), SMX_R_64F, 5, 21);

    if (!op_is_loss(t.op) || op_is_nll(t.op)) return;
    t.probabilities = PROBABILITIES_SOFT;
    check_trial(&t);
    t.aimed.layout.type = SMX_R_32F;
    check_refused_trial(&t, UNSUPPORTED);
    expect_message(UNSUPPORTED, UNSUPPORTED, op_function(t.op), "x is fp64 but targets is fp32: fp64 does not mix with other types", NULL);
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
    tcase_add_loop_test(tcase, elements_in_one_place, 0, OPERATIONS);
    tcase_add_loop_test(tcase, overlapping_operands, 0, OPERATIONS);
    tcase_add_loop_test(tcase, interleaved_rows, 0, OPERATIONS);
    tcase_add_loop_test(tcase, overlapping_losses, 0, OPERATIONS);
    tcase_add_loop_test(tcase, option_sizes, 0, OPERATIONS);
    tcase_add_loop_test(tcase, scales_out_of_range, 0, OPERATIONS);
    tcase_add_loop_test(tcase, unknown_enumerators, 0, OPERATIONS);
    tcase_add_loop_test(tcase, loss_numbers_out_of_range, 0, OPERATIONS);
    tcase_add_loop_test(tcase, loss_numbers_at_the_ends, 0, OPERATIONS);
    tcase_add_loop_test(tcase, options_of_another_loss, 0, OPERATIONS);
    tcase_add_loop_test(tcase, misaligned_loss_operands, 0, OPERATIONS);
    tcase_add_loop_test(tcase, probabilities_out_of_range, 0, OPERATIONS);
    tcase_add_loop_test(tcase, double_probabilities, 0, OPERATIONS);
    tcase_add_loop_test(tcase, workspace_too_small, 0, OPERATIONS);
    tcase_add_loop_test(tcase, workspace_not_needed, 0, OPERATIONS);
    tcase_add_loop_test(tcase, planning_calls, 0, OPERATIONS);
    tcase_add_loop_test(tcase, no_rows, 0, OPERATIONS);
    suite_add_tcase(suite, tcase);
    return suite;
}
