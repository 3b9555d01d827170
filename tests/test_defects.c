/* Defects found in other softmax and cross-entropy code, one test each: that they are not here. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check_layouts.h"
#include "check_sweeps.h"
#include "suites.h"

static const double inf = (double)INFINITY;

/* A trial whose data are set by hand: prepared, changed, uploaded again, executed, compared with the oracle. */
static void set_logits(trial_run *run, int64_t row, const double *x) {
    tensor_store_row(&run->x, row, x);
    buffer_upload(&run->x.memory);
}

static void set_target(trial_run *run, int64_t row, int64_t target) {
    run->target_values[row] = target;
    store_index(run->spec.target_type, run->targets.before + run->targets.first + (size_t)row * element_bytes(run->spec.target_type),
                target);
    buffer_upload(&run->targets);
}

static void set_weights(trial_run *run, const double *weights) {
    tensor_store_row(&run->weights, 0, weights);
    tensor_stored_row(&run->weights, 0, run->class_weights);
    buffer_upload(&run->weights.memory);
}

static void call(trial_run *run) {
    require_success(trial_execute(run), op_function(run->spec.op));
    trial_compare(run);
}

static double loss_of(const trial_run *run, int64_t row) { return tensor_result(&run->loss, 0, row); }

static trial fused(smxDataType_t type, int64_t rows, int64_t cols) {
    return trial_of(SMX_OP_CROSS_ENTROPY_FORWARD_BACKWARD, type, rows, cols);
}

/* A loss written as (lse - sum of logits / cols) * smoothing multiplies infinity with 0. */
START_TEST(one_masked_logit_and_smoothing_of_0) {
    const double x[] = {0.5, -inf, 1.5, 1.0};
    trial t = fused(floating_types[_i], 1, 4);
    trial_run run;

    trial_prepare(&run, &t);
    set_logits(&run, 0, x);
    set_target(&run, 0, 2);
    call(&run);
    ck_assert(isfinite(loss_of(&run, 0)));
    for (int64_t j = 0; j < 4; j++) ck_assert(isfinite(tensor_result(run.out, 0, j)));
    trial_release(&run);

    t.smoothing = 0.1f;
    trial_prepare(&run, &t);
    set_logits(&run, 0, x);
    set_target(&run, 0, 2);
    call(&run);
    ck_assert(loss_of(&run, 0) == inf);
    ck_assert_double_eq_tol(tensor_result(run.out, 0, 1), -0.025, 2e-4); /* p is 0, its share is not */
    trial_release(&run);
}
END_TEST

/* exp(-inf - -inf) is NaN: whoever sees a masked logit first, a thread, a vector or a block of columns, must not spoil the row. */
START_TEST(masked_logits_first) {
    static const int64_t columns[] = {3, 8, 33, 130, 700, 3000, 9000, 40000};
    const smxOp_t op = (smxOp_t)(_i / FLOATING_TYPES);

    if (op_takes_gradient(op) || op_is_nll(op)) return;
    for (size_t k = 0; k < sizeof columns / sizeof columns[0]; k++) {
        const int64_t cols = columns[k], masked[] = {1, cols / 2, cols - 1};
        if (session_small() && cols > 3000) continue;
        for (size_t m = 0; m < 3; m++)
            for (int inner = 1; inner <= 3; inner += 2) {
                trial t = trial_of(op, floating_types[_i % FLOATING_TYPES], 1, cols);
                const smxLayout_t layout = layout_arranged(ARRANGED_DENSE, t.x.layout.type, 1, cols, inner);
                trial_run run;
                if (inner > 1 && cols > 3000) continue;
                trial_set_layout(&t, &layout);
                t.reduction = SMX_REDUCTION_NONE;
                trial_prepare(&run, &t);
                for (int64_t r = 0; r < inner; r++) {
                    for (int64_t j = 0; j < masked[m]; j++) tensor_store(&run.x, r, j, -inf);
                    if (op_is_loss(op)) set_target(&run, r, cols - 1);
                    if (op == SMX_OP_CROSS_ENTROPY_BACKWARD) {
                        double *x = malloc((size_t)cols * sizeof *x);
                        ck_assert_ptr_nonnull(x);
                        tensor_stored_row(&run.x, r, x);
                        tensor_store(&run.lse, 0, r, oracle_log_sum_exp(x, cols, 1.0));
                        buffer_upload(&run.lse.memory);
                        free(x);
                    }
                }
                buffer_upload(&run.x.memory);
                call(&run);
                trial_release(&run);
            }
    }
}
END_TEST

