#include "check_choice.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "expected_choice.h"

__extension__ typedef unsigned __int128 product128;

/* ---- what is chosen from ---- */

choice choice_of(smxOp_t op, smxDataType_t type, int64_t rows, int64_t cols) {
    return (choice){.op = op,
                    .layout = smxRowMajor(type, rows, cols),
                    .fill = fill_values,
                    .values = VALUES_NORMAL,
                    .data_seed = 1,
                    .index_type = SMX_R_32I,
                    .plan_row = -1,
                    .per_row = 1,
                    .scale = 1,
                    .temperature = 1,
                    .top_p = 1,
                    .seed = 0x0123456789abcdefu,
                    .offset_of_bits = 0xfffffffcu}; /* so that a carry into the upper word is part of most tests */
}

const char *choice_name(smxOp_t op) {
    static const char *const names[CHOICES] = {"smxArgmax", "smxTopK", "smxSample", "smxMultinomial"};
    return names[op - FIRST_CHOICE];
}

void fill_values(const choice *c, int64_t row, double *x) { fill_logits(c->values, c->layout.type, c->data_seed, row, c->layout.cols, x); }

static generator generator_of_row(const choice *c, int64_t row) { return generator_of(c->data_seed * 1000003u + (uint64_t)row); }

void fill_ties(const choice *c, int64_t row, double *x) {
    static const double few[] = {-1.5, -0.0, 0.0, 0.75, -0.0, 0.0, -3.0, (double)-INFINITY};
    generator g = generator_of_row(c, row);
    const int64_t kinds = 1 + row % 8;

    for (int64_t j = 0; j < c->layout.cols; j++) x[j] = few[next_below(&g, kinds)];
}

void fill_weights_of_row(const choice *c, int64_t row, double *x) {
    generator g = generator_of_row(c, row);
    const double size = ldexp(1.0, (int)next_below(&g, 20) - 12);

    for (int64_t j = 0; j < c->layout.cols; j++) {
        const double u = next_uniform(&g);
        x[j] = next_below(&g, 4) == 0 ? (j % 2 == 0 ? 0.0 : -0.0) : size * u * u;
    }
}

void fill_hard_probabilities(const choice *c, int64_t row, double *x) {
    generator g = generator_of_row(c, row);
    const int64_t cols = c->layout.cols, somewhere = next_below(&g, cols);
    const double smallest = type_smallest(c->layout.type);

    fill_weights_of_row(c, row, x);
    x[cols / 2] = 0.5;
    switch (row % 12) {
    case 1: x[somewhere] = (double)NAN; break;
    case 2: x[somewhere] = (double)INFINITY; break;
    case 3: x[somewhere] = -0.125; break;
    case 4: x[somewhere] = -smallest; break;
    case 5: x[cols - 1] = (double)-INFINITY; break;
    case 6:
        for (int64_t j = 0; j < cols; j++) x[j] = j % 2 == 0 ? 0.0 : -0.0;
        break;
    case 7:
        for (int64_t j = 0; j < cols; j++) x[j] = smallest * (double)next_below(&g, 9);
        x[somewhere] = smallest;
        break;
    case 8:
        for (int64_t j = 0; j < cols; j++) x[j] = 0;
        x[somewhere] = smallest;
        break;
    case 9: x[somewhere] = type_max(c->layout.type); break;
    case 10: x[0] = (double)NAN; break;
    default: break;
    }
}

/* The logit whose weight is 2^(40 - halvings) beside one of 0: the middle of the numbers that are truncated to that exponent. */
static double logit_of_halvings(int halvings) { return halvings == 0 ? 0.0 : -((double)halvings + 0x1p-25) * M_LN2; }

/* A weight w so that floor(bits * (w + 2^40) / 2^64) is w, if `bits` are below 2^63: what is to be drawn is the first number that is not of
 * the w, as long as nothing else weighs anything. With one more it is the last one that is. */
