/* Rows with -inf, +inf, NaN and the ends of the range, next to ordinary rows that must not notice. */
#include <math.h>
#include <string.h>

#include "check_sweeps.h"
#include "suites.h"

static void hard_trial(smxOp_t op, smxDataType_t type, int64_t cols, uint64_t seed) {
    trial t = trial_of(op, type, cols > 1000 ? hard_row_count() : 2 * hard_row_count() + 1, cols);
    t.values = VALUES_HARD;
    t.reduction = SMX_REDUCTION_NONE;
    t.seed = seed;
    for (int empty = SMX_EMPTY_ROW_NAN; empty <= SMX_EMPTY_ROW_ZERO; empty++) {
        t.empty_row = (smxEmptyRow_t)empty;
        check_trial(&t);
    }
    t.placement = op_writes_elements(op) ? OVER_X : OUT_OF_PLACE;
    t.with_lse = false;
    check_trial(&t);
}

/* The loop variable counts operations and types. */
enum { COMBINATIONS = OPERATIONS * FLOATING_TYPES };

START_TEST(hard_short_rows) {
    for (int64_t cols = 1; cols <= 140; cols = cols * 2 + cols % 3)
        for (uint64_t seed = 0; seed < 3; seed++)
            hard_trial((smxOp_t)(_i / FLOATING_TYPES), floating_types[_i % FLOATING_TYPES], cols, seed);
}
END_TEST

START_TEST(hard_long_rows) {
    static const int64_t columns[] = {600, 1300, 3001};

    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++)
        if (!session_small() || columns[i] < 1000)
            hard_trial((smxOp_t)(_i / FLOATING_TYPES), floating_types[_i % FLOATING_TYPES], columns[i], i);
}
END_TEST

/* Rows too long for the registers of a block. */
START_TEST(hard_streamed_rows) {
    const smxDataType_t type = floating_types[_i % FLOATING_TYPES];

    if (session_small() || (type != SMX_R_32F && type != SMX_R_64F)) return;
    trial t = trial_of((smxOp_t)(_i / FLOATING_TYPES), type, hard_row_count(), type == SMX_R_32F ? 33003 : 16387);
    t.values = VALUES_HARD;
    t.reduction = SMX_REDUCTION_NONE;
    check_trial(&t);
}
END_TEST

/* A sum and a mean over rows some of which are NaN or infinite, and with several kinds of targets. */
START_TEST(hard_losses) {
    for (int op = SMX_OP_CROSS_ENTROPY_FORWARD; op <= SMX_OP_CROSS_ENTROPY_FORWARD_BACKWARD; op++) {
        for (int kind = 0; kind < TARGETS_COUNT; kind++) {
            for (int reduction = SMX_REDUCTION_MEAN; reduction <= SMX_REDUCTION_NONE; reduction++) {
                trial t = trial_of((smxOp_t)op, floating_types[_i], 3 * hard_row_count(), 19);
                t.values = VALUES_HARD;
                t.targets = (targets_kind)kind;
                t.reduction = (smxReduction_t)reduction;
                t.with_grad_loss = true;
                check_trial(&t);
                t.values = VALUES_MASKED; /* the target's logit is -inf now and then: the loss is +inf */
                check_trial(&t);
            }
        }
    }
}
END_TEST

/* Masked entries whose products with a scale leave the range of the type. */
START_TEST(masks_and_scales) {
    static const float scales[] = {0x1.fp-101f, 0x1p-100f, 0.25f, 3.0f, 50.0f};

    for (size_t i = 0; i < sizeof scales / sizeof scales[0]; i++) {
        for (int64_t cols = 3; cols < 4000; cols = cols * 11 + 2) {
            trial t = trial_of((smxOp_t)(_i / FLOATING_TYPES), floating_types[_i % FLOATING_TYPES], 5, cols);
            t.scale = scales[i];
            t.values = VALUES_FINITE_MASK;
            check_trial(&t);
            t.values = VALUES_MASKED;
            check_trial(&t);
        }
    }
}
END_TEST

static void set_every_bit(tensor *t, int64_t count) {
    memset(t->memory.before + t->memory.first, 0xff, (size_t)count * 4);
    buffer_upload(&t->memory);
}