/* lse - x_target is a difference of numbers that are large beside the loss of a target that is almost certain; and no loss is below 0. */
START_TEST(loss_of_an_almost_certain_target) {
    static const double below[] = {12.0, 40.0}, tolerances[] = {1e-6, 1.2e-7}, levels[] = {3.625, -51.375, 17.875};
    static const int64_t columns[] = {3, 8, 33, 130, 700, 3000, 9000};
    const smxOp_t op = _i % 2 == 0 ? SMX_OP_CROSS_ENTROPY_FORWARD : SMX_OP_CROSS_ENTROPY_FORWARD_BACKWARD;
    const double distance = below[_i / 2];

    for (size_t k = 0; k < sizeof columns / sizeof columns[0]; k++) {
        const int64_t cols = columns[k], targets[] = {0, cols / 2, cols - 1};
        trial t = trial_of(op, SMX_R_32F, 3, cols);
        trial_run run;
        t.reduction = SMX_REDUCTION_NONE;
        trial_prepare(&run, &t);
        for (int64_t r = 0; r < 3; r++) {
            for (int64_t j = 0; j < cols; j++) tensor_store(&run.x, r, j, j == targets[r] ? levels[r] : levels[r] - distance);
            set_target(&run, r, targets[r]);
        }
        buffer_upload(&run.x.memory);
        call(&run);
        const double expected = log1p((double)(cols - 1) * exp(-distance));
        for (int64_t r = 0; r < 3; r++) {
            ck_assert_double_ge(loss_of(&run, r), 0.0);
            ck_assert_double_eq_tol(loss_of(&run, r), expected, tolerances[_i / 2] + 4e-6 * expected);
        }
        trial_release(&run);
    }
}
END_TEST

/* log(softmax) is -inf once the softmax underflows; a loss is not made that way. */
START_TEST(probability_that_underflows) {
    const double x[] = {0.0, 200.0, -600.0};
    trial t = fused(floating_types[_i], 1, 3);
    trial_run run;

    trial_prepare(&run, &t);
    set_logits(&run, 0, x);
    set_target(&run, 0, 2);
    call(&run);
    ck_assert_double_eq_tol(loss_of(&run, 0), 800.0, 1e-3);
    trial_release(&run);
}
END_TEST

/* A loss that has no use for an ignored row leaves its logits alone, in evaluation as in training, and does not look at them. */
START_TEST(ignored_row_keeps_its_logits) {
    const double nothing[] = {(double)NAN, inf, (double)NAN, -inf, 1e30};

    for (int op = SMX_OP_CROSS_ENTROPY_FORWARD; op <= SMX_OP_NLL_LOSS_BACKWARD; op++) {
        trial t = trial_of((smxOp_t)op, floating_types[_i], 3, 5);
        trial_run with, without;
        t.seed = 5;
        trial_prepare(&with, &t);
        trial_prepare(&without, &t);
        set_target(&with, 1, -100);
        set_target(&without, 1, -100);
        set_logits(&with, 1, nothing);
        call(&with); /* also that no byte of x has changed */
        call(&without);
        for (int64_t r = 0; op_writes_elements(t.op) && r < 3; r++)
            for (int64_t j = 0; j < 5; j++) {
                ck_assert(tensor_result(with.out, r, j) == tensor_result(without.out, r, j));
                ck_assert(r != 1 || tensor_result(with.out, r, j) == 0);
            }
        if (op_writes_loss(t.op)) ck_assert(loss_of(&with, 0) == loss_of(&without, 0));
        trial_release(&with);
        trial_release(&without);
    }
}
END_TEST

