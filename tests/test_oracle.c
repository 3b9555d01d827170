/* What the other tests lean on: conversions, the oracle, the bounds. None of these calls the library. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "accuracy.h"
#include "check_session.h"
#include "check_values.h"
#include "oracle.h"
#include "suites.h"

static uint16_t bits_of(smxDataType_t type, double value) {
    uint16_t bits;
    store_element(type, &bits, value);
    return bits;
}

START_TEST(sixteen_bit_patterns) {
    static const struct {
        double value;
        unsigned half, bfloat16;
    } known[] = {
        {0.0, 0x0000, 0x0000},           {-0.0, 0x8000, 0x8000},
        {1.0, 0x3c00, 0x3f80},           {-2.0, 0xc000, 0xc000},
        {65504.0, 0x7bff, 0x4780},       {65519.0, 0x7bff, 0x4780},
        {65520.0, 0x7c00, 0x4780},       {1e39, 0x7c00, 0x7f80},
        {0x1p-24, 0x0001, 0x3380},       {0x1p-25, 0x0000, 0x3300},
        {0x1.8p-25, 0x0001, 0x3340},     {0x1p-14, 0x0400, 0x3880},
        {1.0 + 0x1p-11, 0x3c00, 0x3f80}, {1.0 + 3 * 0x1p-11, 0x3c02, 0x3f80},
        {1.0 + 0x1p-8, 0x3c04, 0x3f80},  {1.0 + 3 * 0x1p-8, 0x3c0c, 0x3f82},
        {0x1.ff8p-15, 0x03ff, 0x3880},   {0x1.ffcp-15, 0x0400, 0x3880},
        {0x1p-133, 0x0000, 0x0001},      {0x1p-134, 0x0000, 0x0000},
    };

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        session_count_comparison();
        ck_assert_uint_eq(bits_of(SMX_R_16F, known[i].value), known[i].half);
        ck_assert_uint_eq(bits_of(SMX_R_16BF, known[i].value), known[i].bfloat16);
    }
    ck_assert_uint_eq(bits_of(SMX_R_16F, (double)-INFINITY), 0xfc00);
    ck_assert_uint_eq(bits_of(SMX_R_16BF, (double)-INFINITY), 0xff80);
    ck_assert(isnan(load_element(SMX_R_16F, (const uint16_t[]){0x7e01})) && isnan(load_element(SMX_R_16BF, (const uint16_t[]){0xffc1})));
}
END_TEST

/* Every pattern that is a number survives being read and written. */
START_TEST(sixteen_bit_round_trips) {
    static const smxDataType_t types[] = {SMX_R_16F, SMX_R_16BF};

    for (size_t k = 0; k < 2; k++) {
        session_count_comparison();
        for (unsigned i = 0; i < (1u << 16); i++) {
            const uint16_t bits = (uint16_t)i;
            const double value = load_element(types[k], &bits);
            if (!isnan(value)) ck_assert_uint_eq(bits_of(types[k], value), bits);
        }
    }
}
END_TEST

START_TEST(type_properties) {
    session_count_comparison();
    ck_assert_double_eq(type_max(SMX_R_16F), 65504.0);
    ck_assert_double_eq(type_max(SMX_R_16BF), 0x1.fep127);
    ck_assert_double_eq(type_smallest(SMX_R_16F), 0x1p-24);
    ck_assert_double_eq(type_smallest(SMX_R_16BF), 0x1p-133);
    ck_assert_double_eq(type_smallest(SMX_R_32F), 0x1p-149);
    ck_assert_double_eq(type_smallest(SMX_R_64F), 0x1p-1074);
    ck_assert_double_eq(type_spacing(SMX_R_16F, 1.5), 0x1p-10);
    ck_assert_double_eq(type_spacing(SMX_R_16BF, -3.0), 0x1p-6);
    ck_assert_double_eq(type_spacing(SMX_R_16F, 0.0), 0x1p-24);
    ck_assert_double_eq(type_spacing(SMX_R_32F, 1.0), (double)FLT_EPSILON);
}
END_TEST

