/* What a training loop costs beside its kernels: once every call has been made, no call allocates, waits or copies, and each launches as
 * many kernels as the last time. The emulator counts. */
#include <stdio.h>
#include <stdlib.h>

#include "check_choice_sweeps.h"
#include "check_variants.h"
#include "simt/simt_runtime.h"
#include "suites.h"

/* Only the emulator has them: session_emulated(). */
long simt_launches(void) __attribute__((weak));
long simt_copies(void) __attribute__((weak));
long simt_allocations(void) __attribute__((weak));
long simt_synchronizations(void) __attribute__((weak));

typedef struct costs {
    long launches, copies, allocations, waits;
} costs;

static costs costs_so_far(void) { return (costs){simt_launches(), simt_copies(), simt_allocations(), simt_synchronizations()}; }

static costs costs_since(costs before) {
    const costs now = costs_so_far();
    return (costs){now.launches - before.launches, now.copies - before.copies, now.allocations - before.allocations,
                   now.waits - before.waits};
}

static costs costs_of(trial_run *run) {
    const costs before = costs_so_far();
    require_success(make_call(&run->call), op_function(run->spec.op));
    return costs_since(before);
}

/* One for the rows; one to sum their losses; and one that counts the divisor of a mean, which a gradient needs before its rows. */
static long expected_launches(const trial *t) {
    const bool sums = op_writes_loss(t->op) && t->reduction != SMX_REDUCTION_NONE;
    const bool counts = op_takes_grad_loss(t->op) && t->reduction == SMX_REDUCTION_MEAN && t->probabilities == PROBABILITIES_NONE;
    return 1 + sums + (counts && !t->with_divisor);
}

/* A line for each operation; what strided rows take is the same. */
static void print_launches(const trial_run *runs, size_t count) {
    static const char *const reductions[] = {[SMX_REDUCTION_MEAN] = "mean", [SMX_REDUCTION_SUM] = "sum", [SMX_REDUCTION_NONE] = "none"};

    for (size_t i = 0; i < count; i++) {
        const trial *t = &runs[i].spec, *before = i == 0 ? NULL : &runs[i - 1].spec;
        const bool first = before == NULL || before->op != t->op;
        const bool probabilities = t->probabilities != PROBABILITIES_NONE;

        if (t->x.layout.colStride != 1) continue;
        if (first) printf("%slaunches per call of %s:", before == NULL ? "" : "\n", op_function(t->op));
        if (!op_is_loss(t->op)) {
            printf(" %ld", expected_launches(t));
            continue;
        }
        if (first || (before->probabilities != PROBABILITIES_NONE) != probabilities)
            printf("%s %s:", first ? "" : ";", probabilities ? "probabilities" : "index targets");
        else
            printf(",");
        printf(" %s%s %ld", reductions[t->reduction], t->with_divisor ? " by deviceDivisor" : "", expected_launches(t));
    }
    printf("\n");
}

START_TEST(a_hundred_rounds_of_every_call) {
    const int rounds = session_small() ? 5 : 100;
    trial list[MAX_VARIANTS];

    if (!session_emulated()) {
        session_count_omission();
        return;
    }
    const size_t count = variants_of_calls(list);
    trial_run *runs = calloc(count, sizeof *runs);
    ck_assert_ptr_nonnull(runs);
    for (size_t i = 0; i < count; i++) trial_prepare(&runs[i], &list[i]);
    for (size_t i = 0; i < count; i++) costs_of(&runs[i]); /* may grow the workspace */

    for (int round = 0; round < rounds; round++)
        for (size_t i = 0; i < count; i++) {
            const costs c = costs_of(&runs[i]);
            session_count_comparison();
            if (c.launches != expected_launches(&list[i]) || c.copies + c.allocations + c.waits != 0)
                fail_trial(&runs[i], "round %d: %ld launches instead of %ld, %ld copies, %ld allocations, %ld synchronisations", round,
                           c.launches, expected_launches(&list[i]), c.copies, c.allocations, c.waits);
        }

    for (size_t i = 0; i < count; i++) { /* and still right */
        require_success(trial_execute(&runs[i]), op_function(runs[i].spec.op));
        trial_compare(&runs[i]);
    }
    print_launches(runs, count);
    for (size_t i = 0; i < count; i++) trial_release(&runs[i]);
    free(runs);
}
END_TEST