/* A label is looked up before it is known to be ignored: x[-100], weights[-100]. Inputs begin and end with their allocations, so that
 * AddressSanitizer sees it; where that is not there, the NaN that lies around them is seen. */
START_TEST(ignore_index_outside_of_the_row) {
    static const int64_t indices[] = {-1, -2, -100, INT64_MIN, INT64_MAX, 11, (int64_t)1 << 32};

    for (int op = SMX_OP_CROSS_ENTROPY_FORWARD; op <= SMX_OP_NLL_LOSS_BACKWARD; op++)
        for (size_t i = 0; i < sizeof indices / sizeof indices[0]; i++)
            for (int reduction = SMX_REDUCTION_MEAN; reduction <= SMX_REDUCTION_NONE; reduction++) {
                trial t = trial_of((smxOp_t)op, floating_types[_i], 23, 11);
                t.ignore_index = indices[i];
                t.targets = TARGETS_SOME_IGNORED;
                t.reduction = (smxReduction_t)reduction;
                t.with_weights = true;
                check_trial(&t);
                t.smoothing = 0.1f;
                t.with_grad_loss = true;
                check_trial(&t);
                t.targets = TARGETS_ALL_IGNORED;
                check_trial(&t);
            }
}
END_TEST

/* An ignored class is still one of the classes: it takes its part in lse and in the gradient of other rows. */
START_TEST(ignore_index_within_the_row) {
    const double x[] = {1.0, 2.0, 3.0};
    trial t = fused(SMX_R_64F, 2, 3);
    trial_run run;

    t.ignore_index = 2;
    trial_prepare(&run, &t);
    set_logits(&run, 0, x);
    set_logits(&run, 1, x);
    set_target(&run, 0, 2);
    set_target(&run, 1, 0);
    call(&run);
    ck_assert_double_eq_tol(loss_of(&run, 0), log(1 + exp(1.0) + exp(2.0)), 1e-14); /* the mean of one row */
    ck_assert_double_eq_tol(tensor_result(run.out, 1, 2), 1 / (1 + exp(-1.0) + exp(-2.0)), 1e-14);
    ck_assert(tensor_result(run.out, 0, 2) == 0);
    trial_release(&run);
}
END_TEST

/* Every row's own upstream gradient, not the first one's for all. */
START_TEST(upstream_gradient_of_each_row) {
    enum { ROWS = 5, COLS = 9 };

    for (int op = SMX_OP_CROSS_ENTROPY_BACKWARD; op <= SMX_OP_CROSS_ENTROPY_FORWARD_BACKWARD; op++) {
        trial t = trial_of((smxOp_t)op, floating_types[_i], ROWS, COLS);
        trial_run run;
        t.reduction = SMX_REDUCTION_NONE;
        t.with_grad_loss = true;
        trial_prepare(&run, &t);
        for (int64_t r = 0; r < ROWS; r++) tensor_store(&run.grad_loss, 0, r, r == 0 ? 0.0 : ldexp(1.0, (int)r));
        buffer_upload(&run.grad_loss.memory);
        call(&run);
        for (int64_t r = 0; r < ROWS; r++) {
            const double of_target = tensor_result(run.out, r, run.target_values[r]);
            ck_assert(r == 0 ? of_target == 0 : of_target < 0);
        }
        trial_release(&run);
    }
}
END_TEST