/* Numbers that can be worked out by hand: the logits are logarithms of small integers. */
START_TEST(oracle_by_hand) {
    const double x[] = {log(1.0), log(2.0), log(5.0), (double)-INFINITY};
    const oracle_options plain = ORACLE_OPTIONS_INIT, second_ignored = {.scale = 1.0, .ignore_index = 1};
    double y[4], dx[4];
    oracle_element elements[4];
    const double probabilities[] = {0.125, 0.25, 0.625, 0.0}, dy[] = {1.0, 2.0, 4.0, 8.0};

    session_count_comparison();
    oracle_softmax(x, 4, 1.0, SMX_EMPTY_ROW_NAN, y);
    for (int j = 0; j < 4; j++) ck_assert_double_eq_tol(y[j], probabilities[j], 1e-15);
    ck_assert_double_eq_tol(oracle_log_sum_exp(x, 4, 1.0), log(8.0), 1e-15);
    ck_assert_double_eq_tol(oracle_log_sum_exp(x, 4, 2.0), log(30.0), 1e-14); /* 1 + 4 + 25 */
    ck_assert_double_eq_tol(oracle_cross_entropy(&plain, x, 4, oracle_index(1)).loss, log(4.0), 1e-15);
    ck_assert(oracle_cross_entropy(&plain, x, 4, oracle_index(3)).loss == (double)INFINITY);
    const oracle_loss ignored = oracle_cross_entropy(&second_ignored, x, 4, oracle_index(1));
    ck_assert(ignored.loss == 0 && ignored.lse == 0);
    ck_assert(isnan(oracle_cross_entropy(&plain, x, 4, oracle_index(4)).loss));
    ck_assert(isnan(oracle_cross_entropy(&plain, x, 4, oracle_index(-1)).lse));

    oracle_softmax_backward(probabilities, dy, 4, 2.0, dx); /* dot = 0.125 + 0.5 + 2.5 = 3.125 */
    ck_assert_double_eq(dx[0], 2.0 * 0.125 * (1.0 - 3.125));
    ck_assert_double_eq(dx[2], 2.0 * 0.625 * (4.0 - 3.125));
    oracle_log_softmax(x, 4, 1.0, SMX_EMPTY_ROW_NAN, y);
    oracle_log_softmax_backward(y, dy, 4, 1.0, dx); /* sum = 15 */
    ck_assert_double_eq_tol(dx[1], 2.0 - 0.25 * 15.0, 1e-14);
    ck_assert_double_eq(dx[3], 8.0);
    oracle_cross_entropy_gradient(&plain, x, 4, oracle_index(2), NULL, elements);
    ck_assert_double_eq_tol(elements[2].value, -0.375, 1e-15);
    ck_assert_double_eq_tol(elements[1].value, 0.25, 1e-15);
}
END_TEST

START_TEST(oracle_special_rows) {
    const double inf = (double)INFINITY;
    const double empty[] = {-inf, -inf}, above[] = {1.0, inf}, mixed[] = {inf, (double)NAN}, lowest[] = {-DBL_MAX, -DBL_MAX};
    const oracle_options plain = ORACLE_OPTIONS_INIT;
    double y[2];

    session_count_comparison();
    oracle_softmax(empty, 2, 1.0, SMX_EMPTY_ROW_NAN, y);
    ck_assert(isnan(y[0]) && isnan(y[1]));
    oracle_softmax(empty, 2, 1.0, SMX_EMPTY_ROW_ZERO, y);
    ck_assert(y[0] == 0 && y[1] == 0);
    oracle_log_softmax(empty, 2, 1.0, SMX_EMPTY_ROW_NAN, y);
    ck_assert(isnan(y[0]) && isnan(y[1]));
    oracle_log_softmax(empty, 2, 1.0, SMX_EMPTY_ROW_ZERO, y);
    ck_assert(y[0] == -inf && y[1] == -inf);
    ck_assert(oracle_log_sum_exp(empty, 2, 1.0) == -inf && oracle_log_sum_exp(above, 2, 1.0) == inf);
    ck_assert(isnan(oracle_log_sum_exp(mixed, 2, 1.0)) && isnan(oracle_cross_entropy(&plain, empty, 2, oracle_index(0)).loss));
    ck_assert(isnan(oracle_cross_entropy(&plain, above, 2, oracle_index(0)).loss));
    oracle_softmax(above, 2, 1.0, SMX_EMPTY_ROW_ZERO, y);
    ck_assert(isnan(y[0]) && isnan(y[1]));
    oracle_softmax(lowest, 2, 1.0, SMX_EMPTY_ROW_NAN, y);
    ck_assert(y[0] == 0.5 && y[1] == 0.5);
}
END_TEST

