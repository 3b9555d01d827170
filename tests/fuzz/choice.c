#include "choice.h"

#include <float.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data_stream.h"
#include "expected_choice.h"
#include "internal.h" /* smx_pin_plan */

/* The arrays of a call. */
typedef enum array { X, INDICES, NUMBERS, TEMPERATURES, SEED_OFFSET, ROW_SEEDS, ROW_OFFSETS, ROW_KEYS, ARRAYS } array;

typedef struct fuzz_choice_call {
    smxHandle_t handle;
    smxOp_t op;
    smxLayout_t layout;
    smxDataType_t index_type;
    int64_t rows, per_row;
    int plan_row;
    unsigned given; /* a bit for each array */
    values values;
    smxSoftmaxOptions_t softmax;
    smxSampleOptions_t sample;
    smxMultinomialOptions_t multinomial;
    piece arrays[ARRAYS];
    size_t at[ARRAYS]; /* of an array's first byte in its piece */
} fuzz_choice_call;

static const char *const functions[] = {"smxArgmax", "smxTopK", "smxSample", "smxMultinomial"};

static _Noreturn __attribute__((format(printf, 2, 3))) void finding_in(const fuzz_choice_call *c, const char *format, ...) {
    const smxLayout_t *l = &c->layout;
    va_list arguments;
    fprintf(stderr, "FINDING: ");
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr,
            "\nin %s, type %d, %lld x %lld x %lld, strides %lld, %lld, index type %d, %lld per row, plan row %d, given %#x, values %d\n",
            functions[c->op - SMX_OP_ARGMAX], (int)l->type, (long long)l->outer, (long long)l->cols, (long long)l->inner,
            (long long)l->outerStride, (long long)l->colStride, (int)c->index_type, (long long)c->per_row, c->plan_row, c->given,
            (int)c->values);
    fprintf(stderr,
            "  scale %g, algorithm %d, emptyRow %d; temperature %g, topK %lld, topP %.9g, minP %.9g; input %d, replacement %d, at %g\n",
            (double)c->softmax.scale, (int)c->softmax.algorithm, (int)c->softmax.emptyRow, (double)c->sample.temperature,
            (long long)c->sample.topK, (double)c->sample.topP, (double)c->sample.minP, (int)c->multinomial.input,
            c->multinomial.withReplacement, (double)c->multinomial.temperature);
    abort();
}

/* ---- a call from bytes: the first ones of a list are right ---- */

#define LENGTH(list) (sizeof(list) / sizeof(list)[0])
#define TAKE(b, list) (list)[take_below(b, LENGTH(list))]

static smxLayout_t some_layout(byte_source *b, int64_t most_elements) {
    static const int64_t outers[] = {3, 1, 2, 5, 17, 0}, inners[] = {1, 1, 1, 2, 5, 16, 33, 0};
    static const int64_t long_rows[] = {64, 65, 255, 256, 257, 511, 1000, 1023, 1024, 1025, 2049, 3000};
    static const smxDataType_t types[] = {SMX_R_32F, SMX_R_16BF, SMX_R_16F, SMX_R_64F};
    smxLayout_t l = {.type = TAKE(b, types), .outer = TAKE(b, outers)};
    const unsigned cols = take_byte(b), kind = take_below(b, 4);
    l.cols = cols < 160 ? 1 + cols % 41 : long_rows[cols % LENGTH(long_rows)];
    l.inner = TAKE(b, inners);
    if (l.outer * l.cols > most_elements) l.outer = 1;
    if (l.outer * l.cols * l.inner > most_elements) l.inner = 1;
    const int64_t padding = kind == 0 ? 0 : take_below(b, 7), inner = l.inner > 0 ? l.inner : 1;
    l.colStride = kind < 2 ? inner : inner + padding;
    l.outerStride = l.cols * l.colStride + (kind % 2 == 1 ? padding : 0);
    if (kind == 3 && l.inner == 1) { /* columns outside, rows side by side */
        l.outerStride = 1;
        l.colStride = (l.outer > 0 ? l.outer : 1) + padding;
    }
    return l;
}

