/* Lists of trials that make sense for every operation. The suites call them with their operation, and add what is special to it. */
#ifndef CHECK_SWEEPS_H
#define CHECK_SWEEPS_H

#include "check_trial.h"
#include "shapes.h"

void sweep_short_rows(smxOp_t op, smxDataType_t type); /* 1..40 columns, few rows */
void sweep_boundaries(smxOp_t op, smxDataType_t type); /* around the ends of the rows of the plan table */
void sweep_long_rows(smxOp_t op, smxDataType_t type);  /* up to 262144 columns */
void sweep_many_rows(smxOp_t op, smxDataType_t type);  /* about a thousand rows of few columns, and no row at all */
void sweep_values(smxOp_t op, smxDataType_t type);     /* every kind of logits but VALUES_HARD */
void sweep_scales(smxOp_t op, smxDataType_t type);
void sweep_placements(smxOp_t op, smxDataType_t type); /* in place, over x and over dy */

/* Adds the seven to a suite, each as a loop over the element types. */
#define ADD_SWEEP(tcase, function) tcase_add_loop_test(tcase, function, 0, FLOATING_TYPES)

/* Defines one Check test per sweep for an operation, and `add_sweeps_<name>`, which adds them to a suite. */
#define DEFINE_SWEEPS(name, op)                                                 \
    START_TEST(name##_short_rows) { sweep_short_rows(op, floating_types[_i]); } \
    END_TEST                                                                    \
    START_TEST(name##_boundaries) { sweep_boundaries(op, floating_types[_i]); } \
    END_TEST                                                                    \
    START_TEST(name##_long_rows) { sweep_long_rows(op, floating_types[_i]); }   \
    END_TEST                                                                    \
    START_TEST(name##_many_rows) { sweep_many_rows(op, floating_types[_i]); }   \
    END_TEST                                                                    \
    START_TEST(name##_values) { sweep_values(op, floating_types[_i]); }         \
    END_TEST                                                                    \
    START_TEST(name##_scales) { sweep_scales(op, floating_types[_i]); }         \
    END_TEST                                                                    \
    START_TEST(name##_placements) { sweep_placements(op, floating_types[_i]); } \
    END_TEST                                                                    \
    static void add_sweeps_##name(Suite *suite) {                               \
        TCase *tcase = session_case(#name);                                     \
        ADD_SWEEP(tcase, name##_short_rows);                                    \
        ADD_SWEEP(tcase, name##_boundaries);                                    \
        ADD_SWEEP(tcase, name##_long_rows);                                     \
        ADD_SWEEP(tcase, name##_many_rows);                                     \
        ADD_SWEEP(tcase, name##_values);                                        \
        ADD_SWEEP(tcase, name##_scales);                                        \
        ADD_SWEEP(tcase, name##_placements);                                    \
        suite_add_tcase(suite, tcase);                                          \
    }

#endif
