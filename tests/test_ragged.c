/* Ragged rows: every row gets what a call on it alone gives, and nothing beside the rows is touched. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check_capture.h"
#include "check_memory.h"
#include "check_session.h"
#include "data.h"
#include "shapes.h"
#include "suites.h"

long simt_copies(void) __attribute__((weak)); /* where the backend is the emulator */
long simt_allocations(void) __attribute__((weak));
long simt_synchronizations(void) __attribute__((weak));

enum { ROWS = 24, OPS = SMX_OP_NLL_LOSS_BACKWARD + 1, COMBINATIONS = OPS * FLOATING_TYPES, GAP = 3, UNTOUCHED = 0x5a };

/* A call on ragged rows. Inputs lie without gaps; results have GAP elements between rows. */
typedef struct problem {
    smxOp_t op;
    smxDataType_t type, out_type;
    int64_t max_cols, in_offsets[ROWS + 1], out_offsets[ROWS + 1], lengths[ROWS];
    bool in_place, probabilities, with_lse;
    smxCrossEntropyOptions_t losses;
    smxSoftmaxOptions_t softmax;
    size_t in_bytes, out_bytes;
    int32_t targets[ROWS];
    void *in, *second, *weights, *indices, *gradients, *lse; /* memory of the backend */
    void *in_at, *out_at;                                    /* the offsets, there */
    void *out, *loss, *row_lse;
} problem;

static bool is_loss(const problem *p) { return p->op > SMX_OP_LOG_SUM_EXP; }
static bool is_nll(const problem *p) { return p->op >= SMX_OP_NLL_LOSS_FORWARD; }
static bool writes_elements(const problem *p) {
    return p->op != SMX_OP_LOG_SUM_EXP && p->op != SMX_OP_CROSS_ENTROPY_FORWARD && p->op != SMX_OP_NLL_LOSS_FORWARD;
}
static bool writes_loss(const problem *p) {
    return is_loss(p) && p->op != SMX_OP_CROSS_ENTROPY_BACKWARD && p->op != SMX_OP_NLL_LOSS_BACKWARD;
}
static bool writes_lse(const problem *p) {
    return p->op == SMX_OP_LOG_SUM_EXP || p->op == SMX_OP_CROSS_ENTROPY_FORWARD || p->op == SMX_OP_CROSS_ENTROPY_FORWARD_BACKWARD;
}

static void *upload_numbers(smxDataType_t type, int64_t count, generator *g, bool positive) {
    const size_t each = element_bytes(type), bytes = (size_t)count * each;
    unsigned char *host = malloc(bytes + 1);
    ck_assert_ptr_nonnull(host);
    for (size_t at = 0; at < bytes; at += each) store_element(type, host + at, positive ? 0.5 + next_uniform(g) : 2 * next_normal(g));
    void *memory = memory_upload(host, bytes);
    free(host);
    return memory;
}

static void choose_lengths(problem *p, generator *g) {
    for (int r = 0; r < ROWS; r++) {
        p->lengths[r] = r % 9 == 4 ? 0 : r % 9 == 7 ? 1 : r % 9 == 2 ? p->max_cols : next_below(g, p->max_cols + 1);
        p->in_offsets[r + 1] = p->in_offsets[r] + p->lengths[r];
        p->out_offsets[r + 1] = p->out_offsets[r] + p->lengths[r] + GAP;
        p->targets[r] = p->lengths[r] == 0 || r % 7 == 3 ? -100 : (int32_t)next_below(g, p->lengths[r]);
    }
}

