/* Batched calls: bit by bit what the single calls write, in few launches, and nothing at all if one problem is wrong. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check_capture.h"
#include "check_memory.h"
#include "check_session.h"
#include "data.h"
#include "suites.h"

long simt_launches(void) __attribute__((weak)); /* where the backend is the emulator */
long simt_copies(void) __attribute__((weak));
long simt_allocations(void) __attribute__((weak));
long simt_synchronizations(void) __attribute__((weak));

enum { MOST = 1000, OPS = 4, UNTOUCHED = 0x5a };

typedef struct problem {
    smxLayout_t layout, out_layout;
    smxTargets_t targets;
    size_t x_bytes, out_bytes, row_bytes;
    void *x, *target_data, *gradient; /* inputs */
    void *out, *loss, *lse;           /* outputs: of the single call, or of the batched one */
} problem;

typedef struct batch {
    int count;
    problem of[MOST];
    smxLayout_t layouts[MOST], out_layouts[MOST];
    smxTargets_t targets[MOST];
    const void *x[MOST], *gradients[MOST];
    void *out[MOST], *loss[MOST], *lse[MOST];
    smxCrossEntropyOptions_t losses;
    smxSoftmaxOptions_t softmax;
} batch;

static size_t span_bytes(const smxLayout_t *l) { return (size_t)smx_layout_span(l) * element_bytes(l->type); }

/* Random numbers in all elements; positive ones are fine as probabilities, too. */
static void *upload_elements(const smxLayout_t *l, generator *g, bool positive) {
    const size_t bytes = span_bytes(l), each = element_bytes(l->type);
    unsigned char *host = malloc(bytes + 1);
    ck_assert_ptr_nonnull(host);
    for (size_t at = 0; at < bytes; at += each) store_element(l->type, host + at, positive ? next_uniform(g) : 3 * next_normal(g));
    void *memory = memory_upload(host, bytes);
    free(host);
    return memory;
}

static void *upload_indices(int64_t rows, int64_t cols, generator *g) {
    int32_t *host = malloc((size_t)(rows + 1) * sizeof *host);
    ck_assert_ptr_nonnull(host);
    for (int64_t r = 0; r < rows; r++) host[r] = r % 7 == 3 ? -100 : r % 11 == 5 ? (int32_t)cols : (int32_t)next_below(g, cols);
    void *memory = memory_upload(host, (size_t)rows * sizeof *host);
    free(host);
    return memory;
}

static void make_problem(problem *p, int64_t rows, int64_t cols, int kind, generator *g) {
    const smxDataType_t types[] = {SMX_R_32F, SMX_R_16BF, SMX_R_64F, SMX_R_16F};
    const smxDataType_t type = types[kind % 4];
    p->layout = smxRowMajor(type, rows, cols);
    if (kind % 5 == 4 && rows > 1) /* columns side by side */
        p->layout = (smxLayout_t){.type = type, .outer = 1, .cols = cols, .inner = rows, .outerStride = cols * rows, .colStride = rows};
    if (kind % 3 == 1 && p->layout.inner == 1) p->layout.outerStride += 3;
    p->out_layout = p->layout;
    if (type == SMX_R_16BF) p->out_layout.type = SMX_R_32F;
    p->x_bytes = span_bytes(&p->layout);
    p->out_bytes = span_bytes(&p->out_layout);
    p->row_bytes = (size_t)rows * element_bytes(loss_type(type));
    p->x = upload_elements(&p->layout, g, false);
    const smxLayout_t per_row = smxRowMajor(loss_type(type), rows, 1);
    p->gradient = upload_elements(&per_row, g, false);
    p->target_data = kind % 6 == 5 ? upload_elements(&p->layout, g, true) : upload_indices(rows, cols, g);
    p->targets = kind % 6 == 5 ? smxProbabilityTargets(&p->layout, p->target_data) : smxIndexTargets(SMX_R_32I, p->target_data);
    p->out = memory_make(p->out_bytes);
    p->loss = memory_make(p->row_bytes + 8);
    p->lse = memory_make(p->row_bytes);
}

static void add(batch *b, int64_t rows, int64_t cols, int kind, generator *g) {
    problem *p = &b->of[b->count];
    make_problem(p, rows, cols, kind, g);
    b->layouts[b->count] = p->layout;
    b->out_layouts[b->count] = p->out_layout;
    b->targets[b->count] = p->targets;
    b->x[b->count] = p->x;
    b->gradients[b->count] = p->gradient;
    b->out[b->count] = p->out;
    b->loss[b->count] = p->loss;
    b->lse[b->count] = p->lse;
    b->count++;
}

