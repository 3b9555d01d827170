/* smxSample: exactly the oracle's tokens. The oracle is one for all backends, so those that pass draw the same tokens. */
#include <math.h>
#include <string.h>

#include "check_choice_sweeps.h"
#include "suites.h"

DEFINE_CHOICE_SWEEPS(sample, SMX_OP_SAMPLE)

/* ---- every combination ---- */

enum { FILTER_COMBINATIONS = 16 };

static void set_filters(choice *c, int combination) {
    c->temperature = (combination & 1) != 0 ? 0.6f : 1.0f;
    c->top_k = (combination & 2) != 0 ? 9 : 0;
    c->top_p = (combination & 4) != 0 ? 0.7f : 1.0f;
    c->min_p = (combination & 8) != 0 ? 0.05f : 0.0f;
}

START_TEST(filters_and_arrays) {
    for (int combination = 0; combination < FILTER_COMBINATIONS; combination++)
        for (unsigned given = 0; given <= GIVEN_ALL; given++) {
            if ((session_small() || session_emulated()) && (given * 5 + (unsigned)combination) % 8 != 0) continue;
            choice c = choice_of(SMX_OP_SAMPLE, floating_types[(unsigned)combination % FLOATING_TYPES], 30, 80);
            c.data_seed = given;
            set_filters(&c, combination);
            c.given = given;
            c.fill = given % 3 == 2 ? fill_ties : fill_values;
            check_choice(&c);
        }
}
END_TEST

START_TEST(filters_of_every_strength) {
    static const int64_t columns[] = {6, 50, 700, 3000};
    static const float shares[] = {1e-6f, 0.1f, 0.3f, 0.5f, 0.7f, 0.9f, 0.99f, 0.9999f, 0x1.fffffep-1f};
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++)
        for (size_t k = 0; k < sizeof shares / sizeof shares[0]; k++) {
            choice c = choice_of(SMX_OP_SAMPLE, floating_types[_i], columns[i] > 100 ? 5 : 50, columns[i]);
            if ((session_small() || session_emulated()) && (columns[i] > 700 || (k + i + (size_t)_i) % 4 != 1)) continue;
            c.data_seed = k;
            c.top_p = shares[k];
            check_choice(&c);
            c.top_p = 1;
            c.min_p = shares[k];
            check_choice(&c);
            c.min_p = 0;
            c.top_k = 1 + (int64_t)((float)columns[i] * shares[k]);
            check_choice(&c);
            c.top_p = shares[k];
            c.min_p = 1 - shares[k];
            check_choice(&c);
        }
}
END_TEST

/* ---- boundaries ---- */

/* Equal tokens stay or go together, whatever the share: no other is more probable. */
START_TEST(top_p_of_equal_tokens) {
    static const float shares[] = {0.125f, 0.25f, 0.5f, 0.75f, 0.875f};
    for (int64_t cols = 1; cols <= 64; cols += session_small() ? 7 : 1)
        for (size_t k = 0; k < sizeof shares / sizeof shares[0]; k++) {
            choice c = choice_of(SMX_OP_SAMPLE, SMX_R_32F, 20, cols);
            choice_run run;
            c.values = VALUES_EQUAL;
            c.top_p = shares[k];
            c.seed = (uint64_t)cols;
            choice_prepare(&run, &c);
            require_success(choice_execute(&run), "smxSample");
            bool beyond = cols < 8; /* has one been drawn that a cut by columns would have dropped? */
            for (int64_t r = 0; r < run.rows; r++) {
                beyond = beyond || (double)choice_index(&run, r, 0) >= ceil((double)shares[k] * (double)cols);
                ck_assert_double_eq_tol((double)choice_number(&run, r, 0), -log((double)cols), 1e-5);
            }
            ck_assert_msg(beyond || shares[k] > 0.5f, "top-p %g of %lld equal tokens", (double)shares[k], (long long)cols);
            choice_compare(&run);
            choice_release(&run);
        }
}
END_TEST

/* Where one token's share of the random bits ends and the next one's begins, to the bit. By chance a draw comes that near once in 2^40. */
START_TEST(the_ends_of_shares) {
    for (int64_t cols = 64; cols < 9000; cols = cols * 3 + 1) {
        choice c = choice_of(SMX_OP_SAMPLE, SMX_R_64F, cols > 1000 ? 20 : 60, cols);
        if ((session_small() || session_emulated()) && cols > 1000) continue;
        c.fill = fill_around_the_draw;
        check_choice(&c);
        c.top_k = 60; /* more than have a weight */
        check_choice(&c);
        c.top_p = 0x1.fffffep-1f;
        check_choice(&c);
    }
}
END_TEST

