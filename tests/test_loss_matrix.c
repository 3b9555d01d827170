/* Every combination of the options of the cross-entropy, on a small tensor with its classes along each of its axes. */
#include <stdio.h>

#include "check_layouts.h"
#include "check_sweeps.h"
#include "suites.h"

enum { AXES = 3 };
static const int64_t dims[AXES] = {3, 11, 5};

/* What can be chosen, in the order in which the combinations are counted. */
typedef struct choices {
    int reduction, probabilities, ignored, weights, smoothing, z_loss, softcap, scale, axis, in_place;
} choices;

static const choices limits = {3, 2, 2, 2, 2, 2, 2, 2, AXES, 2};

static choices choose(int number) {
    choices c;
    const int *limit = &limits.reduction;
    int *choice = &c.reduction;

    for (size_t i = 0; i < sizeof c / sizeof *choice; i++) {
        choice[i] = number % limit[i];
        number /= limit[i];
    }
    return c;
}

static int count_choices(void) {
    const int *limit = &limits.reduction;
    int product = 1;
    for (size_t i = 0; i < sizeof limits / sizeof *limit; i++) product *= limit[i];
    return product;
}

static bool makes_sense(smxOp_t op, const choices *c) {
    return !(c->probabilities && c->ignored) && !(c->in_place && !op_writes_elements(op));
}

static trial trial_of_choices(smxOp_t op, smxDataType_t type, const choices *c, uint64_t bits) {
    trial t = trial_of(op, type, 15, 11);
    const smxLayout_t layout = layout_along(type, AXES, dims, c->axis);

    trial_set_layout(&t, &layout);
    t.reduction = (smxReduction_t)c->reduction;
    t.probabilities = c->probabilities ? PROBABILITIES_UNNORMALIZED : PROBABILITIES_NONE;
    t.targets = c->ignored ? TARGETS_SOME_IGNORED : TARGETS_VALID;
    t.with_weights = c->weights;
    t.smoothing = c->smoothing ? 0.2f : 0.0f;
    t.z_loss = c->z_loss ? 0.03f : 0.0f;
    t.softcap = c->softcap ? 4.0f : 0.0f;
    t.scale = c->scale ? 1.375f : 1.0f;
    t.placement = c->in_place ? OVER_X : OUT_OF_PLACE;
    /* what has tests of its own, in turn */
    t.with_lse = (bits & 1u) != 0;
    t.with_grad_loss = (bits & 2u) != 0;
    t.with_loss = op == SMX_OP_CROSS_ENTROPY_FORWARD || (bits & 12u) != 0;
    t.with_divisor = (bits & 48u) == 0;
    t.divisor = 21.5f;
    t.empty_mean = (smxEmptyMean_t)(bits >> 6 & 1u);
    t.seed = bits % 1000;
    return t;
}

START_TEST(every_combination) {
    generator g = generator_of(2024);
    long run = 0, all = 0;

    for (int op = SMX_OP_CROSS_ENTROPY_FORWARD; op <= SMX_OP_CROSS_ENTROPY_FORWARD_BACKWARD; op++)
        for (size_t k = 0; k < FLOATING_TYPES; k++)
            for (int number = 0; number < count_choices(); number++) {
                const choices c = choose(number);
                const uint64_t bits = next_bits(&g) >> 20;
                if (!makes_sense((smxOp_t)op, &c) || (all++ % 17 != 5 && session_small())) continue; /* 17: in step with no option */
                const trial t = trial_of_choices((smxOp_t)op, floating_types[k], &c, bits);
                check_trial(&t);
                run++;
            }
    printf("loss matrix: %ld of %ld combinations of options on %s\n", run, all, session_label());
    fflush(stdout);
}
END_TEST

Suite *suite_loss_matrix(void) {
    Suite *suite = suite_create("loss_matrix");
    TCase *tcase = session_case("loss_matrix");

    tcase_add_test(tcase, every_combination);
    suite_add_tcase(suite, tcase);
    return suite;
}