/* One value for all rows, or the same value repeated for each: the same bits. */
START_TEST(upstream_gradient_once_or_repeated) {
    enum { ROWS = 300, COLS = 9 };

    for (int op = SMX_OP_CROSS_ENTROPY_BACKWARD; op <= SMX_OP_CROSS_ENTROPY_FORWARD_BACKWARD; op++) {
        trial t = trial_of((smxOp_t)op, floating_types[_i], ROWS, COLS);
        trial_run once, repeated;
        t.with_grad_loss = true;
        t.reduction = SMX_REDUCTION_SUM;
        trial_prepare(&once, &t); /* with one value in memory, and nothing behind it */
        t.reduction = SMX_REDUCTION_NONE;
        trial_prepare(&repeated, &t);
        tensor_store(&once.grad_loss, 0, 0, 0.6875);
        for (int64_t r = 0; r < ROWS; r++) tensor_store(&repeated.grad_loss, 0, r, 0.6875);
        buffer_upload(&once.grad_loss.memory);
        buffer_upload(&repeated.grad_loss.memory);
        call(&once);
        call(&repeated);
        ck_assert(memcmp(once.separate_out.memory.after, repeated.separate_out.memory.after, once.separate_out.memory.bytes) == 0);
        trial_release(&once);
        trial_release(&repeated);
    }
}
END_TEST

/* p - 1 near p = 1 in 16 bits: p rounds to 1, or to one unit below; p - 1 has all its digits if it is formed before. */
START_TEST(gradient_of_a_confident_target) {
    const smxDataType_t type = _i == 0 ? SMX_R_16BF : SMX_R_16F;

    for (int op = SMX_OP_CROSS_ENTROPY_BACKWARD; op <= SMX_OP_CROSS_ENTROPY_FORWARD_BACKWARD; op++)
        for (int general = 0; general < 2; general++)
            for (int k = 3; k <= 9; k++) {
                const double x[] = {(double)k, 0.0}; /* p is about 1 - exp(-k) */
                trial t = trial_of((smxOp_t)op, type, 1, 2);
                trial_run run;
                t.with_lse = false;
                t.reduction = SMX_REDUCTION_SUM;
                t.softcap = general == 1 ? 1e4f : 0.0f;
                trial_prepare(&run, &t);
                set_logits(&run, 0, x);
                set_target(&run, 0, 0);
                call(&run);
                const double exact = -1.0 / (1.0 + exp((double)k)), got = tensor_result(run.out, 0, 0);
                ck_assert_msg(fabs(got - exact) <= -exact * 0x1.1p-8, "p - 1 = %.9g, got %.9g", exact, got);
                trial_release(&run);
            }
}
END_TEST

/* More rows than fp16 can count: the divisor is neither infinite nor rounded. */
static void check_many_rows(smxDataType_t type, int64_t rows) {
    trial t = fused(type, rows, 3);
    trial_run run;

    trial_prepare(&run, &t);
    call(&run);
    double largest = 0;
    for (int64_t r = 0; r < rows; r++) largest = fmax(largest, fabs(tensor_result(run.out, r, run.target_values[r])));
    ck_assert_msg(largest > 0.5 / (double)rows, "the gradient is 0");
    ck_assert(isfinite(loss_of(&run, 0)) && loss_of(&run, 0) > 0.5);
    trial_release(&run);
}

START_TEST(more_rows_than_fp16_counts) { check_many_rows(SMX_R_16F, 65600); }
END_TEST

START_TEST(mean_of_70000_rows_of_bf16) { check_many_rows(SMX_R_16BF, 70000); }
END_TEST