START_TEST(the_last_places_of_weights) {
    static const float temperatures[] = {1.0f, 0.7f, 1.3f, 0.9f};
    for (int i = 0; i < 8; i++) {
        choice c = choice_of(SMX_OP_SAMPLE, i % 2 == 0 ? SMX_R_32F : SMX_R_64F, session_small() || session_emulated() ? 100 : 500, 40);
        c.fill = fill_up_to_the_draw;
        c.temperature = temperatures[i / 2];
        check_choice(&c);
        c.op = SMX_OP_MULTINOMIAL;
        check_choice(&c);
    }
}
END_TEST

/* Weights that are exactly the least share of the largest one. */
static void fill_halvings(const choice *c, int64_t row, double *x) {
    for (int64_t j = 0; j < c->layout.cols; j++) {
        const int64_t halvings = (j * 5 + row) % 7;
        x[j] = halvings == 0 ? 0.0 : -((double)halvings + 0x1p-25) * M_LN2;
    }
}

START_TEST(the_end_of_min_p) {
    for (int halvings = 0; halvings < 6; halvings++) {
        choice c = choice_of(SMX_OP_SAMPLE, SMX_R_64F, 50, 35);
        c.fill = fill_halvings;
        c.min_p = ldexpf(1, -halvings);
        check_choice(&c);
        c.min_p = nextafterf(ldexpf(1, -halvings), 0);
        check_choice(&c);
        if (halvings == 0) continue;
        c.min_p = nextafterf(ldexpf(1, -halvings), 1);
        check_choice(&c);
    }
}
END_TEST

/* Filters that leave one token, and temperature 0, are argmax. */
static void require_argmax(const choice *c) {
    choice greedy = choice_of(SMX_OP_ARGMAX, c->layout.type, c->layout.outer, c->layout.cols);
    greedy.fill = c->fill;
    greedy.values = c->values;
    greedy.data_seed = c->data_seed;
    check_same_first_index(c, &greedy);
}

START_TEST(ways_to_be_greedy) {
    static const int64_t columns[] = {1, 2, 20, 300, 2100};
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++)
        for (int kind = VALUES_NORMAL; kind < VALUES_COUNT; kind++) {
            choice c = choice_of(SMX_OP_SAMPLE, floating_types[_i], kind == VALUES_HARD ? hard_row_count() : 3, columns[i]);
            if ((session_small() || session_emulated()) && columns[i] > 300) continue;
            c.values = (values)kind;
            c.fill = kind == VALUES_EQUAL ? fill_ties : fill_values;
            c.temperature = 0;
            require_argmax(&c);
            set_filters(&c, 15);
            c.temperature = -0.0f;
            require_argmax(&c);
            if (kind == VALUES_HARD) continue; /* +inf has no probability */
            set_filters(&c, 0);
            c.top_k = 1;
            require_argmax(&c);
            c.top_k = 0;
            c.top_p = 1e-8f; /* less than any first token has: it alone is kept, and what is as probable */
            check_choice(&c);
            c.temperature = 1e-42f; /* denormal: 1 / temperature is infinite */
            c.top_p = 1.0f;
            check_choice(&c);
        }
}
END_TEST

/* Of tokens that are equally probable min-p 1 keeps all. */
START_TEST(min_p_keeps_the_most_probable) {
    for (int64_t cols = 1; cols <= 100; cols += 9) {
        choice c = choice_of(SMX_OP_SAMPLE, floating_types[_i], 40, cols);
        c.fill = fill_ties;
        c.min_p = 1;
        check_choice(&c);
        c.values = VALUES_NORMAL;
        c.fill = fill_values;
        check_choice(&c);
    }
}
END_TEST

START_TEST(top_k_of_all_columns_keeps_all) {
    for (int64_t top_k = 0; top_k < 3; top_k++) {
        choice c = choice_of(SMX_OP_SAMPLE, SMX_R_32F, 50, 200);
        choice_run run, all;
        c.top_k = 0;
        choice_prepare(&all, &c);
        c.top_k = top_k == 0 ? 200 : top_k == 1 ? 201 : INT64_MAX;
        choice_prepare(&run, &c);
        require_success(choice_execute(&all), "smxSample");
        require_success(choice_execute(&run), "smxSample");
        choice_compare(&all);
        session_count_comparison();
        ck_assert_mem_eq(run.indices.after, all.indices.after, run.indices.bytes);
        ck_assert_mem_eq(run.numbers.memory.after, all.numbers.memory.after, run.numbers.memory.bytes);
        choice_release(&run);
        choice_release(&all);
    }
}
END_TEST

/* ---- rows of a whole vocabulary ---- */