static void take_options(byte_source *b, fuzz_choice_call *c) {
    static const float scales[] = {1.0f, 0.5f, 2.0f, 1e-3f, 10.0f, 0.0f};
    static const float temperatures[] = {1.0f, 0.7f, 2.0f, 0.0f, 1e-3f, 100.0f, 1e-42f, -1.0f, NAN};
    static const int64_t ks[] = {0, 1, 2, 3, 5, 10, 50, 1000, -1};
    static const float ps[] = {1.0f, 0.9f, 0.5f, 0.1f, 1e-6f, 0x1p-140f, 0.999999f, 0.0f, 1.5f};
    static const float min_ps[] = {0.0f, 0.05f, 0.5f, 1.0f, 1e-12f, -0.1f};
    c->softmax = (smxSoftmaxOptions_t)SMX_SOFTMAX_OPTIONS_INIT;
    c->sample = (smxSampleOptions_t)SMX_SAMPLE_OPTIONS_INIT;
    c->multinomial = (smxMultinomialOptions_t)SMX_MULTINOMIAL_OPTIONS_INIT;
    c->per_row = 1;
    switch (c->op) {
    case SMX_OP_TOP_K:
        c->softmax.scale = TAKE(b, scales);
        c->softmax.algorithm = (smxAlgorithm_t)take_below(b, 3);
        c->softmax.emptyRow = (smxEmptyRow_t)take_below(b, 2);
        c->per_row = take_below(b, 16) == 15 ? c->layout.cols + 1 : 1 + take_byte(b) * c->layout.cols / 256;
        break;
    case SMX_OP_SAMPLE:
        c->sample.temperature = TAKE(b, temperatures);
        c->sample.topK = TAKE(b, ks);
        c->sample.topP = TAKE(b, ps);
        c->sample.minP = TAKE(b, min_ps);
        c->sample.seed = take_byte(b);
        c->sample.offset = take_below(b, 2) == 0 ? take_byte(b) : UINT64_MAX;
        break;
    case SMX_OP_MULTINOMIAL:
        c->multinomial.input = (smxMultinomialInput_t)take_below(b, 2);
        c->multinomial.withReplacement = (int)take_below(b, 2);
        c->multinomial.temperature = c->multinomial.input == SMX_MULTINOMIAL_LOGITS ? TAKE(b, temperatures) : 1.0f;
        c->multinomial.seed = take_byte(b);
        c->multinomial.offset = UINT64_MAX - take_byte(b);
        c->per_row = take_below(b, 16) == 15 ? c->layout.cols + 1 : 1 + take_byte(b) % 40;
        break;
    default: break;
    }
}

static bool is_right(const fuzz_choice_call *c) {
    const smxSampleOptions_t *s = &c->sample;
    switch (c->op) {
    case SMX_OP_TOP_K: return c->softmax.scale > 0 && c->per_row <= c->layout.cols;
    case SMX_OP_SAMPLE: return s->temperature >= 0 && s->topK >= 0 && s->topP > 0 && s->topP <= 1 && s->minP >= 0;
    case SMX_OP_MULTINOMIAL: return c->multinomial.temperature > 0 && (c->multinomial.withReplacement || c->per_row <= c->layout.cols);
    default: return true;
    }
}

/* ---- memory and data ---- */

static size_t bytes_of(const fuzz_choice_call *c, array which) {
    const size_t rows = (size_t)c->rows;
    switch (which) {
    case X: {
        const smxLayout_t *l = &c->layout;
        if (rows == 0) return 0;
        return (size_t)((l->outer - 1) * l->outerStride + (l->cols - 1) * l->colStride + l->inner) * element_bytes(l->type);
    }
    case INDICES: return rows * (size_t)c->per_row * element_bytes(c->index_type);
    case NUMBERS: return rows * (c->op == SMX_OP_TOP_K ? (size_t)c->per_row : 1) * sizeof(float);
    case TEMPERATURES: return rows * sizeof(float);
    case SEED_OFFSET: return 2 * sizeof(uint64_t);
    default: return rows * sizeof(uint64_t);
    }
}