/* Logits far away from 0 are told apart as well as their type can. */
START_TEST(distant_rows) {
    static const int64_t columns[] = {5, 40, 300, 3001, 20011};

    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
        if (session_small() && columns[i] > 1000) continue;
        trial t = trial_of((smxOp_t)(_i / FLOATING_TYPES), floating_types[_i % FLOATING_TYPES], 120, columns[i]);
        t.values = VALUES_DISTANT;
        t.reduction = SMX_REDUCTION_NONE;
        check_trial(&t);
    }
}
END_TEST

/* The only logit of a row that counts has the probability 1, not almost, wherever it is. */
START_TEST(lone_logits) {
    static const int64_t columns[] = {1, 6, 40, 300, 3001, 20011};
    enum { ROWS = 90 };

    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
        if (session_small() && columns[i] > 1000) continue;
        trial t = trial_of(SMX_OP_SOFTMAX_FORWARD, floating_types[_i], ROWS, columns[i]);
        trial_run run;
        trial_prepare(&run, &t);
        for (int64_t r = 0; r < ROWS; r++)
            for (int64_t c = 0; c < columns[i]; c++)
                tensor_store(&run.x, r, c, c == r % columns[i] ? ldexp(r % 2 == 0 ? 1.37 : -1.37, (int)r / 6 - 1) : (double)-INFINITY);
        buffer_upload(&run.x.memory);
        session_count_comparison();
        require_success(trial_execute(&run), "smxSoftmaxForward");
        for (int64_t r = 0; r < ROWS; r++) {
            const double got = tensor_result(run.out, r, r % columns[i]);
            if (got != 1) fail_trial(&run, "row %lld: 1 - %.3g instead of 1", (long long)r, 1 - got);
        }
        trial_release(&run);
    }
}
END_TEST

/* A NaN of the upstream gradient or of a class weight reaches all of the gradient, also if rounding could carry out of its bits. */
START_TEST(nan_of_all_bits) {
    static const smxDataType_t types[] = {SMX_R_32F, SMX_R_16F, SMX_R_16BF};
    static const int64_t columns[] = {9, 40, 1000, 3001};

    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
        for (int of_weights = 0; of_weights < 2; of_weights++) {
            for (int op = SMX_OP_CROSS_ENTROPY_BACKWARD; op <= SMX_OP_CROSS_ENTROPY_FORWARD_BACKWARD; op++) {
                trial t = trial_of((smxOp_t)op, types[_i], 5, columns[i]);
                trial_run run;
                t.reduction = SMX_REDUCTION_SUM;
                t.with_grad_loss = true;
                t.with_weights = true;
                t.targets = TARGETS_VALID;
                trial_prepare(&run, &t);
                set_every_bit(of_weights ? &run.weights : &run.grad_loss, of_weights ? columns[i] : 1);
                session_count_comparison();
                require_success(trial_execute(&run), "cross-entropy");
                for (int64_t r = 0; r < run.rows; r++)
                    for (int64_t c = 0; c < run.cols; c++)
                        if (!isnan(tensor_result(run.out, r, c)))
                            fail_trial(&run, "row %lld, column %lld: %g", (long long)r, (long long)c, tensor_result(run.out, r, c));
                trial_release(&run);
            }
        }
    }
}
END_TEST

Suite *suite_hard_values(void) {
    Suite *suite = suite_create("hard_values");
    TCase *tcase = session_case("hard_values");

    tcase_add_loop_test(tcase, hard_short_rows, 0, COMBINATIONS);
    tcase_add_loop_test(tcase, hard_long_rows, 0, COMBINATIONS);
    tcase_add_loop_test(tcase, hard_streamed_rows, 0, COMBINATIONS);
    tcase_add_loop_test(tcase, hard_losses, 0, FLOATING_TYPES);
    tcase_add_loop_test(tcase, masks_and_scales, 0, COMBINATIONS);
    tcase_add_loop_test(tcase, distant_rows, 0, COMBINATIONS);
    tcase_add_loop_test(tcase, lone_logits, 0, FLOATING_TYPES);
    tcase_add_loop_test(tcase, nan_of_all_bits, 0, 3);
    suite_add_tcase(suite, tcase);
    return suite;
}
