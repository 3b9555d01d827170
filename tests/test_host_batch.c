/* Batches in host memory: the bits of one call on memory of the backend, whatever the chunks; progress, cancellation, device memory in
 * use, and allocations that fail. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check_host.h"
#include "check_layouts.h"
#include "check_refusal.h"
#include "shapes.h"
#include "suites.h"

/* The emulator's, where the program is linked with it. */
__attribute__((weak)) size_t simt_memory_in_use(void);
__attribute__((weak)) long simt_live_allocations(void);
__attribute__((weak)) long simt_live_streams(void);
__attribute__((weak)) void simt_fail_allocation_after(int n);
__attribute__((weak)) void simt_defer_streams(int mode);

static bool on_emulator(void) { return session_backend() == SMX_BACKEND_CUDA && simt_memory_in_use != NULL; }
static size_t memory_in_use(void) { return on_emulator() ? simt_memory_in_use() : 0; }

/* The device does its work as late as it may: what is not waited for is not there; or in another order of the streams. */
static smxStatus_t execute_late(host_run *host) {
    if (!on_emulator()) return host_execute(host);
    const long streams = simt_live_streams();
    simt_defer_streams(host->pinned ? 2 : 1);
    const smxStatus_t status = host_execute(host);
    ck_assert_int_eq(simt_live_streams(), streams);
    simt_defer_streams(0);
    return status;
}

static const smxOp_t operations[] = {SMX_OP_SOFTMAX_FORWARD,       SMX_OP_LOG_SOFTMAX_FORWARD, SMX_OP_LOG_SUM_EXP,
                                     SMX_OP_CROSS_ENTROPY_FORWARD, SMX_OP_NLL_LOSS_FORWARD,    SMX_OP_CROSS_ENTROPY_FORWARD_BACKWARD};
enum { HOST_OPERATIONS = sizeof operations / sizeof operations[0] };

/* ---- progress ---- */

typedef struct watch {
    int calls, cancel_at; /* the call that cancels, counted from 1; 0: none */
    int64_t done, rows, longest_step;
    size_t before, peak; /* bytes of device memory */
} watch;

static int look(void *user, int64_t done, int64_t rows) {
    watch *w = user;
    ck_assert_msg(done > w->done && done <= rows, "%lld of %lld rows are done, after %lld", (long long)done, (long long)rows,
                  (long long)w->done);
    if (done - w->done > w->longest_step) w->longest_step = done - w->done;
    w->done = done;
    w->rows = rows;
    const size_t in_use = memory_in_use() - w->before;
    if (in_use > w->peak) w->peak = in_use;
    return ++w->calls == w->cancel_at;
}

static watch watch_of(void) { return (watch){.before = memory_in_use()}; }

static void follow(host_run *host, watch *w) {
    host->options.progress = look;
    host->options.user = w;
}

/* ---- the same bits ---- */

typedef struct counters {
    int64_t count, first;
} counters;

static counters take_bad_targets(void) {
    counters c = {-7, -7};
    require_success(smxGetBadTargets(session_handle(), &c.count, &c.first), "smxGetBadTargets");
    return c;
}

/* Executes the trial on memory of the backend and on host memory; device_bytes 0: an eighth of the batch, and what all chunks share. */
static void check_same_bits(const trial *t, bool pinned, size_t device_bytes, int64_t chunk_rows) {
    trial_run run;
    host_run host;

    trial_prepare(&run, t);
    require_success(trial_execute(&run), op_function(t->op));
    const counters expected = take_bad_targets();
    host_prepare(&host, &run, pinned);
    watch w = watch_of();
    follow(&host, &w);
    host.options.deviceBytes = device_bytes;
    host.options.chunkRows = chunk_rows;
    const smxStatus_t status = execute_late(&host);
    if (status != SMX_STATUS_SUCCESS) fail_trial(&run, "%s: status %d: %s", op_host_function(t->op), (int)status, smxGetLastErrorMessage());
    host_compare(&host);
    const counters got = take_bad_targets();
    ck_assert_int_eq(got.count, expected.count);
    ck_assert_int_eq(got.first, expected.first);
    if (run.rows > 0) ck_assert_int_eq(w.done, run.rows);
    if (session_backend() == SMX_BACKEND_CUDA) {
        ck_assert_msg(chunk_rows == 0 || w.longest_step <= chunk_rows, "a chunk of %lld rows", (long long)w.longest_step);
        ck_assert_msg(device_bytes == 0 || w.peak <= device_bytes, "%zu bytes of device memory, the bound is %zu", w.peak, device_bytes);
    }
    ck_assert_uint_eq(memory_in_use() - w.before, 0);
    host_release(&host);
    trial_release(&run);
}

