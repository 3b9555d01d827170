/* Everything that a caller of argmax, top-k, sample and multinomial can get wrong: the status, a message with the call, the argument and
 * the numbers, and no output touched. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "check_choice.h"
#include "suites.h"

#define INVALID SMX_STATUS_INVALID_VALUE

enum { ROWS = 5, COLS = 21 };

/* A good call to be spoilt, with all arrays: `bad` can be changed at will. */
typedef struct spoilt {
    choice_run good, bad;
} spoilt;

static spoilt prepare(smxOp_t op) {
    spoilt s;
    choice c = choice_of(op, SMX_R_32F, ROWS, COLS);
    c.layout.outerStride += 2;
    c.given = GIVEN_ALL;
    c.index_type = SMX_R_64I;
    c.per_row = op == SMX_OP_TOP_K || op == SMX_OP_MULTINOMIAL ? 4 : 1;
    c.without_replacement = true;
    choice_prepare(&s.good, &c);
    s.bad = s.good;
    return s;
}

/* Makes the spoilt call and restores the good one. The list of words of the message ends with NULL. */
__attribute__((sentinel)) static void expect_refused(spoilt *s, smxStatus_t status, ...) {
    const char *name = choice_name(s->good.spec.op), *word = name;
    const smxStatus_t got = choice_call(&s->bad);
    const char *message = smxGetLastErrorMessage();
    va_list words;

    session_count_comparison();
    ck_assert_msg(got == status, "%s: status %d instead of %d; last message: %s", name, (int)got, (int)status, message);
    va_start(words, status);
    for (; word != NULL; word = va_arg(words, const char *))
        ck_assert_msg(strstr(message, word) != NULL, "no '%s' in the message '%s'", word, message);
    va_end(words);
    choice_download(&s->good);
    choice_require_nothing_written(&s->good);
    s->bad = s->good;
}

/* The good call still works: neither the handle nor the data were damaged. */
static void release(spoilt *s) {
    require_success(choice_execute(&s->good), choice_name(s->good.spec.op));
    choice_compare(&s->good);
    choice_release(&s->good);
}

static smxOp_t op_of(int i) { return (smxOp_t)(FIRST_CHOICE + i); }

static bool has_random(smxOp_t op) { return op == SMX_OP_SAMPLE || op == SMX_OP_MULTINOMIAL; }

static char *number(char text[32], long long value) {
    snprintf(text, 32, "%lld", value);
    return text;
}

static void *further(const void *pointer, int64_t bytes) { return (char *)(uintptr_t)pointer + bytes; }

/* ---- pointers ---- */

START_TEST(null_pointers) {
    const smxOp_t op = op_of(_i);
    spoilt s = prepare(op);

    s.bad.handle = NULL;
    expect_refused(&s, SMX_STATUS_NOT_INITIALIZED, "handle", NULL);
    s.bad.without_layout = true;
    expect_refused(&s, INVALID, "xLayout", "NULL", NULL);
    s.bad.x_data = NULL;
    expect_refused(&s, INVALID, "x ", "NULL", NULL);
    s.bad.index_data = NULL;
    expect_refused(&s, INVALID, "indices", "NULL", NULL);
    if (op == SMX_OP_TOP_K) {
        s.bad.number_data = NULL;
        expect_refused(&s, INVALID, "probabilities", "NULL", NULL);
    }
    release(&s);
}
END_TEST

/* The arrays of a call's random numbers, whichever options they belong to. */
enum { ARRAYS = 4 };

static const char *const array_names[ARRAYS] = {"deviceSeedOffset", "deviceRowSeeds", "deviceRowOffsets", "deviceRowKeys"};

static void set_array(choice_run *run, int which, const void *place) {
    switch (which) {
    case 0: run->sample.deviceSeedOffset = run->multinomial.deviceSeedOffset = place; break;
    case 1: run->sample.deviceRowSeeds = run->multinomial.deviceRowSeeds = place; break;
    case 2: run->sample.deviceRowOffsets = run->multinomial.deviceRowOffsets = place; break;
    default: run->sample.deviceRowKeys = run->multinomial.deviceRowKeys = place; break;
    }
}

