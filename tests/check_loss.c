/* The comparisons of loss trials. */
#include <math.h>
#include <stdlib.h>

#include "check_trial.h"

static double *allocate_row(const trial_run *run) {
    double *row = malloc((size_t)(run->cols + 1) * sizeof *row);
    ck_assert_ptr_nonnull(row);
    return row;
}

/* What the loss of a row has to be. */
typedef struct row_loss {
    double value, bound;
    bool may_be_infinite; /* a part of it leaves the range of the type */
} row_loss;

static void expect_loss(const trial_run *run, const char *what, int64_t row, accuracy a, row_loss expected, double got) {
    if (expected.may_be_infinite && isinf(got) && got > 0 && !isnan(expected.value)) return;
    expect_number(run, what, row, -1, a, expected.value, got, expected.bound);
}

/* A mean or a sum may be off by what its rows may be off, and by its own rounding. */
static void compare_reduced_loss(const trial_run *run, accuracy a, const double *losses, double bounds, bool may_be_infinite) {
    const double divisor = trial_divisor(run);
    row_loss expected = {.value = oracle_reduced_loss(run->spec.reduction, run->spec.empty_mean, losses, run->rows, divisor),
                         .may_be_infinite = may_be_infinite && divisor > 0};

    expected.bound = divisor != 0 ? bounds / fabs(divisor) + bound_logarithm(a, expected.value) * 0.5 : 0.0;
    expect_loss(run, run->spec.reduction == SMX_REDUCTION_MEAN ? "mean loss" : "sum of losses", -1, a, expected,
                tensor_result(&run->loss, 0, 0));
}

/* The loss of a row; lse is compared on the way. */
static row_loss loss_of_row(const trial_run *run, int64_t r, accuracy a, const double *x, double *q) {
    const trial *t = &run->spec;
    const oracle_options o = trial_oracle_options(run);

    if (op_is_nll(t->op)) {
        const double loss = oracle_nll(&o, x, run->cols, run->target_values[r]);
        return (row_loss){.value = loss, .bound = bound_product(a, loss)};
    }
    const oracle_loss expected = oracle_cross_entropy(&o, x, run->cols, trial_target(run, r, q));
    if (t->with_lse) expect_number(run, "lse", r, -1, a, expected.lse, tensor_result(&run->lse, 0, r), bound_lse(a, &expected));
    return (row_loss){expected.loss, bound_loss(a, &expected), expected.distance > type_max(a.out)};
}

void compare_losses(const trial_run *run) {
    const trial *t = &run->spec;
    const accuracy a = accuracy_of(t->x.layout.type, run->loss_type);
    double *x = allocate_row(run), *q = allocate_row(run), *losses = malloc((size_t)(run->rows + 1) * sizeof *losses);
    double bounds = 0;
    bool may_be_infinite = false;

    ck_assert_ptr_nonnull(losses);
    for (int64_t r = 0; r < run->rows; r++) {
        tensor_stored_row(&run->x, r, x);
        const row_loss expected = loss_of_row(run, r, a, x, q);
        const bool held = fabs(expected.value) <= type_max(a.out) || isnan(expected.value); /* by its type */
        losses[r] = held ? expected.value : copysign((double)INFINITY, expected.value);
        if (isfinite(losses[r])) bounds += expected.bound;
        may_be_infinite = may_be_infinite || expected.may_be_infinite;
        if (t->with_loss && t->reduction == SMX_REDUCTION_NONE) expect_loss(run, "loss", r, a, expected, tensor_result(&run->loss, 0, r));
    }
    if (t->with_loss && t->reduction != SMX_REDUCTION_NONE) compare_reduced_loss(run, a, losses, bounds, may_be_infinite);
    free(losses);
    free(q);
    free(x);
}

/* Of a sum of weights in double, relative: rounded once for each row, in either direction. */
static double divisor_error(const trial_run *run) {
    const trial *t = &run->spec;
    const bool summed = t->reduction == SMX_REDUCTION_MEAN && t->with_weights && !t->with_divisor;
    return summed ? 2e-16 * sqrt((double)run->rows) : 0.0;
}

static void compare_cross_entropy_gradient(const trial_run *run) {
    const trial *t = &run->spec;
    const accuracy a = accuracy_of(t->x.layout.type, run->out->layout.type);
    const oracle_options o = trial_oracle_options(run);
    const double divisor = trial_divisor(run);
    const bool given_lse = t->op == SMX_OP_CROSS_ENTROPY_BACKWARD && t->with_lse;
    double *x = allocate_row(run), *q = allocate_row(run);
    oracle_element *elements = malloc((size_t)(run->cols + 1) * sizeof *elements);

    ck_assert_ptr_nonnull(elements);
    for (int64_t r = 0; r < run->rows; r++) {
        const double factor = oracle_gradient_factor(trial_upstream(run, r), divisor);
        const double lse = given_lse ? tensor_stored(&run->lse, 0, r) : 0.0;

        tensor_stored_row(&run->x, r, x);
        const oracle_gradient row =
            oracle_cross_entropy_gradient(&o, x, run->cols, trial_target(run, r, q), given_lse ? &lse : NULL, elements);
        for (int64_t j = 0; j < run->cols; j++) {
            const bool none = divisor == 0; /* no gradient, whatever the row is */
            const double expected = none ? 0.0 : factor * elements[j].value;
            const double bound = none ? 0.0 : bound_cross_entropy_gradient(a, factor, &row, &elements[j], o.z_loss, o.scale);
            const double of_divisor = divisor_error(run) * fabs(expected);
            expect_number(run, "dx", r, j, a, expected, tensor_result(run->out, r, j), bound + of_divisor);
        }
    }
    free(elements);
    free(q);
    free(x);
}

static void compare_nll_gradient(const trial_run *run) {
    const accuracy a = accuracy_of(run->spec.x.layout.type, run->out->layout.type);
    const oracle_options o = trial_oracle_options(run);
    const double divisor = trial_divisor(run);

    for (int64_t r = 0; r < run->rows; r++) {
        const double slope = oracle_nll_slope(&o, run->cols, run->target_values[r]);
        const double of_target = divisor == 0 ? 0.0 : oracle_gradient_factor(trial_upstream(run, r), divisor) * slope;
        for (int64_t j = 0; j < run->cols; j++) {
            const bool is_target = j == run->target_values[r];
            const double bound = is_target && of_target != 0 ? bound_product(a, of_target) + divisor_error(run) * fabs(of_target) : 0.0;
            expect_number(run, "dx", r, j, a, is_target ? of_target : 0.0, tensor_result(run->out, r, j), bound);
        }
    }
}

void compare_loss_gradient(const trial_run *run) {
    if (op_is_nll(run->spec.op))
        compare_nll_gradient(run);
    else
        compare_cross_entropy_gradient(run);
}

void compare_bad_target_count(const trial_run *run) {
    int64_t expected = 0, expected_first = -1, count = -7, first = -7;

    for (int64_t r = 0; run->target_values != NULL && r < run->rows; r++) {
        if (oracle_classify(run->target_values[r], run->spec.ignore_index, run->cols) != ORACLE_TARGET_BAD) continue;
        if (expected++ == 0) expected_first = r;
    }
    require_success(smxGetBadTargets(session_handle(), &count, &first), "smxGetBadTargets");
    if (count != expected || first != expected_first)
        fail_trial(run, "smxGetBadTargets: %lld bad targets, first row %lld, expected %lld and %lld", (long long)count, (long long)first,
                   (long long)expected, (long long)expected_first);
}