static smxReduction_t reductions_of(smxOp_t op) { return op_is_loss(op) ? SMX_REDUCTION_NONE : SMX_REDUCTION_MEAN; }

/* Every operation, type and reduction, on a batch eight times as large as the device memory that may be used. */
START_TEST(eight_times_the_bound) {
    const smxOp_t op = operations[_i / FLOATING_TYPES];
    const smxDataType_t type = floating_types[_i % FLOATING_TYPES];
    if (session_small() && _i % FLOATING_TYPES != _i / FLOATING_TYPES % FLOATING_TYPES) return; /* a type for each operation */
    for (int reduction = SMX_REDUCTION_MEAN; reduction <= (int)reductions_of(op); reduction++) {
        trial t = trial_of(op, type, 300, session_small() ? 175 : 203);
        t.reduction = (smxReduction_t)reduction;
        t.with_grad_loss = true;
        t.with_weights = reduction != SMX_REDUCTION_SUM;
        t.targets = TARGETS_SOME_BAD;
        for (int pinned = 0; pinned < 2; pinned++) {
            check_same_bits(&t, pinned, host_batch_bytes(&t) / 8, 0);
            trial padded = t;
            trial_set_padding(&padded, 7, 0, 3);
            trial_set_offsets(&padded, 1, 0, 3);
            padded.aimed.layout.outerStride += 5;
            padded.vector_offset = 1;
            check_same_bits(&padded, pinned, host_batch_bytes(&t) / 8, 0);
            check_same_bits(&padded, pinned, 0, 77);
        }
    }
}
END_TEST

/* Several blocks sum up the losses, whose order must not depend on the chunks. */
START_TEST(means_of_many_rows) {
    for (int with_weights = 0; with_weights < 2; with_weights++) {
        trial t = trial_of(SMX_OP_CROSS_ENTROPY_FORWARD_BACKWARD, _i == 0 ? SMX_R_32F : SMX_R_64F, 9001, 6);
        t.with_weights = with_weights != 0;
        t.targets = TARGETS_SOME_BAD;
        t.target_type = SMX_R_8U;
        check_same_bits(&t, false, 0, 1000);
        t.op = SMX_OP_CROSS_ENTROPY_FORWARD;
        check_same_bits(&t, true, 0, 1234);
        t.op = SMX_OP_NLL_LOSS_FORWARD;
        t.target_type = SMX_R_32I;
        check_same_bits(&t, false, 0, 700);
    }
}
END_TEST

/* Options of the loss that need more of a row, probabilities, the caller's divisor, in place, no loss. */
START_TEST(options_of_losses) {
    const smxOp_t op = _i % 2 == 0 ? SMX_OP_CROSS_ENTROPY_FORWARD : SMX_OP_CROSS_ENTROPY_FORWARD_BACKWARD;
    for (int reduction = SMX_REDUCTION_MEAN; reduction <= SMX_REDUCTION_NONE; reduction++) {
        trial t = trial_of(op, _i / 2 == 0 ? SMX_R_16F : SMX_R_32F, 120, 130);
        t.reduction = (smxReduction_t)reduction;
        t.smoothing = 0.1f;
        t.softcap = 20.0f;
        t.z_loss = 1e-3f;
        t.with_weights = t.with_grad_loss = true;
        t.targets = TARGETS_SOME_IGNORED;
        check_same_bits(&t, false, 0, 17);
        t.with_divisor = true;
        t.divisor = 37.5f;
        check_same_bits(&t, true, 0, 17);
        t.with_divisor = false;
        t.probabilities = PROBABILITIES_SOFT;
        t.aimed.layout.type = SMX_R_32F;
        check_same_bits(&t, true, 0, 16);
        t.placement = op_writes_elements(op) ? OVER_X : OUT_OF_PLACE;
        check_same_bits(&t, false, 0, 50);
        t.probabilities = PROBABILITIES_NONE;
        t.targets = TARGETS_ALL_IGNORED;
        t.with_loss = op == SMX_OP_CROSS_ENTROPY_FORWARD;
        t.with_lse = false;
        check_same_bits(&t, true, 0, 50);
    }
}
END_TEST

