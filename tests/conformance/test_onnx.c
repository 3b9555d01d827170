/* The conformance tests: ONNX's own test cases, whose models and data are read where they are installed. One Check test per case, in a test
 * case named after the operator (CK_RUN_CASE=Softmax). SMX_TEST_BACKEND and SMX_TEST_LABEL are as in the test program.
 * Status: 0 all cases passed, 1 some failed or none ran, 77 there is no such backend. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check_session.h"
#include "onnx_run.h"

enum { EXIT_SKIPPED = 77 };

static onnx_cases cases;

START_TEST(agrees) { onnx_run(&cases.at[_i]); }
END_TEST

/* A loop of one turn for each case, so that its number goes with it. */
static Suite *make_suite(void) {
    Suite *suite = suite_create("onnx");
    for (onnx_operator op = 0; op < ONNX_OPERATORS; op++) {
        TCase *tcase = NULL;
        for (size_t i = 0; i < cases.count; i++) {
            if (cases.at[i].op != op || cases.at[i].skipped != NULL) continue;
            if (tcase == NULL) suite_add_tcase(suite, tcase = session_case(onnx_operator_name(op)));
            tcase_add_loop_test(tcase, agrees, (int)i, (int)i + 1);
        }
    }
    return suite;
}

/* What the count of cases says and what it does not. */
static size_t print_plan(void) {
    size_t skipped = 0, two_steps = 0;
    for (size_t i = 0; i < cases.count; i++) {
        if (cases.at[i].skipped != NULL) printf("onnx: skipped %s: %s\n", cases.at[i].name, cases.at[i].skipped);
        skipped += cases.at[i].skipped != NULL;
        two_steps += cases.at[i].two_steps;
    }
    if (two_steps > 0)
        printf("onnx: SoftmaxCrossEntropyLoss is run as smxLogSoftmaxForward, then smxNllLossForward in %zu cases named _expanded\n",
               two_steps);
    fflush(stdout); /* before Check forks */
    return skipped;
}

static int operators_passed(SRunner *runner) {
    const int tests = srunner_ntests_run(runner);
    TestResult **results = srunner_results(runner);
    int count = 0;
    for (onnx_operator op = 0; op < ONNX_OPERATORS; op++) {
        bool passed = false;
        for (int i = 0; i < tests; i++)
            passed = passed || (tr_rtype(results[i]) == CK_PASS && strcmp(tr_tcname(results[i]), onnx_operator_name(op)) == 0);
        count += passed;
    }
    free(results);
    return count;
}

int main(void) {
    if (!session_begin()) return EXIT_FAILURE;
    if (!session_backend_exists()) {
        printf("skipped, nothing was tested on %s: %s\n", session_label(), smxGetLastErrorMessage());
        return EXIT_SKIPPED;
    }
    const bool found = onnx_find_cases(ONNX_TEST_DATA, &cases);
    const size_t skipped = print_plan();

    SRunner *runner = srunner_create(make_suite());
    if (session_backend() == SMX_BACKEND_CUDA) srunner_set_fork_status(runner, CK_NOFORK); /* a CUDA context does not survive fork */
    srunner_run_all(runner, CK_ENV);
    const int run = srunner_ntests_run(runner), failed = srunner_ntests_failed(runner), operators = operators_passed(runner);
    srunner_free(runner);
    onnx_free_cases(&cases);

    printf("onnx: %d cases of %d operators passed, %zu skipped", run - failed, operators, skipped);
    if (failed > 0) printf(", %d FAILED", failed);
    printf(" on %s\n", session_label());
    if (run == 0) fprintf(stderr, "onnx: no case was run\n");
    return found && run > 0 && failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