/* Logits of C x N, as a channels-first network leaves them, taken where they are. */
START_TEST(transposed_logits) {
    enum { CLASSES = 5, ROWS = 7 };
    const int64_t dims[] = {CLASSES, ROWS};

    for (int op = SMX_OP_SOFTMAX_FORWARD; op <= SMX_OP_NLL_LOSS_BACKWARD; op++) {
        trial dense = trial_of((smxOp_t)op, floating_types[_i], ROWS, CLASSES), transposed = dense;
        const smxLayout_t layout = layout_along(floating_types[_i], 2, dims, 0);
        const accuracy a = accuracy_of(floating_types[_i], floating_types[_i]);
        trial_run expected, run;

        trial_set_layout(&transposed, &layout);
        trial_prepare(&expected, &dense);
        trial_prepare(&run, &transposed);
        call(&expected);
        call(&run);
        for (int64_t r = 0; op_writes_elements(dense.op) && r < ROWS; r++) /* the same numbers in other places */
            for (int64_t j = 0; j < CLASSES; j++) {
                ck_assert(op_takes_gradient(dense.op) || tensor_stored(&expected.x, r, j) == tensor_stored(&run.x, r, j));
                const double value = tensor_result(expected.out, r, j);
                expect_number(&run, "transposed", r, j, a, value, tensor_result(run.out, r, j),
                              2e-6 * fmax(1.0, fabs(value)) + type_spacing(a.out, value));
            }
        trial_release(&expected);
        trial_release(&run);
    }
}
END_TEST

/* A vocabulary padded to a round number of columns: the padding, here NaN, is not part of any row. */
START_TEST(padded_vocabulary) {
    for (int op = SMX_OP_SOFTMAX_FORWARD; op <= SMX_OP_NLL_LOSS_BACKWARD; op++)
        for (int in_place = 0; in_place < 2; in_place++) {
            trial t = trial_of((smxOp_t)op, floating_types[_i], 3, 1003);
            if (in_place && !op_writes_elements(t.op)) continue;
            trial_set_padding(&t, 1024 - 1003, 1024 - 1003, 1024 - 1003);
            t.aimed.layout.outerStride = 1024;
            t.placement = in_place ? OVER_X : OUT_OF_PLACE;
            check_trial(&t);
            if (!op_is_loss(t.op)) continue;
            t.with_weights = true;
            t.probabilities = PROBABILITIES_SOFT;
            check_trial(&t);
        }
}
END_TEST

/* A target probability of 0 on a masked logit, and a class weight of 0 on one, contribute nothing. */
START_TEST(zero_times_infinity) {
    const double x[] = {-inf, 1.0, 3.0, -inf}, q[] = {0.0, 0.25, 0.75, 0.0}, weights[] = {0.0, 1.0, 2.0, 0.0};
    const double lse = log(exp(1.0) + exp(3.0));
    trial t = fused(SMX_R_64F, 1, 4);
    trial_run run;

    t.probabilities = PROBABILITIES_SOFT;
    trial_prepare(&run, &t);
    set_logits(&run, 0, x);
    tensor_store_row(&run.aimed, 0, q);
    buffer_upload(&run.aimed.memory);
    call(&run);
    ck_assert_double_eq_tol(loss_of(&run, 0), lse - 0.25 * 1.0 - 0.75 * 3.0, 1e-14);
    ck_assert(tensor_result(run.out, 0, 0) == 0 && tensor_result(run.out, 0, 3) == 0);
    trial_release(&run);

    t.probabilities = PROBABILITIES_NONE; /* smoothing spreads over the masked classes, whose weights are 0 */
    t.smoothing = 0.5f;
    t.with_weights = true;
    trial_prepare(&run, &t);
    set_logits(&run, 0, x);
    set_target(&run, 0, 1);
    set_weights(&run, weights);
    call(&run); /* 1 * (0.125 + 0.5) and 2 * 0.125; the divisor is the weight of the target, 1 */
    ck_assert_double_eq_tol(loss_of(&run, 0), 0.625 * (lse - 1.0) + 0.25 * (lse - 3.0), 1e-14);
    trial_release(&run);

    for (int i = 0; i < 4; i++) { /* now a target of weight 0 that is masked */
        t.reduction = i % 2 == 0 ? SMX_REDUCTION_MEAN : SMX_REDUCTION_SUM;
        t.smoothing = i < 2 ? 0.5f : 0.0f;
        trial_prepare(&run, &t);
        set_logits(&run, 0, x);
        set_target(&run, 0, 0);
        set_weights(&run, weights);
        call(&run);
        const double of_smoothing = i < 2 ? 0.125 * (lse - 1.0) + 0.25 * (lse - 3.0) : 0.0;
        if (t.reduction == SMX_REDUCTION_MEAN) /* nothing to divide by */
            ck_assert(isnan(loss_of(&run, 0)));
        else
            ck_assert_double_eq_tol(loss_of(&run, 0), of_smoothing, 1e-14);
        trial_release(&run);
    }
}
END_TEST

