/* A row's token depends on nothing but the row and its random numbers: not on where the row lies, on the other rows, on how the batch is
 * cut into calls, on threads, on the instruction set, or on the type that holds its logits. */
#define _DEFAULT_SOURCE /* setenv */

#include <stdlib.h>
#include <string.h>

#include "check_choice.h"
#include "check_layouts.h"
#include "check_memory.h"
#include "shapes.h"
#include "suites.h"

enum { ROWS = 24, DRAWS = 3, GIVEN = GIVEN_ROW_SEEDS | GIVEN_ROW_OFFSETS | GIVEN_ROW_KEYS };

static const int64_t columns[] = {1, 40, 700, 5000};
enum { COLUMNS = 4 };

static bool left_out(int64_t cols) { return (session_small() || session_emulated()) && cols > 700; }

/* One operation with filters on, random numbers of every row's own. */
static choice chosen_choice(smxOp_t op, smxDataType_t type, int64_t cols) {
    choice c = choice_of(op, type, ROWS, cols);
    c.temperature = 0.8f;
    c.top_k = cols / 2;
    c.top_p = 0.9f;
    c.min_p = 1e-4f;
    c.given = GIVEN;
    c.index_type = SMX_R_64I;
    c.without_replacement = true;
    c.per_row = op == SMX_OP_MULTINOMIAL || op == SMX_OP_TOP_K ? (cols < DRAWS ? cols : DRAWS) : 1;
    return c;
}

static void execute(choice_run *run, const choice *c) {
    choice_prepare(run, c);
    require_success(choice_execute(run), choice_name(c->op));
}

static void require_same_row(const choice_run *a, int64_t row, const choice_run *b, int64_t other) {
    session_count_comparison();
    for (int64_t i = 0; i < a->spec.per_row; i++)
        if (choice_index(a, row, i) != choice_index(b, other, i))
            fail_choice(b, "row %lld: index %lld is %lld instead of %lld", (long long)other, (long long)i,
                        (long long)choice_index(b, other, i), (long long)choice_index(a, row, i));
}

/* ---- where a row lies ---- */

/* Row r of the first call is row ROWS - 1 - r of the second. */
static void reverse(choice_run *run, const choice_run *from) {
    double *row = malloc((size_t)run->cols * sizeof *row);
    buffer *const to_numbers[] = {&run->row_seeds, &run->row_offsets, &run->row_keys};
    const buffer *const numbers[] = {&from->row_seeds, &from->row_offsets, &from->row_keys};
    ck_assert_ptr_nonnull(row);
    for (int64_t r = 0; r < ROWS; r++) {
        tensor_stored_row(&from->x, r, row);
        tensor_store_row(&run->x, ROWS - 1 - r, row);
        for (size_t i = 0; i < 3; i++)
            memcpy(to_numbers[i]->before + to_numbers[i]->first + (size_t)(ROWS - 1 - r) * sizeof(uint64_t),
                   numbers[i]->before + numbers[i]->first + (size_t)r * sizeof(uint64_t), sizeof(uint64_t));
    }
    buffer_upload(&run->x.memory);
    for (size_t i = 0; i < 3; i++) buffer_upload(to_numbers[i]);
    free(row);
}

START_TEST(rows_in_another_order) {
    const smxOp_t op = (smxOp_t)(FIRST_CHOICE + _i);
    for (int i = 0; i < COLUMNS * FLOATING_TYPES; i++) {
        const choice c = chosen_choice(op, floating_types[i % FLOATING_TYPES], columns[i / FLOATING_TYPES]);
        choice_run first, second;
        if (left_out(c.layout.cols)) continue;
        execute(&first, &c);
        choice_prepare(&second, &c);
        reverse(&second, &first);
        require_success(choice_execute(&second), choice_name(op));
        for (int64_t r = 0; r < ROWS; r++) require_same_row(&first, r, &second, ROWS - 1 - r);
        choice_release(&first);
        choice_release(&second);
    }
}
END_TEST

/* Other strides, other alignment, elements that lie apart. */
START_TEST(rows_in_other_places) {
    const smxOp_t op = (smxOp_t)(FIRST_CHOICE + _i);
    for (int i = 0; i < COLUMNS * FLOATING_TYPES; i++) {
        const choice c = chosen_choice(op, floating_types[i % FLOATING_TYPES], columns[i / FLOATING_TYPES]);
        choice_run first;
        if (left_out(c.layout.cols)) continue;
        execute(&first, &c);
        for (int how = ARRANGED_DENSE; how < ARRANGEMENTS; how++) {
            choice other = c;
            choice_run second;
            other.layout = layout_arranged((arrangement)how, c.layout.type, ROWS / 4, c.layout.cols, 4);
            other.offset = how;
            other.vector_offset = 7 - how;
            execute(&second, &other);
            for (int64_t r = 0; r < ROWS; r++) require_same_row(&first, r, &second, r);
            choice_release(&second);
        }
        choice_release(&first);
    }
}
END_TEST

/* ---- how a batch is cut ---- */

/* Rows [first, first + count) in a call of their own. What the run's seeds, offsets and keys are is passed along. */
static void narrow(choice_run *run, int64_t first, int64_t count) {
    const size_t each = (size_t)run->spec.layout.outerStride * element_bytes(run->spec.layout.type);
    const size_t results = (size_t)(first * run->spec.per_row);
    run->layout = run->spec.layout;
    run->layout.outer = count;
    run->x_data = (const char *)buffer_pointer(&run->x.memory) + (size_t)first * each;
    run->index_data = (char *)buffer_pointer(&run->indices) + results * sizeof(int64_t);
    run->number_data = buffer_pointer(&run->numbers.memory);
    if (run->number_data != NULL) run->number_data += results;
    run->sample.deviceRowSeeds = run->multinomial.deviceRowSeeds = (const uint64_t *)buffer_pointer(&run->row_seeds) + first;
    run->sample.deviceRowOffsets = run->multinomial.deviceRowOffsets = (const uint64_t *)buffer_pointer(&run->row_offsets) + first;
    run->sample.deviceRowKeys = run->multinomial.deviceRowKeys = (const uint64_t *)buffer_pointer(&run->row_keys) + first;
}