static const void *get_array(const choice_run *run, int which) {
    const void *const all[ARRAYS] = {run->sample.deviceSeedOffset, run->sample.deviceRowSeeds, run->sample.deviceRowOffsets,
                                     run->sample.deviceRowKeys};
    return all[which];
}

START_TEST(misaligned_pointers) {
    const smxOp_t op = op_of(_i);
    spoilt s = prepare(op);

    s.bad.x_data = further(s.bad.x_data, 2);
    expect_refused(&s, INVALID, "x ", "align", "4", NULL);
    s.bad.index_data = further(s.bad.index_data, 4);
    expect_refused(&s, INVALID, "indices", "align", "8", "int64", NULL);
    if (s.bad.number_data != NULL) {
        s.bad.number_data = further(s.bad.number_data, 1);
        expect_refused(&s, INVALID, op == SMX_OP_TOP_K ? "probabilities" : "logProbabilities", "align", "4", NULL);
    }
    if (op == SMX_OP_SAMPLE) {
        s.bad.sample.deviceTemperature = further(s.bad.sample.deviceTemperature, 2);
        expect_refused(&s, INVALID, "deviceTemperature", "align", "4", NULL);
    }
    for (int i = 0; i < ARRAYS && has_random(op); i++) {
        set_array(&s.bad, i, further(get_array(&s.bad, i), 4));
        expect_refused(&s, INVALID, array_names[i], "align", "8", NULL);
    }
    release(&s);
}
END_TEST

/* Nothing is written where an input or another output lies. */
START_TEST(overlaps) {
    const smxOp_t op = op_of(_i);
    const char *numbers = op == SMX_OP_TOP_K ? "probabilities" : "logProbabilities";
    spoilt s = prepare(op);

    s.bad.index_data = further(s.bad.x_data, 0);
    expect_refused(&s, INVALID, "indices", "x", "overlap", NULL);
    s.bad.index_data = further(s.bad.x_data, ((ROWS - 1) * (COLS + 2) + COLS) * 4 - 4 - ((ROWS - 1) * (COLS + 2) + COLS - 1) % 2 * 4);
    expect_refused(&s, INVALID, "indices", "x", "overlap", NULL);
    if (s.bad.number_data != NULL) {
        s.bad.number_data = further(s.bad.x_data, 16);
        expect_refused(&s, INVALID, numbers, "x", "overlap", NULL);
        s.bad.number_data = further(s.bad.index_data, s.good.spec.per_row * ROWS * 8 - 4); /* the last of its bytes */
        expect_refused(&s, INVALID, numbers, "indices", "overlap", NULL);
    }
    if (op == SMX_OP_SAMPLE) {
        s.bad.sample.deviceTemperature = further(s.bad.index_data, 8);
        expect_refused(&s, INVALID, "deviceTemperature", "indices", "overlap", NULL);
        s.bad.sample.deviceTemperature = s.bad.number_data;
        expect_refused(&s, INVALID, "deviceTemperature", "logProbabilities", "overlap", NULL);
    }
    for (int i = 0; i < ARRAYS && has_random(op); i++) {
        set_array(&s.bad, i, further(s.bad.index_data, -8)); /* its second element is the first index */
        expect_refused(&s, INVALID, array_names[i], "indices", "overlap", NULL);
    }
    release(&s);
}
END_TEST

/* ---- x and the indices ---- */

START_TEST(layouts) {
    static const int types[] = {99, -1, 3, SMX_R_8U, SMX_R_32I, SMX_R_64I};
    spoilt s = prepare(op_of(_i));
    char text[32];

    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        s.bad.layout.type = (smxDataType_t)types[i];
        expect_refused(&s, INVALID, "x", number(text, types[i]), NULL);
    }
    s.bad.layout.outer = -3;
    expect_refused(&s, INVALID, "x", "outer", "-3", NULL);
    s.bad.layout.cols = 0;
    expect_refused(&s, INVALID, "x", "cols", "0", NULL);
    s.bad.layout.inner = -5;
    expect_refused(&s, INVALID, "x", "inner", "-5", NULL);
    s.bad.layout.outerStride = 20;
    expect_refused(&s, INVALID, "x", "outerStride", "20", "21", NULL);
    s.bad.layout.colStride = 0;
    expect_refused(&s, INVALID, "x", "colStride", "0", NULL);
    s.bad.layout.outer = INT64_MAX / 8;
    expect_refused(&s, INVALID, "x", NULL);
    release(&s);
}
END_TEST

