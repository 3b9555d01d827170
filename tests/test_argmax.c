/* smxArgmax: exactly the oracle's columns, on every backend. */
#include <math.h>

#include "check_choice_sweeps.h"
#include "suites.h"

DEFINE_CHOICE_SWEEPS(argmax, SMX_OP_ARGMAX)

/* Row r has its largest element in column r, and the same one again further on. */
static void fill_steps(const choice *c, int64_t row, double *x) {
    const int64_t cols = c->layout.cols;
    for (int64_t j = 0; j < cols; j++) x[j] = j < row ? -1 : (j - row) % 3 == 0 ? 2 : (j - row) % 3 == 1 ? -5 : 1.5;
}

START_TEST(the_largest_in_every_column) {
    const int64_t columns[] = {1, 2, 31, 33, 64, 65, 127, 200, 1030};
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
        if ((session_small() || session_emulated()) && columns[i] > 200) continue;
        choice c = choice_of(SMX_OP_ARGMAX, floating_types[_i], columns[i], columns[i]);
        c.fill = fill_steps;
        check_choice(&c);
        c.layout = (smxLayout_t){.type = c.layout.type, .outer = 1, .cols = columns[i], .inner = columns[i], .colStride = columns[i]};
        check_choice(&c);
    }
}
END_TEST

/* -0 and +0 in turns, and nothing larger: the first column, whatever its sign. */
static void fill_zeros(const choice *c, int64_t row, double *x) {
    for (int64_t j = 0; j < c->layout.cols; j++) x[j] = (j + row) % 2 == 0 ? -0.0 : 0.0;
    if (row % 4 >= 2) x[0] = -type_smallest(c->layout.type);
}

START_TEST(zeros_of_either_sign_are_equal) {
    for (int64_t cols = 1; cols <= 40; cols += 3) {
        choice c = choice_of(SMX_OP_ARGMAX, floating_types[_i], 8, cols);
        c.fill = fill_zeros;
        check_choice(&c);
    }
}
END_TEST

Suite *suite_argmax(void) {
    Suite *suite = suite_create("argmax");
    TCase *tcase = session_case("largest");

    add_choices_argmax(suite);
    tcase_add_loop_test(tcase, the_largest_in_every_column, 0, FLOATING_TYPES);
    tcase_add_loop_test(tcase, zeros_of_either_sign_are_equal, 0, FLOATING_TYPES);
    suite_add_tcase(suite, tcase);
    return suite;
}
