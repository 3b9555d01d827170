/* The comparisons of cross-entropy trials. */
#include <math.h>
#include <stdlib.h>

#include "check_trial.h"
#include "oracle.h"

static double *allocate_row(const trial_run *run) {
    double *row = malloc((size_t)(run->cols + 1) * sizeof *row);
    ck_assert_ptr_nonnull(row);
    return row;
}

static oracle_options options_of(const trial_run *run) {
    return (oracle_options){.scale = (double)run->spec.scale, .ignore_index = run->spec.ignore_index};
}

static double divisor_of(const trial_run *run) {
    const oracle_options o = options_of(run);
    return oracle_divisor(&o, run->spec.reduction, run->target_values, run->rows, run->cols, NULL);
}

/* A mean or a sum may be off by what its rows may be off, and by its own rounding. */
static void compare_reduced_loss(const trial_run *run, accuracy a, const double *losses, double bounds) {
    const double divisor = divisor_of(run);
    const double expected = oracle_reduced_loss(run->spec.reduction, run->spec.empty_mean, losses, run->rows, divisor);
    const double bound = divisor > 0 ? bounds / divisor + bound_logarithm(a, expected) * 0.5 : 0.0;
    expect_number(run, run->spec.reduction == SMX_REDUCTION_MEAN ? "mean loss" : "sum of losses", -1, -1, a, expected,
                  tensor_result(&run->loss, 0, 0), bound);
}

void compare_losses(const trial_run *run) {
    const trial *t = &run->spec;
    const accuracy a = accuracy_of(t->x.layout.type, run->loss_type);
    const oracle_options o = options_of(run);
    double *x = allocate_row(run), *losses = malloc((size_t)(run->rows + 1) * sizeof *losses), bounds = 0;

    ck_assert_ptr_nonnull(losses);
    for (int64_t r = 0; r < run->rows; r++) {
        tensor_stored_row(&run->x, r, x);
        const oracle_loss expected = oracle_cross_entropy(&o, x, run->cols, oracle_index(run->target_values[r]));
        const double bound = bound_loss(a, &expected);
        losses[r] = fabs(expected.loss) > type_max(a.out) ? (double)INFINITY : expected.loss; /* not held by its type */
        if (isfinite(losses[r])) bounds += bound;
        if (t->with_lse) expect_number(run, "lse", r, -1, a, expected.lse, tensor_result(&run->lse, 0, r), bound_lse(a, &expected));
        if (t->with_loss && t->reduction == SMX_REDUCTION_NONE)
            expect_number(run, "loss", r, -1, a, expected.loss, tensor_result(&run->loss, 0, r), bound);
    }
    if (t->with_loss && t->reduction != SMX_REDUCTION_NONE) compare_reduced_loss(run, a, losses, bounds);
    free(losses);
    free(x);
}

void compare_cross_entropy_gradient(const trial_run *run) {
    const trial *t = &run->spec;
    const accuracy a = accuracy_of(t->x.layout.type, run->out->layout.type);
    const oracle_options o = options_of(run);
    const double divisor = divisor_of(run);
    const bool given_lse = t->op == SMX_OP_CROSS_ENTROPY_BACKWARD && t->with_lse;
    double *x = allocate_row(run);
    oracle_element *elements = malloc((size_t)(run->cols + 1) * sizeof *elements);

    ck_assert_ptr_nonnull(elements);
    for (int64_t r = 0; r < run->rows; r++) {
        const int64_t which = t->reduction == SMX_REDUCTION_NONE ? r : 0;
        const double upstream = t->with_grad_loss ? tensor_stored(&run->grad_loss, 0, which) : 1.0;
        const double factor = oracle_gradient_factor(upstream, divisor), lse = given_lse ? tensor_stored(&run->lse, 0, r) : 0.0;

        tensor_stored_row(&run->x, r, x);
        const oracle_gradient row =
            oracle_cross_entropy_gradient(&o, x, run->cols, oracle_index(run->target_values[r]), given_lse ? &lse : NULL, elements);
        for (int64_t j = 0; j < run->cols; j++) {
            const double expected = divisor == 0 ? 0.0 : factor * elements[j].value;
            const double bound = bound_cross_entropy_gradient(a, factor, &row, &elements[j], o.z_loss, o.scale);
            expect_number(run, "dx", r, j, a, expected, tensor_result(run->out, r, j), bound);
        }
    }
    free(elements);
    free(x);
}

void compare_bad_target_count(const trial_run *run) {
    int64_t expected = 0, expected_first = -1, count = -7, first = -7;

    for (int64_t r = 0; r < run->rows; r++) {
        if (oracle_classify(run->target_values[r], run->spec.ignore_index, run->cols) != ORACLE_TARGET_BAD) continue;
        if (expected++ == 0) expected_first = r;
    }
    require_success(smxGetBadTargets(session_handle(), &count, &first), "smxGetBadTargets");
    if (count != expected || first != expected_first)
        fail_trial(run, "smxGetBadTargets: %lld bad targets, first row %lld, expected %lld and %lld", (long long)count, (long long)first,
                   (long long)expected, (long long)expected_first);
}
