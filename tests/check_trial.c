#include "check_trial.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- description ---- */

static operand dense(smxDataType_t type, int64_t rows, int64_t cols) {
    return (operand){.layout = {.type = type, .outer = rows, .cols = cols, .inner = 1, .outerStride = cols, .colStride = 1}};
}

trial trial_of(smxOp_t op, smxDataType_t type, int64_t rows, int64_t cols) {
    return (trial){.op = op,
                   .x = dense(type, rows, cols),
                   .dy = dense(type, rows, cols),
                   .out = dense(type, rows, cols),
                   .aimed = dense(type, rows, cols),
                   .seed = 1,
                   .scale = 1.0f,
                   .plan_row = -1,
                   .target_type = SMX_R_64I,
                   .ignore_index = -100,
                   .with_loss = true,
                   .with_lse = true};
}

void trial_set_types(trial *t, smxDataType_t x, smxDataType_t dy, smxDataType_t out) {
    t->x.layout.type = x;
    t->dy.layout.type = dy;
    t->out.layout.type = out;
}

void trial_set_padding(trial *t, int64_t x, int64_t dy, int64_t out) {
    t->x.layout.outerStride = t->x.layout.cols + x;
    t->dy.layout.outerStride = t->dy.layout.cols + dy;
    t->out.layout.outerStride = t->out.layout.cols + out;
}

void trial_set_offsets(trial *t, int64_t x, int64_t dy, int64_t out) {
    t->x.offset = x;
    t->dy.offset = dy;
    t->out.offset = out;
}

void trial_set_layout(trial *t, const smxLayout_t *layout) {
    operand *const all[] = {&t->x, &t->dy, &t->out, &t->aimed};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        const smxDataType_t type = all[i]->layout.type;
        all[i]->layout = *layout;
        all[i]->layout.type = type;
    }
}

static void describe_operand(char *text, size_t capacity, const char *name, const operand *o) {
    const smxLayout_t *l = &o->layout;
    snprintf(text, capacity, ", %s %s [%lld x %lld x %lld] strides %lld, %lld offset %lld", name, type_name(l->type), (long long)l->outer,
             (long long)l->cols, (long long)l->inner, (long long)l->outerStride, (long long)l->colStride, (long long)o->offset);
}

static void describe_trial(const trial_run *run, char *text, size_t capacity) {
    static const char *const places[] = {"out of place", "over x", "over dy", "over the targets"};
    const trial *t = &run->spec;
    char x[160], dy[160] = "", out[160] = "", loss[240] = "", aimed[200] = "", plan[200] = "?";

    describe_operand(x, sizeof x, op_x_name(t->op), &t->x);
    if (op_takes_gradient(t->op)) describe_operand(dy, sizeof dy, "dy", &t->dy);
    if (op_writes_elements(t->op)) describe_operand(out, sizeof out, op_out_name(t->op), &t->out);
    if (t->probabilities != PROBABILITIES_NONE) describe_operand(aimed, sizeof aimed, probabilities_name(t->probabilities), &t->aimed);
    if (op_is_loss(t->op))
        snprintf(loss, sizeof loss,
                 ", %s targets %s, ignoreIndex %lld, reduction %d, emptyMean %d,%s%s%s%s vectors at offset %lld, smoothing %g, zLoss %g, "
                 "softcap %g, divisor %g",
                 type_name(t->target_type), targets_name(t->targets), (long long)t->ignore_index, (int)t->reduction, (int)t->empty_mean,
                 t->with_loss ? " loss," : "", t->with_lse ? " lse," : "", t->with_grad_loss ? " gradLoss," : "",
                 t->with_weights ? " weights," : "", (long long)t->vector_offset, (double)t->smoothing, (double)t->z_loss,
                 (double)t->softcap, t->with_divisor ? (double)t->divisor : (double)NAN);
    if (smxDescribePlan(session_handle(), t->op, &t->x.layout, plan, sizeof plan) != SMX_STATUS_SUCCESS)
        snprintf(plan, sizeof plan, "none");
    snprintf(text, capacity, "%s%s%s%s%s, %s, values %s seed %llu, scale %g, emptyRow %d, algorithm %d%s, plan row %d (%s)",
             op_function(t->op), x, dy, out, aimed, places[t->placement], values_name(t->values), (unsigned long long)t->seed,
             (double)t->scale, (int)t->empty_row, (int)t->algorithm, loss, t->plan_row, plan);
}

