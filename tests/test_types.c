/* Every mixture of element types. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check_sweeps.h"
#include "suites.h"

static const smxDataType_t narrow[] = {SMX_R_32F, SMX_R_16F, SMX_R_16BF};
enum { NARROW = 3, PAIRS = NARROW * NARROW, TRIPLES = NARROW * PAIRS };
static const int64_t columns[] = {1, 9, 40, 1000, 5003};
enum { COLUMNS = 5 };

static void check_types(smxOp_t op, smxDataType_t x, smxDataType_t dy, smxDataType_t out) {
    for (size_t i = 0; i < COLUMNS; i++) {
        if (session_small() && columns[i] > 1000) continue;
        trial t = trial_of(op, x, 4, columns[i]);
        trial_set_types(&t, x, dy, out);
        t.seed = i;
        check_trial(&t);
        t.values = VALUES_HARD;
        t.x.layout.outer = t.dy.layout.outer = t.out.layout.outer = columns[i] > 1000 ? 9 : hard_row_count();
        check_trial(&t);
    }
}

START_TEST(pairs) {
    const smxDataType_t in = narrow[_i / NARROW], out = narrow[_i % NARROW];

    check_types(SMX_OP_SOFTMAX_FORWARD, in, in, out);
    check_types(SMX_OP_LOG_SOFTMAX_FORWARD, in, in, out);
    check_types(SMX_OP_CROSS_ENTROPY_BACKWARD, in, in, out);
    check_types(SMX_OP_CROSS_ENTROPY_FORWARD_BACKWARD, in, in, out);
}
END_TEST

START_TEST(triples) {
    check_types(SMX_OP_SOFTMAX_BACKWARD, narrow[_i / PAIRS], narrow[_i / NARROW % NARROW], narrow[_i % NARROW]);
    check_types(SMX_OP_LOG_SOFTMAX_BACKWARD, narrow[_i / PAIRS], narrow[_i / NARROW % NARROW], narrow[_i % NARROW]);
}
END_TEST

/* Results beyond the range of fp16 become infinite, tiny ones denormal or 0. */
START_TEST(narrow_range) {
    for (size_t i = 0; i < COLUMNS - 1; i++) {
        trial t = trial_of(SMX_OP_LOG_SOFTMAX_FORWARD, SMX_R_32F, 6, columns[i]);
        trial_set_types(&t, SMX_R_32F, SMX_R_32F, SMX_R_16F);
        t.values = VALUES_LARGE;
        t.scale = 20.0f;
        check_trial(&t);
        t.op = SMX_OP_SOFTMAX_FORWARD;
        t.values = VALUES_NORMAL;
        t.scale = 1.5f;
        check_trial(&t);
    }
}
END_TEST

/* ---- conversions, bit by bit ----
 *
 * For one column with y = 2 the gradient of softmax is 2 * (dy - 2 * dy) = -2 dy, without any rounding but that of its type. */

/* Below this fp32 is denormal, and may be flushed to 0. */
static const double least_normal = 0x1p-125;

static void check_conversion(smxDataType_t from, smxDataType_t to, int64_t rows, const double *gradients) {
    trial t = trial_of(SMX_OP_SOFTMAX_BACKWARD, SMX_R_32F, rows, 1);
    trial_run run;
    unsigned char rounded[8];

    trial_set_types(&t, SMX_R_32F, from, to);
    trial_prepare(&run, &t);
    for (int64_t r = 0; r < rows; r++) {
        tensor_store(&run.x, r, 0, 2.0);
        tensor_store(&run.dy, r, 0, gradients[r]);
    }
    buffer_upload(&run.x.memory);
    buffer_upload(&run.dy.memory);
    session_count_comparison();
    require_success(trial_execute(&run), "smxSoftmaxBackward");
    for (int64_t r = 0; r < rows; r++) {
        const double exact = -2.0 * tensor_stored(&run.dy, r, 0), got = tensor_result(run.out, r, 0);
        store_element(to, rounded, exact);
        const bool flushed = fabs(exact) < least_normal && got == 0;
        if (got != load_element(to, rounded) && !flushed)
            fail_trial(&run, "row %lld: -2 * %.17g is %.17g, %.17g rounded to nearest even, got %.17g", (long long)r, exact / -2, exact,
                       load_element(to, rounded), got);
    }
    trial_release(&run);
}