START_TEST(index_types) {
    static const int types[] = {SMX_R_32F, SMX_R_64F, SMX_R_16F, SMX_R_16BF, SMX_R_8U, 99, -1};
    spoilt s = prepare(op_of(_i));
    char text[32];

    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        s.bad.index_type = (smxDataType_t)types[i];
        expect_refused(&s, INVALID, "indexType", number(text, types[i]), "int32 or int64", NULL);
    }
    s.bad.layout = smxRowMajor(SMX_R_32F, 1, (int64_t)INT32_MAX + 2); /* refused before anything is read */
    s.bad.index_type = SMX_R_32I;
    expect_refused(&s, INVALID, "int32", "2147483649", "int64", NULL);
    release(&s);
}
END_TEST

/* ---- counts ---- */

START_TEST(counts_out_of_range) {
    const smxOp_t op = op_of(_i);
    static const int64_t counts[] = {0, -1, INT64_MIN, COLS + 1, INT64_MAX};
    spoilt s = prepare(op);
    char text[32];

    for (size_t i = 0; i < sizeof counts / sizeof counts[0] && (op == SMX_OP_TOP_K || op == SMX_OP_MULTINOMIAL); i++) {
        s.bad.per_row = counts[i];
        expect_refused(&s, INVALID, op == SMX_OP_TOP_K ? "k is " : "draws is ", number(text, counts[i]), "(21)", NULL);
    }
    if (op == SMX_OP_MULTINOMIAL) {
        s.bad.multinomial.withReplacement = 1;
        s.bad.per_row = 0;
        expect_refused(&s, INVALID, "draws is 0", "at least 1", NULL);
        s.bad.multinomial.withReplacement = 1;
        s.bad.per_row = INT64_MAX / 16;
        expect_refused(&s, INVALID, "draws", number(text, INT64_MAX / 16), "5 rows", NULL);
    }
    release(&s);
}
END_TEST

/* ---- options ---- */

START_TEST(option_sizes) {
    const smxOp_t op = op_of(_i);
    static const size_t sizes[] = {0, 1, 1000};
    spoilt s = prepare(op);
    char text[32];

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0] && op != SMX_OP_ARGMAX; i++) {
        s.bad.softmax.size = s.bad.sample.size = s.bad.multinomial.size = sizes[i];
        expect_refused(&s, INVALID, "size", number(text, (long long)sizes[i]),
                       op == SMX_OP_TOP_K    ? "SMX_SOFTMAX_OPTIONS_INIT"
                       : op == SMX_OP_SAMPLE ? "SMX_SAMPLE_OPTIONS_INIT"
                                             : "SMX_MULTINOMIAL_OPTIONS_INIT",
                       NULL);
    }
    release(&s);
}
END_TEST

START_TEST(options_of_top_k) {
    static const float scales[] = {0.0f, -2.5f, NAN, INFINITY};
    static const char *const words[] = {"0", "-2.5", "nan", "inf"};
    spoilt s = prepare(SMX_OP_TOP_K);

    for (size_t i = 0; i < sizeof scales / sizeof scales[0]; i++) {
        s.bad.softmax.scale = scales[i];
        expect_refused(&s, INVALID, "scale", words[i], NULL);
    }
    s.bad.softmax.algorithm = (smxAlgorithm_t)7;
    expect_refused(&s, INVALID, "algorithm", "7", NULL);
    s.bad.softmax.emptyRow = (smxEmptyRow_t)-1;
    expect_refused(&s, INVALID, "emptyRow", "-1", NULL);
    release(&s);
}
END_TEST