static batch *begin(void) {
    batch *b = calloc(1, sizeof *b);
    ck_assert_ptr_nonnull(b);
    const smxCrossEntropyOptions_t losses = SMX_CROSS_ENTROPY_OPTIONS_INIT;
    const smxSoftmaxOptions_t softmax = SMX_SOFTMAX_OPTIONS_INIT;
    b->losses = losses;
    b->softmax = softmax;
    return b;
}

static void end(batch *b) {
    for (int i = 0; i < b->count; i++) {
        problem *p = &b->of[i];
        void *all[] = {p->x, p->target_data, p->gradient, p->out, p->loss, p->lse};
        for (size_t k = 0; k < sizeof all / sizeof all[0]; k++) memory_release(all[k]);
    }
    free(b);
}

static void clear_outputs(const batch *b) {
    for (int i = 0; i < b->count; i++) {
        memory_fill(b->of[i].out, UNTOUCHED, b->of[i].out_bytes);
        memory_fill(b->of[i].loss, UNTOUCHED, b->of[i].row_bytes + 8);
        memory_fill(b->of[i].lse, UNTOUCHED, b->of[i].row_bytes);
    }
}

static smxStatus_t call_single(const batch *b, int op, int i) {
    const smxHandle_t h = session_handle();
    switch (op) {
    case 0: return smxSoftmaxForward(h, &b->softmax, &b->layouts[i], b->x[i], &b->out_layouts[i], b->out[i]);
    case 1: return smxLogSoftmaxForward(h, &b->softmax, &b->layouts[i], b->x[i], &b->out_layouts[i], b->out[i]);
    case 2: return smxCrossEntropyForward(h, &b->losses, &b->layouts[i], b->x[i], &b->targets[i], b->loss[i], b->lse[i]);
    default:
        return smxCrossEntropyForwardBackward(h, &b->losses, &b->layouts[i], b->x[i], &b->targets[i], b->gradients[i], b->loss[i],
                                              b->lse[i], &b->out_layouts[i], b->out[i]);
    }
}

static smxStatus_t call_batched(const batch *b, int op) {
    const smxHandle_t h = session_handle();
    switch (op) {
    case 0: return smxSoftmaxForwardBatched(h, &b->softmax, b->count, b->layouts, b->x, b->out_layouts, b->out);
    case 1: return smxLogSoftmaxForwardBatched(h, &b->softmax, b->count, b->layouts, b->x, b->out_layouts, b->out);
    case 2: return smxCrossEntropyForwardBatched(h, &b->losses, b->count, b->layouts, b->x, b->targets, b->loss, b->lse);
    default:
        return smxCrossEntropyForwardBackwardBatched(h, &b->losses, b->count, b->layouts, b->x, b->targets, b->gradients, b->loss, b->lse,
                                                     b->out_layouts, b->out);
    }
}

typedef struct outputs {
    unsigned char *out, *loss, *lse;
    int64_t bad_targets;
} outputs;

static outputs *collect(const batch *b) {
    outputs *all = calloc((size_t)b->count + 1, sizeof *all);
    ck_assert_ptr_nonnull(all);
    for (int i = 0; i < b->count; i++) {
        all[i].out = memory_download(b->of[i].out, b->of[i].out_bytes);
        all[i].loss = memory_download(b->of[i].loss, b->of[i].row_bytes + 8);
        all[i].lse = memory_download(b->of[i].lse, b->of[i].row_bytes);
    }
    require_success(smxGetBadTargets(session_handle(), &all[b->count].bad_targets, NULL), "smxGetBadTargets");
    return all;
}

static void release(outputs *all, int count) {
    for (int i = 0; i < count; i++) {
        free(all[i].out);
        free(all[i].loss);
        free(all[i].lse);
    }
    free(all);
}

/* Launches of the batched call, or -1 where they are not counted. */
static long compare(const batch *b, int op) {
    clear_outputs(b);
    for (int i = 0; i < b->count; i++) require_success(call_single(b, op, i), "single call");
    outputs *single = collect(b);
    clear_outputs(b);
    const long before = session_emulated() ? simt_launches() : 0;
    require_success(call_batched(b, op), "batched call");
    const long launches = session_emulated() ? simt_launches() - before : -1;
    outputs *batched = collect(b);

    for (int i = 0; i < b->count; i++) {
        const problem *p = &b->of[i];
        session_count_comparison();
        const bool same = memcmp(single[i].out, batched[i].out, p->out_bytes) == 0 &&
                          memcmp(single[i].loss, batched[i].loss, p->row_bytes + 8) == 0 &&
                          memcmp(single[i].lse, batched[i].lse, p->row_bytes) == 0;
        if (!same)
            ck_abort_msg("operation %d: problem %d of %d (%lld x %lld x %lld %s) differs from its single call", op, i, b->count,
                         (long long)p->layout.outer, (long long)p->layout.cols, (long long)p->layout.inner, type_name(p->layout.type));
    }
    ck_assert_int_eq(single[b->count].bad_targets, batched[b->count].bad_targets);
    release(single, b->count);
    release(batched, b->count);
    return launches;
}