static void begin(problem *p, smxOp_t op, smxDataType_t type, int64_t max_cols, uint64_t seed) {
    const smxCrossEntropyOptions_t losses = SMX_CROSS_ENTROPY_OPTIONS_INIT;
    const smxSoftmaxOptions_t softmax = SMX_SOFTMAX_OPTIONS_INIT;
    generator g = generator_of(seed);
    *p = (problem){.op = op, .type = type, .out_type = type, .max_cols = max_cols, .losses = losses, .softmax = softmax};
    p->losses.reduction = SMX_REDUCTION_NONE;
    p->in_offsets[0] = (int64_t)(seed % 5);
    p->out_offsets[0] = GAP;
    if (type != SMX_R_64F && seed % 3 == 1) p->out_type = SMX_R_32F;
    choose_lengths(p, &g);
    p->with_lse = op == SMX_OP_CROSS_ENTROPY_BACKWARD && seed % 2 == 0;
    if (is_loss(p) && !is_nll(p)) {
        p->probabilities = seed % 4 == 3;
        p->losses.labelSmoothing = seed % 3 == 2 ? 0.2f : 0.0f;
        p->losses.softcap = seed % 5 == 2 ? 4.0f : 0.0f;
        p->losses.zLoss = seed % 5 == 3 ? 0.01f : 0.0f;
        p->losses.logitScale = seed % 2 == 0 ? 1.0f : 0.7f;
    }
    p->softmax.scale = seed % 2 == 0 ? 1.0f : 0.7f;
    p->in_place = seed % 6 == 5 && writes_elements(p) && op != SMX_OP_NLL_LOSS_BACKWARD && p->out_type == type;
    if (p->in_place) memcpy(p->out_offsets, p->in_offsets, sizeof p->out_offsets);

    const smxDataType_t values = loss_type(type);
    p->in_bytes = (size_t)p->in_offsets[ROWS] * element_bytes(type);
    p->out_bytes = (size_t)p->out_offsets[ROWS] * element_bytes(p->out_type);
    p->in = upload_numbers(type, p->in_offsets[ROWS], &g, false);
    p->second = upload_numbers(type, p->in_offsets[ROWS], &g, p->probabilities);
    p->weights = seed % 2 == 1 ? upload_numbers(values, max_cols, &g, true) : NULL;
    p->losses.classWeights = p->weights;
    p->gradients = upload_numbers(values, ROWS, &g, false);
    p->lse = upload_numbers(values, ROWS, &g, true);
    p->indices = memory_upload(p->targets, sizeof p->targets);
    p->in_at = memory_upload(p->in_offsets, sizeof p->in_offsets);
    p->out_at = memory_upload(p->out_offsets, sizeof p->out_offsets);
    p->out = memory_make(p->out_bytes);
    p->loss = memory_make(ROWS * sizeof(double));
    p->row_lse = memory_make(ROWS * sizeof(double));
}

static void end(problem *p) {
    void *all[] = {p->in, p->second, p->weights, p->gradients, p->lse, p->indices, p->in_at, p->out_at, p->out, p->loss, p->row_lse};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) memory_release(all[i]);
}

static smxTargets_t targets_of(const problem *p, int64_t first) {
    const smxLayout_t layout = smxRowMajor(p->type, 1, p->max_cols);
    return p->probabilities ? smxProbabilityTargets(&layout, (char *)p->second + (size_t)first * element_bytes(p->type))
                            : smxIndexTargets(SMX_R_32I, p->indices);
}

static smxStatus_t call_ragged(const problem *p, const smxRaggedLayout_t *in, const smxRaggedLayout_t *out_given) {
    const smxHandle_t h = session_handle();
    void *data = p->in_place ? p->in : p->out;
    const smxRaggedLayout_t *out = p->in_place ? in : out_given;
    const smxTargets_t targets = targets_of(p, 0);
    const void *lse = p->with_lse ? p->lse : NULL;
    switch (p->op) {
    case SMX_OP_SOFTMAX_FORWARD: return smxSoftmaxForwardRagged(h, &p->softmax, in, p->in, out, data);
    case SMX_OP_SOFTMAX_BACKWARD: return smxSoftmaxBackwardRagged(h, &p->softmax, in, p->in, in, p->second, out, data);
    case SMX_OP_LOG_SOFTMAX_FORWARD: return smxLogSoftmaxForwardRagged(h, &p->softmax, in, p->in, out, data);
    case SMX_OP_LOG_SOFTMAX_BACKWARD: return smxLogSoftmaxBackwardRagged(h, &p->softmax, in, p->in, in, p->second, out, data);
    case SMX_OP_LOG_SUM_EXP: return smxLogSumExpRagged(h, &p->softmax, in, p->in, p->row_lse);
    case SMX_OP_CROSS_ENTROPY_FORWARD: return smxCrossEntropyForwardRagged(h, &p->losses, in, p->in, &targets, p->loss, p->row_lse);
    case SMX_OP_CROSS_ENTROPY_BACKWARD:
        return smxCrossEntropyBackwardRagged(h, &p->losses, in, p->in, &targets, lse, p->gradients, out, data);
    case SMX_OP_CROSS_ENTROPY_FORWARD_BACKWARD:
        return smxCrossEntropyForwardBackwardRagged(h, &p->losses, in, p->in, &targets, p->gradients, p->loss, p->row_lse, out, data);
    case SMX_OP_NLL_LOSS_FORWARD: return smxNllLossForwardRagged(h, &p->losses, in, p->in, &targets, p->loss);
    case SMX_OP_NLL_LOSS_BACKWARD: return smxNllLossBackwardRagged(h, &p->losses, in, &targets, p->gradients, out, data);
    default: return SMX_STATUS_INTERNAL_ERROR;
    }
}