/* Rows that are cut between outer or inner ones, in operands that are laid out differently. */
START_TEST(rows_along_any_axis) {
    static const int64_t shapes[][3] = {{1, 20, 500}, {3, 33, 100}, {70, 12, 5}, {400, 15, 1}};
    static const int64_t chunk_rows[] = {1, 7, 90, 130, 0};
    const smxOp_t op = operations[_i];
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++)
        for (int how = 0; how < ARRANGEMENTS; how++)
            for (size_t k = 0; k < sizeof chunk_rows / sizeof chunk_rows[0]; k++) {
                if (session_small() && (k + (size_t)how + s) % 3 != 0) continue;
                if (chunk_rows[k] == 1 && (how != 1 || s != 2)) continue; /* many chunks */
                const smxDataType_t type = floating_types[(s + (size_t)how) % FLOATING_TYPES];
                const smxDataType_t out_type = type == SMX_R_64F ? type : SMX_R_16F;
                trial t = trial_of(op, type, 1, 1);
                t.x.layout = layout_arranged((arrangement)how, type, shapes[s][0], shapes[s][1], shapes[s][2]);
                t.out.layout =
                    layout_arranged((arrangement)((how + (int)k) % ARRANGEMENTS), out_type, shapes[s][0], shapes[s][1], shapes[s][2]);
                t.aimed.layout = t.x.layout;
                t.reduction = (smxReduction_t)(k % 3);
                t.with_grad_loss = true;
                t.targets = TARGETS_SOME_BAD;
                check_same_bits(&t, k % 2 == 0, 0, chunk_rows[k]);
            }
}
END_TEST

/* Long rows that pass through the chip, a few of them at a time. */
START_TEST(long_rows) {
    trial t = trial_of(operations[_i], SMX_R_16BF, 9, session_small() ? 9001 : 40001);
    t.out.layout.type = SMX_R_32F;
    t.reduction = SMX_REDUCTION_SUM;
    check_same_bits(&t, false, 0, 2);
    check_same_bits(&t, true, host_batch_bytes(&t) / 4, 0);
}
END_TEST

START_TEST(no_rows) {
    for (int reduction = SMX_REDUCTION_MEAN; reduction <= (int)reductions_of(operations[_i]); reduction++) {
        trial t = trial_of(operations[_i], SMX_R_32F, 0, 5);
        t.reduction = (smxReduction_t)reduction;
        trial_run run;
        host_run host;
        trial_prepare(&run, &t);
        host_prepare(&host, &run, false);
        require_success(execute_late(&host), op_host_function(t.op));
        session_count_comparison();
        if (op_writes_loss(t.op) && reduction != SMX_REDUCTION_NONE) {
            float loss = 1;
            memcpy(&loss, host.call.loss, sizeof loss);
            ck_assert_msg(reduction == SMX_REDUCTION_MEAN ? loss != loss : loss == 0, "the loss of no rows is %g", (double)loss);
        }
        host_release(&host);
        trial_release(&run);
    }
}
END_TEST

START_TEST(defaults) {
    trial t = trial_of(operations[_i], SMX_R_32F, 50, 100);
    trial_run run;
    host_run host;
    trial_prepare(&run, &t);
    require_success(trial_execute(&run), op_function(t.op));
    host_prepare(&host, &run, false);
    host.without_options = true;
    require_success(execute_late(&host), op_host_function(t.op));
    host_compare(&host);
    host_release(&host);
    trial_release(&run);
}
END_TEST

/* ---- device memory ---- */

START_TEST(device_memory_stays_below_the_bound) {
    trial t = trial_of(SMX_OP_CROSS_ENTROPY_FORWARD_BACKWARD, SMX_R_32F, 2000, 256);
    trial_run run;
    host_run host;
    trial_prepare(&run, &t);
    require_success(trial_execute(&run), op_function(t.op));
    host_prepare(&host, &run, false);
    watch w = watch_of();
    follow(&host, &w);
    host.options.deviceBytes = host_batch_bytes(&t) / 8;
    require_success(execute_late(&host), op_host_function(t.op));
    host_compare(&host);
    if (on_emulator()) {
        printf("host batch of %zu bytes: at most %zu bytes of device memory allowed, %zu used\n", host_batch_bytes(&t),
               host.options.deviceBytes, w.peak);
        ck_assert_uint_gt(w.peak, host.options.deviceBytes / 2);
        ck_assert_uint_le(w.peak, host.options.deviceBytes);
        ck_assert_int_gt(w.calls, 8);
    }
    host_release(&host);
    trial_release(&run);
}
END_TEST