/* Every type, kind of targets and layout, short and long rows, no rows, in one call. */
START_TEST(mixed_problems) {
    static const int64_t columns[] = {1, 10, 33, 130, 257, 1000, 4100, 9001};
    batch *b = begin();
    generator g = generator_of(5);

    for (int i = 0; i < (session_small() ? 25 : 60); i++) {
        const int64_t cols = columns[(size_t)(i * 7 + i / 8) % (sizeof columns / sizeof columns[0])];
        add(b, i % 13 == 12 ? 0 : 1 + (i * 5) % (cols > 2000 ? 3 : 70), cols, i, &g);
    }
    for (int reduction = 0; reduction < 3; reduction++) {
        b->losses.reduction = (smxReduction_t)reduction;
        b->losses.labelSmoothing = reduction == 1 ? 0.1f : 0.0f;
        b->softmax.scale = reduction == 1 ? 0.5f : 1.0f;
        if (_i >= 2 || reduction < 2) compare(b, _i);
    }
    end(b);
}
END_TEST

/* The number of launches does not depend on the number of problems. */
START_TEST(many_small_problems) {
    batch *b = begin();
    generator g = generator_of(6);
    const int count = session_small() ? 20 : MOST, rows = session_emulated() ? 4 : 64;

    for (int i = 0; i < count; i++) {
        const int64_t cols = 10 + (int64_t)i * 990 / (count - 1);
        add(b, rows, cols, 0, &g);
    }
    const long launches = compare(b, _i);
    if (launches >= 0) {
        printf("batch: %ld launches for %d problems of %d x 10 to %d x 1000, operation %d\n", launches, count, rows, rows, _i);
        static const int families[OPS] = {1, 1, 2, 3}; /* row_registers; the sum of the losses; the divisor */
        ck_assert_int_le(launches, families[_i]);
    }
    end(b);
}
END_TEST

/* Once the workspace has grown a call is a copy and its launches. */
START_TEST(a_hundred_calls) {
    batch *b = begin();
    generator g = generator_of(9);
    if (!session_emulated()) {
        session_count_omission();
        end(b);
        return;
    }
    const int calls = session_small() ? 5 : 100;
    for (int i = 0; i < 10; i++) add(b, 2, 20 + 30 * i, i, &g);
    require_success(call_batched(b, _i), "batched call");
    const long allocations = simt_allocations(), waits = simt_synchronizations(), copies = simt_copies();
    for (int turn = 0; turn < calls; turn++) require_success(call_batched(b, _i), "batched call");
    session_count_comparison();
    ck_assert_int_eq(simt_allocations(), allocations);
    ck_assert_int_eq(simt_synchronizations(), waits);
    ck_assert_int_eq(simt_copies(), copies + calls);
    end(b);
}
END_TEST

/* ---- captured: the descriptions are those of the capture, the data those of the replay ---- */

typedef struct captured {
    batch *b;
    int op;
} captured;

static void make_captured(void *data) {
    const captured *c = data;
    require_success(call_batched(c->b, c->op), "batched call");
}

static void change_logits(void *data) {
    const captured *c = data;
    generator g = generator_of(77);
    for (int i = 0; i < c->b->count; i++) {
        problem *p = &c->b->of[i];
        const size_t each = element_bytes(p->layout.type);
        unsigned char *host = memory_download(p->x, p->x_bytes);
        for (size_t at = 0; at < p->x_bytes; at += each) store_element(p->layout.type, host + at, 2 * next_normal(&g));
        memory_write(p->x, host, p->x_bytes);
        free(host);
    }
    clear_outputs(c->b);
}

START_TEST(captured_calls) {
    if (!capture_possible()) return;
    batch *b = begin();
    generator g = generator_of(10);
    captured c = {b, _i};
    for (int i = 0; i < 40; i++) add(b, 1 + i % 7, 9 + 11 * i, i, &g);
    require_success(smxReserveWorkspace(session_handle(), (size_t)1 << 20), "smxReserveWorkspace");
    capture_and_replay(make_captured, change_logits, &c);
    outputs *replayed = collect(b);
    clear_outputs(b);
    make_captured(&c);
    outputs *direct = collect(b);
    for (int i = 0; i < b->count; i++) {
        session_count_comparison();
        ck_assert_msg(memcmp(replayed[i].out, direct[i].out, b->of[i].out_bytes) == 0 &&
                          memcmp(replayed[i].loss, direct[i].loss, b->of[i].row_bytes) == 0,
                      "problem %d differs in the replay", i);
    }
    release(replayed, b->count);
    release(direct, b->count);
    end(b);
}
END_TEST