static uint64_t weight_before(uint64_t bits) {
    uint64_t low = 0, high = (uint64_t)1 << 40; /* the largest w for which the point is not below it */
    while (low < high) {
        const uint64_t middle = low + (high - low + 1) / 2;
        if ((uint64_t)((product128)bits * (middle + ((uint64_t)1 << 40)) >> 64) >= middle)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

void fill_around_the_draw(const choice *c, int64_t row, double *x) {
    const uint64_t before = weight_before(oracle_random_bits(c->seed, (uint64_t)row, c->offset_of_bits)) + (uint64_t)(row % 2);
    const int64_t cols = c->layout.cols;

    ck_assert_int_ge(cols, 64);
    for (int64_t j = 0; j < cols; j++) x[j] = c->from_probabilities ? 0.0 : (double)-INFINITY;
    if (c->from_probabilities) {
        x[5] = (double)before;
        x[cols - 9] = 0x1p40;
        return;
    }
    for (int bit = 0; bit <= 40; bit++)
        if ((before >> bit & 1) != 0) x[3 + bit] = logit_of_halvings(40 - bit);
    x[cols - 9] = 0;
}

static double rounded(const choice *c, double x) { return c->layout.type == SMX_R_64F ? x : (double)(float)x; }

/* Of a logit beside one of 0, at the choice's temperature. */
static uint64_t weight_beside_zero(const choice *c, double x) {
    const double row[2] = {0, x};
    uint64_t weights[2];
    oracle_logit_weights(row, 2, c->layout.type == SMX_R_64F, c->temperature, weights);
    return weights[1];
}

/* The logit with the largest weight that is not above this one. */
static double logit_of_weight(const choice *c, uint64_t most) {
    double low = -100, high = 0;
    if (weight_beside_zero(c, 0) <= most) return 0;
    for (int i = 0; i < 70; i++) {
        const double middle = (low + high) / 2;
        if (weight_beside_zero(c, rounded(c, middle)) <= most)
            low = middle;
        else
            high = middle;
    }
    return rounded(c, low);
}

/* Random tokens of the weight S, then others so that the total is the least one for which the point of the draw is S, or one less. */
void fill_up_to_the_draw(const choice *c, int64_t row, double *x) {
    enum { RANDOM = 8, OTHERS = 30 };
    const uint64_t bits = oracle_random_bits(c->seed, (uint64_t)row, c->offset_of_bits) | 1;
    generator g = generator_of_row(c, row);
    uint64_t sum = 0;

    for (int64_t j = 0; j < c->layout.cols; j++) x[j] = (double)-INFINITY;
    for (int j = 0; j < RANDOM; j++) {
        x[j] = rounded(c, -2 * next_uniform(&g));
        sum += weight_beside_zero(c, x[j]);
    }
    x[RANDOM] = 0;
    const uint64_t others = sum + ((uint64_t)1 << 40) + (uint64_t)(row % 2), most = (uint64_t)1 << 60;
    const product128 before = (product128)sum << 64, next = bits - 1, total = (before + next) / bits;
    uint64_t left = total > others && total < most ? (uint64_t)total - others : 0; /* else there is no such row */
    for (int j = 0; j < OTHERS && left > 0; j++) {
        x[RANDOM + 1 + j] = logit_of_weight(c, left);
        left -= weight_beside_zero(c, x[RANDOM + 1 + j]);
    }
}

/* ---- preparation ---- */

static smxDataType_t numbers_type(void) { return SMX_R_32F; }

static uint64_t load_number64(const buffer *b, int64_t i) {
    uint64_t value;
    memcpy(&value, b->before + b->first + (size_t)i * sizeof value, sizeof value);
    return value;
}

void choice_store_number64(buffer *b, int64_t i, uint64_t value) {
    memcpy(b->before + b->first + (size_t)i * sizeof value, &value, sizeof value);
}

static buffer given_numbers(const choice *c, unsigned which, int64_t count, uint64_t salt) {
    generator g = generator_of(c->data_seed + salt);
    if ((c->given & which) == 0) return (buffer){0};

    buffer b = buffer_make(BUFFER_INPUT, (size_t)c->vector_offset * sizeof(uint64_t), (size_t)count * sizeof(uint64_t));
    for (int64_t i = 0; i < count; i++) choice_store_number64(&b, i, next_bits(&g));
    buffer_upload(&b);
    return b;
}

static void prepare_temperatures(choice_run *run) {
    const choice *c = &run->spec;
    if ((c->given & GIVEN_TEMPERATURES) == 0) return;

    generator g = generator_of(c->data_seed + 5);
    run->temperatures = tensor_make_vector(BUFFER_INPUT, SMX_R_32F, run->rows, c->vector_offset);
    for (int64_t r = 0; r < run->rows; r++) {
        const double ordinary = next_below(&g, 8) == 0 ? 0.0 : 0.25 + 2 * next_uniform(&g);
        tensor_store(&run->temperatures, 0, r,
                     c->special_temperatures != NULL ? (double)c->special_temperatures[r % SPECIAL_TEMPERATURES] : ordinary);
    }
    buffer_upload(&run->temperatures.memory);
}

static void prepare_x(choice_run *run) {
    double *row = malloc((size_t)run->cols * sizeof *row + 1);
    ck_assert_ptr_nonnull(row);
    run->x = tensor_make(BUFFER_INPUT, &run->spec.layout, run->spec.offset);
    for (int64_t r = 0; r < run->rows; r++) {
        run->spec.fill(&run->spec, r, row);
        tensor_store_row(&run->x, r, row);
    }
    buffer_upload(&run->x.memory);
    free(row);
}

static bool writes_numbers(const choice *c) { return c->op == SMX_OP_TOP_K || (c->op == SMX_OP_SAMPLE && !c->without_log_probabilities); }

static void prepare_outputs(choice_run *run) {
    const choice *c = &run->spec;
    const size_t width = element_bytes(c->index_type);
    const int64_t count = run->rows * c->per_row;

    run->indices = buffer_make(BUFFER_OUTPUT, (size_t)c->vector_offset * width, (size_t)count * width);
    buffer_upload(&run->indices);
    if (!writes_numbers(c)) return;
    run->numbers = tensor_make_vector(BUFFER_OUTPUT, numbers_type(), count, c->vector_offset);
    buffer_upload(&run->numbers.memory);
}

static void prepare_options(choice_run *run) {
    const choice *c = &run->spec;
    const smxSoftmaxOptions_t softmax = SMX_SOFTMAX_OPTIONS_INIT;
    const smxSampleOptions_t sample = SMX_SAMPLE_OPTIONS_INIT;
    const smxMultinomialOptions_t multinomial = SMX_MULTINOMIAL_OPTIONS_INIT;

    run->softmax = softmax;
    run->softmax.scale = c->scale;
    run->softmax.algorithm = c->algorithm;
    run->softmax.emptyRow = c->empty_row;
    run->sample = sample;
    run->sample.temperature = c->temperature;
    run->sample.topK = c->top_k;
    run->sample.topP = c->top_p;
    run->sample.minP = c->min_p;
    run->multinomial = multinomial;
    run->multinomial.input = c->from_probabilities ? SMX_MULTINOMIAL_PROBABILITIES : SMX_MULTINOMIAL_LOGITS;
    run->multinomial.withReplacement = !c->without_replacement;
    run->multinomial.temperature = c->temperature;
    run->sample.deviceTemperature = buffer_pointer(&run->temperatures.memory);
    run->sample.seed = run->multinomial.seed = c->seed;
    run->sample.offset = run->multinomial.offset = c->offset_of_bits;
    run->sample.deviceSeedOffset = run->multinomial.deviceSeedOffset = buffer_pointer(&run->seed_offset);
    run->sample.deviceRowSeeds = run->multinomial.deviceRowSeeds = buffer_pointer(&run->row_seeds);
    run->sample.deviceRowOffsets = run->multinomial.deviceRowOffsets = buffer_pointer(&run->row_offsets);
    run->sample.deviceRowKeys = run->multinomial.deviceRowKeys = buffer_pointer(&run->row_keys);
}

void choice_prepare(choice_run *run, const choice *c) {
    *run = (choice_run){.spec = *c, .rows = layout_rows(&c->layout), .cols = c->layout.cols, .handle = session_handle()};
    if (c->without_options) { /* what the defaults are */
        run->spec.scale = run->spec.temperature = run->spec.top_p = 1;
        run->spec.min_p = 0;
        run->spec.empty_row = SMX_EMPTY_ROW_NAN;
        run->spec.from_probabilities = run->spec.without_replacement = false;
        run->spec.top_k = 0;
        run->spec.seed = run->spec.offset_of_bits = 0;
        run->spec.given = 0;
    }
    if (c->op != SMX_OP_SAMPLE) run->spec.given &= ~(unsigned)GIVEN_TEMPERATURES;
    prepare_x(run);
    prepare_outputs(run);
    prepare_temperatures(run);
    run->seed_offset = given_numbers(&run->spec, GIVEN_SEED_OFFSET, 2, 1);
    run->row_seeds = given_numbers(&run->spec, GIVEN_ROW_SEEDS, run->rows, 2);
    run->row_offsets = given_numbers(&run->spec, GIVEN_ROW_OFFSETS, run->rows, 3);
    run->row_keys = given_numbers(&run->spec, GIVEN_ROW_KEYS, run->rows, 4);
    prepare_options(run);
    run->layout = run->spec.layout;
    run->x_data = buffer_pointer(&run->x.memory);
    run->index_data = buffer_pointer(&run->indices);
    run->number_data = buffer_pointer(&run->numbers.memory);
    run->index_type = c->index_type;
    run->per_row = c->per_row;
}

void choice_buffers(choice_run *run, buffer *list[CHOICE_BUFFERS]) {
    buffer *const all[CHOICE_BUFFERS] = {&run->x.memory,    &run->indices,   &run->numbers.memory, &run->temperatures.memory,
                                         &run->seed_offset, &run->row_seeds, &run->row_offsets,    &run->row_keys};
    memcpy(list, all, sizeof all);
}

void choice_release(choice_run *run) {
    buffer *all[CHOICE_BUFFERS];
    choice_buffers(run, all);
    for (size_t i = 0; i < CHOICE_BUFFERS; i++)
        if (all[i]->before != NULL) buffer_free(all[i]);
}

/* ---- the call ---- */

smxStatus_t choice_call(const choice_run *run) {
    const bool without = run->spec.without_options;
    const smxLayout_t *layout = run->without_layout ? NULL : &run->layout;
    switch (run->spec.op) {
    case SMX_OP_ARGMAX: return smxArgmax(run->handle, layout, run->x_data, run->index_type, run->index_data);
    case SMX_OP_TOP_K:
        return smxTopK(run->handle, without ? NULL : &run->softmax, layout, run->x_data, run->per_row, run->number_data, run->index_type,
                       run->index_data);
    case SMX_OP_SAMPLE:
        return smxSample(run->handle, without ? NULL : &run->sample, layout, run->x_data, run->index_type, run->index_data,
                         run->number_data);
    default:
        return smxMultinomial(run->handle, without ? NULL : &run->multinomial, layout, run->x_data, run->per_row, run->index_type,
                              run->index_data);
    }
}

void choice_download(choice_run *run) {
    buffer *all[CHOICE_BUFFERS];
    choice_buffers(run, all);
    for (size_t i = 0; i < CHOICE_BUFFERS; i++)
        if (all[i]->before != NULL) buffer_download(all[i]);
}

smxStatus_t choice_execute(choice_run *run) {
    session_handle()->pinned_plan = run->spec.plan_row;
    const smxStatus_t status = choice_call(run);
    session_handle()->pinned_plan = -1;
    choice_download(run);
    return status;
}

int64_t choice_index(const choice_run *run, int64_t row, int64_t i) {
    const size_t width = element_bytes(run->spec.index_type);
    const unsigned char *place = run->indices.after + run->indices.first + (size_t)(row * run->spec.per_row + i) * width;
    int32_t narrow;
    int64_t wide;
    if (run->spec.index_type == SMX_R_32I) {
        memcpy(&narrow, place, sizeof narrow);
        return narrow;
    }
    memcpy(&wide, place, sizeof wide);
    return wide;
}

float choice_number(const choice_run *run, int64_t row, int64_t i) {
    return (float)tensor_result(&run->numbers, 0, row * run->spec.per_row + i);
}

/* ---- failures ---- */

void fail_choice(const choice_run *run, const char *format, ...) {
    const choice *c = &run->spec;
    const smxLayout_t *l = &c->layout;
    char what[600];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    ck_abort_msg("%s: %s\n  %s outer %lld (stride %lld) cols %lld (stride %lld) inner %lld, offset %lld, values %s, data seed %llu, index "
                 "type %s, plan row %d\n  per row %lld, scale %g, empty row %d, temperature %g, top-k %lld, top-p %.9g, min-p %.9g, "
                 "probabilities %d, without replacement %d, seed %llu, offset %llu, given %u, without options %d",
                 choice_name(c->op), what, type_name(l->type), (long long)l->outer, (long long)l->outerStride, (long long)l->cols,
                 (long long)l->colStride, (long long)l->inner, (long long)c->offset,
                 c->fill == fill_values ? values_name(c->values) : "of their own", (unsigned long long)c->data_seed,
                 type_name(c->index_type), c->plan_row, (long long)c->per_row, (double)c->scale, (int)c->empty_row, (double)c->temperature,
                 (long long)c->top_k, (double)c->top_p, (double)c->min_p, (int)c->from_probabilities, (int)c->without_replacement,
                 (unsigned long long)c->seed, (unsigned long long)c->offset_of_bits, c->given, (int)c->without_options);
    abort();
}

/* ---- comparison of a row; false: it has no distribution ---- */

static choice_row row_of(const choice_run *run, int64_t row, const double *x) {
    const choice *c = &run->spec;
    choice_row r = {.op = c->op,
                    .type = c->layout.type,
                    .x = x,
                    .cols = run->cols,
                    .per_row = c->per_row,
                    .scale = (double)c->scale,
                    .empty_row = c->empty_row,
                    .temperature = c->temperature,
                    .filters = {c->top_k, c->top_p, c->min_p},
                    .from_probabilities = c->from_probabilities,
                    .with_replacement = !c->without_replacement,
                    .seed = c->seed,
                    .key = (uint64_t)row,
                    .offset = c->offset_of_bits};
    if ((c->given & GIVEN_TEMPERATURES) != 0) r.temperature = (float)tensor_stored(&run->temperatures, 0, row);
    if ((c->given & GIVEN_SEED_OFFSET) != 0) {
        r.seed = load_number64(&run->seed_offset, 0);
        r.offset = load_number64(&run->seed_offset, 1);
    }
    if ((c->given & GIVEN_ROW_SEEDS) != 0) {
        r.seed = load_number64(&run->row_seeds, row);
        r.key = 0;
    }
    if ((c->given & GIVEN_ROW_OFFSETS) != 0) r.offset += load_number64(&run->row_offsets, row);
    if ((c->given & GIVEN_ROW_KEYS) != 0) r.key = load_number64(&run->row_keys, row);
    return r;
}

static bool compare_row(const choice_run *run, int64_t row, double *x, expected_choice *expected) {
    session_count_comparison();
    tensor_stored_row(&run->x, row, x);
    const choice_row r = row_of(run, row, x);
    const bool good = expect_choices(&r, expected);
    for (int64_t i = 0; i < run->spec.per_row; i++) {
        const expected_choice *e = &expected[i];
        const int64_t index = choice_index(run, row, i);
        if (index != e->index)
            fail_choice(run, "index %lld of row %lld is %lld instead of %lld", (long long)i, (long long)row, (long long)index,
                        (long long)e->index);
        if (!writes_numbers(&run->spec)) continue;
        const double number = (double)choice_number(run, row, i);
        if (run->spec.op == SMX_OP_TOP_K && number > 1)
            fail_choice(run, "probability %lld of row %lld is 1 + %g", (long long)i, (long long)row, number - 1);
        if (!choice_number_agrees(number, e))
            fail_choice(run, "number %lld of row %lld is %.9g instead of %.17g, bound %g", (long long)i, (long long)row, number, e->number,
                        e->bound);
    }
    return good;
}

/* ---- comparison of everything ---- */

/* Inputs, and the surroundings of outputs. */
static void require_unchanged(choice_run *run) {
    buffer *all[CHOICE_BUFFERS];
    int64_t byte;

    choice_buffers(run, all);
    for (size_t i = 0; i < CHOICE_BUFFERS; i++) {
        buffer *b = all[i];
        if (b->before == NULL || b == &run->numbers.memory || b == &run->indices) continue;
        if (buffer_changed(b, &byte)) fail_choice(run, "byte %lld of input %zu was changed", (long long)byte, i);
    }
    if (run->numbers.memory.before != NULL && tensor_surroundings_changed(&run->numbers, &byte))
        fail_choice(run, "byte %lld outside of the numbers was written", (long long)byte);
    const size_t bytes = (size_t)(run->rows * run->spec.per_row) * element_bytes(run->spec.index_type), end = run->indices.first + bytes;
    const buffer *b = &run->indices;
    if (memcmp(b->before, b->after, b->first) != 0 || memcmp(b->before + end, b->after + end, b->bytes - end) != 0)
        fail_choice(run, "something outside of the indices was written");
}

static void compare_count(const choice_run *run, int64_t expected, int64_t expected_first) {
    int64_t count = -7, first = -7;
    require_success(smxGetBadTargets(session_handle(), &count, &first), "smxGetBadTargets");
    if (count != expected || first != expected_first)
        fail_choice(run, "%lld rows without distribution, the first is %lld, instead of %lld and %lld", (long long)count, (long long)first,
                    (long long)expected, (long long)expected_first);
}

static void *some(size_t bytes) {
    void *memory = malloc(bytes + 1);
    ck_assert_ptr_nonnull(memory);
    return memory;
}

void choice_compare(choice_run *run) {
    double *x = some((size_t)run->cols * sizeof *x);
    expected_choice *expected = some((size_t)run->spec.per_row * sizeof *expected);
    int64_t bad = 0, first = -1;

    if (run->rows == 0) session_count_comparison();
    for (int64_t r = 0; r < run->rows; r++)
        if (!compare_row(run, r, x, expected)) {
            bad++;
            first = first < 0 ? r : first;
        }
    require_unchanged(run);
    compare_count(run, bad, first);
    free(x);
    free(expected);
}

void choice_require_nothing_written(choice_run *run) {
    buffer *all[CHOICE_BUFFERS];
    int64_t byte;

    choice_buffers(run, all);
    for (size_t i = 0; i < CHOICE_BUFFERS; i++)
        if (all[i]->before != NULL && buffer_changed(all[i], &byte))
            fail_choice(run, "byte %lld of buffer %zu was written", (long long)byte, i);
}

void check_choice(const choice *c) {
    choice_run run;
    choice_prepare(&run, c);
    const smxStatus_t status = choice_execute(&run);
    if (status != SMX_STATUS_SUCCESS) fail_choice(&run, "status %d: %s", (int)status, smxGetLastErrorMessage());
    choice_compare(&run);
    choice_release(&run);
}

void check_same_first_index(const choice *c, const choice *other) {
    choice_run one, two;
    choice_prepare(&one, c);
    choice_prepare(&two, other);
    require_success(choice_execute(&one), choice_name(c->op));
    choice_compare(&one);
    require_success(choice_execute(&two), choice_name(other->op));
    choice_compare(&two);
    for (int64_t r = 0; r < one.rows; r++) {
        const int64_t index = choice_index(&one, r, 0), of_other = choice_index(&two, r, 0);
        session_count_comparison();
        if (index != of_other)
            fail_choice(&one, "row %lld: %lld, but %lld of %s", (long long)r, (long long)index, (long long)of_other,
                        choice_name(other->op));
        if (c->op == SMX_OP_SAMPLE && other->op == SMX_OP_ARGMAX && index >= 0 && choice_number(&one, r, 0) != 0)
            fail_choice(&one, "row %lld: log-probability %.9g", (long long)r, (double)choice_number(&one, r, 0));
    }
    choice_release(&one);
    choice_release(&two);
}