static costs costs_of_choice(choice_run *run) {
    const costs before = costs_so_far();
    require_success(choice_call(run), choice_name(run->spec.op));
    return costs_since(before);
}

/* Argmax, top-k, sample and multinomial with all their options: as many launches as the last time, and nothing else. */
START_TEST(a_hundred_choices) {
    enum { VARIANTS = 8 };
    const int rounds = session_small() ? 5 : 100;
    choice_run runs[VARIANTS];
    long launches[VARIANTS];

    if (!session_emulated()) {
        session_count_omission();
        return;
    }
    for (uint64_t i = 0; i < VARIANTS; i++) {
        choice c = choice_of((smxOp_t)(FIRST_CHOICE + _i), SMX_R_32F, 6, i % 2 == 0 ? 70 : 1500);
        choice_vary(&c, i);
        choice_prepare(&runs[i], &c);
        launches[i] = costs_of_choice(&runs[i]).launches; /* may grow the workspace */
        ck_assert_int_gt(launches[i], 0);
    }
    for (int round = 0; round < rounds; round++)
        for (int i = 0; i < VARIANTS; i++) {
            const costs c = costs_of_choice(&runs[i]);
            session_count_comparison();
            if (c.launches != launches[i] || c.copies + c.allocations + c.waits != 0)
                fail_choice(&runs[i], "round %d: %ld launches instead of %ld, %ld copies, %ld allocations, %ld synchronisations", round,
                            c.launches, launches[i], c.copies, c.allocations, c.waits);
        }
    require_success(smxGetBadTargets(session_handle(), NULL, NULL), "smxGetBadTargets");
    for (int i = 0; i < VARIANTS; i++) { /* and still right */
        require_success(choice_execute(&runs[i]), choice_name(runs[i].spec.op));
        choice_compare(&runs[i]);
        choice_release(&runs[i]);
    }
    printf("launches per call of %s: %ld\n", choice_name((smxOp_t)(FIRST_CHOICE + _i)), launches[0]);
}
END_TEST

/* A workspace that is reserved beforehand makes the first call as cheap as the hundredth. */
START_TEST(the_first_call_with_reserved_workspace) {
    trial list[MAX_VARIANTS];

    if (!session_emulated()) {
        session_count_omission();
        return;
    }
    const size_t count = variants_of_calls(list);
    for (size_t i = 0; i < count; i++) {
        trial_run run;
        size_t bytes = 0;
        void *workspace = NULL;

        trial_prepare(&run, &list[i]);
        require_success(smxGetWorkspaceSize(session_handle(), list[i].op, &list[i].x.layout, &bytes), "smxGetWorkspaceSize");
        /* not smxReserveWorkspace: the handle would keep it for the next operation, which may need more than it asks for */
        require_success(smxMalloc(session_handle(), &workspace, bytes), "smxMalloc");
        require_success(smxSetWorkspace(session_handle(), workspace, bytes), "smxSetWorkspace");
        const costs c = costs_of(&run);
        session_count_comparison();
        if (c.copies + c.allocations + c.waits != 0)
            fail_trial(&run, "with %zu bytes of workspace: %ld copies, %ld allocations, %ld synchronisations", bytes, c.copies,
                       c.allocations, c.waits);
        require_success(smxSetWorkspace(session_handle(), NULL, 0), "smxSetWorkspace");
        require_success(smxFree(session_handle(), workspace), "smxFree");
        trial_release(&run);
    }
}
END_TEST

Suite *suite_steady_state(void) {
    Suite *suite = suite_create("steady_state");
    TCase *tcase = session_case("steady_state");

    tcase_add_test(tcase, a_hundred_rounds_of_every_call);
    tcase_add_loop_test(tcase, a_hundred_choices, 0, CHOICES);
    tcase_add_test(tcase, the_first_call_with_reserved_workspace);
    suite_add_tcase(suite, tcase);
    return suite;
}