/* The least that the message names is enough, and a byte less is not. */
START_TEST(the_least_bound) {
    trial t = trial_of(SMX_OP_CROSS_ENTROPY_FORWARD_BACKWARD, SMX_R_32F, 20, 64);
    trial_run run;
    host_run host;
    size_t least = 0;
    if (session_backend() == SMX_BACKEND_CPU) return;
    trial_prepare(&run, &t);
    require_success(trial_execute(&run), op_function(t.op));
    host_prepare(&host, &run, false);
    host.options.deviceBytes = 1000;
    expect_message(execute_late(&host), SMX_STATUS_WORKSPACE_TOO_SMALL, "smxCrossEntropyForwardBackwardHost", "deviceBytes is 1000",
                   "20 rows", "64 columns", NULL);
    ck_assert_int_eq(sscanf(strstr(smxGetLastErrorMessage(), "at least"), "at least %zu", &least), 1);
    host.options.deviceBytes = least - 1;
    expect_message(execute_late(&host), SMX_STATUS_WORKSPACE_TOO_SMALL, "smxCrossEntropyForwardBackwardHost", NULL);
    host_require_nothing_written(&host);
    watch w = watch_of();
    follow(&host, &w);
    host.options.deviceBytes = least;
    require_success(execute_late(&host), op_host_function(t.op));
    host_compare(&host);
    ck_assert_int_eq(w.longest_step, 1);
    host_release(&host);
    trial_release(&run);
}
END_TEST

/* Each allocation in turn: device memory, and staging memory where the batch is not pinned. */
START_TEST(allocations_that_fail) {
    trial t = trial_of(operations[_i], SMX_R_32F, 100, 50);
    trial_run run;
    host_run host;
    if (!on_emulator()) return;
    t.with_weights = true;
    trial_prepare(&run, &t);
    require_success(trial_execute(&run), op_function(t.op));
    for (int pinned = 0; pinned < 2; pinned++) {
        int failures = 0;
        host_prepare(&host, &run, pinned);
        host.options.chunkRows = 9;
        const long live = simt_live_allocations();
        for (;; failures++) {
            simt_fail_allocation_after(failures + 1);
            const smxStatus_t status = execute_late(&host);
            simt_fail_allocation_after(0);
            ck_assert_int_eq(simt_live_allocations(), live);
            if (status == SMX_STATUS_SUCCESS) break;
            expect_message(status, SMX_STATUS_ALLOC_FAILED, op_host_function(t.op), "bytes", NULL);
            host_require_nothing_written(&host);
        }
        ck_assert_int_eq(failures, pinned ? 1 : 2);
        host_compare(&host);
        host_release(&host);
    }
    trial_release(&run);
}
END_TEST

/* ---- cancellation ---- */

START_TEST(cancelled) {
    trial t = trial_of(SMX_OP_CROSS_ENTROPY_FORWARD_BACKWARD, SMX_R_32F, 100, 40);
    trial_run run;
    host_run host;
    char words[60];
    if (session_backend() == SMX_BACKEND_CPU) return;
    t.targets = TARGETS_ALL_BAD;
    t.values = VALUES_NORMAL;
    trial_prepare(&run, &t);
    require_success(trial_execute(&run), op_function(t.op));
    take_bad_targets();
    host_prepare(&host, &run, _i % 2 == 0);
    const unsigned char *const loss = host.call.loss, *const dx = host.call.out;
    const long live = on_emulator() ? simt_live_allocations() : 0;
    for (int at = 1; at < 10; at += 2) {
        host_restore(&host);
        watch w = watch_of();
        w.cancel_at = at;
        follow(&host, &w);
        host.options.chunkRows = 10;
        const size_t row = 40 * sizeof(float);
        snprintf(words, sizeof words, "%d of 100 rows are done", 10 * at);
        expect_message(execute_late(&host), SMX_STATUS_CANCELLED, "smxCrossEntropyForwardBackwardHost", words, NULL);
        ck_assert_int_eq(w.calls, at);
        const unsigned char *const done = run.out->memory.after + run.out->memory.first, *const before = run.loss.memory.before;
        ck_assert_mem_eq(dx, done, row * 10 * (size_t)at);
        ck_assert_mem_eq(loss, before + run.loss.memory.first, sizeof(float));
        const counters bad = take_bad_targets();
        ck_assert_int_eq(bad.count, 10 * at);
        ck_assert_int_eq(bad.first, 0);
        if (on_emulator()) ck_assert_int_eq(simt_live_allocations(), live);
    }
    watch w = watch_of(); /* too late: everything is done */
    w.cancel_at = 10;
    follow(&host, &w);
    require_success(execute_late(&host), op_host_function(t.op));
    host_compare(&host);
    host_release(&host);
    trial_release(&run);
}
END_TEST