/* Probabilities are taken as they are: a negative one counts, NaN stays in its row. */
START_TEST(probabilities_that_are_none) {
    const double nan_first[] = {(double)NAN, 0.5, 0.5}, nan_last[] = {0.25, 0.75, (double)NAN}, negative[] = {-0.5, 2.0, -0.25};

    for (int op = SMX_OP_CROSS_ENTROPY_FORWARD; op <= SMX_OP_CROSS_ENTROPY_FORWARD_BACKWARD; op++) {
        trial t = trial_of((smxOp_t)op, floating_types[_i], 5, 3);
        trial_run run;
        t.probabilities = PROBABILITIES_SOFT;
        t.reduction = SMX_REDUCTION_NONE;
        trial_prepare(&run, &t);
        tensor_store_row(&run.aimed, 0, nan_first);
        tensor_store_row(&run.aimed, 2, negative);
        tensor_store_row(&run.aimed, 4, nan_last);
        buffer_upload(&run.aimed.memory);
        call(&run);
        if (op_writes_loss(t.op)) ck_assert(isnan(loss_of(&run, 0)) && isfinite(loss_of(&run, 2)) && isnan(loss_of(&run, 4)));
        trial_release(&run);
    }
}
END_TEST

/* The divisor is the weight of the targets that are not ignored, whatever smoothing adds to the numerator. */
START_TEST(divisor_of_weights_smoothing_and_ignored_rows) {
    const double weights[] = {0.5, 2.0, 4.0}, x[] = {0.0, 0.0, 0.0}; /* every -log p is log 3 */
    trial t = fused(SMX_R_64F, 4, 3);
    trial_run run;

    t.smoothing = 0.25f;
    t.with_weights = true;
    trial_prepare(&run, &t);
    for (int64_t r = 0; r < 4; r++) {
        set_logits(&run, r, x);
        set_target(&run, r, r == 2 ? -100 : r % 3);
    }
    set_weights(&run, weights);
    call(&run); /* targets 0, 1 and 0: 0.75 * (0.5 + 2 + 0.5) + 3 * 0.25 / 3 * 6.5, over 0.5 + 2 + 0.5 */
    ck_assert_double_eq_tol(loss_of(&run, 0), log(3.0) * (0.75 * 3.0 + 0.25 * 6.5) / 3.0, 1e-14);
    trial_release(&run);
}
END_TEST

/* No target counts, because all are ignored or have a weight of 0: the mean is NaN or 0, as asked, and there is no gradient. */
START_TEST(nothing_to_divide_by) {
    const double zeros[] = {0.0, 1.0, 0.0, 1.0, 1.0};

    for (int op = SMX_OP_CROSS_ENTROPY_FORWARD; op <= SMX_OP_NLL_LOSS_BACKWARD; op++)
        for (int empty = SMX_EMPTY_MEAN_NAN; empty <= SMX_EMPTY_MEAN_ZERO; empty++)
            for (int how = 0; how < 3; how++) {
                trial t = trial_of((smxOp_t)op, floating_types[_i], 4, 5);
                trial_run run;
                t.empty_mean = (smxEmptyMean_t)empty;
                t.with_weights = how > 0;
                t.smoothing = how > 1 ? 0.1f : 0.0f;
                t.targets = how == 0 ? TARGETS_ALL_IGNORED : TARGETS_VALID;
                trial_prepare(&run, &t);
                if (how > 0) {
                    set_weights(&run, zeros);
                    for (int64_t r = 0; r < 4; r++) set_target(&run, r, r % 2 * 2);
                }
                call(&run);
                if (op_writes_loss(t.op)) ck_assert(empty == SMX_EMPTY_MEAN_ZERO ? loss_of(&run, 0) == 0 : isnan(loss_of(&run, 0)));
                for (int64_t i = 0; op_writes_elements(t.op) && i < 20; i++) ck_assert(tensor_result(run.out, i / 5, i % 5) == 0);
                trial_release(&run);
            }
}
END_TEST

