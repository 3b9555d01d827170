/* Tensors that begin anywhere, rows at odd distances, operands that are aligned differently; more elements than 32 bits count. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check_sweeps.h"
#include "suites.h"

enum { COMBINATIONS = OPERATIONS * FLOATING_TYPES, MOST_OFFSET = 7 };

static void copy(void *to, const void *from, size_t bytes) {
    require_success(smxMemcpyAsync(session_handle(), to, from, bytes), "smxMemcpyAsync");
    require_success(smxSynchronize(session_handle()), "smxSynchronize");
}

static smxOp_t op_of(int i) { return (smxOp_t)(i / FLOATING_TYPES); }

static smxDataType_t type_of(int i) { return floating_types[i % FLOATING_TYPES]; }

static trial aligned_alike(int i, int64_t rows, int64_t cols, int64_t offset, int64_t padding) {
    trial t = trial_of(op_of(i), type_of(i), rows, cols);
    trial_set_offsets(&t, offset, offset, offset);
    trial_set_padding(&t, padding, padding, padding);
    t.vector_offset = offset;
    t.seed = (uint64_t)(offset * 10 + padding);
    return t;
}

START_TEST(operands_aligned_alike) {
    static const int64_t columns[] = {3, 7, 16, 33, 257, 1000, 3001};

    for (size_t k = 0; k < sizeof columns / sizeof columns[0]; k++) {
        for (int64_t offset = 0; offset <= MOST_OFFSET; offset++) {
            if (session_small() && (columns[k] > 1000 || offset % 3 != 1)) continue;
            const int64_t padding = offset % 4;
            trial t = aligned_alike(_i, 3, columns[k], offset, padding);
            check_trial(&t);
            if (op_writes_elements(t.op)) {
                t.placement = op_takes_gradient(t.op) && offset % 2 == 1 ? OVER_DY : OVER_X;
                check_trial(&t);
            }
        }
    }
}
END_TEST

START_TEST(operands_aligned_differently) {
    static const int64_t columns[] = {5, 31, 250, 1003, 3001};

    for (size_t k = 0; k < sizeof columns / sizeof columns[0]; k++) {
        for (int64_t offset = 0; offset <= MOST_OFFSET; offset++) {
            if (session_small() && (columns[k] > 1003 || offset % 3 != 2)) continue;
            trial t = aligned_alike(_i, 3, columns[k], offset, 0);
            trial_set_offsets(&t, offset, (offset * 3 + 2) % 8, (offset * 5 + 1) % 8);
            trial_set_padding(&t, offset % 3, (offset + 1) % 5, offset % 4 == 0 ? 9 : 0);
            check_trial(&t);
        }
    }
}
END_TEST

/* The same for rows that are streamed. */
START_TEST(long_unaligned_rows) {
    for (int64_t offset = 0; offset <= MOST_OFFSET; offset += 3) {
        const int64_t cols = session_small() ? 9001 : 40001 + offset;
        trial t = aligned_alike(_i, 2, cols, offset, 1);
        if (type_of(_i) == SMX_R_16F || (session_small() && offset != 3)) continue;
        check_trial(&t);
        trial_set_offsets(&t, offset, offset + 2, offset + 1);
        check_trial(&t);
    }
}
END_TEST

/* Much padding, and rows that are whole numbers of 16 bytes apart although their length is odd. */
START_TEST(padded_rows) {
    static const int64_t columns[] = {1, 13, 63, 130, 1001};

    for (size_t k = 0; k < sizeof columns / sizeof columns[0]; k++) {
        for (int64_t multiple = 8; multiple <= 128; multiple *= 16) {
            const int64_t padding = (multiple - columns[k] % multiple) % multiple + multiple;
            trial t = aligned_alike(_i, 5, columns[k], 0, padding);
            check_trial(&t);
        }
    }
}
END_TEST

/* ---- more than 2^31 and 2^32 elements: on a GPU only with SMX_TEST_SIZE=large ---- */

/* Memory of the backend with the same bytes over and over again. */
static void *repeat(const void *bytes_of_backend, size_t bytes, size_t times) {
    void *memory = NULL;
    require_success(smxMalloc(session_handle(), &memory, bytes * times), "smxMalloc");
    for (size_t i = 0; i < times; i++)
        require_success(smxMemcpyAsync(session_handle(), (unsigned char *)memory + i * bytes, bytes_of_backend, bytes), "smxMemcpyAsync");
    return memory;
}

static void require_repeated(const char *what, const void *memory, const unsigned char *expected, size_t bytes, size_t times) {
    unsigned char *part = malloc(bytes);
    ck_assert_ptr_nonnull(part);
    session_count_comparison();
    for (size_t i = 0; i < times; i++) {
        copy(part, (const unsigned char *)memory + i * bytes, bytes);
        ck_assert_msg(memcmp(part, expected, bytes) == 0, "%s: repetition %zu of %zu differs from the first", what, i, times);
    }
    free(part);
}

