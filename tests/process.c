/* The second test program: what belongs to the process and not to a handle. The library reads the environment once, and loads a profiler
 * once, so Check forks for every test, on every backend. Environment and status are those of main.c. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check_session.h"
#include "process.h"

enum { EXIT_SKIPPED = 77 };

/* In a child: CUDA, once in use, does not survive the later forks. */
static bool backend_exists(void) {
    int status = -1;
    fflush(NULL);
    const pid_t child = fork();
    if (child == 0) _exit(session_backend_exists() ? EXIT_SUCCESS : EXIT_SKIPPED);
    return child > 0 && waitpid(child, &status, 0) == child && !(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SKIPPED);
}

/* Read by ThreadSanitizer, if the program is built with it: a race ends the test that has it. */
__attribute__((visibility("default"))) const char *__tsan_default_options(void);
const char *__tsan_default_options(void) { return "halt_on_error=1"; }

int main(void) {
    if (!session_begin()) return EXIT_FAILURE;
    if (!backend_exists()) {
        printf("skipped, nothing was tested on %s\n", session_label());
        return EXIT_SKIPPED;
    }

    SRunner *runner = srunner_create(suite_log());
    srunner_add_suite(runner, suite_allocation());
#ifdef SMX_WITH_NVTX
    srunner_add_suite(runner, suite_ranges());
#endif
#ifndef SMX_TEST_ONE_THREAD
    srunner_add_suite(runner, suite_threads());
#endif
    srunner_set_fork_status(runner, CK_FORK);
    srunner_run_all(runner, CK_ENV);

    const int tests = srunner_ntests_run(runner), failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    printf("process: %ld checks in %d tests, %d failed, on %s\n", session_comparisons(), tests, failed, session_label());
    if (tests == 0 || session_comparisons() == 0) {
        fprintf(stderr, "nothing was tested: does CK_RUN_SUITE or CK_RUN_CASE name something that exists?\n");
        return EXIT_FAILURE;
    }
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
