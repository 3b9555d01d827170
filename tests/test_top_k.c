/* smxTopK: exactly the oracle's columns, and probabilities that are those of the softmax. */
#include <math.h>

#include "check_choice_sweeps.h"
#include "suites.h"

DEFINE_CHOICE_SWEEPS(top_k, SMX_OP_TOP_K)

START_TEST(every_k) {
    static const int64_t columns[] = {1, 2, 9, 33, 70};
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++)
        for (int64_t k = 1; k <= columns[i]; k += session_small() ? 5 : 1) {
            choice c = choice_of(SMX_OP_TOP_K, floating_types[_i], 9, columns[i]);
            c.fill = k % 2 == 0 ? fill_ties : fill_values;
            c.per_row = k;
            c.data_seed = (uint64_t)k;
            check_choice(&c);
        }
}
END_TEST

/* More than any list of candidates holds. */
START_TEST(large_k) {
    static const int64_t columns[] = {4097, 6000, 20000}, counts[] = {4096, 4097, 6000, 20000};
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++)
        for (size_t n = 0; n < sizeof counts / sizeof counts[0]; n++) {
            choice c = choice_of(SMX_OP_TOP_K, floating_types[_i], 2, columns[i]);
            if (counts[n] > columns[i] || ((session_small() || session_emulated()) && columns[i] != 4097)) continue;
            c.per_row = counts[n];
            check_choice(&c);
            c.values = VALUES_EQUAL;
            check_choice(&c);
            c.fill = fill_ties;
            check_choice(&c);
        }
}
END_TEST

/* All equal but for a few: the columns say which of the equal ones are taken. */
static void fill_nearly_equal(const choice *c, int64_t row, double *x) {
    for (int64_t j = 0; j < c->layout.cols; j++) x[j] = 1.0;
    x[(row * 7) % c->layout.cols] = 1.5;
    x[(row * 5 + 1) % c->layout.cols] = 0.5;
}

START_TEST(ties_at_the_boundary) {
    static const int64_t columns[] = {40, 130, 1030, 5000};
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++)
        for (int64_t k = 1; k <= columns[i]; k = k * 3 + 1) {
            choice c = choice_of(SMX_OP_TOP_K, floating_types[_i], 4, columns[i]);
            if ((session_small() || session_emulated()) && columns[i] > 1030) continue;
            c.fill = fill_nearly_equal;
            c.per_row = k;
            check_choice(&c);
        }
}
END_TEST

/* k = 1 is argmax, of rows that have probabilities. */
START_TEST(one_is_argmax) {
    for (int64_t cols = 1; cols <= 2000; cols = cols * 4 + 3) {
        choice first = choice_of(SMX_OP_TOP_K, floating_types[_i], 20, cols),
               second = choice_of(SMX_OP_ARGMAX, floating_types[_i], 20, cols);
        first.fill = second.fill = fill_ties;
        check_same_first_index(&first, &second);
    }
}
END_TEST

/* However rows are held the entries are the same ones. */
START_TEST(algorithms) {
    static const int64_t columns[] = {7, 100, 3000};
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++)
        for (int algorithm = SMX_ALGORITHM_AUTO; algorithm <= SMX_ALGORITHM_ONLINE; algorithm++) {
            choice c = choice_of(SMX_OP_TOP_K, floating_types[_i], 3, columns[i]);
            c.algorithm = (smxAlgorithm_t)algorithm;
            c.per_row = 7;
            check_choice(&c);
            c.without_options = true;
            check_choice(&c);
        }
}
END_TEST

START_TEST(rows_without_distribution) {
    for (int64_t cols = 2; cols < 2000; cols = cols * 5 + 1)
        for (int empty = SMX_EMPTY_ROW_NAN; empty <= SMX_EMPTY_ROW_ZERO; empty++) {
            choice c = choice_of(SMX_OP_TOP_K, floating_types[_i], 2 * hard_row_count(), cols);
            c.values = VALUES_HARD;
            c.empty_row = (smxEmptyRow_t)empty;
            c.per_row = cols < 9 ? cols : 9;
            check_choice(&c);
        }
}
END_TEST

Suite *suite_top_k(void) {
    Suite *suite = suite_create("top_k");
    TCase *tcase = session_case("largest");

    add_choices_top_k(suite);
    tcase_add_loop_test(tcase, every_k, 0, FLOATING_TYPES);
    tcase_add_loop_test(tcase, large_k, 0, FLOATING_TYPES);
    tcase_add_loop_test(tcase, ties_at_the_boundary, 0, FLOATING_TYPES);
    tcase_add_loop_test(tcase, one_is_argmax, 0, FLOATING_TYPES);
    tcase_add_loop_test(tcase, algorithms, 0, FLOATING_TYPES);
    tcase_add_loop_test(tcase, rows_without_distribution, 0, FLOATING_TYPES);
    suite_add_tcase(suite, tcase);
    return suite;
}