/* A small problem repeated until it has more than 2^32 elements has the same results over and over again. */
START_TEST(many_elements) {
    enum { BLOCK = 1024, MANY_COLS = 1021 };
    const smxOp_t op = _i == 0 ? SMX_OP_SOFTMAX_FORWARD : SMX_OP_CROSS_ENTROPY_FORWARD_BACKWARD;
    const size_t times = ((size_t)1 << 32) / (BLOCK * MANY_COLS) + 2, x_bytes = (size_t)BLOCK * MANY_COLS * 2;
    trial t = trial_of(op, SMX_R_16BF, BLOCK, MANY_COLS);
    trial_run run;

    if (!session_large()) return;
    t.placement = OVER_X;
    t.reduction = SMX_REDUCTION_NONE;
    trial_prepare(&run, &t);
    library_call many = run.call;
    void *const x = repeat(run.call.x, x_bytes, times);
    many.x_layout.outer = many.out_layout.outer = (int64_t)(BLOCK * times);
    many.x = many.out = x;
    if (op_is_loss(op)) {
        many.targets.data = repeat(run.call.targets.data, BLOCK * sizeof(int64_t), times);
        many.loss = repeat(run.call.loss, BLOCK * sizeof(float), times);
        many.lse = repeat(run.call.lse, BLOCK * sizeof(float), times);
    }
    require_success(trial_execute(&run), op_function(op));
    trial_compare(&run);
    require_success(make_call(&many), op_function(op));
    require_repeated("the output", x, run.x.memory.after + run.x.memory.first, x_bytes, times);
    if (op_is_loss(op)) {
        require_repeated("loss", many.loss, run.loss.memory.after + run.loss.memory.first, BLOCK * sizeof(float), times);
        require_repeated("lse", many.lse, run.lse.memory.after + run.lse.memory.first, BLOCK * sizeof(float), times);
        require_success(smxFree(session_handle(), (void *)(uintptr_t)many.targets.data), "smxFree");
        require_success(smxFree(session_handle(), many.loss), "smxFree");
        require_success(smxFree(session_handle(), many.lse), "smxFree");
    }
    require_success(smxFree(session_handle(), x), "smxFree");
    trial_release(&run);
}
END_TEST

/* One row of more than 2^31 columns: three logits of 0, all others -30. */
START_TEST(many_columns) {
    enum { PIECE = 1 << 20 };
    const int64_t peaks[] = {5, ((int64_t)1 << 31) - 1, ((int64_t)1 << 31) + 3};
    const smxLayout_t layout = smxRowMajor(SMX_R_16BF, 1, ((int64_t)1 << 31) + PIECE);
    const double sum = 3.0 + (double)(layout.cols - 3) * exp(-30.0);
    buffer piece = buffer_make(BUFFER_INPUT, 0, PIECE * 2), lse = buffer_make(BUFFER_OUTPUT, 0, sizeof(float));
    unsigned char element[2];

    if (session_large()) {
        for (size_t j = 0; j < PIECE; j++) store_element(layout.type, piece.before + 2 * j, -30.0);
        buffer_upload(&piece);
        unsigned char *const x = repeat(buffer_pointer(&piece), PIECE * 2, (size_t)(layout.cols / PIECE));
        store_element(layout.type, element, 0.0);
        for (size_t i = 0; i < 3; i++) copy(x + 2 * peaks[i], element, sizeof element);
        session_count_comparison();
        require_success(smxLogSumExp(session_handle(), NULL, &layout, x, buffer_pointer(&lse)), "smxLogSumExp");
        buffer_download(&lse);
        ck_assert_double_eq_tol(load_element(SMX_R_32F, lse.after + lse.first), log(sum), 1e-4);
        session_count_comparison();
        require_success(smxSoftmaxForward(session_handle(), NULL, &layout, x, &layout, x), "smxSoftmaxForward");
        for (size_t i = 0; i < 3; i++)
            for (int64_t d = -1; d <= 1; d++) {
                const double p = (d == 0 ? 1.0 : exp(-30.0)) / sum;
                copy(element, x + 2 * (peaks[i] + d), sizeof element);
                ck_assert_double_eq_tol(load_element(layout.type, element), p, 0.01 * p);
            }
        copy(element, x + 2 * (layout.cols - 1), sizeof element);
        ck_assert_double_eq_tol(load_element(layout.type, element), exp(-30.0) / sum, 0.01 * exp(-30.0) / sum);
        require_success(smxFree(session_handle(), x), "smxFree");
    }
    buffer_free(&piece);
    buffer_free(&lse);
}
END_TEST

Suite *suite_alignment(void) {
    Suite *suite = suite_create("alignment");
    TCase *tcase = session_case("alignment");

    tcase_add_loop_test(tcase, operands_aligned_alike, 0, COMBINATIONS);
    tcase_add_loop_test(tcase, operands_aligned_differently, 0, COMBINATIONS);
    tcase_add_loop_test(tcase, long_unaligned_rows, 0, COMBINATIONS);
    tcase_add_loop_test(tcase, padded_rows, 0, COMBINATIONS);
    tcase_add_loop_test(tcase, many_elements, 0, 2);
    tcase_add_test(tcase, many_columns);
    suite_add_tcase(suite, tcase);
    return suite;
}