START_TEST(repeated_calls) {
    batch *b = begin();
    generator g = generator_of(7);
    for (int i = 0; i < 30; i++) add(b, 4, 20 + i, i, &g);
    for (int turn = 0; turn < 5; turn++) compare(b, _i);
    end(b);
}
END_TEST

static void expect_refused(const batch *b, int op, const char *text) {
    clear_outputs(b);
    ck_assert_int_eq(call_batched(b, op), SMX_STATUS_INVALID_VALUE);
    ck_assert_msg(strstr(smxGetLastErrorMessage(), text) != NULL, "message: %s", smxGetLastErrorMessage());
    for (int i = 0; i < b->count; i++) { /* nothing was written */
        unsigned char *out = memory_download(b->of[i].out, b->of[i].out_bytes), *loss = memory_download(b->of[i].loss, 8);
        for (size_t k = 0; k < b->of[i].out_bytes; k++) ck_assert_uint_eq(out[k], UNTOUCHED);
        for (size_t k = 0; k < 8; k++) ck_assert_uint_eq(loss[k], UNTOUCHED);
        free(out);
        free(loss);
    }
    session_count_comparison();
}

START_TEST(one_bad_problem) {
    static const char *const names[] = {"smxSoftmaxForwardBatched", "smxLogSoftmaxForwardBatched", "smxCrossEntropyForwardBatched",
                                        "smxCrossEntropyForwardBackwardBatched"};
    batch *b = begin();
    generator g = generator_of(8);
    char text[200];

    for (int i = 0; i < 6; i++) add(b, 3, 12 + i, 0, &g);
    snprintf(text, sizeof text, "%s: problem 4 of 6: x is NULL", names[_i]);
    b->x[4] = NULL;
    expect_refused(b, _i, text);
    b->x[4] = b->of[4].x;
    snprintf(text, sizeof text, "%s: problem 2 of 6: x outerStride 5 is less than cols 14", names[_i]);
    b->layouts[2].outerStride = 5;
    expect_refused(b, _i, text);
    b->layouts[2].outerStride = 14;
    b->count = -1;
    ck_assert_int_eq(call_batched(b, _i), SMX_STATUS_INVALID_VALUE);
    ck_assert_ptr_nonnull(strstr(smxGetLastErrorMessage(), "count is -1, it has to be in [0, 2147483647]"));
    b->count = 0;
    require_success(call_batched(b, _i), "batch of nothing");
    b->count = 6;
    compare(b, _i);
    end(b);
}
END_TEST

START_TEST(missing_arrays) {
    const smxHandle_t h = session_handle();
    const smxLayout_t layout = smxRowMajor(SMX_R_32F, 1, 4);
    const void *x[1] = {NULL};
    void *y[1] = {NULL};

    ck_assert_int_eq(smxSoftmaxForwardBatched(h, NULL, 1, NULL, x, &layout, y), SMX_STATUS_INVALID_VALUE);
    ck_assert_str_eq(smxGetLastErrorMessage(), "smxSoftmaxForwardBatched: xLayouts is NULL, count is 1");
    ck_assert_int_eq(smxSoftmaxForwardBatched(h, NULL, 1, &layout, x, &layout, NULL), SMX_STATUS_INVALID_VALUE);
    ck_assert_str_eq(smxGetLastErrorMessage(), "smxSoftmaxForwardBatched: y is NULL, count is 1");
    ck_assert_int_eq(smxCrossEntropyForwardBatched(h, NULL, 1, &layout, x, NULL, y, NULL), SMX_STATUS_INVALID_VALUE);
    ck_assert_str_eq(smxGetLastErrorMessage(), "smxCrossEntropyForwardBatched: targets is NULL, count is 1");
    ck_assert_int_eq(smxSoftmaxForwardBatched(NULL, NULL, 1, &layout, x, &layout, y), SMX_STATUS_NOT_INITIALIZED);
    session_count_comparison();
}
END_TEST

Suite *suite_batch(void) {
    Suite *suite = suite_create("batch");
    TCase *tcase = session_case("batch");

    tcase_add_loop_test(tcase, mixed_problems, 0, OPS);
    tcase_add_loop_test(tcase, many_small_problems, 0, OPS);
    tcase_add_loop_test(tcase, repeated_calls, 0, OPS);
    tcase_add_loop_test(tcase, a_hundred_calls, 0, OPS);
    tcase_add_loop_test(tcase, captured_calls, 0, OPS);
    tcase_add_loop_test(tcase, one_bad_problem, 0, OPS);
    tcase_add_test(tcase, missing_arrays);
    suite_add_tcase(suite, tcase);
    return suite;
}
