/* Elements whose numbers do not fit 31 or 32 bits, in memory of which only the touched pages exist: every operation on rows, columns and
 * both that lie so far apart, against the oracle. Nothing else may be touched, in particular not the places where a number cut to 32
 * bits would lead: 2^31 elements before a tensor there is memory, too. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check_sparse.h"
#include "check_trial.h"
#include "shapes.h"
#include "suites.h"

#define TWO_31 ((int64_t)1 << 31)

/* Rows are numbered o * inner + i, as everywhere. The smallest stride beyond 2^31 is such that a cut number misses all rows. */
static const struct {
    const char *what;
    int64_t outer, cols, inner, outer_stride, col_stride;
} cases[] = {
    {"rows that cross 2^31 and 2^32", 3, 257, 1, TWO_31 - 100, 1},
    {"rows beyond 2^31 and 2^32", 3, 40, 1, TWO_31 + 20488, 1},
    {"long rows that cross 2^31 and 2^32", 3, 9001, 1, TWO_31 - 3000, 1},
    {"columns that cross 2^31 and 2^32, adjacent rows", 1, 17, 300, 0, TWO_31 / 8 - 7},
    {"columns beyond 2^31 and 2^32, rows between them", 40, 17, 1, 3, TWO_31 / 8 + 4099},
    {"many columns, up to 2^32", 1, 260, 5, 0, TWO_31 / 128 + 9},
    {"adjacent rows in groups that cross 2^31 and 2^32", 3, 20, 13, TWO_31 - 100, 13},
    {"both strides far, groups beyond 2^31 and 2^32", 3, 5, 7, TWO_31 + 4099, TWO_31 / 64 - 1},
};
enum { CASES = sizeof cases / sizeof cases[0] };

/* The part of the memory that holds operands of one element size: room before the first element, then up to the last one. */
static size_t part_bytes(size_t width) { return (size_t)(TWO_31 * 3 + ((int64_t)1 << 28)) * width; }
static size_t first_element(size_t width) { return (size_t)(TWO_31 + 4096) * width; }

typedef struct far_tensor {
    smxLayout_t layout;
    size_t at; /* byte of the first element */
} far_tensor;

static int64_t element_of(const smxLayout_t *l, int64_t row, int64_t col) {
    return row / l->inner * l->outerStride + col * l->colStride + row % l->inner;
}

static size_t place_of(const far_tensor *t, int64_t row, int64_t col) {
    return t->at + (size_t)element_of(&t->layout, row, col) * element_bytes(t->layout.type);
}

/* `bytes`: what was or will be uploaded, or what came back. */
static unsigned char *dense_place(const tensor *t, unsigned char *bytes, int64_t row, int64_t col) {
    return bytes + t->memory.first + (size_t)element_of(&t->layout, row, col) * element_bytes(t->layout.type);
}

/* Both parts of the memory are used alike: inputs in the first, the output in the second. Inputs may lie between each other's rows. */
static far_tensor far_tensor_of(int which, int part, smxDataType_t type, size_t distance) {
    const size_t width = element_bytes(type);
    return (far_tensor){.layout = {.type = type,
                                   .outer = cases[which].outer,
                                   .cols = cases[which].cols,
                                   .inner = cases[which].inner,
                                   .outerStride = cases[which].outer_stride,
                                   .colStride = cases[which].col_stride},
                        .at = (size_t)part * part_bytes(width) + first_element(width) + distance * width};
}

static void write_far(sparse *memory, const far_tensor *t, const tensor *dense) {
    for (int64_t r = 0; r < layout_rows(&t->layout); r++)
        for (int64_t j = 0; j < t->layout.cols; j++)
            sparse_write(memory, place_of(t, r, j), dense_place(dense, dense->memory.before, r, j), element_bytes(t->layout.type));
}

static void restore(sparse *memory, const far_tensor *t, const tensor *dense) {
    for (int64_t r = 0; r < layout_rows(&t->layout); r++)
        for (int64_t j = 0; j < t->layout.cols; j++)
            memcpy(memory->first + place_of(t, r, j), dense_place(dense, dense->memory.before, r, j), element_bytes(t->layout.type));
}

