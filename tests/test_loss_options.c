/* The options of losses on rows of all lengths and of all kinds of values; test_loss_matrix.c has every combination of options on one
 * small shape. */
#include "check_sweeps.h"
#include "suites.h"

static const smxOp_t losses[] = {SMX_OP_CROSS_ENTROPY_FORWARD, SMX_OP_CROSS_ENTROPY_BACKWARD, SMX_OP_CROSS_ENTROPY_FORWARD_BACKWARD};
enum { LOSSES = 3, COMBINATIONS = LOSSES * FLOATING_TYPES };

static smxOp_t op_of(int i) { return losses[i / FLOATING_TYPES]; }
static smxDataType_t type_of(int i) { return floating_types[i % FLOATING_TYPES]; }

/* Sets of options, each of them enough to need all elements of a row in another way. */
enum { OPTION_SETS = 8 };

static void set_options(trial *t, int set) {
    switch (set) {
    case 0: t->smoothing = 0.1f; break;
    case 1: t->probabilities = PROBABILITIES_SOFT; break;
    case 2: t->softcap = 30.0f; break;
    case 3:
        t->with_weights = true;
        t->z_loss = 1e-4f;
        break;
    case 4:
        t->with_weights = true;
        t->smoothing = 0.3f;
        break;
    case 5:
        t->probabilities = PROBABILITIES_UNNORMALIZED;
        t->with_weights = true;
        t->softcap = 5.0f;
        break;
    case 6:
        t->probabilities = PROBABILITIES_WHERE_FINITE;
        t->z_loss = 0.01f;
        break;
    default:
        t->smoothing = 0.05f;
        t->softcap = 15.0f;
        t->z_loss = 1e-3f;
        t->with_weights = true;
        t->with_divisor = true;
        t->divisor = 12.5f;
        break;
    }
    t->with_grad_loss = set % 2 == 0;
    t->reduction = (smxReduction_t)(set % 3);
    t->targets = set % 2 == 0 ? TARGETS_VALID : TARGETS_SOME_IGNORED;
}

/* One in `part` of the trials of a list in small runs, else every other one. */
static bool left_out(int64_t number, int64_t part) { return number % (session_small() ? part : 2) != 0; }

static trial trial_with(int i, int set, int64_t rows, int64_t cols) {
    trial t = trial_of(op_of(i), type_of(i), rows, cols);
    set_options(&t, set);
    t.seed = (uint64_t)(set * 1000) + (uint64_t)cols;
    t.with_lse = set % 4 != 3; /* a backward call finds it */
    return t;
}

START_TEST(short_rows) {
    for (int64_t cols = 1; cols <= 40; cols++)
        for (int set = 0; set < OPTION_SETS; set++) {
            if (left_out(cols + set, 11)) continue;
            const trial t = trial_with(_i, set, shapes_row_counts[(cols + set) % (int64_t)shapes_row_count_count], cols);
            check_trial(&t);
        }
}
END_TEST

START_TEST(boundaries) {
    const column_list columns = shapes_boundaries();

    for (size_t i = 0; i < columns.count; i++) {
        trial t = trial_with(_i, (int)(i % OPTION_SETS), columns.at[i] > 2000 ? 1 : 3, columns.at[i]);
        if (session_small() && columns.at[i] > 2000 && i % 3 != 0) continue;
        trial_set_offsets(&t, (int64_t)i % 8, 0, (int64_t)(i * 3) % 8);
        t.aimed.offset = (int64_t)(i * 5) % 8;
        t.aimed.layout.outerStride = columns.at[i] + (int64_t)i % 3;
        t.vector_offset = (int64_t)i % 5;
        check_trial(&t);
    }
}
END_TEST

START_TEST(long_rows) {
    static const int64_t columns[] = {4096, 50257, 128256, 262144};

    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++)
        for (int set = 0; set < OPTION_SETS; set++) {
            if ((columns[i] > 5000 && (set + (int)i + _i) % 4 != 0) || (session_small() && i > 0)) continue;
            const trial t = trial_with(_i, set, 1, columns[i]);
            check_trial(&t);
        }
}
END_TEST

