/* What a loss takes beside its logits: targets, weights, divisor, upstream gradient, the forward call's lse. */
#include <stdlib.h>

#include "check_trial.h"

void prepare_targets(trial_run *run) {
    const trial *t = &run->spec;
    const size_t width = element_bytes(t->target_type);

    if (t->probabilities != PROBABILITIES_NONE) return;
    run->target_values = calloc((size_t)run->rows + 1, sizeof *run->target_values);
    ck_assert_ptr_nonnull(run->target_values);
    fill_targets(t->targets, t->target_type, t->seed, run->rows, run->cols, t->ignore_index, run->target_values);
    run->targets = buffer_make(BUFFER_INPUT, (size_t)t->vector_offset * width, (size_t)run->rows * width);
    for (int64_t r = 0; r < run->rows; r++)
        store_index(t->target_type, run->targets.before + run->targets.first + (size_t)r * width, run->target_values[r]);
    buffer_upload(&run->targets);
    run->call.targets = smxIndexTargets(t->target_type, buffer_pointer(&run->targets));
}

static void prepare_probabilities(trial_run *run, double *x) {
    const trial *t = &run->spec;
    double *q = malloc((size_t)run->cols * sizeof *q);

    ck_assert_ptr_nonnull(q);
    run->aimed = tensor_make(t->placement == OVER_TARGETS ? BUFFER_INPUT_AND_OUTPUT : BUFFER_INPUT, &t->aimed.layout, t->aimed.offset);
    for (int64_t r = 0; r < run->rows; r++) {
        tensor_stored_row(&run->x, r, x);
        fill_probabilities(t->probabilities, t->seed, r, run->cols, x, q);
        tensor_store_row(&run->aimed, r, q);
    }
    buffer_upload(&run->aimed.memory);
    run->call.targets = smxProbabilityTargets(&t->aimed.layout, buffer_pointer(&run->aimed.memory));
    free(q);
}

static void prepare_weights(trial_run *run) {
    const trial *t = &run->spec;

    run->class_weights = malloc((size_t)run->cols * sizeof *run->class_weights);
    ck_assert_ptr_nonnull(run->class_weights);
    fill_weights(t->seed, run->cols, run->class_weights);
    run->weights = tensor_make_vector(BUFFER_INPUT, run->loss_type, run->cols, t->vector_offset);
    tensor_store_row(&run->weights, 0, run->class_weights);
    tensor_stored_row(&run->weights, 0, run->class_weights);
    buffer_upload(&run->weights.memory);
}

static void prepare_divisor(trial_run *run) {
    run->divisor = tensor_make_vector(BUFFER_INPUT, run->loss_type, 1, run->spec.vector_offset);
    tensor_store(&run->divisor, 0, 0, (double)run->spec.divisor);
    buffer_upload(&run->divisor.memory);
}

/* The number of losses and upstream gradients. */
static int64_t loss_count(const trial_run *run) { return run->spec.reduction == SMX_REDUCTION_NONE ? run->rows : 1; }

static void prepare_grad_loss(trial_run *run) {
    const trial *t = &run->spec;
    generator g = generator_of(t->seed + 17);

    run->grad_loss = tensor_make_vector(BUFFER_INPUT, run->loss_type, loss_count(run), t->vector_offset);
    for (int64_t i = 0; i < loss_count(run); i++) tensor_store(&run->grad_loss, 0, i, i % 5 == 3 ? 0.0 : 0.75 + next_normal(&g));
    buffer_upload(&run->grad_loss.memory);
    run->call.grad_loss = buffer_pointer(&run->grad_loss.memory);
}

/* What the forward call would have written, from the oracle. */
static void prepare_given_lse(trial_run *run, double *x) {
    const oracle_options o = trial_oracle_options(run);
    double *q = malloc((size_t)run->cols * sizeof *q);

    ck_assert_ptr_nonnull(q);
    run->lse = tensor_make_vector(BUFFER_INPUT, run->loss_type, run->rows, run->spec.vector_offset);
    for (int64_t r = 0; r < run->rows; r++) {
        tensor_stored_row(&run->x, r, x);
        tensor_store(&run->lse, 0, r, oracle_cross_entropy(&o, x, run->cols, trial_target(run, r, q)).lse);
    }
    buffer_upload(&run->lse.memory);
    free(q);
}

void prepare_loss_operands(trial_run *run, double *scratch) {
    const trial *t = &run->spec;

    if (t->probabilities != PROBABILITIES_NONE) prepare_probabilities(run, scratch);
    if (t->with_weights) prepare_weights(run);
    if (t->with_divisor) prepare_divisor(run);
    if (op_takes_grad_loss(t->op) && t->with_grad_loss) prepare_grad_loss(run);
    if (t->op == SMX_OP_CROSS_ENTROPY_BACKWARD && t->with_lse) prepare_given_lse(run, scratch);
    if (op_writes_loss(t->op) && t->with_loss) {
        run->loss = tensor_make_vector(BUFFER_OUTPUT, run->loss_type, loss_count(run), t->vector_offset);
        buffer_upload(&run->loss.memory);
        run->call.loss = buffer_pointer(&run->loss.memory);
    }
}

oracle_options trial_oracle_options(const trial_run *run) {
    const trial *t = &run->spec;
    return (oracle_options){.scale = (double)t->scale,
                            .softcap = (double)t->softcap,
                            .smoothing = (double)t->smoothing,
                            .z_loss = (double)t->z_loss,
                            .weights = run->class_weights,
                            .ignore_index = t->ignore_index};
}

oracle_target trial_target(const trial_run *run, int64_t row, double *scratch) {
    if (run->target_values != NULL) return oracle_index(run->target_values[row]);
    tensor_stored_row(&run->aimed, row, scratch);
    return oracle_probabilities(scratch);
}

double trial_divisor(const trial_run *run) {
    const trial *t = &run->spec;
    const oracle_options o = trial_oracle_options(run);
    const double given = t->with_divisor ? tensor_stored(&run->divisor, 0, 0) : 0.0;
    return oracle_divisor(&o, t->reduction, run->target_values, run->rows, run->cols, t->with_divisor ? &given : NULL);
}

double trial_upstream(const trial_run *run, int64_t row) {
    if (!run->spec.with_grad_loss) return 1.0;
    return tensor_stored(&run->grad_loss, 0, run->spec.reduction == SMX_REDUCTION_NONE ? row : 0);
}