/* ---- bad targets ---- */

START_TEST(bad_targets_have_the_numbers_of_the_batch) {
    enum { ROWS = 64, COLS = 5 };
    static float x[ROWS][COLS], loss;
    static int64_t targets[ROWS];
    const smxLayout_t layout = smxRowMajor(SMX_R_32F, ROWS, COLS);
    const smxTargets_t t = smxIndexTargets(SMX_R_64I, targets);
    smxHostOptions_t options = SMX_HOST_OPTIONS_INIT;
    options.chunkRows = 10;
    targets[47] = 5;
    targets[61] = -1;
    targets[20] = -100; /* ignored */
    session_count_comparison();
    for (int call = 1; call < 3; call++)
        require_success(smxCrossEntropyForwardHost(session_handle(), &options, NULL, &layout, x, &t, &loss, NULL), "the call");
    targets[33] = 6;
    require_success(smxCrossEntropyForwardHost(session_handle(), &options, NULL, &layout, x, &t, &loss, NULL), "the call");
    counters bad = take_bad_targets(); /* they add up */
    ck_assert_int_eq(bad.count, 7);
    ck_assert_int_eq(bad.first, 33);
    bad = take_bad_targets();
    ck_assert_int_eq(bad.count, 0);
    ck_assert_int_eq(bad.first, -1);
}
END_TEST

/* ---- refusals ---- */

START_TEST(refused) {
    trial t = trial_of(operations[_i], SMX_R_32F, 20, 64);
    const char *const name = op_host_function(t.op);
    trial_run run;
    host_run host;
    trial_prepare(&run, &t);
    host_prepare(&host, &run, false);
    const host_run good = host;

    host.options.size = 3;
    expect_message(execute_late(&host), SMX_STATUS_INVALID_VALUE, name, "hostOptions size is 3", NULL);
    host = good;
    host.options.chunkRows = -4;
    expect_message(execute_late(&host), SMX_STATUS_INVALID_VALUE, name, "chunkRows is -4", NULL);
    host = good;
    host.call.handle = NULL;
    expect_message(execute_late(&host), SMX_STATUS_NOT_INITIALIZED, name, "handle", NULL);
    host = good;
    host.call.x = NULL;
    expect_message(execute_late(&host), SMX_STATUS_INVALID_VALUE, name, "x is NULL", NULL);
    host = good;
    host.call.x = (const char *)host.call.x + 1;
    expect_message(execute_late(&host), SMX_STATUS_INVALID_VALUE, name, "x = ", "aligned", NULL);
    host = good;
    if (session_backend() == SMX_BACKEND_CUDA) {
        host.call.x = run.call.x;
        expect_message(execute_late(&host), SMX_STATUS_INVALID_VALUE, name, "x = ", "device memory", NULL);
        host = good;
    }
    host_require_nothing_written(&host);
    require_success(trial_execute(&run), op_function(t.op));
    require_success(execute_late(&host), name);
    host_compare(&host);
    host_release(&host);
    trial_release(&run);
}
END_TEST

Suite *suite_host_batch(void) {
    Suite *suite = suite_create("host_batch");
    TCase *tcase = session_case("host_batch");

    tcase_add_loop_test(tcase, eight_times_the_bound, 0, HOST_OPERATIONS * FLOATING_TYPES);
    tcase_add_loop_test(tcase, means_of_many_rows, 0, 2);
    tcase_add_loop_test(tcase, options_of_losses, 0, 4);
    tcase_add_loop_test(tcase, rows_along_any_axis, 0, HOST_OPERATIONS);
    tcase_add_loop_test(tcase, long_rows, 0, HOST_OPERATIONS);
    tcase_add_loop_test(tcase, no_rows, 0, HOST_OPERATIONS);
    tcase_add_loop_test(tcase, defaults, 0, HOST_OPERATIONS);
    tcase_add_test(tcase, device_memory_stays_below_the_bound);
    tcase_add_test(tcase, the_least_bound);
    tcase_add_loop_test(tcase, allocations_that_fail, 0, HOST_OPERATIONS);
    tcase_add_loop_test(tcase, cancelled, 0, 2);
    tcase_add_test(tcase, bad_targets_have_the_numbers_of_the_batch);
    tcase_add_loop_test(tcase, refused, 0, HOST_OPERATIONS);
    suite_add_tcase(suite, tcase);
    return suite;
}