static unsigned char *before(const fuzz_choice_call *c, array which) { return c->arrays[which].before + c->at[which]; }
static const unsigned char *after(const fuzz_choice_call *c, array which) { return c->arrays[which].after + c->at[which]; }
static bool is_given(const fuzz_choice_call *c, array which) { return (c->given >> which & 1) != 0; }
static void *pointer(const fuzz_choice_call *c, array which) { return is_given(c, which) ? c->arrays[which].backend + c->at[which] : NULL; }

static size_t width_of(const fuzz_choice_call *c, array which) {
    if (which == X) return element_bytes(c->layout.type);
    if (which == INDICES) return element_bytes(c->index_type);
    return which == NUMBERS || which == TEMPERATURES ? sizeof(float) : sizeof(uint64_t);
}

static void make_arrays(fuzz_choice_call *c, byte_source *b) {
    for (array i = 0; i < ARRAYS; i++) {
        c->at[i] = take_below(b, 9) * width_of(c, i);
        c->arrays[i] = piece_make(c->handle, c->at[i] + bytes_of(c, i));
        if (i == INDICES || i == NUMBERS) memset(c->arrays[i].may_change + c->at[i], 1, bytes_of(c, i));
    }
}

static double a_value(const fuzz_choice_call *c, data_stream *s) {
    const unsigned datum = next_datum(s);
    if (c->op != SMX_OP_MULTINOMIAL || c->multinomial.input == SMX_MULTINOMIAL_LOGITS) return value_of(datum, c->values, c->layout.type);
    if (c->values == VALUES_HARD && datum >= 250) return value_of(datum, VALUES_HARD, c->layout.type);
    if (c->values == VALUES_DENORMAL) return (double)(datum % 8) * type_smallest(c->layout.type);
    return datum < 64 ? 0.0 : (double)(datum - 63) / 16.0;
}

static void fill_arrays(fuzz_choice_call *c, byte_source *b) {
    static const float temperatures[] = {1.0f, 0.5f, 0.0f, 3.0f, -1.0f, NAN, INFINITY, 1e-30f};
    data_stream s = data_stream_of(b);
    for (int64_t r = 0; r < c->rows; r++) {
        const float temperature = temperatures[next_datum(&s) % LENGTH(temperatures)];
        memcpy(before(c, TEMPERATURES) + (size_t)r * sizeof temperature, &temperature, sizeof temperature);
        for (int64_t j = 0; j < c->layout.cols; j++)
            store_element(c->layout.type, before(c, X) + layout_place(&c->layout, r, j), a_value(c, &s));
    }
    for (array i = SEED_OFFSET; i <= ROW_KEYS; i++)
        for (size_t k = 0; k < bytes_of(c, i); k++) before(c, i)[k] = (unsigned char)next_datum(&s);
}

/* ---- the call ---- */

static smxStatus_t make(fuzz_choice_call *c) {
    const uint64_t *seed_offset = pointer(c, SEED_OFFSET), *seeds = pointer(c, ROW_SEEDS), *offsets = pointer(c, ROW_OFFSETS);
    const uint64_t *keys = pointer(c, ROW_KEYS);
    void *x = pointer(c, X), *indices = pointer(c, INDICES);
    c->sample.deviceTemperature = pointer(c, TEMPERATURES);
    c->sample.deviceSeedOffset = c->multinomial.deviceSeedOffset = seed_offset;
    c->sample.deviceRowSeeds = c->multinomial.deviceRowSeeds = seeds;
    c->sample.deviceRowOffsets = c->multinomial.deviceRowOffsets = offsets;
    c->sample.deviceRowKeys = c->multinomial.deviceRowKeys = keys;
    switch (c->op) {
    case SMX_OP_ARGMAX: return smxArgmax(c->handle, &c->layout, x, c->index_type, indices);
    case SMX_OP_TOP_K: return smxTopK(c->handle, &c->softmax, &c->layout, x, c->per_row, pointer(c, NUMBERS), c->index_type, indices);
    case SMX_OP_SAMPLE: return smxSample(c->handle, &c->sample, &c->layout, x, c->index_type, indices, pointer(c, NUMBERS));
    default: return smxMultinomial(c->handle, &c->multinomial, &c->layout, x, c->per_row, c->index_type, indices);
    }
}