/* The results go where the comparison looks for them. */
static void take_results(const sparse *memory, const far_tensor *t, tensor *dense) {
    for (int64_t r = 0; r < layout_rows(&t->layout); r++)
        for (int64_t j = 0; j < t->layout.cols; j++)
            memcpy(dense_place(dense, dense->memory.after, r, j), memory->first + place_of(t, r, j), element_bytes(t->layout.type));
}

typedef enum far_operands { FAR_ALL, FAR_IN_PLACE, FAR_INPUTS, FAR_OUTPUT, FAR_COUNT } far_operands;

/* A trial of the same shape and data in little memory is prepared, but made with operands far apart. */
static void check_far(sparse *memory, trial t, int which, far_operands far) {
    const smxDataType_t type = t.x.layout.type;
    const bool writes = op_writes_elements(t.op);
    const far_tensor out = far_tensor_of(which, 1, type, 5), second = far_tensor_of(which, 0, type, ((size_t)1 << 18) + 3);
    const far_tensor x = far == FAR_IN_PLACE ? out : far_tensor_of(which, 0, type, 0);
    trial_run run;

    trial_prepare(&run, &t);
    sparse_forget(memory);
    if (far != FAR_OUTPUT) {
        run.call.x_layout = x.layout;
        if (op_reads_elements(t.op)) {
            write_far(memory, &x, &run.x);
            run.call.x = memory->first + x.at;
        }
        if (op_takes_gradient(t.op)) {
            write_far(memory, &second, &run.dy);
            run.call.dy = memory->first + second.at;
            run.call.dy_layout = second.layout;
        }
        if (t.probabilities != PROBABILITIES_NONE) {
            write_far(memory, &second, &run.aimed);
            run.call.targets = smxProbabilityTargets(&second.layout, memory->first + second.at);
        }
    }
    if (writes && far != FAR_INPUTS) {
        if (far != FAR_IN_PLACE || !op_reads_elements(t.op)) write_far(memory, &out, run.out);
        run.call.out = memory->first + out.at;
        run.call.out_layout = out.layout;
    }
    sparse_remember(memory);

    const smxStatus_t status = trial_execute(&run);
    if (status != SMX_STATUS_SUCCESS)
        fail_trial(&run, "%s: status %d (%s): %s", cases[which].what, (int)status, smxGetStatusString(status), smxGetLastErrorMessage());
    if (writes && far != FAR_INPUTS) {
        take_results(memory, &out, run.out);
        restore(memory, &out, far == FAR_IN_PLACE && op_reads_elements(t.op) ? &run.x : run.out);
    }
    sparse_require_untouched(memory, cases[which].what);
    trial_compare(&run);
    trial_release(&run);
}

/* Losses come twice: with index targets, and with probabilities and weights. */
enum { WITH_PROBABILITIES = 3, SUBJECTS = OPERATIONS + WITH_PROBABILITIES };

static trial trial_on(int subject, int which, smxDataType_t type) {
    const smxOp_t op = subject < OPERATIONS ? (smxOp_t)subject : (smxOp_t)(SMX_OP_CROSS_ENTROPY_FORWARD + subject - OPERATIONS);
    trial t = trial_of(op, type, cases[which].outer * cases[which].inner, cases[which].cols);
    smxLayout_t layout = {.outer = cases[which].outer, .cols = cases[which].cols, .inner = cases[which].inner};

    layout.colStride = layout.inner;
    layout.outerStride = layout.inner * layout.cols;
    trial_set_layout(&t, &layout);
    t.seed = (uint64_t)which;
    t.reduction = which % 3 == 0 ? SMX_REDUCTION_NONE : SMX_REDUCTION_MEAN;
    t.with_lse = which % 2 == 0; /* also for the backward call: a map, or a reduction */
    if (subject >= OPERATIONS) {
        t.probabilities = PROBABILITIES_SOFT;
        t.with_weights = true;
    }
    return t;
}