static smxRaggedLayout_t in_layout(const problem *p) { return (smxRaggedLayout_t){p->type, ROWS, p->max_cols, p->in_at}; }
static smxRaggedLayout_t out_layout(const problem *p) { return (smxRaggedLayout_t){p->out_type, ROWS, p->max_cols, p->out_at}; }

static void run_ragged(const problem *p) {
    const smxRaggedLayout_t in = in_layout(p), out = out_layout(p);
    require_success(call_ragged(p, &in, &out), "call on ragged rows");
}

/* Once the workspace has grown a call is nothing but launches. */
START_TEST(a_hundred_calls) {
    problem p;
    if (!session_emulated()) {
        session_count_omission();
        return;
    }
    begin(&p, (smxOp_t)_i, SMX_R_32F, 40, 4);
    if (is_loss(&p)) p.losses.reduction = SMX_REDUCTION_MEAN;
    run_ragged(&p);
    const long allocations = simt_allocations(), waits = simt_synchronizations(), copies = simt_copies();
    for (int turn = 0; turn < (session_small() ? 5 : 100); turn++) run_ragged(&p);
    session_count_comparison();
    ck_assert_int_eq(simt_allocations(), allocations);
    ck_assert_int_eq(simt_synchronizations(), waits);
    ck_assert_int_eq(simt_copies(), copies);
    end(&p);
}
END_TEST

/* ---- the same, a row at a time ---- */

static smxStatus_t call_row(const problem *p, int r) {
    const smxHandle_t h = session_handle();
    const smxLayout_t in = smxRowMajor(p->type, 1, p->lengths[r]), out = smxRowMajor(p->out_type, 1, p->lengths[r]);
    const size_t first = (size_t)p->in_offsets[r] * element_bytes(p->type), value = element_bytes(loss_type(p->type));
    const char *x = (char *)p->in + first, *second = (char *)p->second + first;
    char *y = (char *)p->out + (size_t)p->out_offsets[r] * element_bytes(p->out_type);
    char *loss = (char *)p->loss + (size_t)r * value, *lse = (char *)p->row_lse + (size_t)r * value;
    const char *gradient = (char *)p->gradients + (size_t)r * value;
    const void *given = p->with_lse ? (char *)p->lse + (size_t)r * value : NULL;
    smxTargets_t targets = targets_of(p, p->in_offsets[r]);
    if (!p->probabilities) targets.data = (char *)p->indices + (size_t)r * sizeof(int32_t);
    switch (p->op) {
    case SMX_OP_SOFTMAX_FORWARD: return smxSoftmaxForward(h, &p->softmax, &in, x, &out, y);
    case SMX_OP_SOFTMAX_BACKWARD: return smxSoftmaxBackward(h, &p->softmax, &in, x, &in, second, &out, y);
    case SMX_OP_LOG_SOFTMAX_FORWARD: return smxLogSoftmaxForward(h, &p->softmax, &in, x, &out, y);
    case SMX_OP_LOG_SOFTMAX_BACKWARD: return smxLogSoftmaxBackward(h, &p->softmax, &in, x, &in, second, &out, y);
    case SMX_OP_LOG_SUM_EXP: return smxLogSumExp(h, &p->softmax, &in, x, lse);
    case SMX_OP_CROSS_ENTROPY_FORWARD: return smxCrossEntropyForward(h, &p->losses, &in, x, &targets, loss, lse);
    case SMX_OP_CROSS_ENTROPY_BACKWARD: return smxCrossEntropyBackward(h, &p->losses, &in, x, &targets, given, gradient, &out, y);
    case SMX_OP_CROSS_ENTROPY_FORWARD_BACKWARD:
        return smxCrossEntropyForwardBackward(h, &p->losses, &in, x, &targets, gradient, loss, lse, &out, y);
    case SMX_OP_NLL_LOSS_FORWARD: return smxNllLossForward(h, &p->losses, &in, x, &targets, loss);
    case SMX_OP_NLL_LOSS_BACKWARD: return smxNllLossBackward(h, &p->losses, &in, &targets, gradient, &out, y);
    default: return SMX_STATUS_INTERNAL_ERROR;
    }
}

