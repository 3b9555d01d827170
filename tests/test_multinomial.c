/* smxMultinomial: exactly the oracle's columns, in the order in which they are drawn. */
#include <math.h>
#include <stdlib.h>

#include "check_choice_sweeps.h"
#include "suites.h"

DEFINE_CHOICE_SWEEPS(multinomial, SMX_OP_MULTINOMIAL)

START_TEST(inputs_replacement_and_arrays) {
    for (int combination = 0; combination < 4; combination++)
        for (unsigned given = 0; given <= GIVEN_ALL; given++) {
            if ((given & GIVEN_TEMPERATURES) != 0 || (session_small() && (given + (unsigned)combination) % 3 != 0)) continue;
            choice c = choice_of(SMX_OP_MULTINOMIAL, floating_types[given % FLOATING_TYPES], 20, 60);
            c.from_probabilities = (combination & 1) != 0;
            c.without_replacement = (combination & 2) != 0;
            c.fill = c.from_probabilities ? fill_weights_of_row : fill_values;
            c.per_row = 12;
            c.given = given;
            check_choice(&c);
        }
}
END_TEST

/* ---- without replacement ---- */

/* As many draws as columns: every column once. */
START_TEST(permutations) {
    static const int64_t columns[] = {1, 2, 7, 33, 150, 700};
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
        choice c = choice_of(SMX_OP_MULTINOMIAL, floating_types[_i], columns[i] > 100 ? 2 : 6, columns[i]);
        choice_run run;
        if ((session_small() || session_emulated()) && columns[i] > 150) continue;
        c.per_row = columns[i];
        c.without_replacement = true;
        choice_prepare(&run, &c);
        require_success(choice_execute(&run), "smxMultinomial");
        choice_compare(&run);
        for (int64_t r = 0; r < run.rows; r++) {
            char *seen = calloc((size_t)columns[i], 1);
            ck_assert_ptr_nonnull(seen);
            for (int64_t d = 0; d < columns[i]; d++) {
                const int64_t column = choice_index(&run, r, d);
                session_count_comparison();
                ck_assert(column >= 0 && column < columns[i] && !seen[column]);
                seen[column] = 1;
            }
            free(seen);
        }
        choice_release(&run);
    }
}
END_TEST

/* A row has r + 1 columns that weigh anything, among others that do not. */
static void fill_few(const choice *c, int64_t row, double *x) {
    const double nothing = c->from_probabilities ? 0.0 : (double)-INFINITY;
    for (int64_t j = 0; j < c->layout.cols; j++) x[j] = nothing;
    for (int64_t k = 0; k <= row && k < c->layout.cols; k++) x[(k * 7 + row) % c->layout.cols] = 0.5 + 0.125 * (double)(k % 5);
}

/* Where no weight is left the indices are -1, and the row is counted once. */
START_TEST(nothing_is_left) {
    static const int64_t columns[] = {11, 50, 500, 2500};
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++)
        for (int64_t draws = 2; draws <= 11; draws += 3)
            for (int from_probabilities = 0; from_probabilities < 2; from_probabilities++) {
                choice c = choice_of(SMX_OP_MULTINOMIAL, floating_types[_i], 9, columns[i]);
                if (session_small() && columns[i] > 500) continue;
                c.fill = fill_few;
                c.without_replacement = true;
                c.from_probabilities = from_probabilities != 0;
                c.per_row = draws;
                check_choice(&c);
                c.without_replacement = false; /* there is always something left */
                check_choice(&c);
            }
}
END_TEST

START_TEST(long_rows_without_replacement) {
    const int64_t cols = session_small() ? 3000 : session_emulated() ? 20000 : 100000;
    choice c = choice_of(SMX_OP_MULTINOMIAL, floating_types[_i], 2, cols);

    c.without_replacement = true;
    c.per_row = session_emulated() || session_small() ? 5 : 40;
    check_choice(&c);
    c.fill = fill_weights_of_row;
    c.from_probabilities = true;
    check_choice(&c);
}
END_TEST

/* ---- many draws ---- */

START_TEST(many_draws) {
    const int64_t draws = session_small() || session_emulated() ? 500 : 5000;
    for (int64_t cols = 1; cols < 1000; cols = cols * 8 + 3)
        for (int from_probabilities = 0; from_probabilities < 2; from_probabilities++) {
            choice c = choice_of(SMX_OP_MULTINOMIAL, floating_types[_i], 2, cols);
            c.from_probabilities = from_probabilities != 0;
            c.fill = c.from_probabilities ? fill_weights_of_row : fill_values;
            c.per_row = cols > 100 ? draws / 5 : draws; /* also more than there are columns */
            check_choice(&c);
        }
}
END_TEST

