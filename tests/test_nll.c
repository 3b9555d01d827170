#include "check_sweeps.h"
#include "suites.h"

DEFINE_SWEEPS(nll_forward, SMX_OP_NLL_LOSS_FORWARD)
DEFINE_SWEEPS(nll_backward, SMX_OP_NLL_LOSS_BACKWARD)

static const smxOp_t losses[] = {SMX_OP_NLL_LOSS_FORWARD, SMX_OP_NLL_LOSS_BACKWARD};
enum { LOSSES = 2, COMBINATIONS = LOSSES * FLOATING_TYPES };

/* Every option that this loss has, with every kind and type of targets. */
START_TEST(options) {
    static const smxDataType_t types[] = {SMX_R_8U, SMX_R_32I, SMX_R_64I};

    for (int kind = 0; kind < TARGETS_COUNT; kind++)
        for (int reduction = SMX_REDUCTION_MEAN; reduction <= SMX_REDUCTION_NONE; reduction++)
            for (int bits = 0; bits < 16; bits++)
                for (int64_t rows = 0; rows < 400; rows = rows * 8 + 1) {
                    trial t = trial_of(losses[_i / FLOATING_TYPES], floating_types[_i % FLOATING_TYPES], rows, 17);
                    t.targets = (targets_kind)kind;
                    t.target_type = types[(kind + bits) % 3];
                    t.ignore_index = t.target_type == SMX_R_8U ? 200 : -1;
                    t.reduction = (smxReduction_t)reduction;
                    t.with_weights = (bits & 1) != 0;
                    t.with_grad_loss = (bits & 2) != 0;
                    t.with_divisor = (bits & 4) != 0;
                    t.divisor = kind % 2 == 0 ? 7.5f : 0.0f;
                    t.empty_mean = (smxEmptyMean_t)(bits >> 3);
                    t.vector_offset = rows % 3;
                    t.seed = (uint64_t)(bits + kind);
                    if (session_small() && (rows + bits + kind) % 9 != 0) continue;
                    check_trial(&t);
                }
}
END_TEST

/* -inf, NaN and extremes: only x_t counts, and not where its weight is 0. */
START_TEST(hard_values) {
    for (int64_t cols = 1; cols < 5000; cols = cols * 6 + 1)
        for (int weights = 0; weights < 2; weights++)
            for (int reduction = SMX_REDUCTION_MEAN; reduction <= SMX_REDUCTION_NONE; reduction++) {
                trial t = trial_of(losses[_i / FLOATING_TYPES], floating_types[_i % FLOATING_TYPES], 4 * hard_row_count(), cols);
                t.values = VALUES_HARD;
                t.with_weights = weights == 1;
                t.reduction = (smxReduction_t)reduction;
                t.seed = (uint64_t)cols;
                if (session_small() && (cols > 1000 || reduction == SMX_REDUCTION_SUM)) continue;
                check_trial(&t);
                t.values = VALUES_MASKED;
                check_trial(&t);
            }
}
END_TEST

/* The gradient is written in the type of dx, whatever that of x is. */
START_TEST(types_of_gradients) {
    for (size_t k = 0; k < FLOATING_TYPES; k++) {
        const smxDataType_t x = floating_types[_i], dx = floating_types[k];
        trial t = trial_of(SMX_OP_NLL_LOSS_BACKWARD, x, 9, 300);
        trial_set_types(&t, x, x, dx);
        t.with_weights = t.with_grad_loss = true;
        if ((x == SMX_R_64F) == (dx == SMX_R_64F))
            check_trial(&t);
        else
            check_refused_trial(&t, SMX_STATUS_NOT_SUPPORTED);
    }
}
END_TEST

/* nll of log-softmax is cross-entropy. */
START_TEST(completes_log_softmax) {
    enum { ROWS = 40, COLS = 90 };
    trial t = trial_of(SMX_OP_LOG_SOFTMAX_FORWARD, SMX_R_64F, ROWS, COLS), u = t, v = t;
    trial_run log_softmax, nll, cross_entropy;

    u.op = SMX_OP_NLL_LOSS_FORWARD;
    v.op = SMX_OP_CROSS_ENTROPY_FORWARD;
    u.with_weights = v.with_weights = true;
    u.targets = v.targets = TARGETS_SOME_IGNORED;
    trial_prepare(&log_softmax, &t);
    trial_prepare(&nll, &u);
    trial_prepare(&cross_entropy, &v);
    require_success(trial_execute(&log_softmax), "smxLogSoftmaxForward");
    nll.call.x = log_softmax.call.out;
    require_success(trial_execute(&nll), "smxNllLossForward");
    require_success(trial_execute(&cross_entropy), "smxCrossEntropyForward");
    session_count_comparison();
    ck_assert_double_eq_tol(tensor_result(&nll.loss, 0, 0), tensor_result(&cross_entropy.loss, 0, 0), 1e-13);
    trial_release(&log_softmax);
    trial_release(&nll);
    trial_release(&cross_entropy);
}
END_TEST

Suite *suite_nll(void) {
    Suite *suite = suite_create("nll");
    TCase *tcase = session_case("nll");

    add_sweeps_nll_forward(suite);
    add_sweeps_nll_backward(suite);
    tcase_add_loop_test(tcase, options, 0, COMBINATIONS);
    tcase_add_loop_test(tcase, hard_values, 0, COMBINATIONS);
    tcase_add_loop_test(tcase, types_of_gradients, 0, FLOATING_TYPES);
    tcase_add_test(tcase, completes_log_softmax);
    suite_add_tcase(suite, tcase);
    return suite;
}
