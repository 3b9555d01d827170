#include "check_sweeps.h"
#include "suites.h"

DEFINE_SWEEPS(cross_entropy_forward, SMX_OP_CROSS_ENTROPY_FORWARD)
DEFINE_SWEEPS(cross_entropy_backward, SMX_OP_CROSS_ENTROPY_BACKWARD)
DEFINE_SWEEPS(cross_entropy_fused, SMX_OP_CROSS_ENTROPY_FORWARD_BACKWARD)

static const smxOp_t losses[] = {SMX_OP_CROSS_ENTROPY_FORWARD, SMX_OP_CROSS_ENTROPY_BACKWARD, SMX_OP_CROSS_ENTROPY_FORWARD_BACKWARD};
enum { LOSSES = 3 };

/* The optional pointers of an operation: bit 0 loss, bit 1 lse, bit 2 gradLoss. */
static bool set_pointers(trial *t, unsigned bits) {
    t->with_loss = (bits & 1u) != 0;
    t->with_lse = (bits & 2u) != 0;
    t->with_grad_loss = (bits & 4u) != 0;
    if (t->op == SMX_OP_CROSS_ENTROPY_FORWARD) return t->with_loss && !t->with_grad_loss;
    return t->op != SMX_OP_CROSS_ENTROPY_BACKWARD || !t->with_loss;
}

/* Every reduction with every choice of optional pointers, in and out of place. */
START_TEST(reductions_and_pointers) {
    const int64_t columns[] = {6, session_small() ? 70 : 1030};
    static const smxDataType_t types[] = {SMX_R_32F, SMX_R_16BF, SMX_R_64F};

    for (int reduction = SMX_REDUCTION_MEAN; reduction <= SMX_REDUCTION_NONE; reduction++) {
        for (unsigned bits = 0; bits < 8; bits++) {
            for (unsigned i = 0; i < 6; i++) {
                trial t = trial_of(losses[_i], types[i % 3], 13, columns[i / 3]);
                t.reduction = (smxReduction_t)reduction;
                t.targets = i % 2 == 0 ? TARGETS_SOME_IGNORED : TARGETS_VALID;
                t.seed = bits * 100 + i;
                if (!set_pointers(&t, bits)) continue;
                check_trial(&t);
                t.placement = op_writes_elements(t.op) ? OVER_X : OUT_OF_PLACE;
                check_trial(&t);
            }
        }
    }
}
END_TEST

START_TEST(target_types) {
    static const smxDataType_t types[] = {SMX_R_8U, SMX_R_32I, SMX_R_64I};
    static const int64_t columns[] = {1, 10, 200, 255, 256, 257, 2000};

    for (size_t k = 0; k < sizeof types / sizeof types[0]; k++) {
        for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
            for (int kind = 0; kind < TARGETS_COUNT; kind++) {
                trial t = trial_of(losses[_i], SMX_R_32F, 40, columns[i]);
                t.target_type = types[k];
                t.targets = (targets_kind)kind;
                t.ignore_index = types[k] == SMX_R_8U ? 255 : -100;
                t.reduction = (smxReduction_t)(i % 3);
                t.seed = i;
                check_trial(&t);
            }
        }
    }
}
END_TEST

/* An index that targets of the type cannot hold ignores nothing; one within [0, cols) ignores a class. */
START_TEST(ignore_indices) {
    static const int64_t indices[] = {-100,
                                      -1,
                                      0,
                                      3,
                                      9,
                                      10,
                                      255,
                                      INT32_MIN,
                                      INT32_MAX,
                                      INT64_MIN,
                                      INT64_MAX,
                                      ((int64_t)1 << 32) - 100,
                                      (int64_t)1 << 32,
                                      -1 - ((int64_t)1 << 32),
                                      256};
    static const smxDataType_t types[] = {SMX_R_8U, SMX_R_32I, SMX_R_64I};
    static const targets_kind kinds[] = {TARGETS_SOME_IGNORED, TARGETS_SOME_BAD, TARGETS_ENDS};

    for (size_t i = 0; i < sizeof indices / sizeof indices[0]; i++) {
        for (size_t k = 0; k < 9; k++) {
            trial t = trial_of(losses[_i], SMX_R_32F, 21, 10);
            t.ignore_index = indices[i];
            t.target_type = types[k % 3];
            t.targets = kinds[k / 3];
            t.reduction = (smxReduction_t)((i + k) % 3);
            t.seed = k;
            check_trial(&t);
        }
    }
}
END_TEST