/* The gradient takes the place of the probabilities, which are read again where a row does not stay on the chip. */
START_TEST(gradient_over_probabilities) {
    static const int64_t columns[] = {5, 100, 1025, 9001, 20003};

    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
        trial t = trial_with(_i, 1, 2, columns[i]);
        if (!op_writes_elements(t.op) || (session_small() && columns[i] > 9001)) continue;
        t.aimed.offset = (int64_t)i % 3;
        t.aimed.layout.outerStride = columns[i] + (int64_t)i % 4;
        t.placement = OVER_TARGETS;
        check_trial(&t);
    }
}
END_TEST

START_TEST(values_of_logits) {
    static const int64_t columns[] = {2, 33, 1000, 5003};

    for (values kind = VALUES_NORMAL; kind < VALUES_HARD; kind++)
        for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++)
            for (int set = 0; set < OPTION_SETS; set++) {
                if ((columns[i] > 33 && (set + (int)kind) % 3 != 0) || (session_small() && columns[i] > 1000)) continue;
                if (left_out(set + (int)kind + (int64_t)i, 3)) continue;
                trial t = trial_with(_i, set, 4, columns[i]);
                t.values = kind;
                check_trial(&t);
            }
}
END_TEST

/* Rows of -inf, NaN, +inf and extremes beside ordinary ones. */
START_TEST(hard_values_of_logits) {
    static const int64_t columns[] = {1, 3, 32, 140, 3001};

    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++)
        for (int set = 0; set < OPTION_SETS; set++) {
            if ((session_small() && columns[i] > 140) || left_out(set + (int64_t)i, 3)) continue;
            trial t = trial_with(_i, set, hard_row_count(), columns[i]);
            t.values = VALUES_HARD;
            t.reduction = SMX_REDUCTION_NONE;
            check_trial(&t);
            t.reduction = SMX_REDUCTION_MEAN;
            check_trial(&t);
            t.reduction = SMX_REDUCTION_NONE;
            t.placement = op_writes_elements(t.op) ? OVER_X : OUT_OF_PLACE;
            check_trial(&t);
        }
}
END_TEST

START_TEST(scales_and_caps) {
    static const float scales[] = {0.01f, 0.5f, 8.0f, 300.0f}, caps[] = {0.0f, 1e-3f, 2.0f, 50.0f, 1e4f};
    static const values kinds[] = {VALUES_NORMAL, VALUES_LARGE, VALUES_OFFSET, VALUES_MASKED, VALUES_FINITE_MASK};

    for (size_t i = 0; i < sizeof scales / sizeof scales[0]; i++)
        for (size_t k = 0; k < sizeof caps / sizeof caps[0]; k++)
            for (size_t v = 0; v < sizeof kinds / sizeof kinds[0]; v++) {
                if (left_out((int64_t)(i + k + v) + _i, 4)) continue;
                trial t = trial_with(_i, (int)(i + k) % 2 == 0 ? 0 : 6, 3, 37);
                t.scale = scales[i];
                t.softcap = caps[k];
                t.values = kinds[v];
                t.seed = i * 100 + k * 10 + v;
                check_trial(&t);
            }
}
END_TEST

/* Probabilities of every type with every type of logits that they may be mixed with. */
START_TEST(types_of_probabilities) {
    for (size_t k = 0; k < FLOATING_TYPES; k++) {
        if ((type_of(_i) == SMX_R_64F) != (floating_types[k] == SMX_R_64F)) continue;
        for (int kind = PROBABILITIES_ONE_HOT; kind < PROBABILITIES_COUNT; kind++)
            for (int64_t cols = 5; cols < 6000; cols = cols * 9 + 2) {
                if ((session_small() && cols > 1000) || left_out(cols + kind + (int64_t)k, 2)) continue;
                trial t = trial_with(_i, kind % 2 == 0 ? 2 : 3, 5, cols);
                t.probabilities = (probabilities_kind)kind;
                t.aimed.layout.type = floating_types[k];
                t.values = kind == PROBABILITIES_WHERE_FINITE ? VALUES_MASKED : VALUES_NORMAL;
                check_trial(&t);
                t.placement = op_writes_elements(t.op) ? OVER_X : OUT_OF_PLACE;
                t.reduction = SMX_REDUCTION_MEAN;
                check_trial(&t);
            }
    }
}
END_TEST