void fail_trial(const trial_run *run, const char *format, ...) {
    char what[600], where[1800];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    describe_trial(run, where, sizeof where);
    ck_abort_msg("%s\n  in %s", what, where);
    abort();
}

void expect_number(const trial_run *run, const char *what, int64_t row, int64_t col, accuracy a, double expected, double got,
                   double bound) {
    if (!accuracy_accepts(a, expected, got, bound))
        fail_trial(run, "%s, row %lld, column %lld: expected %.17g, got %.17g, error %.3g, bound %.3g", what, (long long)row,
                   (long long)col, expected, got, fabs(got - expected), bound);
}

/* ---- preparation ---- */

/* Logits; probabilities or log-probabilities for the backward calls. */
static void fill_x_row(trial_run *run, int64_t row, double *logits, double *stored) {
    const trial *t = &run->spec;

    fill_logits(t->values, t->x.layout.type, t->seed, row, run->cols, logits);
    if (t->op == SMX_OP_SOFTMAX_BACKWARD)
        oracle_softmax(logits, run->cols, 1.0, t->empty_row, stored);
    else if (t->op == SMX_OP_LOG_SOFTMAX_BACKWARD)
        oracle_log_softmax(logits, run->cols, 1.0, t->empty_row, stored);
    else
        memcpy(stored, logits, (size_t)run->cols * sizeof *stored);
    /* Rows without a valid target must not be looked at. */
    if (run->target_values != NULL && row % 2 == 0 &&
        oracle_classify(run->target_values[row], t->ignore_index, run->cols) != ORACLE_TARGET_VALID)
        for (int64_t j = 0; j < run->cols; j++) stored[j] = j % 2 == 0 ? (double)NAN : (double)INFINITY;
    tensor_store_row(&run->x, row, stored);
}

static void prepare_options(trial_run *run) {
    const trial *t = &run->spec;
    const smxSoftmaxOptions_t softmax = SMX_SOFTMAX_OPTIONS_INIT;
    const smxCrossEntropyOptions_t cross_entropy = SMX_CROSS_ENTROPY_OPTIONS_INIT;

    run->call.softmax = softmax;
    run->call.softmax.scale = t->scale;
    run->call.softmax.algorithm = t->algorithm;
    run->call.softmax.emptyRow = t->empty_row;
    run->call.cross_entropy = cross_entropy;
    run->call.cross_entropy.reduction = t->reduction;
    run->call.cross_entropy.ignoreIndex = t->ignore_index;
    run->call.cross_entropy.logitScale = t->scale;
    run->call.cross_entropy.emptyMean = t->empty_mean;
    run->call.cross_entropy.algorithm = t->algorithm;
    run->call.cross_entropy.labelSmoothing = t->smoothing;
    run->call.cross_entropy.zLoss = t->z_loss;
    run->call.cross_entropy.softcap = t->softcap;
    run->call.cross_entropy.classWeights = buffer_pointer(&run->weights.memory);
    run->call.cross_entropy.deviceDivisor = buffer_pointer(&run->divisor.memory);
    if (t->without_options) run->call.without |= WITHOUT_OPTIONS;
}

/* Sweeps over options that an operation does not have go without them; probabilities have the shape of x. */
static trial meaningful(trial t) {
    t.aimed.layout.outer = t.x.layout.outer;
    t.aimed.layout.cols = t.x.layout.cols;
    t.aimed.layout.inner = t.x.layout.inner;
    if (!op_is_nll(t.op)) return t;
    t.scale = 1.0f;
    t.smoothing = t.z_loss = t.softcap = 0.0f;
    t.probabilities = PROBABILITIES_NONE;
    return t;
}