/* All options at once, against formulas written out: three classes with probabilities 1/8, 1/4 and 5/8. */
START_TEST(oracle_losses_by_hand) {
    const double x[] = {log(1.0), log(2.0), log(5.0)}, weights[] = {2.0, 0.0, 0.5}, aimed[] = {0.25, 0.5, 0.0};
    const double to_first = log(8.0), to_last = log(1.6), lse = log(8.0);
    const oracle_options o = {.smoothing = 0.3, .scale = 1.0, .z_loss = 0.5, .weights = weights, .ignore_index = -100};
    oracle_element e[3];

    session_count_comparison(); /* a = weights * (0.1 + 0.7 * [j = 2]) */
    const oracle_loss l = oracle_cross_entropy(&o, x, 3, oracle_index(2));
    ck_assert_double_eq_tol(l.loss, 0.2 * to_first + 0.4 * to_last + 0.5 * lse * lse, 1e-15);
    oracle_gradient g = oracle_cross_entropy_gradient(&o, x, 3, oracle_index(2), NULL, e);
    ck_assert_double_eq_tol(g.pull, 0.6 + lse, 1e-15);
    ck_assert_double_eq_tol(e[0].value, 0.125 * (0.6 + lse) - 0.2, 1e-15);
    ck_assert_double_eq_tol(e[1].value, 0.25 * (0.6 + lse), 1e-15);
    ck_assert_double_eq_tol(e[2].value, 0.625 * (0.6 + lse) - 0.4, 1e-15);

    /* a = weights * (0.1 + 0.7 * aimed) = 0.55, 0, 0.05 */
    ck_assert_double_eq_tol(oracle_cross_entropy(&o, x, 3, oracle_probabilities(aimed)).loss,
                            0.55 * to_first + 0.05 * to_last + 0.5 * lse * lse, 1e-15);
    const double given = lse + log(2.0); /* half of every probability */
    g = oracle_cross_entropy_gradient(&o, x, 3, oracle_probabilities(aimed), &given, e);
    ck_assert_double_eq_tol(e[0].value, 0.0625 * (0.6 + given) - 0.55, 1e-15);
    ck_assert_double_eq_tol(e[2].value, 0.3125 * (0.6 + given) - 0.05, 1e-15);

    ck_assert_double_eq(oracle_nll(&o, x, 3, 2), -0.5 * log(5.0));
    ck_assert_double_eq(oracle_nll_slope(&o, 3, 2), -0.5);
    ck_assert(oracle_nll(&o, (const double[]){0.0, (double)-INFINITY, 0.0}, 3, 1) == 0);
    ck_assert(oracle_nll(&o, x, 3, -100) == 0 && oracle_nll_slope(&o, 3, -100) == 0);
    ck_assert(isnan(oracle_nll(&o, x, 3, 3)) && oracle_nll_slope(&o, 3, 3) == 0);
}
END_TEST

