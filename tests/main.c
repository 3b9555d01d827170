/* The test program. Besides Check's own CK_RUN_SUITE, CK_RUN_CASE, CK_VERBOSITY and so on it reads
 *   SMX_TEST_BACKEND=cpu|cuda   the backend under test (cpu)
 *   SMX_TEST_SIZE=small|full|large  small: about a tenth of the elements, for slow builds; large: also tensors of 9 GB (full)
 *   SMX_TEST_PART=odd|even      every other suite, for two programs at once (all)
 *   SMX_TEST_LABEL=text         names the run in the last line (the backend)
 * Status: 0 all tests passed, 1 some failed or none ran, 77 there is no such backend. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check_session.h"
#include "suites.h"

enum { EXIT_SKIPPED = 77 };

static Suite *(*const suites[])(void) = {
    suite_oracle,
    suite_handle,
    suite_layout,
    suite_arguments,
    suite_softmax,
    suite_log_softmax,
    suite_logsumexp,
    suite_softmax_backward,
    suite_cross_entropy,
    suite_loss_options,
    suite_loss_matrix,
    suite_nll,
    suite_axis,
    suite_defects,
    suite_hard_values,
    suite_bad_targets,
    suite_types,
    suite_alignment,
    suite_plans,
    suite_determinism,
    suite_notebook,
    suite_gradients,
    suite_far_apart,
    suite_steady_state,
    suite_graphs,
    suite_batch,
    suite_host_batch,
    suite_ragged,
    suite_memory,
    suite_row_paths,
    suite_oracle_choice,
    suite_argmax,
    suite_top_k,
    suite_sample,
    suite_multinomial,
    suite_distributions,
    suite_choice_independence,
    suite_long_rows,
    suite_choice_arguments,
};

/* Read by AddressSanitizer, if the program is built with it: requests for too much memory are part of the tests. */
const char *__asan_default_options(void);
const char *__asan_default_options(void) { return "allocator_may_return_null=1"; }

static bool in_this_part(size_t suite) {
    const char *part = getenv("SMX_TEST_PART");
    return part == NULL || strcmp(part, suite % 2 == 0 ? "even" : "odd") == 0;
}

int main(void) {
    if (!session_begin()) return EXIT_FAILURE;
    if (!session_backend_exists()) {
        printf("skipped, nothing was tested on %s: %s\n", session_label(), smxGetLastErrorMessage());
        return EXIT_SKIPPED;
    }

    SRunner *runner = srunner_create(NULL);
    for (size_t i = 0; i < sizeof suites / sizeof suites[0]; i++)
        if (in_this_part(i)) srunner_add_suite(runner, suites[i]());
    if (session_backend() == SMX_BACKEND_CUDA) srunner_set_fork_status(runner, CK_NOFORK); /* a CUDA context does not survive fork */
    srunner_run_all(runner, CK_ENV);

    const int tests = srunner_ntests_run(runner), failed = srunner_ntests_failed(runner);
    const long comparisons = session_comparisons(), omissions = session_omissions();
    srunner_free(runner);
    if (omissions > 0) printf("left out: %ld tests that are not possible on %s\n", omissions, session_label());
    printf("checks: %ld comparisons in %d tests on %s\n", comparisons, tests, session_label());
    if (tests == 0 || comparisons == 0) {
        fprintf(stderr, "nothing was tested: does CK_RUN_SUITE or CK_RUN_CASE name something that exists?\n");
        return EXIT_FAILURE;
    }
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