typedef struct results {
    unsigned char *out, *loss, *lse;
} results;

static void clear(const problem *p) {
    memory_fill(p->out, UNTOUCHED, p->out_bytes);
    memory_fill(p->loss, UNTOUCHED, ROWS * sizeof(double));
    memory_fill(p->row_lse, UNTOUCHED, ROWS * sizeof(double));
}

static results collect(const problem *p, bool in_place) {
    return (results){memory_download(in_place ? p->in : p->out, p->out_bytes), memory_download(p->loss, ROWS * sizeof(double)),
                     memory_download(p->row_lse, ROWS * sizeof(double))};
}

static void release(results *r) {
    free(r->out);
    free(r->loss);
    free(r->lse);
}

/* The kernels of a row alone may be others, which sum in another order. Terms of the size of 1 may cancel. */
static void expect_near(const problem *p, const char *what, int r, int64_t column, smxDataType_t type, double got, double expected) {
    const bool many_terms = p->op == SMX_OP_SOFTMAX_BACKWARD || p->op == SMX_OP_LOG_SOFTMAX_BACKWARD;
    const double rounding = type_spacing(loss_type(p->type), 4.0) * (many_terms ? 32 + (double)p->max_cols / 8 : 32),
                 written = isfinite(expected) ? type_spacing(type, expected) : 0;
    if ((isnan(got) && isnan(expected)) || got == expected || fabs(got - expected) <= rounding * (1 + fabs(expected)) + written) return;
    ck_abort_msg("operation %d on %s, at most %lld columns: %s of row %d, column %lld of %lld: %.17g instead of %.17g", (int)p->op,
                 type_name(p->type), (long long)p->max_cols, what, r, (long long)column, (long long)p->lengths[r], got, expected);
}

static void expect_rows(const problem *p, const results *got, const results *expected) {
    const smxDataType_t values = loss_type(p->type);
    const size_t each = element_bytes(p->out_type), value = element_bytes(values);
    for (int r = 0; r < ROWS; r++) {
        if (p->lengths[r] == 0) continue;
        session_count_comparison();
        const size_t at = (size_t)r * value;
        if (writes_loss(p))
            expect_near(p, "loss", r, -1, values, load_element(values, got->loss + at), load_element(values, expected->loss + at));
        if (writes_lse(p))
            expect_near(p, "lse", r, -1, values, load_element(values, got->lse + at), load_element(values, expected->lse + at));
        for (int64_t k = p->out_offsets[r]; writes_elements(p) && k < p->out_offsets[r] + p->lengths[r]; k++)
            expect_near(p, "output", r, k - p->out_offsets[r], p->out_type, load_element(p->out_type, got->out + (size_t)k * each),
                        load_element(p->out_type, expected->out + (size_t)k * each));
    }
}