void trial_prepare(trial_run *run, const trial *t) {
    const size_t row_bytes = (size_t)t->x.layout.cols * sizeof(double);
    double *row = malloc(row_bytes + 1), *logits = malloc(row_bytes + 1);

    ck_assert(row != NULL && logits != NULL);
    *run = (trial_run){.spec = meaningful(*t),
                       .rows = layout_rows(&t->x.layout),
                       .cols = t->x.layout.cols,
                       .loss_type = loss_type(t->x.layout.type),
                       .call = {.op = t->op, .handle = session_handle()}};
    t = &run->spec;

    if (op_is_loss(t->op)) prepare_targets(run);
    run->x = tensor_make(t->placement == OVER_X ? BUFFER_INPUT_AND_OUTPUT : BUFFER_INPUT, &t->x.layout, t->x.offset);
    for (int64_t r = 0; r < run->rows; r++) fill_x_row(run, r, logits, row);
    buffer_upload(&run->x.memory);

    if (op_takes_gradient(t->op)) {
        run->dy = tensor_make(t->placement == OVER_DY ? BUFFER_INPUT_AND_OUTPUT : BUFFER_INPUT, &t->dy.layout, t->dy.offset);
        for (int64_t r = 0; r < run->rows; r++) {
            fill_gradient(t->values, t->seed, r, run->cols, row);
            tensor_store_row(&run->dy, r, row);
        }
        buffer_upload(&run->dy.memory);
    }
    if (op_writes_elements(t->op) && t->placement == OUT_OF_PLACE) {
        run->separate_out = tensor_make(BUFFER_OUTPUT, &t->out.layout, t->out.offset);
        buffer_upload(&run->separate_out.memory);
    }
    if (op_is_loss(t->op)) prepare_loss_operands(run, row);
    if (op_writes_lse(t->op) && (t->with_lse || !op_is_loss(t->op))) {
        run->lse = tensor_make_vector(BUFFER_OUTPUT, run->loss_type, run->rows, t->vector_offset);
        buffer_upload(&run->lse.memory);
    }
    tensor *const outs[] = {&run->separate_out, &run->x, &run->dy, &run->aimed};
    const smxLayout_t *const layouts[] = {&t->out.layout, &t->x.layout, &t->dy.layout, &t->aimed.layout};
    run->out = outs[t->placement];

    prepare_options(run);
    run->call.x_layout = t->x.layout;
    run->call.dy_layout = t->dy.layout;
    run->call.out_layout = *layouts[t->placement];
    run->spec.out.layout = run->call.out_layout;
    run->call.x = buffer_pointer(&run->x.memory);
    run->call.dy = buffer_pointer(&run->dy.memory);
    run->call.out = buffer_pointer(&run->out->memory);
    run->call.lse = buffer_pointer(&run->lse.memory);
    free(row);
    free(logits);
}

/* ---- all memory of a trial ---- */

typedef struct named_buffer {
    const char *name;
    buffer *memory;
    const tensor *tensor; /* NULL: not one */
    bool written;
} named_buffer;

static void list_buffers(trial_run *run, named_buffer list[TRIAL_BUFFERS]) {
    const trial *t = &run->spec;
    const named_buffer all[TRIAL_BUFFERS] = {
        {"x", &run->x.memory, &run->x, run->out == &run->x && op_writes_elements(t->op)},
        {"dy", &run->dy.memory, &run->dy, run->out == &run->dy},
        {"the output", &run->separate_out.memory, &run->separate_out, true},
        {"loss", &run->loss.memory, &run->loss, true},
        {"lse", &run->lse.memory, &run->lse, t->op != SMX_OP_CROSS_ENTROPY_BACKWARD},
        {"gradLoss", &run->grad_loss.memory, &run->grad_loss, false},
        {"targets", &run->targets, NULL, false},
        {"probabilities", &run->aimed.memory, &run->aimed, run->out == &run->aimed},
        {"classWeights", &run->weights.memory, &run->weights, false},
        {"deviceDivisor", &run->divisor.memory, &run->divisor, false},
    };
    memcpy(list, all, sizeof all);
}