/* Sums of losses and divisors in whatever order the threads come: ten calls, the same bits. */
START_TEST(the_same_bits_every_time) {
    for (int op = SMX_OP_CROSS_ENTROPY_FORWARD; op <= SMX_OP_NLL_LOSS_BACKWARD; op++) {
        trial t = trial_of((smxOp_t)op, floating_types[_i], session_small() ? 900 : 20000, 12);
        trial_run first, again;
        t.with_weights = true;
        t.smoothing = 0.1f;
        t.targets = TARGETS_SOME_IGNORED;
        trial_prepare(&first, &t);
        trial_prepare(&again, &t);
        call(&first);
        for (int i = 0; i < 4; i++) {
            session_count_comparison();
            buffer_upload(&again.loss.memory);
            require_success(trial_execute(&again), op_function(t.op));
            if (op_writes_loss(t.op)) ck_assert(memcmp(first.loss.memory.after, again.loss.memory.after, first.loss.memory.bytes) == 0);
            if (op_writes_elements(t.op)) ck_assert(memcmp(first.out->memory.after, again.out->memory.after, first.out->memory.bytes) == 0);
        }
        trial_release(&first);
        trial_release(&again);
    }
}
END_TEST

Suite *suite_defects(void) {
    Suite *suite = suite_create("defects");
    TCase *tcase = session_case("defects");

    tcase_add_loop_test(tcase, one_masked_logit_and_smoothing_of_0, 0, FLOATING_TYPES);
    tcase_add_loop_test(tcase, masked_logits_first, 0, OPERATIONS * FLOATING_TYPES);
    tcase_add_loop_test(tcase, loss_of_an_almost_certain_target, 0, 4);
    tcase_add_loop_test(tcase, probability_that_underflows, 0, FLOATING_TYPES);
    tcase_add_loop_test(tcase, ignored_row_keeps_its_logits, 0, FLOATING_TYPES);
    tcase_add_loop_test(tcase, ignore_index_outside_of_the_row, 0, FLOATING_TYPES);
    tcase_add_test(tcase, ignore_index_within_the_row);
    tcase_add_loop_test(tcase, upstream_gradient_of_each_row, 0, FLOATING_TYPES);
    tcase_add_loop_test(tcase, upstream_gradient_once_or_repeated, 0, FLOATING_TYPES);
    tcase_add_loop_test(tcase, gradient_of_a_confident_target, 0, 2);
    tcase_add_test(tcase, more_rows_than_fp16_counts);
    tcase_add_test(tcase, mean_of_70000_rows_of_bf16);
    tcase_add_loop_test(tcase, transposed_logits, 0, FLOATING_TYPES);
    tcase_add_loop_test(tcase, padded_vocabulary, 0, FLOATING_TYPES);
    tcase_add_test(tcase, zero_times_infinity);
    tcase_add_loop_test(tcase, probabilities_that_are_none, 0, FLOATING_TYPES);
    tcase_add_test(tcase, divisor_of_weights_smoothing_and_ignored_rows);
    tcase_add_loop_test(tcase, nothing_to_divide_by, 0, FLOATING_TYPES);
    tcase_add_loop_test(tcase, the_same_bits_every_time, 0, FLOATING_TYPES);
    suite_add_tcase(suite, tcase);
    return suite;
}
