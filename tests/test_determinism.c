/* The same call gives the same bits, and a row's bits depend on nothing but the row. */
#include <string.h>

#include "check_plan.h"
#include "check_sweeps.h"
#include "suites.h"

/* Operations, types, and losses in a second form, which needs all elements of a row. */
enum { PLAIN = OPERATIONS * FLOATING_TYPES, COMBINATIONS = 2 * PLAIN, ROWS = 9 };

static const int64_t columns[] = {1, 19, 130, 2049, 6000, 33000};
enum { COLUMNS = 6 };

static trial trial_of_rows(int i, int64_t rows, int64_t cols) {
    trial t = trial_of((smxOp_t)(i % PLAIN / FLOATING_TYPES), floating_types[i % FLOATING_TYPES], rows, cols);
    t.with_grad_loss = true;
    if (i < PLAIN) return t;
    t.smoothing = 0.1f;
    t.softcap = 10.0f;
    t.z_loss = 1e-3f;
    return t;
}

static trial trial_number(int i, int64_t cols) { return trial_of_rows(i, cols > 10000 ? 2 : ROWS, cols); }

static bool left_out(int i, int64_t cols) {
    const smxOp_t op = (smxOp_t)(i % PLAIN / FLOATING_TYPES);
    if (i >= PLAIN && (!op_is_loss(op) || op_is_nll(op))) return true; /* no second form */
    return (session_small() && cols > 3000) || (cols > 10000 && floating_types[i % FLOATING_TYPES] != SMX_R_32F);
}

static void require_same_bits(const trial_run *a, const char *name, const buffer *first, const buffer *second) {
    if (first->before == NULL) return;
    for (size_t i = 0; i < first->bytes; i++)
        if (first->after[i] != second->after[i])
            fail_trial(a, "byte %lld of %s differs between two runs", (long long)i - (long long)first->first, name);
}

START_TEST(same_call_twice) {
    for (size_t k = 0; k < COLUMNS; k++) {
        trial t = trial_number(_i, columns[k]);
        trial_run first, second;

        if (left_out(_i, columns[k])) continue;
        for (int reduction = SMX_REDUCTION_MEAN; reduction <= (op_is_loss(t.op) ? SMX_REDUCTION_NONE : SMX_REDUCTION_MEAN); reduction++) {
            t.reduction = (smxReduction_t)reduction;
            trial_prepare(&first, &t);
            trial_prepare(&second, &t);
            session_count_comparison();
            require_success(trial_execute(&first), op_function(t.op));
            require_success(trial_execute(&second), op_function(t.op));
            if (op_writes_elements(t.op)) require_same_bits(&first, "the output", &first.out->memory, &second.out->memory);
            require_same_bits(&first, "loss", &first.loss.memory, &second.loss.memory);
            require_same_bits(&first, "lse", &first.lse.memory, &second.lse.memory);
            trial_release(&first);
            trial_release(&second);
        }
    }
}
END_TEST

/* Bits of row `row`, which has number `other_row` in the other run. */
static void require_same_row(const trial_run *a, int64_t row, const trial_run *b, int64_t other_row) {
    for (int64_t j = 0; op_writes_elements(a->spec.op) && j < a->cols; j++) {
        const double one = tensor_result(a->out, row, j), other = tensor_result(b->out, other_row, j);
        if (memcmp(&one, &other, sizeof one) != 0)
            fail_trial(a, "row %lld, column %lld is %.17g here and %.17g in another batch", (long long)row, (long long)j, one, other);
    }
    const tensor *const vectors_of_a[] = {&a->loss, &a->lse}, *const vectors_of_b[] = {&b->loss, &b->lse};
    for (size_t i = 0; i < 2; i++) {
        if (vectors_of_a[i]->memory.before == NULL) continue;
        const double one = tensor_result(vectors_of_a[i], 0, row), other = tensor_result(vectors_of_b[i], 0, other_row);
        if (memcmp(&one, &other, sizeof one) != 0)
            fail_trial(a, "the %s of row %lld is %.17g here and %.17g in another batch", i == 0 ? "loss" : "lse", (long long)row, one,
                       other);
    }
}