START_TEST(empty_means) {
    for (int empty = SMX_EMPTY_MEAN_NAN; empty <= SMX_EMPTY_MEAN_ZERO; empty++) {
        for (int reduction = SMX_REDUCTION_MEAN; reduction <= SMX_REDUCTION_NONE; reduction++) {
            for (int64_t rows = 0; rows < 300; rows = rows * 9 + 1) {
                for (int grad = 0; grad < 2; grad++) {
                    trial t = trial_of(losses[_i], SMX_R_32F, rows, 37);
                    t.targets = TARGETS_ALL_IGNORED;
                    t.reduction = (smxReduction_t)reduction;
                    t.empty_mean = (smxEmptyMean_t)empty;
                    t.with_grad_loss = grad == 1;
                    check_trial(&t);
                    t.targets = TARGETS_ALL_BAD;
                    check_trial(&t);
                    t.x.layout.type = SMX_R_64F;
                    t.out.layout.type = SMX_R_64F;
                    check_trial(&t);
                }
            }
        }
    }
}
END_TEST

/* More rows than one block of a reduction has threads, and more than fp16 can count. */
START_TEST(many_losses) {
    static const int64_t rows[] = {255, 256, 257, 1025, 5000, 70001};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (session_small() && rows[i] > 5000) continue;
        trial t = trial_of(losses[_i], i % 2 == 0 ? SMX_R_32F : SMX_R_16F, rows[i], 5);
        t.targets = TARGETS_SOME_IGNORED;
        t.with_grad_loss = true;
        for (int reduction = SMX_REDUCTION_MEAN; reduction <= SMX_REDUCTION_NONE; reduction++) {
            t.reduction = (smxReduction_t)reduction;
            check_trial(&t);
        }
    }
}
END_TEST

/* p - 1 of the target has to be formed before it is rounded to 16 bits: where p is almost 1, hardly a digit would be left. */
START_TEST(confident_targets) {
    static const smxDataType_t types[] = {SMX_R_16BF, SMX_R_16F, SMX_R_32F};

    for (size_t k = 0; k < sizeof types / sizeof types[0]; k++) {
        for (int64_t cols = 2; cols < (session_small() ? 300 : 5000); cols = cols * 3 + 1) {
            trial t = trial_of(losses[_i], types[k], 33, cols);
            t.values = VALUES_CONFIDENT;
            t.reduction = SMX_REDUCTION_SUM;
            t.targets = TARGETS_ENDS;
            check_trial(&t);
            t.values = VALUES_PEAK;
            check_trial(&t);
        }
    }
}
END_TEST

Suite *suite_cross_entropy(void) {
    Suite *suite = suite_create("cross_entropy");
    TCase *tcase = session_case("cross_entropy_options");

    add_sweeps_cross_entropy_forward(suite);
    add_sweeps_cross_entropy_backward(suite);
    add_sweeps_cross_entropy_fused(suite);
    tcase_add_loop_test(tcase, reductions_and_pointers, 0, LOSSES);
    tcase_add_loop_test(tcase, target_types, 0, LOSSES);
    tcase_add_loop_test(tcase, ignore_indices, 0, LOSSES);
    tcase_add_loop_test(tcase, empty_means, 0, LOSSES);
    tcase_add_loop_test(tcase, many_losses, 0, LOSSES);
    tcase_add_loop_test(tcase, confident_targets, 0, LOSSES);
    suite_add_tcase(suite, tcase);
    return suite;
}