START_TEST(default_options) {
    choice c = choice_of(SMX_OP_MULTINOMIAL, floating_types[_i], 7, 90);
    c.without_options = true;
    c.per_row = 100;
    check_choice(&c);
}
END_TEST

/* ---- probabilities ---- */

START_TEST(hard_probabilities) {
    for (int64_t cols = 3; cols < 3000; cols = cols * 5 + 2)
        for (int without_replacement = 0; without_replacement < 2; without_replacement++) {
            choice c = choice_of(SMX_OP_MULTINOMIAL, floating_types[_i], 36, cols);
            if ((session_small() || session_emulated()) && cols > 500) continue;
            c.fill = fill_hard_probabilities;
            c.from_probabilities = true;
            c.without_replacement = without_replacement != 0;
            c.per_row = 3;
            c.index_type = SMX_R_64I;
            check_choice(&c);
            c.values = VALUES_HARD; /* of logits */
            c.fill = fill_values;
            c.from_probabilities = false;
            check_choice(&c);
        }
}
END_TEST

/* Powers of two and their neighbours, where the scale of the weights changes. */
static void fill_around_powers(const choice *c, int64_t row, double *x) {
    const smxDataType_t type = c->layout.type;
    const double power = ldexp(1.0, (int)(row % 20) - 10), next = power + type_spacing(type, power);
    const double before = power - type_spacing(type, power / 2);
    for (int64_t j = 0; j < c->layout.cols; j++) x[j] = before * ldexp(1.0, -(int)(j % 50));
    x[row % c->layout.cols] = row % 3 == 0 ? power : row % 3 == 1 ? next : before;
}

START_TEST(probabilities_around_powers_of_two) {
    for (int64_t cols = 2; cols < 500; cols = cols * 5 + 1) {
        choice c = choice_of(SMX_OP_MULTINOMIAL, floating_types[_i], 60, cols);
        if (session_small() && cols > 100) continue;
        c.fill = fill_around_powers;
        c.from_probabilities = true;
        c.per_row = 5;
        check_choice(&c);
        c.without_replacement = true;
        c.per_row = 2;
        check_choice(&c);
    }
}
END_TEST

/* Where one column's share of the random bits ends and the next one's begins, to the bit. */
START_TEST(the_ends_of_shares) {
    for (int i = 0; i < 8; i++) {
        choice c = choice_of(SMX_OP_MULTINOMIAL, SMX_R_64F, 60, i / 4 == 0 ? 64 : 700);
        c.fill = fill_around_the_draw;
        c.from_probabilities = i % 2 == 0;
        c.without_replacement = i / 2 % 2 == 0;
        check_choice(&c);
    }
}
END_TEST

/* The first draw is what smxSample draws from the same bits. */
START_TEST(the_first_draw_is_a_sample) {
    for (int64_t cols = 2; cols < 3000; cols = cols * 4 + 3) {
        choice first = choice_of(SMX_OP_MULTINOMIAL, floating_types[_i], 12, cols),
               second = choice_of(SMX_OP_SAMPLE, floating_types[_i], 12, cols);
        first.per_row = 3;
        check_same_first_index(&first, &second);
    }
}
END_TEST

Suite *suite_multinomial(void) {
    Suite *suite = suite_create("multinomial");
    TCase *tcase = session_case("draws");

    add_choices_multinomial(suite);
    tcase_add_test(tcase, inputs_replacement_and_arrays);
    tcase_add_loop_test(tcase, permutations, 0, FLOATING_TYPES);
    tcase_add_loop_test(tcase, nothing_is_left, 0, FLOATING_TYPES);
    tcase_add_loop_test(tcase, long_rows_without_replacement, 0, FLOATING_TYPES);
    tcase_add_loop_test(tcase, many_draws, 0, FLOATING_TYPES);
    tcase_add_loop_test(tcase, default_options, 0, FLOATING_TYPES);
    tcase_add_loop_test(tcase, hard_probabilities, 0, FLOATING_TYPES);
    tcase_add_loop_test(tcase, probabilities_around_powers_of_two, 0, FLOATING_TYPES);
    tcase_add_test(tcase, the_ends_of_shares);
    tcase_add_loop_test(tcase, the_first_draw_is_a_sample, 0, FLOATING_TYPES);
    suite_add_tcase(suite, tcase);
    return suite;
}