/* Row 1 is the same in both; every other row is of another seed, or hard. */
START_TEST(other_rows_do_not_matter) {
    for (size_t k = 0; k < COLUMNS; k++) {
        trial t = trial_number(_i, columns[k]);
        trial_run first, second;

        if (left_out(_i, columns[k])) continue;
        t.reduction = SMX_REDUCTION_NONE;
        trial_prepare(&first, &t);
        t.values = VALUES_HARD;
        t.seed++;
        trial_prepare(&second, &t);
        tensor *const inputs_of_first[] = {&first.x, &first.dy}, *const inputs_of_second[] = {&second.x, &second.dy};
        for (size_t i = 0; i < (op_takes_gradient(t.op) ? 2u : 1u); i++) {
            for (int64_t j = 0; j < second.cols; j++) tensor_store(inputs_of_second[i], 1, j, tensor_stored(inputs_of_first[i], 1, j));
            buffer_upload(&inputs_of_second[i]->memory);
        }
        if (op_is_loss(t.op)) {
            const size_t width = element_bytes(t.target_type);
            memcpy(second.targets.before + width, first.targets.before + width, width);
            buffer_upload(&second.targets);
            if (op_takes_grad_loss(t.op)) {
                tensor_store(&second.grad_loss, 0, 1, tensor_stored(&first.grad_loss, 0, 1));
                buffer_upload(&second.grad_loss.memory);
            }
            if (t.op == SMX_OP_CROSS_ENTROPY_BACKWARD) {
                tensor_store(&second.lse, 0, 1, tensor_stored(&first.lse, 0, 1));
                buffer_upload(&second.lse.memory);
            }
        }
        session_count_comparison();
        require_success(trial_execute(&first), op_function(t.op));
        require_success(trial_execute(&second), op_function(t.op));
        require_same_row(&first, 1, &second, 1);
        trial_release(&first);
        trial_release(&second);
    }
}
END_TEST

/* The second row alone, where it lies, is computed as it is among the others. */
static void check_row_alone(trial t) {
    trial_run all, alone;

    t.reduction = SMX_REDUCTION_NONE;
    trial_prepare(&all, &t);
    trial_prepare(&alone, &t);
    const size_t x_bytes = (size_t)t.x.layout.outerStride * element_bytes(t.x.layout.type);
    const size_t vector_bytes = element_bytes(all.loss_type);
    library_call *c = &alone.call;
    c->x_layout.outer = c->dy_layout.outer = c->out_layout.outer = 1;
    c->x = (const char *)c->x + x_bytes;
    if (c->dy != NULL) c->dy = (const char *)c->dy + x_bytes;
    if (c->out != NULL) c->out = (char *)c->out + x_bytes;
    if (c->loss != NULL) c->loss = (char *)c->loss + vector_bytes;
    if (c->lse != NULL) c->lse = (char *)c->lse + vector_bytes;
    if (c->grad_loss != NULL) c->grad_loss = (const char *)c->grad_loss + vector_bytes;
    if (op_is_loss(t.op)) c->targets.data = (const char *)c->targets.data + element_bytes(t.target_type);
    session_count_comparison();
    require_success(trial_execute(&all), op_function(t.op));
    require_success(trial_execute(&alone), op_function(t.op));
    require_same_row(&all, 1, &alone, 1);
    trial_release(&all);
    trial_release(&alone);
}

START_TEST(a_row_alone) {
    for (size_t k = 0; k < COLUMNS; k++)
        if (!left_out(_i, columns[k])) check_row_alone(trial_number(_i, columns[k]));
}
END_TEST

/* Of few rows every slice has a block of its own, of many every row; 36 slices are merged in two groups. */
START_TEST(a_row_in_slices) {
    static const int64_t cols[] = {20001, 36 * 16384 - 5};
    const int64_t many = 2 * (int64_t)session_handle()->multiprocessors + 1;

    for (int index = 0; index < smx_plan_table_size(); index++) {
        if (smx_plan_table_row(index)->kernel != SMX_KERNEL_ROW_STREAM) continue;
        for (size_t k = 0; k < 2; k++) {
            trial t = trial_of_rows(_i, many, cols[k]);
            if (k == 1 && (session_small() || _i % FLOATING_TYPES != _i / FLOATING_TYPES % FLOATING_TYPES)) continue;
            if (session_small() && (_i + index) % 2 == 0) continue;
            t.plan_row = index;
            if (plan_row_accepts(smx_plan_table_row(index), &t)) check_row_alone(t);
        }
    }
}
END_TEST

Suite *suite_determinism(void) {
    Suite *suite = suite_create("determinism");
    TCase *tcase = session_case("determinism");

    tcase_add_loop_test(tcase, same_call_twice, 0, COMBINATIONS);
    tcase_add_loop_test(tcase, other_rows_do_not_matter, 0, COMBINATIONS);
    tcase_add_loop_test(tcase, a_row_alone, 0, COMBINATIONS);
    if (session_backend() == SMX_BACKEND_CUDA) tcase_add_loop_test(tcase, a_row_in_slices, 0, COMBINATIONS);
    suite_add_tcase(suite, tcase);
    return suite;
}
