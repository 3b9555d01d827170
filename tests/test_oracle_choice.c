/* The oracle of choices itself: published answers of the generator, and rows that can be worked out by hand. */
#include <math.h>

#include "check_session.h"
#include "data.h"
#include "oracle_choice.h"
#include "suites.h"

/* From the known-answer tests that are published with the generator. */
START_TEST(philox_gives_the_published_answers) {
    static const struct {
        uint32_t counter[4], key[2], bits[4];
    } known[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u}},
        {{~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}, {0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu}},
        {{0x243f6a88u, 0x85a308d3u, 0x13198a2eu, 0x03707344u},
         {0xa4093822u, 0x299f31d0u},
         {0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u}},
    };

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        uint32_t bits[4];
        oracle_philox(known[i].counter, known[i].key, bits);
        for (int k = 0; k < 4; k++) {
            session_count_comparison();
            ck_assert_uint_eq(bits[k], known[i].bits[k]);
        }
    }
    session_count_comparison();
    ck_assert_uint_eq(oracle_random_bits(0x299f31d0a4093822u, 0x85a308d3243f6a88u, 0x0370734413198a2eu), 0x94fdccebd16cfe09u);
}
END_TEST

static void expect_weights(const uint64_t *weights, const uint64_t *expected, int count) {
    for (int j = 0; j < count; j++) {
        session_count_comparison();
        ck_assert_uint_eq(weights[j], expected[j]);
    }
}

START_TEST(weights_of_powers_of_two) {
    const double x[] = {1.0, (double)-INFINITY, 1.0 - 800.0, 1.0};
    const double p[] = {0.75, 0.5, 0.0, 0x1p-42};
    const uint64_t of_logits[] = {(uint64_t)1 << 40, 0, 0, (uint64_t)1 << 40};
    const uint64_t of_probabilities[] = {(uint64_t)3 << 39, (uint64_t)1 << 40, 0, 0};
    uint64_t weights[4];

    oracle_logit_weights(x, 4, false, 1.0f, weights);
    expect_weights(weights, of_logits, 4);
    oracle_logit_weights(x, 4, true, 0.1f, weights);
    expect_weights(weights, of_logits, 4);
    ck_assert(oracle_probability_weights(p, 4, weights));
    expect_weights(weights, of_probabilities, 4);
}
END_TEST

/* The weights are those of the softmax, as nearly as they can be. */
START_TEST(weights_are_exponentials) {
    generator g = generator_of(5);
    enum { COLS = 1000 };
    double x[COLS];
    uint64_t weights[COLS];

    for (int i = 0; i < COLS; i++) x[i] = -14 * next_uniform(&g);
    x[17] = 0;
    for (int wide = 0; wide < 2; wide++) {
        const float temperature = wide ? 0.75f : 1.25f;
        oracle_logit_weights(x, COLS, wide, temperature, weights);
        for (int i = 0; i < COLS; i++) {
            const double logit = wide ? x[i] : (double)(float)x[i];
            const double expected = 0x1p40 * exp(logit / (double)temperature);
            const double bound = expected * (1.6e-7 + 0x1p-24 + (wide ? 0 : 2e-7 * fabs(logit))) + 1;
            session_count_comparison();
            ck_assert_msg(fabs((double)weights[i] - expected) <= bound, "column %d: %.17g instead of %.17g", i, (double)weights[i],
                          expected);
        }
    }
}
END_TEST

/* Weights 8, 4, 2, 1, 1 in units of 2^37, which add up to 16 units. */
static const double logits[] = {-2.0 * M_LN2, 0.0, -3.0 * M_LN2, -1.0 * M_LN2, -3.0 * M_LN2};

START_TEST(filters_by_hand) {
    static const struct {
        oracle_filters filters;
        unsigned kept; /* a bit per column */
    } cases[] = {
        {{0, 1.0f, 0.0f}, 0x1f},  {{5, 1.0f, 0.0f}, 0x1f},    {{4, 1.0f, 0.0f}, 0x0f},  {{1, 1.0f, 0.0f}, 0x02},  {{0, 0.4f, 0.0f}, 0x02},
        {{0, 0.51f, 0.0f}, 0x0a}, {{0, 0.76f, 0.0f}, 0x0b},   {{0, 0.88f, 0.0f}, 0x1f}, {{0, 0.95f, 0.0f}, 0x1f}, {{3, 0.9f, 0.0f}, 0x0b},
        {{3, 0.8f, 0.0f}, 0x0a},  {{0, 1.0f, 0.2f}, 0x0b},    {{0, 1.0f, 0.3f}, 0x0a},  {{0, 1.0f, 1.0f}, 0x02},  {{0, 0.76f, 0.3f}, 0x0a},
        {{2, 0.6f, 0.6f}, 0x02},  {{0, 0x1p-149f, 0.0f}, 2u},
    };
    uint64_t weights[5];

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        unsigned kept = 0;
        oracle_logit_weights(logits, 5, true, 1.0f, weights);
        oracle_filter(logits, 5, &cases[i].filters, weights);
        for (unsigned j = 0; j < 5; j++) kept |= weights[j] > 0 ? 1u << j : 0u;
        session_count_comparison();
        ck_assert_msg(kept == cases[i].kept, "case %zu: columns %x are kept instead of %x", i, kept, cases[i].kept);
    }
}
END_TEST

/* A token's share of the random bits begins where the one before ends. */
START_TEST(draws_by_hand) {
    const uint64_t weights[] = {0, 1, 2, 0, 1, 0}; /* of 4 in all: a quarter of the bits each */
    static const struct {
        uint64_t bits;
        int64_t column;
    } cases[] = {{0, 1},
                 {0x3fffffffffffffffu, 1},
                 {0x4000000000000000u, 2},
                 {0xbfffffffffffffffu, 2},
                 {0xc000000000000000u, 4},
                 {0xffffffffffffffffu, 4}};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        session_count_comparison();
        ck_assert_int_eq(oracle_draw(weights, 6, cases[i].bits), cases[i].column);
    }
    session_count_comparison();
    ck_assert_int_eq(oracle_draw(weights, 1, 12345), -1);
}
END_TEST

START_TEST(orders_by_hand) {
    const double x[] = {-0.0, 1.0, 0.0, (double)-INFINITY, 1.0, -1.0};
    const int64_t expected[] = {1, 4, 0, 2, 5, 3};
    int64_t order[6];

    oracle_order(x, 6, order);
    for (int i = 0; i < 6; i++) {
        session_count_comparison();
        ck_assert_int_eq(order[i], expected[i]);
    }
    ck_assert_int_eq(oracle_argmax(x, 6), 1);
    ck_assert_int_eq(oracle_argmax(x + 2, 1), 0);
    ck_assert_int_eq(oracle_argmax(x + 3, 1), -1);
}
END_TEST

Suite *suite_oracle_choice(void) {
    Suite *suite = suite_create("oracle_choice");
    TCase *tcase = session_case("oracle_choice");

    tcase_add_test(tcase, philox_gives_the_published_answers);
    tcase_add_test(tcase, weights_of_powers_of_two);
    tcase_add_test(tcase, weights_are_exponentials);
    tcase_add_test(tcase, filters_by_hand);
    tcase_add_test(tcase, draws_by_hand);
    tcase_add_test(tcase, orders_by_hand);
    suite_add_tcase(suite, tcase);
    return suite;
}