START_TEST(options_of_sample) {
    static const struct {
        float value;
        const char *word;
        bool temperature, top_p, min_p; /* is the value wrong there? */
    } cases[] = {{-0.5f, "-0.5", true, true, true},       {NAN, "nan", true, true, true},       {INFINITY, "inf", true, true, true},
                 {-INFINITY, "-inf", true, true, true},   {0.0f, "0", false, true, false},      {1.5f, "1.5", false, true, true},
                 {0x1.000002p0f, "1", false, true, true}, {-1e-30f, "-1e-30", true, true, true}};
    spoilt s = prepare(SMX_OP_SAMPLE);
    char text[32];

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (cases[i].temperature) {
            s.bad.sample.temperature = cases[i].value;
            expect_refused(&s, INVALID, "temperature is", cases[i].word, "at least 0", NULL);
        }
        if (cases[i].top_p) {
            s.bad.sample.topP = cases[i].value;
            expect_refused(&s, INVALID, "topP is", cases[i].word, "above 0 and at most 1", NULL);
        }
        if (cases[i].min_p) {
            s.bad.sample.minP = cases[i].value;
            expect_refused(&s, INVALID, "minP is", cases[i].word, "between 0 and 1", NULL);
        }
    }
    s.bad.sample.topK = -1;
    expect_refused(&s, INVALID, "topK is -1", "at least 0", NULL);
    s.bad.sample.topK = INT64_MIN;
    expect_refused(&s, INVALID, "topK is", number(text, INT64_MIN), NULL);
    release(&s);
}
END_TEST

START_TEST(options_of_multinomial) {
    static const float temperatures[] = {0.0f, -0.0f, -2.0f, NAN, INFINITY};
    static const char *const words[] = {"0", "0", "-2", "nan", "inf"};
    static const int inputs[] = {2, -1, 77};
    spoilt s = prepare(SMX_OP_MULTINOMIAL);
    char text[32];

    for (size_t i = 0; i < sizeof temperatures / sizeof temperatures[0]; i++) {
        s.bad.multinomial.temperature = temperatures[i];
        expect_refused(&s, INVALID, "temperature is", words[i], "above 0", NULL);
    }
    for (size_t i = 0; i < sizeof inputs / sizeof inputs[0]; i++) {
        s.bad.multinomial.input = (smxMultinomialInput_t)inputs[i];
        expect_refused(&s, INVALID, "input", number(text, inputs[i]), NULL);
    }
    s.bad.multinomial.input = SMX_MULTINOMIAL_PROBABILITIES;
    s.bad.multinomial.temperature = 0.5f;
    expect_refused(&s, INVALID, "temperature is 0.5", "probabilities", "1", NULL);
    release(&s);
}
END_TEST

/* What looks wrong and is right: no rows and no pointers, a NULL for what may be left out. */
START_TEST(allowed) {
    spoilt s = prepare(op_of(_i));

    s.bad.layout.outer = 0;
    s.bad.x_data = NULL;
    s.bad.index_data = NULL;
    s.bad.number_data = NULL;
    session_count_comparison();
    require_success(choice_call(&s.bad), "a call without rows");
    choice_download(&s.good);
    choice_require_nothing_written(&s.good);
    release(&s);
}
END_TEST

Suite *suite_choice_arguments(void) {
    Suite *suite = suite_create("choice_arguments");
    TCase *tcase = session_case("choice_arguments");

    tcase_add_loop_test(tcase, null_pointers, 0, CHOICES);
    tcase_add_loop_test(tcase, misaligned_pointers, 0, CHOICES);
    tcase_add_loop_test(tcase, overlaps, 0, CHOICES);
    tcase_add_loop_test(tcase, layouts, 0, CHOICES);
    tcase_add_loop_test(tcase, index_types, 0, CHOICES);
    tcase_add_loop_test(tcase, counts_out_of_range, 0, CHOICES);
    tcase_add_loop_test(tcase, option_sizes, 0, CHOICES);
    tcase_add_test(tcase, options_of_top_k);
    tcase_add_test(tcase, options_of_sample);
    tcase_add_test(tcase, options_of_multinomial);
    tcase_add_loop_test(tcase, allowed, 0, CHOICES);
    suite_add_tcase(suite, tcase);
    return suite;
}