START_TEST(vocabularies) {
    const int64_t cols = session_small() ? 5000 : session_emulated() ? 40000 : 262144;
    static const float top_ps[] = {1.0f, 0.9f, 0.5f};
    for (uint64_t i = 0; i < (session_emulated() ? 4u : 9u); i++) {
        choice c = choice_of(SMX_OP_SAMPLE, floating_types[_i], 1, cols);
        if (session_emulated() && _i > 1) continue;
        if (_i > 1 && i % 3 != 1) continue;
        c.data_seed = i;
        c.values = i % 3 == 0 ? VALUES_NORMAL : i % 3 == 1 ? VALUES_MASKED : VALUES_CONFIDENT;
        c.temperature = i % 2 == 0 ? 1.0f : 0.5f;
        c.top_k = i % 4 == 1 ? 50 : i % 4 == 2 ? 5000 : 0;
        c.top_p = top_ps[i % 3];
        c.min_p = i % 5 == 4 ? 0.01f : 0.0f;
        check_choice(&c);
    }
}
END_TEST

/* ---- temperatures from memory ---- */

START_TEST(temperatures_of_rows) {
    static const float special[SPECIAL_TEMPERATURES] = {1.0f, 0.0f, -1.0f, NAN, INFINITY, -0.0f, 1e-40f, 3.0e38f};
    static const float ordinary[SPECIAL_TEMPERATURES] = {1.0f, 0.5f, 2.0f, 0.0f, 0.25f, 7.0f, 0.9f, 1e-3f};
    for (int64_t cols = 1; cols < 3000; cols = cols * 6 + 1)
        for (int combination = 0; combination < FILTER_COMBINATIONS; combination += 5) {
            choice c = choice_of(SMX_OP_SAMPLE, floating_types[_i], 33, cols);
            if ((session_small() || session_emulated()) && cols > 500) continue;
            set_filters(&c, combination);
            c.given = GIVEN_TEMPERATURES | (combination == 5 ? GIVEN_ROW_SEEDS : 0u);
            c.special_temperatures = special;
            check_choice(&c);
            c.values = VALUES_HARD;
            check_choice(&c);
            c.special_temperatures = ordinary;
            c.values = VALUES_MASKED;
            check_choice(&c);
        }
}
END_TEST

/* Rows without distribution are -1 and NaN, are counted, and leave the others as they are. */
START_TEST(rows_without_distribution) {
    for (int combination = 0; combination < FILTER_COMBINATIONS; combination++)
        for (int64_t cols = 1; cols < 2000; cols = cols * 9 + 2) {
            choice c = choice_of(SMX_OP_SAMPLE, floating_types[_i], 2 * hard_row_count(), cols);
            if ((session_small() || session_emulated()) && (combination % 5 != 0 || cols > 300)) continue;
            c.values = VALUES_HARD;
            set_filters(&c, combination);
            check_choice(&c);
        }
}
END_TEST

/* The count goes on over calls until it is asked for. */
START_TEST(bad_rows_add_up) {
    choice c = choice_of(SMX_OP_SAMPLE, SMX_R_32F, hard_row_count(), 30), none = choice_of(SMX_OP_ARGMAX, SMX_R_32F, 4, 30);
    choice_run run, good;
    int64_t once = -1, first = -1, thrice = -1, again = -1;

    c.values = VALUES_HARD;
    choice_prepare(&run, &c);
    choice_prepare(&good, &none);
    require_success(choice_execute(&run), "smxSample");
    require_success(smxGetBadTargets(session_handle(), &once, &first), "smxGetBadTargets");
    for (int i = 0; i < 3; i++) {
        require_success(choice_execute(&run), "smxSample");
        require_success(choice_execute(&good), "smxArgmax");
    }
    require_success(smxGetBadTargets(session_handle(), &thrice, &again), "smxGetBadTargets");
    session_count_comparison();
    ck_assert_int_gt(once, 5);
    ck_assert_int_eq(first, 1);
    ck_assert_int_eq(thrice, 3 * once);
    ck_assert_int_eq(again, first);
    choice_release(&run);
    choice_release(&good);
}
END_TEST

Suite *suite_sample(void) {
    Suite *suite = suite_create("sample");
    TCase *tcase = session_case("tokens");

    add_choices_sample(suite);
    tcase_add_test(tcase, filters_and_arrays);
    tcase_add_loop_test(tcase, filters_of_every_strength, 0, FLOATING_TYPES);
    tcase_add_test(tcase, top_p_of_equal_tokens);
    tcase_add_test(tcase, the_ends_of_shares);
    tcase_add_test(tcase, the_last_places_of_weights);
    tcase_add_test(tcase, the_end_of_min_p);
    tcase_add_loop_test(tcase, ways_to_be_greedy, 0, FLOATING_TYPES);
    tcase_add_loop_test(tcase, min_p_keeps_the_most_probable, 0, FLOATING_TYPES);
    tcase_add_test(tcase, top_k_of_all_columns_keeps_all);
    tcase_add_loop_test(tcase, vocabularies, 0, FLOATING_TYPES);
    tcase_add_loop_test(tcase, temperatures_of_rows, 0, FLOATING_TYPES);
    tcase_add_loop_test(tcase, rows_without_distribution, 0, FLOATING_TYPES);
    tcase_add_test(tcase, bad_rows_add_up);
    suite_add_tcase(suite, tcase);
    return suite;
}