/* Infinite logits: a share of 0 contributes nothing, a softcap makes them finite; and what is not finite stays so. */
START_TEST(oracle_infinite_logits) {
    const double inf = (double)INFINITY;
    const double one[] = {-inf, 1.0, 2.0}, both[] = {-inf, 0.0, inf}, aimed[] = {0.0, 1.0, 0.0}, weights[] = {0.0, 1.0, 1.0};
    const double finite = log(1.0 + exp(1.0)), infinite_lse = inf, low_lse = -inf;
    oracle_options o = ORACLE_OPTIONS_INIT;
    oracle_element e[3];

    session_count_comparison();
    ck_assert_double_eq_tol(oracle_cross_entropy(&o, one, 3, oracle_index(1)).loss, finite, 1e-15);
    ck_assert_double_eq_tol(oracle_cross_entropy(&o, one, 3, oracle_probabilities(aimed)).loss, finite, 1e-15);
    o.smoothing = 0.5;
    ck_assert(oracle_cross_entropy(&o, one, 3, oracle_index(1)).loss == inf);
    oracle_cross_entropy_gradient(&o, one, 3, oracle_index(1), NULL, e);
    ck_assert_double_eq_tol(e[0].value, -0.5 / 3, 1e-15);
    o.weights = weights;
    ck_assert(isfinite(oracle_cross_entropy(&o, one, 3, oracle_index(1)).loss));

    o = (oracle_options)ORACLE_OPTIONS_INIT;
    ck_assert(isnan(oracle_cross_entropy(&o, both, 3, oracle_index(1)).loss));
    ck_assert(oracle_cross_entropy(&o, both, 3, oracle_index(1)).lse == inf);
    oracle_cross_entropy_gradient(&o, one, 3, oracle_index(1), &infinite_lse, e);
    ck_assert(isnan(e[0].value) && isnan(e[1].value) && isnan(e[2].value));
    oracle_cross_entropy_gradient(&o, one, 3, oracle_index(1), &low_lse, e);
    ck_assert(isnan(e[0].value) && isnan(e[1].value) && isnan(e[2].value));
    o.softcap = 2.0; /* u = -2, 0, 2 */
    const double lse = log(exp(-2.0) + 1.0 + exp(2.0));
    ck_assert_double_eq_tol(oracle_cross_entropy(&o, both, 3, oracle_index(0)).loss, lse + 2.0, 1e-15);
    oracle_cross_entropy_gradient(&o, both, 3, oracle_index(1), NULL, e);
    ck_assert(e[0].value == 0 && e[2].value == 0);
    ck_assert_double_eq_tol(e[1].value, exp(-lse) - 1.0, 1e-15);
}
END_TEST

/* The gradient is the slope of the loss, for every combination of options. The bits of the loop variable choose them. */
enum { ORACLE_CHOICES = 64 };

START_TEST(oracle_gradients) {
    enum { CLASSES = 5 };
    const double weights[CLASSES] = {0.5, 0.0, 2.0, 1.25, 0.75}, step = 1e-5;
    const unsigned choice = (unsigned)_i;
    const oracle_options o = {.scale = (choice & 1u) != 0 ? 1.75 : 1.0,
                              .softcap = (choice & 2u) != 0 ? 3.0 : 0.0,
                              .smoothing = (choice & 4u) != 0 ? 0.2 : 0.0,
                              .z_loss = (choice & 8u) != 0 ? 0.125 : 0.0,
                              .weights = (choice & 16u) != 0 ? weights : NULL,
                              .ignore_index = -100};
    generator g = generator_of(choice);

    for (int trials = 0; trials < 10; trials++) {
        double x[CLASSES], aimed[CLASSES];
        oracle_element e[CLASSES];
        for (int j = 0; j < CLASSES; j++) {
            x[j] = 2 * next_normal(&g);
            aimed[j] = next_uniform(&g);
        }
        const oracle_target target = (choice & 32u) != 0 ? oracle_probabilities(aimed) : oracle_index(trials % CLASSES);
        session_count_comparison();
        oracle_cross_entropy_gradient(&o, x, CLASSES, target, NULL, e);
        for (int j = 0; j < CLASSES; j++) {
            const double here = x[j];
            x[j] = here + step;
            const double above = oracle_cross_entropy(&o, x, CLASSES, target).loss;
            x[j] = here - step;
            const double below = oracle_cross_entropy(&o, x, CLASSES, target).loss;
            x[j] = here;
            ck_assert_double_eq_tol((above - below) / (2 * step), e[j].value, 2e-9);
        }
    }
}
END_TEST

