/* Lists of choices that make sense for argmax, top-k, sample and multinomial alike. The suites call them with their operation, and add what
 * is special to it. Options vary from choice to choice. */
#ifndef CHECK_CHOICE_SWEEPS_H
#define CHECK_CHOICE_SWEEPS_H

#include "check_choice.h"
#include "shapes.h"

/* Sets options of the operation, others for every number. */
void choice_vary(choice *c, uint64_t number);

void choose_from_short_rows(smxOp_t op, smxDataType_t type);
void choose_from_boundaries(smxOp_t op, smxDataType_t type); /* around the ends of the rows of the plan table */
void choose_from_long_rows(smxOp_t op, smxDataType_t type);
void choose_from_many_rows(smxOp_t op, smxDataType_t type); /* and from none */
void choose_from_values(smxOp_t op, smxDataType_t type);    /* every kind, hard rows and ties included */
void choose_from_layouts(smxOp_t op, smxDataType_t type);
void choose_from_offsets(smxOp_t op, smxDataType_t type); /* unaligned data, padded rows, both types of indices */

/* Defines one Check test per sweep for an operation, and `add_choices_<name>`, which adds them to a suite. */
#define DEFINE_CHOICE_SWEEPS(name, op)                                                \
    START_TEST(name##_short_rows) { choose_from_short_rows(op, floating_types[_i]); } \
    END_TEST                                                                          \
    START_TEST(name##_boundaries) { choose_from_boundaries(op, floating_types[_i]); } \
    END_TEST                                                                          \
    START_TEST(name##_long_rows) { choose_from_long_rows(op, floating_types[_i]); }   \
    END_TEST                                                                          \
    START_TEST(name##_many_rows) { choose_from_many_rows(op, floating_types[_i]); }   \
    END_TEST                                                                          \
    START_TEST(name##_values) { choose_from_values(op, floating_types[_i]); }         \
    END_TEST                                                                          \
    START_TEST(name##_layouts) { choose_from_layouts(op, floating_types[_i]); }       \
    END_TEST                                                                          \
    START_TEST(name##_offsets) { choose_from_offsets(op, floating_types[_i]); }       \
    END_TEST                                                                          \
    static void add_choices_##name(Suite *suite) {                                    \
        TCase *tcase = session_case(#name);                                           \
        tcase_add_loop_test(tcase, name##_short_rows, 0, FLOATING_TYPES);             \
        tcase_add_loop_test(tcase, name##_boundaries, 0, FLOATING_TYPES);             \
        tcase_add_loop_test(tcase, name##_long_rows, 0, FLOATING_TYPES);              \
        tcase_add_loop_test(tcase, name##_many_rows, 0, FLOATING_TYPES);              \
        tcase_add_loop_test(tcase, name##_values, 0, FLOATING_TYPES);                 \
        tcase_add_loop_test(tcase, name##_layouts, 0, FLOATING_TYPES);                \
        tcase_add_loop_test(tcase, name##_offsets, 0, FLOATING_TYPES);                \
        suite_add_tcase(suite, tcase);                                                \
    }

#endif