/* Bad and ignored targets with every option, and no row at all. */
START_TEST(targets_with_options) {
    for (int set = 0; set < OPTION_SETS; set++)
        for (int kind = 0; kind < TARGETS_COUNT; kind++)
            for (int reduction = SMX_REDUCTION_MEAN; reduction <= SMX_REDUCTION_NONE; reduction++)
                for (int64_t rows = 0; rows < 70; rows = rows * 4 + 1) {
                    if (left_out(set + kind + reduction + rows, 7)) continue;
                    trial t = trial_with(_i, set, rows, 19);
                    t.targets = (targets_kind)kind;
                    t.reduction = (smxReduction_t)reduction;
                    t.empty_mean = (smxEmptyMean_t)(rows % 2);
                    t.target_type = kind % 2 == 0 ? SMX_R_32I : SMX_R_64I;
                    check_trial(&t);
                }
}
END_TEST

/* A divisor of 0, of any size, of either sign. */
START_TEST(given_divisors) {
    static const float divisors[] = {0.0f, -0.0f, 1.0f, 3.0f, 1e-3f, -2.0f, 1e30f};

    for (size_t i = 0; i < sizeof divisors / sizeof divisors[0]; i++)
        for (int set = 0; set < OPTION_SETS; set++)
            for (int reduction = SMX_REDUCTION_MEAN; reduction <= SMX_REDUCTION_NONE; reduction++) {
                if (left_out((int64_t)i + set + reduction, 5)) continue;
                trial t = trial_with(_i, set, 6, 23);
                t.with_divisor = true;
                t.divisor = divisors[i];
                t.empty_mean = (smxEmptyMean_t)(set % 2);
                t.reduction = (smxReduction_t)reduction;
                check_trial(&t);
                t.values = VALUES_HARD; /* no gradient in rows of NaN either if the divisor is 0 */
                t.x.layout.outer = t.out.layout.outer = hard_row_count();
                check_trial(&t);
            }
}
END_TEST

/* The forward call's lse of more columns than these: p does not sum to 1. */
START_TEST(lse_of_more_columns) {
    for (int64_t cols = 3; cols < 4000; cols = cols * 11 + 1)
        for (int set = 0; set < OPTION_SETS; set++) {
            trial t = trial_with(_i, set, 4, cols);
            trial_run run;
            t.op = SMX_OP_CROSS_ENTROPY_BACKWARD;
            t.with_lse = true;
            trial_prepare(&run, &t);
            for (int64_t r = 0; r < run.rows; r++) tensor_store(&run.lse, 0, r, tensor_stored(&run.lse, 0, r) + 0.4 * (double)(r + 1));
            buffer_upload(&run.lse.memory);
            require_success(trial_execute(&run), op_function(t.op));
            trial_compare(&run);
            trial_release(&run);
        }
}
END_TEST

Suite *suite_loss_options(void) {
    Suite *suite = suite_create("loss_options");
    TCase *tcase = session_case("loss_options");

    tcase_add_loop_test(tcase, short_rows, 0, COMBINATIONS);
    tcase_add_loop_test(tcase, boundaries, 0, COMBINATIONS);
    tcase_add_loop_test(tcase, long_rows, 0, COMBINATIONS);
    tcase_add_loop_test(tcase, gradient_over_probabilities, 0, COMBINATIONS);
    tcase_add_loop_test(tcase, values_of_logits, 0, COMBINATIONS);
    tcase_add_loop_test(tcase, hard_values_of_logits, 0, COMBINATIONS);
    tcase_add_loop_test(tcase, scales_and_caps, 0, COMBINATIONS);
    tcase_add_loop_test(tcase, types_of_probabilities, 0, COMBINATIONS);
    tcase_add_loop_test(tcase, targets_with_options, 0, COMBINATIONS);
    tcase_add_loop_test(tcase, given_divisors, 0, COMBINATIONS);
    tcase_add_loop_test(tcase, lse_of_more_columns, 0, FLOATING_TYPES);
    suite_add_tcase(suite, tcase);
    return suite;
}