static void expect_untouched(const problem *p, const results *got) {
    const size_t each = element_bytes(p->out_type);
    for (int r = -1; r < ROWS; r++) {
        const int64_t from = r < 0 ? 0 : p->out_offsets[r] + (writes_elements(p) ? p->lengths[r] : 0);
        for (size_t k = (size_t)from * each; k < (size_t)p->out_offsets[r + 1] * each; k++)
            ck_assert_msg(got->out[k] == UNTOUCHED, "operation %d: byte %zu behind row %d was written", (int)p->op, k, r);
    }
}

/* Of rows without elements: their logsumexp; a loss is 0 if it is ignored. */
static void expect_empty_rows(const problem *p, const results *got) {
    const smxDataType_t values = loss_type(p->type);
    for (int r = 0; r < ROWS; r++) {
        if (p->lengths[r] > 0 || p->probabilities) continue;
        const size_t at = (size_t)r * element_bytes(values);
        if (p->op == SMX_OP_LOG_SUM_EXP) expect_near(p, "lse", r, -1, values, load_element(values, got->lse + at), -INFINITY);
        if (writes_loss(p)) expect_near(p, "loss", r, -1, values, load_element(values, got->loss + at), 0);
    }
}

START_TEST(rows_alone) {
    static const int64_t columns[] = {1, 5, 33, 300, 1025, 9001};
    const smxOp_t op = (smxOp_t)(_i / FLOATING_TYPES);

    for (uint64_t seed = 0; seed < (session_emulated() ? 9 : 18); seed++) {
        const int64_t cols = columns[seed % (sizeof columns / sizeof columns[0])];
        if ((cols > 2000 && (session_small() || seed > 5)) || (session_small() && (seed + (uint64_t)_i) % 4 != 0)) continue;
        problem p;
        begin(&p, op, floating_types[_i % FLOATING_TYPES], cols, seed);
        clear(&p);
        for (int r = 0; r < ROWS; r++)
            if (p.lengths[r] > 0) require_success(call_row(&p, r), "call on a row");
        results expected = collect(&p, false);
        clear(&p);
        run_ragged(&p);
        results got = collect(&p, p.in_place);
        expect_rows(&p, &got, &expected);
        expect_empty_rows(&p, &got);
        if (!p.in_place) expect_untouched(&p, &got);
        release(&expected);
        release(&got);
        end(&p);
    }
}
END_TEST

/* A graph reads the offsets when it is replayed. */
static void run_captured(void *data) { run_ragged(data); }

static void change_offsets(void *data) {
    problem *p = data;
    for (int r = 0; r < ROWS; r++) { /* other beginnings, and lengths for which there is room in the output */
        if (p->lengths[r] > 3) p->lengths[r] -= 2;
        p->in_offsets[r + 1] = p->in_offsets[r] + p->lengths[r];
    }
    memory_write(p->in_at, p->in_offsets, sizeof p->in_offsets);
    clear(p);
}

START_TEST(captured_calls) {
    problem p;
    if (!capture_possible()) return;
    begin(&p, (smxOp_t)_i, SMX_R_32F, 50, 4);
    run_ragged(&p); /* the workspace grows */
    capture_and_replay(run_captured, change_offsets, &p);
    results replayed = collect(&p, false);
    clear(&p);
    run_ragged(&p);
    results direct = collect(&p, false);
    session_count_comparison();
    ck_assert_msg(memcmp(replayed.out, direct.out, p.out_bytes) == 0 && memcmp(replayed.loss, direct.loss, ROWS * sizeof(double)) == 0 &&
                      memcmp(replayed.lse, direct.lse, ROWS * sizeof(double)) == 0,
                  "operation %d: the replay differs", (int)p.op);
    release(&replayed);
    release(&direct);
    end(&p);
}
END_TEST