START_TEST(oracle_means) {
    const double losses[] = {1.0, 0.0, 4.0};
    const int64_t targets[] = {3, -100, 900}; /* the last one is bad where there are 10 columns */
    const double weights[] = {2, 2, 2, 0.25, 2, 2, 2, 2, 2, 2}, given = 17.0;
    const oracle_options plain = ORACLE_OPTIONS_INIT, weighted = {.scale = 1.0, .weights = weights, .ignore_index = -100};

    session_count_comparison();
    ck_assert_double_eq(oracle_divisor(&plain, SMX_REDUCTION_MEAN, targets, 3, 10, NULL), 2.0);
    ck_assert_double_eq(oracle_divisor(&weighted, SMX_REDUCTION_MEAN, targets, 3, 10, NULL), 1.25);
    ck_assert_double_eq(oracle_divisor(&weighted, SMX_REDUCTION_MEAN, NULL, 3, 10, NULL), 3.0);
    ck_assert_double_eq(oracle_divisor(&weighted, SMX_REDUCTION_MEAN, targets, 3, 10, &given), 17.0);
    ck_assert_double_eq(oracle_divisor(&plain, SMX_REDUCTION_SUM, targets, 3, 10, &given), 1.0);
    ck_assert_double_eq(oracle_reduced_loss(SMX_REDUCTION_MEAN, SMX_EMPTY_MEAN_NAN, losses, 3, 2.0), 2.5);
    ck_assert_double_eq(oracle_reduced_loss(SMX_REDUCTION_SUM, SMX_EMPTY_MEAN_NAN, losses, 3, 1.0), 5.0);
    ck_assert(isnan(oracle_reduced_loss(SMX_REDUCTION_MEAN, SMX_EMPTY_MEAN_NAN, losses, 0, 0.0)));
    ck_assert_double_eq(oracle_reduced_loss(SMX_REDUCTION_MEAN, SMX_EMPTY_MEAN_ZERO, losses, 0, 0.0), 0.0);
    ck_assert_double_eq(oracle_gradient_factor(3.0, 2.0), 1.5);
    ck_assert_double_eq(oracle_gradient_factor(3.0, 0.0), 0.0);
}
END_TEST