/* ---- comparison ---- */

static uint64_t number64(const fuzz_choice_call *c, array which, int64_t at) {
    uint64_t value;
    memcpy(&value, before(c, which) + (size_t)at * sizeof value, sizeof value);
    return value;
}

static float temperature_of(const fuzz_choice_call *c, int64_t row) {
    float value = c->op == SMX_OP_MULTINOMIAL ? c->multinomial.temperature : c->sample.temperature;
    if (c->op == SMX_OP_SAMPLE && is_given(c, TEMPERATURES))
        memcpy(&value, before(c, TEMPERATURES) + (size_t)row * sizeof value, sizeof value);
    return value;
}

static choice_row row_of(const fuzz_choice_call *c, int64_t row, const double *x) {
    const bool samples = c->op == SMX_OP_SAMPLE;
    choice_row r = {.op = c->op,
                    .type = c->layout.type,
                    .x = x,
                    .cols = c->layout.cols,
                    .per_row = c->per_row,
                    .scale = (double)c->softmax.scale,
                    .empty_row = c->softmax.emptyRow,
                    .temperature = temperature_of(c, row),
                    .filters = {c->sample.topK, c->sample.topP, c->sample.minP},
                    .from_probabilities = c->multinomial.input == SMX_MULTINOMIAL_PROBABILITIES,
                    .with_replacement = c->multinomial.withReplacement != 0,
                    .seed = samples ? c->sample.seed : c->multinomial.seed,
                    .key = (uint64_t)row,
                    .offset = samples ? c->sample.offset : c->multinomial.offset};
    if (is_given(c, SEED_OFFSET)) {
        r.seed = number64(c, SEED_OFFSET, 0);
        r.offset = number64(c, SEED_OFFSET, 1);
    }
    if (is_given(c, ROW_SEEDS)) {
        r.seed = number64(c, ROW_SEEDS, row);
        r.key = 0;
    }
    if (is_given(c, ROW_OFFSETS)) r.offset += number64(c, ROW_OFFSETS, row);
    if (is_given(c, ROW_KEYS)) r.key = number64(c, ROW_KEYS, row);
    return r;
}

static int64_t index_at(const fuzz_choice_call *c, int64_t at) {
    const unsigned char *place = after(c, INDICES) + (size_t)at * element_bytes(c->index_type);
    int32_t narrow;
    int64_t wide;
    if (c->index_type == SMX_R_64I) {
        memcpy(&wide, place, sizeof wide);
        return wide;
    }
    memcpy(&narrow, place, sizeof narrow);
    return narrow;
}

static float number_at(const fuzz_choice_call *c, int64_t at) {
    float value;
    memcpy(&value, after(c, NUMBERS) + (size_t)at * sizeof value, sizeof value);
    return value;
}

/* Are distances times the scale beyond the range of the type that is computed with? Then it depends on the order of operations. */
static bool out_of_range(const choice_row *r) {
    const double most = r->type == SMX_R_64F ? DBL_MAX : (double)FLT_MAX;
    const double largest = r->x[oracle_argmax(r->x, r->cols)];
    for (int64_t j = 0; j < r->cols; j++)
        if (isfinite(r->x[j]) && (largest - r->x[j] > most / 16 || fabs(r->x[j]) > most / 16)) return true;
    return false;
}

/* Can the numbers of a row be told? good: it has a distribution */
static bool numbers_are_known(const choice_row *r, bool good) {
    if (!good) return true;
    if (r->op == SMX_OP_TOP_K) return !out_of_range(r);
    const bool too_cold = (double)r->temperature < 1e-30; /* the factor is capped */
    return r->temperature == 0 || (!too_cold && !out_of_range(r));
}