/* One loss for all: the sum of what the rows have of their own, and the mean by their targets' weights. */
START_TEST(one_loss) {
    const smxOp_t op = _i % 2 == 0 ? SMX_OP_CROSS_ENTROPY_FORWARD_BACKWARD : SMX_OP_NLL_LOSS_FORWARD;

    for (uint64_t seed = 0; seed < 6; seed++) {
        problem p;
        begin(&p, op, floating_types[_i / 2], 70, seed);
        const smxDataType_t values = loss_type(p.type);
        const size_t value = element_bytes(values);
        clear(&p);
        run_ragged(&p);
        results rows = collect(&p, p.in_place);
        double sum = 0, divisor = p.probabilities ? ROWS : 0;
        unsigned char *weights = p.weights == NULL ? NULL : memory_download(p.weights, (size_t)p.max_cols * value);
        for (int r = 0; r < ROWS; r++) {
            if (p.probabilities && p.lengths[r] == 0) sum = NAN; /* no distribution */
            if (p.lengths[r] > 0 || !p.probabilities) sum += load_element(values, rows.loss + (size_t)r * value);
            if (p.targets[r] != -100 && !p.probabilities)
                divisor += weights == NULL ? 1 : load_element(values, weights + (size_t)p.targets[r] * value);
        }
        for (int reduction = SMX_REDUCTION_MEAN; reduction <= SMX_REDUCTION_SUM; reduction++) {
            const bool mean = reduction == SMX_REDUCTION_MEAN;
            problem again;
            begin(&again, op, floating_types[_i / 2], 70, seed);
            again.losses.reduction = (smxReduction_t)reduction;
            run_ragged(&again);
            unsigned char *loss = memory_download(again.loss, value);
            session_count_comparison();
            expect_near(&p, mean ? "mean" : "sum", 0, -1, values, load_element(values, loss), mean ? sum / divisor : sum);
            free(loss);
            end(&again);
        }
        free(weights);
        release(&rows);
        end(&p);
    }
}
END_TEST

/* Lengths that cannot be right: nothing of such a row is read or written, and the others are as ever. */
START_TEST(wrong_offsets) {
    const smxOp_t op = (smxOp_t)(_i / FLOATING_TYPES);
    enum { LONG = 2, BACK = 20 };
    problem p;
    int64_t bad = 0, first = -1;

    begin(&p, op, floating_types[_i % FLOATING_TYPES], 60, 6);
    clear(&p);
    run_ragged(&p);
    results expected = collect(&p, false);
    for (int r = LONG; r < BACK; r++) p.in_offsets[r] = p.in_offsets[LONG]; /* rows LONG to BACK - 2 are empty ... */
    p.in_offsets[LONG] -= p.in_offsets[LONG] - p.in_offsets[LONG - 1] + 1;  /* ... LONG - 1 goes back by one ... */
    p.in_offsets[BACK] = p.in_offsets[BACK - 1] + 61;                       /* ... and BACK - 1 is longer than it may be */
    memory_release(p.in_at);
    p.in_at = memory_upload(p.in_offsets, sizeof p.in_offsets);
    clear(&p);
    require_success(smxGetBadTargets(session_handle(), NULL, NULL), "smxGetBadTargets");
    run_ragged(&p);
    require_success(smxGetBadTargets(session_handle(), &bad, &first), "smxGetBadTargets");
    results got = collect(&p, false);
    const size_t each = element_bytes(p.out_type);
    const smxDataType_t values = loss_type(p.type);
    for (int r = 0; r < ROWS; r++) {
        const bool empty = r == LONG - 1 || (r > LONG && r < BACK), same = r < LONG - 1 || r > BACK;
        const size_t at = (size_t)p.out_offsets[r] * each, bytes = (size_t)p.lengths[r] * each;
        if (empty && writes_elements(&p))
            for (size_t k = 0; k < bytes; k++) ck_assert_msg(got.out[at + k] == UNTOUCHED, "row %d was written", r);
        if (same && writes_elements(&p)) ck_assert_msg(memcmp(got.out + at, expected.out + at, bytes) == 0, "row %d differs", r);
        if (empty && writes_loss(&p)) {
            const double loss = load_element(values, got.loss + (size_t)r * element_bytes(values));
            ck_assert_msg(p.targets[r] == -100 ? loss == 0 : isnan(loss), "loss of row %d without elements: %g", r, loss);
        }
        session_count_comparison();
    }
    if (is_loss(&p))
        ck_assert_msg(bad > 0 && first == LONG - 1, "%lld bad targets, the first in row %lld", (long long)bad, (long long)first);
    release(&expected);
    release(&got);
    end(&p);
}
END_TEST