enum { PATTERNS = 1 << 16 };

/* Every finite number of a 16-bit type is read for what it is. */
START_TEST(every_sixteen_bit_number_is_read) {
    const smxDataType_t type = _i == 0 ? SMX_R_16F : SMX_R_16BF;
    double *gradients = malloc(PATTERNS * sizeof *gradients);
    int64_t rows = 0;

    ck_assert_ptr_nonnull(gradients);
    for (unsigned i = 0; i < PATTERNS; i++) {
        const uint16_t bits = (uint16_t)i;
        const double value = load_element(type, &bits);
        if (isfinite(value) && 2 * fabs(value) <= type_max(SMX_R_32F)) gradients[rows++] = value;
    }
    check_conversion(type, SMX_R_32F, rows, gradients);
    free(gradients);
}
END_TEST

/* Every number of a 16-bit type is written, and so is what lies a quarter, half and three quarters of the way to the next one. */
START_TEST(results_are_rounded_to_nearest_even) {
    const smxDataType_t type = _i / 4 == 0 ? SMX_R_16F : SMX_R_16BF;
    double *gradients = malloc(PATTERNS * sizeof *gradients);
    int64_t rows = 0;

    ck_assert_ptr_nonnull(gradients);
    for (unsigned i = 0; i < PATTERNS; i++) {
        const uint16_t bits = (uint16_t)i;
        const double value = load_element(type, &bits);
        if (!isfinite(value) || fabs(value) < least_normal || fabs(value) > 0x1p127) continue;
        gradients[rows++] = -0.5 * (value + (value < 0 ? -0.25 : 0.25) * (_i % 4) * type_spacing(type, value));
    }
    check_conversion(SMX_R_32F, type, rows, gradients);
    free(gradients);
}
END_TEST

static void expect_unsupported(smxOp_t op, smxDataType_t x, smxDataType_t dy, smxDataType_t out) {
    trial t = trial_of(op, x, 3, 10);
    trial_set_types(&t, x, dy, out);
    check_refused_trial(&t, SMX_STATUS_NOT_SUPPORTED);
    ck_assert_msg(strstr(smxGetLastErrorMessage(), op_function(op)) != NULL, "%s", smxGetLastErrorMessage());
}

/* fp64 goes with fp64 only. */
START_TEST(double_with_another_type) {
    for (int op = 0; op < OPERATIONS; op++) {
        if (!op_writes_elements((smxOp_t)op)) continue;
        for (size_t i = 0; i < NARROW; i++) {
            expect_unsupported((smxOp_t)op, SMX_R_64F, SMX_R_64F, narrow[i]);
            expect_unsupported((smxOp_t)op, narrow[i], narrow[i], SMX_R_64F);
            if (op_takes_gradient((smxOp_t)op)) {
                expect_unsupported((smxOp_t)op, SMX_R_64F, narrow[i], SMX_R_64F);
                expect_unsupported((smxOp_t)op, narrow[i], SMX_R_64F, narrow[i]);
            }
        }
    }
}
END_TEST

Suite *suite_types(void) {
    Suite *suite = suite_create("types");
    TCase *tcase = session_case("types");

    tcase_add_loop_test(tcase, pairs, 0, PAIRS);
    tcase_add_loop_test(tcase, triples, 0, TRIPLES);
    tcase_add_test(tcase, narrow_range);
    tcase_add_loop_test(tcase, every_sixteen_bit_number_is_read, 0, 2);
    tcase_add_loop_test(tcase, results_are_rounded_to_nearest_even, 0, 8);
    tcase_add_test(tcase, double_with_another_type);
    suite_add_tcase(suite, tcase);
    return suite;
}