void trial_buffers(trial_run *run, buffer *list[TRIAL_BUFFERS]) {
    named_buffer all[TRIAL_BUFFERS];

    list_buffers(run, all);
    for (size_t i = 0; i < TRIAL_BUFFERS; i++) list[i] = all[i].memory;
}

static bool exists(const named_buffer *b) { return b->memory->before != NULL; }

void trial_release(trial_run *run) {
    named_buffer all[TRIAL_BUFFERS];

    list_buffers(run, all);
    for (size_t i = 0; i < TRIAL_BUFFERS; i++)
        if (exists(&all[i])) buffer_free(all[i].memory);
    free(run->target_values);
    free(run->class_weights);
    *run = (trial_run){0};
}

/* ---- execution ---- */

smxStatus_t trial_execute(trial_run *run) {
    named_buffer all[TRIAL_BUFFERS];

    smx_pin_plan(session_handle(), run->spec.plan_row);
    const smxStatus_t status = make_call(&run->call);
    smx_pin_plan(session_handle(), -1);
    list_buffers(run, all);
    for (size_t i = 0; i < TRIAL_BUFFERS; i++)
        if (exists(&all[i])) buffer_download(all[i].memory);
    return status;
}

/* ---- comparison ---- */

static void require_unchanged(const trial_run *run, const named_buffer *b) {
    int64_t byte;
    if (exists(b) && buffer_changed(b->memory, &byte)) fail_trial(run, "%s was written to: byte %lld", b->name, (long long)byte);
}

void trial_require_nothing_written(trial_run *run) {
    named_buffer all[TRIAL_BUFFERS];

    list_buffers(run, all);
    for (size_t i = 0; i < TRIAL_BUFFERS; i++) require_unchanged(run, &all[i]);
}

static void require_right_places_written(trial_run *run) {
    named_buffer all[TRIAL_BUFFERS];
    int64_t byte;

    list_buffers(run, all);
    for (size_t i = 0; i < TRIAL_BUFFERS; i++) {
        if (!all[i].written)
            require_unchanged(run, &all[i]);
        else if (exists(&all[i]) && tensor_surroundings_changed(all[i].tensor, &byte))
            fail_trial(run, "padding or guards of %s were written to: byte %lld", all[i].name, (long long)byte);
    }
}

static void compare_softmax(const trial_run *run, bool logarithm) {
    const trial *t = &run->spec;
    const accuracy a = accuracy_of(t->x.layout.type, run->out->layout.type);
    double *x = malloc((size_t)run->cols * sizeof *x), *y = malloc((size_t)run->cols * sizeof *y);

    ck_assert(x != NULL && y != NULL);
    for (int64_t r = 0; r < run->rows; r++) {
        tensor_stored_row(&run->x, r, x);
        const oracle_row row = oracle_reduce(x, run->cols, (double)t->scale);
        long double sum = 0;
        (logarithm ? oracle_log_softmax : oracle_softmax)(x, run->cols, (double)t->scale, t->empty_row, y);
        for (int64_t j = 0; j < run->cols; j++) {
            const double got = tensor_result(run->out, r, j);
            const double bound = logarithm ? bound_logarithm(a, y[j]) : bound_softmax(a, y[j], (double)t->scale * (x[j] - row.max));
            expect_number(run, op_out_name(t->op), r, j, a, y[j], got, bound);
            sum += (long double)got;
        }
        if (!logarithm && row.ordinary && (a.out == SMX_R_32F || a.out == SMX_R_64F))
            expect_number(run, "sum of the row", r, -1, a, 1.0, (double)sum, bound_row_sum(a));
    }
    free(x);
    free(y);
}