static void expect_refused(const problem *p, smxRaggedLayout_t in, smxRaggedLayout_t out, const char *text) {
    clear(p);
    ck_assert_int_eq(call_ragged(p, &in, &out), SMX_STATUS_INVALID_VALUE);
    ck_assert_msg(strstr(smxGetLastErrorMessage(), text) != NULL, "'%s' is not in '%s'", text, smxGetLastErrorMessage());
    session_count_comparison();
}

START_TEST(bad_layouts) {
    problem p;
    begin(&p, (smxOp_t)_i, SMX_R_32F, 12, 4);
    const smxRaggedLayout_t in = in_layout(&p), out = out_layout(&p);
    smxRaggedLayout_t spoilt = in;
    spoilt.rows = -3;
    expect_refused(&p, spoilt, out, "rows is -3");
    spoilt = in;
    spoilt.maxCols = 0;
    expect_refused(&p, spoilt, out, "maxCols is 0, at least 1 is needed");
    spoilt = in;
    spoilt.offsets = NULL;
    expect_refused(&p, spoilt, out, "offsets is NULL for 24 rows");
    spoilt.offsets = (const int64_t *)((const char *)in.offsets + 4);
    expect_refused(&p, spoilt, out, "is not aligned to its element size, 8 bytes");
    spoilt = in;
    spoilt.type = SMX_R_8U;
    expect_refused(&p, spoilt, out, "is not a floating type");
    if (writes_elements(&p)) {
        spoilt = out;
        spoilt.maxCols = 13;
        expect_refused(&p, in, spoilt, "has outer 24, cols 13, inner 1 but");
        spoilt = out;
        spoilt.rows = 23;
        expect_refused(&p, in, spoilt, "has outer 23, cols 12, inner 1 but");
    }
    run_ragged(&p);
    spoilt = in;
    spoilt.rows = 0;
    spoilt.offsets = NULL;
    smxRaggedLayout_t nothing = spoilt;
    nothing.type = p.out_type;
    require_success(call_ragged(&p, &spoilt, &nothing), "call on no rows");
    end(&p);
}
END_TEST

START_TEST(missing_layouts) {
    const smxHandle_t h = session_handle();
    ck_assert_int_eq(smxSoftmaxForwardRagged(h, NULL, NULL, NULL, NULL, NULL), SMX_STATUS_INVALID_VALUE);
    ck_assert_str_eq(smxGetLastErrorMessage(), "smxSoftmaxForwardRagged: xLayout is NULL");
    ck_assert_int_eq(smxCrossEntropyForwardRagged(h, NULL, NULL, NULL, NULL, NULL, NULL), SMX_STATUS_INVALID_VALUE);
    ck_assert_str_eq(smxGetLastErrorMessage(), "smxCrossEntropyForwardRagged: xLayout is NULL");
    ck_assert_int_eq(smxSoftmaxForwardRagged(NULL, NULL, NULL, NULL, NULL, NULL), SMX_STATUS_NOT_INITIALIZED);
    ck_assert_int_eq(smxNllLossForwardRagged(NULL, NULL, NULL, NULL, NULL, NULL), SMX_STATUS_NOT_INITIALIZED);
    session_count_comparison();
}
END_TEST

Suite *suite_ragged(void) {
    Suite *suite = suite_create("ragged");
    TCase *tcase = session_case("ragged");

    tcase_add_loop_test(tcase, rows_alone, 0, COMBINATIONS);
    tcase_add_loop_test(tcase, one_loss, 0, 2 * FLOATING_TYPES);
    tcase_add_loop_test(tcase, wrong_offsets, 0, COMBINATIONS);
    tcase_add_loop_test(tcase, a_hundred_calls, 0, OPS);
    tcase_add_loop_test(tcase, captured_calls, 0, OPS);
    tcase_add_loop_test(tcase, bad_layouts, 0, OPS);
    tcase_add_test(tcase, missing_layouts);
    suite_add_tcase(suite, tcase);
    return suite;
}