START_TEST(elements_far_apart) {
    const int subject = _i / CASES, which = _i % CASES;
    const far_operands variants = session_small() ? FAR_INPUTS : FAR_COUNT;

    if (!sparse_possible()) {
        session_count_omission();
        return;
    }
    const trial narrow = trial_on(subject, which, SMX_R_16BF), wide = trial_on(subject, which, SMX_R_64F);
    sparse memory = sparse_open(part_bytes(2) * 2);
    for (far_operands far = FAR_ALL; far < variants; far++) {
        if (far != FAR_ALL && !op_writes_elements(narrow.op)) continue;
        if (far == FAR_INPUTS && !op_reads_elements(narrow.op)) continue;
        check_far(&memory, narrow, which, far);
    }
    sparse_close(&memory);
    if (session_small()) return;
    memory = sparse_open(part_bytes(8) * 2);
    check_far(&memory, wide, which, FAR_ALL);
    sparse_close(&memory);
}
END_TEST

/* A loss that looks at one log-probability and one weight of more than 2^32. */
START_TEST(log_probabilities_far_apart) {
    static const int64_t picked[] = {5, TWO_31 - 1, TWO_31 + 3, 2 * TWO_31 - 1, 2 * TWO_31 + 7};
    const smxLayout_t layout = smxRowMajor(SMX_R_16BF, 1, 2 * TWO_31 + 10);
    const size_t x_at = (size_t)TWO_31 * 2, weights_at = x_at + (size_t)layout.cols * 4;
    const float weight = 1.25f;
    smxCrossEntropyOptions_t options = SMX_CROSS_ENTROPY_OPTIONS_INIT;
    unsigned char logarithm[2];
    sparse memory;

    if (!sparse_possible()) {
        session_count_omission();
        return;
    }
    memory = sparse_open(weights_at + (size_t)layout.cols * sizeof weight + sizeof(int64_t));
    options.reduction = SMX_REDUCTION_SUM;
    for (size_t i = 0; i < sizeof picked / sizeof picked[0]; i++) {
        tensor loss = tensor_make_vector(BUFFER_OUTPUT, SMX_R_32F, 1, 0);
        buffer target = buffer_make(BUFFER_INPUT, 0, sizeof(int64_t));
        store_index(SMX_R_64I, target.before, picked[i]);
        buffer_upload(&target);
        buffer_upload(&loss.memory);
        const smxTargets_t targets = smxIndexTargets(SMX_R_64I, buffer_pointer(&target));

        sparse_forget(&memory);
        store_element(SMX_R_16BF, logarithm, -2.0 - (double)i);
        sparse_write(&memory, x_at + (size_t)picked[i] * 2, logarithm, sizeof logarithm);
        sparse_write(&memory, weights_at + (size_t)picked[i] * sizeof weight, &weight, sizeof weight);
        sparse_remember(&memory);
        options.classWeights = i % 2 == 0 ? NULL : memory.first + weights_at;
        require_success(smxNllLossForward(session_handle(), &options, &layout, memory.first + x_at, &targets, buffer_pointer(&loss.memory)),
                        "smxNllLossForward");
        buffer_download(&loss.memory);
        sparse_require_untouched(&memory, "one log-probability of many");
        session_count_comparison();
        ck_assert_double_eq_tol(tensor_result(&loss, 0, 0), (i % 2 == 0 ? 1.0 : 1.25) * (2.0 + (double)i), 1e-5);
        buffer_free(&loss.memory);
        buffer_free(&target);
    }
    sparse_close(&memory);
}
END_TEST

Suite *suite_far_apart(void) {
    Suite *suite = suite_create("far_apart");
    TCase *tcase = session_case("far_apart");

    tcase_add_loop_test(tcase, elements_far_apart, 0, SUBJECTS * CASES);
    tcase_add_test(tcase, log_probabilities_far_apart);
    suite_add_tcase(suite, tcase);
    return suite;
}