/* Bounds let through what they should and nothing more. */
START_TEST(bounds) {
    const accuracy single = {.wide = false, .out = SMX_R_32F}, half = {.wide = false, .out = SMX_R_16F};
    const double inf = (double)INFINITY, not_a_number = (double)NAN;

    session_count_comparison();
    ck_assert(accuracy_accepts(single, 0.5, 0.5 + 0x1p-23, bound_softmax(single, 0.5, 0.0)));
    ck_assert(!accuracy_accepts(single, 0.5, 0.5 + 0x1p-21, bound_softmax(single, 0.5, 0.0)));
    ck_assert(accuracy_accepts(half, 0.7, 0.7 + 0.49 * 0x1p-11, bound_softmax(half, 0.7, 0.0)));
    ck_assert(!accuracy_accepts(half, 0.7, 0.7 + 0.6 * 0x1p-11, bound_softmax(half, 0.7, 0.0)));
    ck_assert(accuracy_accepts(single, not_a_number, not_a_number, 1.0) && !accuracy_accepts(single, not_a_number, 0.0, 1e9));
    ck_assert(!accuracy_accepts(single, 0.0, not_a_number, 1e9) && !accuracy_accepts(single, inf, -inf, 1.0));
    ck_assert(accuracy_accepts(single, inf, inf, 0.0) && !accuracy_accepts(single, 1e30, inf, 1.0));

    /* a plain loss is good to 1e-6 of it, weights and smoothing add up, a softcap and z-loss add theirs */
    const double x[] = {0.0, 4.0}, weights[] = {0.5, 2.0};
    oracle_options o = ORACLE_OPTIONS_INIT;
    oracle_element e[2];
    oracle_loss l = oracle_cross_entropy(&o, x, 2, oracle_index(0));
    ck_assert_double_eq_tol(bound_loss(single, &l), 1e-6 * l.loss, 1e-15);
    l = oracle_cross_entropy(&o, x, 2, oracle_index(1));
    ck_assert_double_eq_tol(bound_loss(single, &l), 1e-6, 1e-15);
    o.weights = weights;
    l = oracle_cross_entropy(&o, x, 2, oracle_index(1));
    ck_assert_double_eq_tol(bound_loss(single, &l), 2e-6, 1e-15);
    o.z_loss = 0.5;
    l = oracle_cross_entropy(&o, x, 2, oracle_index(1));
    ck_assert_double_eq_tol(bound_loss(single, &l), 1e-6 * (2.0 + 0.5 * l.lse * l.lse), 1e-14);
    const oracle_gradient g = oracle_cross_entropy_gradient(&o, x, 2, oracle_index(1), NULL, e);
    ck_assert(
        accuracy_accepts(single, e[1].value, e[1].value * (1 + 3e-7), bound_cross_entropy_gradient(single, 1.0, &g, &e[1], 0.5, 1.0)));
    ck_assert(
        !accuracy_accepts(single, e[1].value, e[1].value * (1 + 6e-6), bound_cross_entropy_gradient(single, 1.0, &g, &e[1], 0.5, 1.0)));
    ck_assert(accuracy_accepts(half, 1e5, inf, 1.0) && !accuracy_accepts(half, 1e5, -inf, 1.0) && !accuracy_accepts(half, 6e4, inf, 16.0));
}
END_TEST

START_TEST(generated_targets) {
    int64_t targets[1000];

    for (int kind = 0; kind < TARGETS_COUNT; kind++) {
        int64_t count[3] = {0};
        session_count_comparison();
        fill_targets((targets_kind)kind, SMX_R_64I, 5, 1000, 12, -100, targets);
        for (int r = 0; r < 1000; r++) count[oracle_classify(targets[r], -100, 12)]++;
        ck_assert_int_eq(count[ORACLE_TARGET_BAD] > 0, kind == TARGETS_SOME_BAD || kind == TARGETS_ALL_BAD);
        ck_assert_int_eq(count[ORACLE_TARGET_IGNORED] > 0,
                         kind == TARGETS_SOME_IGNORED || kind == TARGETS_ALL_IGNORED || kind == TARGETS_SOME_BAD);
        ck_assert_int_eq(count[ORACLE_TARGET_VALID] > 0, kind != TARGETS_ALL_IGNORED && kind != TARGETS_ALL_BAD);
    }
}
END_TEST

Suite *suite_oracle(void) {
    Suite *suite = suite_create("oracle");
    TCase *tcase = session_case("oracle");

    tcase_add_test(tcase, sixteen_bit_patterns);
    tcase_add_test(tcase, sixteen_bit_round_trips);
    tcase_add_test(tcase, type_properties);
    tcase_add_test(tcase, oracle_by_hand);
    tcase_add_test(tcase, oracle_special_rows);
    tcase_add_test(tcase, oracle_losses_by_hand);
    tcase_add_test(tcase, oracle_infinite_logits);
    tcase_add_loop_test(tcase, oracle_gradients, 0, ORACLE_CHOICES);
    tcase_add_test(tcase, oracle_means);
    tcase_add_test(tcase, bounds);
    tcase_add_test(tcase, generated_targets);
    suite_add_tcase(suite, tcase);
    return suite;
}