START_TEST(a_batch_in_pieces) {
    static const int64_t pieces[] = {1, 5, 16};
    const smxOp_t op = (smxOp_t)(FIRST_CHOICE + _i);
    for (int i = 0; i < COLUMNS * FLOATING_TYPES; i++) {
        const choice c = chosen_choice(op, floating_types[i % FLOATING_TYPES], columns[i / FLOATING_TYPES]);
        choice_run whole, cut;
        if (left_out(c.layout.cols)) continue;
        execute(&whole, &c);
        choice_prepare(&cut, &c);
        for (size_t k = 0; k < sizeof pieces / sizeof pieces[0]; k++) {
            buffer_upload(&cut.indices);
            for (int64_t first = 0; first < ROWS; first += pieces[k]) {
                narrow(&cut, first, ROWS - first < pieces[k] ? ROWS - first : pieces[k]);
                require_success(choice_call(&cut), choice_name(op));
            }
            choice_download(&cut);
            for (int64_t r = 0; r < ROWS; r++) require_same_row(&whole, r, &cut, r);
        }
        choice_compare(&cut);
        choice_release(&whole);
        choice_release(&cut);
    }
}
END_TEST

/* ---- types ---- */

/* What bf16 holds exactly, fp32 and fp64 do too; weights are computed in fp32 for both of the narrow types. */
START_TEST(the_same_logits_in_another_type) {
    const smxOp_t op = (smxOp_t)(FIRST_CHOICE + _i);
    for (int i = 0; i < 2 * COLUMNS; i++) {
        const choice c = chosen_choice(op, i % 2 == 0 ? SMX_R_16BF : SMX_R_16F, columns[i / 2]);
        choice wide = c;
        choice_run narrow_run, wide_run;
        double *row = malloc((size_t)c.layout.cols * sizeof *row);
        ck_assert_ptr_nonnull(row);
        if (!left_out(c.layout.cols)) {
            wide.layout.type = SMX_R_32F;
            execute(&narrow_run, &c);
            choice_prepare(&wide_run, &wide);
            for (int64_t r = 0; r < ROWS; r++) {
                tensor_stored_row(&narrow_run.x, r, row);
                tensor_store_row(&wide_run.x, r, row);
            }
            buffer_upload(&wide_run.x.memory);
            require_success(choice_execute(&wide_run), choice_name(op));
            for (int64_t r = 0; r < ROWS; r++) require_same_row(&narrow_run, r, &wide_run, r);
            choice_release(&narrow_run);
            choice_release(&wide_run);
        }
        free(row);
    }
}
END_TEST

/* ---- machines ---- */

void omp_set_num_threads(int count) __attribute__((weak)); /* where the library is built with OpenMP */

/* With another number of threads, and in every instruction set that there is. */
START_TEST(threads_and_instruction_sets) {
    static const char *const sets[] = {"baseline", "avx2", "avx512"};
    const smxOp_t op = (smxOp_t)(FIRST_CHOICE + _i);
    const char *asked = getenv("SMX_CPU_ISA");
    char kept[40] = "";

    if (session_backend() != SMX_BACKEND_CPU) {
        session_count_omission();
        return;
    }
    if (asked != NULL) strncpy(kept, asked, sizeof kept - 1);
    for (int i = 0; i < COLUMNS * FLOATING_TYPES; i++) {
        const choice c = chosen_choice(op, floating_types[i % FLOATING_TYPES], columns[i / FLOATING_TYPES]);
        choice_run first, second;
        execute(&first, &c);
        choice_prepare(&second, &c);
        for (size_t set = 0; set < sizeof sets / sizeof sets[0]; set++)
            for (int threads = 1; threads <= 3; threads += 2) {
                setenv("SMX_CPU_ISA", sets[set], 1);
                if (smxCreateWithBackend(&second.handle, SMX_BACKEND_CPU) != SMX_STATUS_SUCCESS) continue; /* not of this machine */
                if (omp_set_num_threads != NULL) omp_set_num_threads(threads);
                memory_write(second.indices.device, second.indices.before, second.indices.bytes);
                require_success(choice_execute(&second), choice_name(op));
                for (int64_t r = 0; r < ROWS; r++) require_same_row(&first, r, &second, r);
                require_success(smxDestroy(second.handle), "smxDestroy");
            }
        choice_release(&first);
        choice_release(&second);
    }
    if (asked != NULL)
        setenv("SMX_CPU_ISA", kept, 1);
    else
        unsetenv("SMX_CPU_ISA");
}
END_TEST

Suite *suite_choice_independence(void) {
    Suite *suite = suite_create("choice_independence");
    TCase *tcase = session_case("choice_independence");

    tcase_add_loop_test(tcase, rows_in_another_order, 0, CHOICES);
    tcase_add_loop_test(tcase, rows_in_other_places, 0, CHOICES);
    tcase_add_loop_test(tcase, a_batch_in_pieces, 0, CHOICES);
    tcase_add_loop_test(tcase, the_same_logits_in_another_type, 0, CHOICES);
    tcase_add_loop_test(tcase, threads_and_instruction_sets, 0, CHOICES);
    suite_add_tcase(suite, tcase);
    return suite;
}