/* False: the row has no distribution. */
static bool compare_row(const fuzz_choice_call *c, int64_t row, double *x, expected_choice *expected) {
    for (int64_t j = 0; j < c->layout.cols; j++) x[j] = load_element(c->layout.type, before(c, X) + layout_place(&c->layout, row, j));
    const choice_row r = row_of(c, row, x);
    const bool good = expect_choices(&r, expected), writes_numbers = c->op == SMX_OP_TOP_K || c->op == SMX_OP_SAMPLE;
    const bool numbers = writes_numbers && is_given(c, NUMBERS) && numbers_are_known(&r, good);
    for (int64_t i = 0; i < c->per_row; i++) {
        const int64_t at = row * c->per_row + i, index = index_at(c, at);
        const expected_choice *e = &expected[i];
        if (index != e->index)
            finding_in(c, "index %lld of row %lld is %lld, expected %lld", (long long)i, (long long)row, (long long)index,
                       (long long)e->index);
        if (numbers && !choice_number_agrees((double)number_at(c, at), e))
            finding_in(c, "number %lld is %.9g, expected %.17g, bound %g", (long long)at, (double)number_at(c, at), e->number, e->bound);
    }
    return good;
}

static void *allocate(size_t bytes) {
    void *memory = malloc(bytes);
    if (memory == NULL) abort();
    return memory;
}

static void compare(const fuzz_choice_call *c) {
    double *x = allocate((size_t)c->layout.cols * sizeof *x);
    expected_choice *choices = allocate((size_t)c->per_row * sizeof *choices);
    int64_t expected = 0, expected_first = -1, count = -7, first = -7;
    for (int64_t r = 0; r < c->rows; r++)
        if (!compare_row(c, r, x, choices) && expected++ == 0) expected_first = r;
    if (smxGetBadTargets(c->handle, &count, &first) != SMX_STATUS_SUCCESS || count != expected || first != expected_first)
        finding_in(c, "%lld rows were counted, the first is %lld; expected %lld and %lld", (long long)count, (long long)first,
                   (long long)expected, (long long)expected_first);
    free(x);
    free(choices);
}

static void check_outcome(const fuzz_choice_call *c, smxStatus_t status) {
    const char *message = smxGetLastErrorMessage();
    const bool succeeded = status == SMX_STATUS_SUCCESS;
    const bool may_lack_kernel = c->plan_row >= 0 || c->softmax.algorithm != SMX_ALGORITHM_AUTO;
    for (array i = 0; i < ARRAYS; i++) {
        const int64_t byte = piece_changed(&c->arrays[i], succeeded);
        if (byte >= 0)
            finding_in(c, "byte %lld of array %d was written, the call %s", (long long)byte, (int)i, succeeded ? "succeeded" : "failed");
    }
    if (succeeded) {
        if (!is_right(c)) finding_in(c, "a wrong call succeeded");
        compare(c);
        return;
    }
    if (strstr(message, functions[c->op - SMX_OP_ARGMAX]) == NULL) finding_in(c, "the message does not name the call: '%s'", message);
    if (is_right(c) && !(status == SMX_STATUS_NOT_SUPPORTED && may_lack_kernel)) finding_in(c, "a right call was refused: %s", message);
}

void fuzz_choice(smxHandle_t handle, byte_source *b, int64_t most_elements) {
    fuzz_choice_call c = {.handle = handle, .op = (smxOp_t)(SMX_OP_ARGMAX + (int)take_below(b, 4))};
    c.layout = some_layout(b, most_elements);
    c.rows = c.layout.outer * c.layout.inner;
    c.index_type = take_below(b, 2) == 0 ? SMX_R_32I : SMX_R_64I;
    c.values = (values)take_below(b, VALUES_KINDS);
    const unsigned plan_row = take_byte(b);
    c.plan_row = plan_row % 4 == 3 ? (int)(plan_row / 4 % 40) : -1;
    c.given = 1u << X | 1u << INDICES | take_byte(b);
    if (c.op == SMX_OP_TOP_K) c.given |= 1u << NUMBERS;
    take_options(b, &c);
    make_arrays(&c, b);
    fill_arrays(&c, b);
    for (array i = 0; i < ARRAYS; i++) piece_upload(handle, &c.arrays[i]);
    smx_pin_plan(handle, c.plan_row);
    const smxStatus_t status = make(&c);
    smx_pin_plan(handle, -1);
    for (array i = 0; i < ARRAYS; i++) piece_download(handle, &c.arrays[i]);
    check_outcome(&c, status);
    for (array i = 0; i < ARRAYS; i++) piece_free(handle, &c.arrays[i]);
}
