#include "check_sweeps.h"
#include "suites.h"

DEFINE_SWEEPS(softmax, SMX_OP_SOFTMAX_FORWARD)

/* 262144 equal logits: every probability is 2^-18 exactly, and a sum in one accumulator would stall at 2^24 only. */
START_TEST(uniform_rows_sum_to_one) {
    const int64_t cols = session_small() ? 20000 : 262144;
    trial t = trial_of(SMX_OP_SOFTMAX_FORWARD, SMX_R_32F, 1, cols);
    t.values = VALUES_EQUAL;
    check_trial(&t);
    t.values = VALUES_DENORMAL;
    check_trial(&t);
    t.values = VALUES_LARGE;
    check_trial(&t);
}
END_TEST

Suite *suite_softmax(void) {
    Suite *suite = suite_create("softmax");
    TCase *tcase = session_case("softmax_sums");

    add_sweeps_softmax(suite);
    tcase_add_test(tcase, uniform_rows_sum_to_one);
    suite_add_tcase(suite, tcase);
    return suite;
}