static void compare_backward(const trial_run *run, bool logarithm) {
    const trial *t = &run->spec;
    const accuracy a = accuracy_of(t->x.layout.type, run->out->layout.type);
    const size_t bytes = (size_t)run->cols * sizeof(double);
    double *y = malloc(bytes), *dy = malloc(bytes), *dx = malloc(bytes);

    ck_assert(y != NULL && dy != NULL && dx != NULL);
    for (int64_t r = 0; r < run->rows; r++) {
        tensor_stored_row(&run->x, r, y);
        tensor_stored_row(&run->dy, r, dy);
        const oracle_dot dot = (logarithm ? oracle_log_softmax_backward : oracle_softmax_backward)(y, dy, run->cols, (double)t->scale, dx);
        for (int64_t j = 0; j < run->cols; j++) {
            const double bound =
                (logarithm ? bound_log_softmax_backward : bound_softmax_backward)(a, (double)t->scale, y[j], dy[j], dot.absolute, dx[j]);
            expect_number(run, op_out_name(t->op), r, j, a, dx[j], tensor_result(run->out, r, j), bound);
        }
    }
    free(y);
    free(dy);
    free(dx);
}

static void compare_log_sum_exp(const trial_run *run) {
    const accuracy a = accuracy_of(run->x.layout.type, run->loss_type);
    double *x = malloc((size_t)run->cols * sizeof *x);

    ck_assert_ptr_nonnull(x);
    for (int64_t r = 0; r < run->rows; r++) {
        tensor_stored_row(&run->x, r, x);
        const double lse = oracle_log_sum_exp(x, run->cols, (double)run->spec.scale);
        expect_number(run, "lse", r, -1, a, lse, tensor_result(&run->lse, 0, r), bound_logarithm(a, lse));
    }
    free(x);
}

void trial_compare(trial_run *run) {
    session_count_comparison();
    require_right_places_written(run);
    switch (run->spec.op) {
    case SMX_OP_SOFTMAX_FORWARD: compare_softmax(run, false); return;
    case SMX_OP_LOG_SOFTMAX_FORWARD: compare_softmax(run, true); return;
    case SMX_OP_SOFTMAX_BACKWARD: compare_backward(run, false); return;
    case SMX_OP_LOG_SOFTMAX_BACKWARD: compare_backward(run, true); return;
    case SMX_OP_LOG_SUM_EXP: compare_log_sum_exp(run); return;
    default: break;
    }
    if (op_writes_loss(run->spec.op)) compare_losses(run);
    if (op_writes_elements(run->spec.op)) compare_loss_gradient(run);
    compare_bad_target_count(run);
}

/* ---- whole trials ---- */

static bool run_trial(const trial *t, bool may_be_unsupported) {
    trial_run run;

    trial_prepare(&run, t);
    const smxStatus_t status = trial_execute(&run);
    const bool supported = !may_be_unsupported || status != SMX_STATUS_NOT_SUPPORTED;
    if (supported) {
        if (status != SMX_STATUS_SUCCESS)
            fail_trial(&run, "status %d (%s): %s", (int)status, smxGetStatusString(status), smxGetLastErrorMessage());
        trial_compare(&run);
    } else {
        session_count_comparison();
        trial_require_nothing_written(&run);
    }
    trial_release(&run);
    return supported;
}

void check_trial(const trial *t) { run_trial(t, false); }

bool check_trial_if_supported(const trial *t) { return run_trial(t, true); }

void check_refused_trial(const trial *t, smxStatus_t status) {
    trial_run run;

    trial_prepare(&run, t);
    const smxStatus_t got = trial_execute(&run);
    session_count_comparison();
    if (got != status)
        fail_trial(&run, "status %d (%s) instead of %d, message: %s", (int)got, smxGetStatusString(got), (int)status,
                   smxGetLastErrorMessage());
    trial_require_nothing_written(&run);
    trial_release(&run);
}
