/* The frequencies of drawn tokens: chi-square tests with fixed seeds. They need no knowledge of how tokens are drawn, only of the
 * probabilities that they are drawn with, so they would find what the exact specification itself got wrong. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check_choice.h"
#include "oracle_choice.h"
#include "shapes.h"
#include "suites.h"

/* About as many draws. */
static int64_t most_draws(void) { return session_emulated() ? 4000 : session_small() ? 50000 : 1000000; }

static void *some(size_t bytes) {
    void *memory = calloc(1, bytes + 1);
    ck_assert_ptr_nonnull(memory);
    return memory;
}

/* ---- chi-square ---- */

/* How many standard deviations the statistic is from its mean (Wilson and Hilferty). Cells of which fewer than 5 are expected are one. */
static double deviations(const int64_t *counts, const double *p, int64_t cells, int64_t total, const char *what) {
    double statistic = 0, rare = 0;
    int64_t rare_count = 0, used = 0;

    for (int64_t i = 0; i < cells; i++) {
        const double expected = p[i] * (double)total, difference = (double)counts[i] - expected;
        ck_assert_msg(p[i] > 0 || counts[i] == 0, "%s: cell %lld has no probability and %lld draws", what, (long long)i,
                      (long long)counts[i]);
        if (expected < 5) {
            rare += expected;
            rare_count += counts[i];
            continue;
        }
        statistic += difference * difference / expected;
        used++;
    }
    if (rare > 5) {
        statistic += ((double)rare_count - rare) * ((double)rare_count - rare) / rare;
        used++;
    }
    ck_assert_msg(used > 1, "%s: there is one cell", what);
    const double freedom = (double)(used - 1);
    return (cbrt(statistic / freedom) - (1 - 2 / (9 * freedom))) / sqrt(2 / (9 * freedom));
}

/* Too good is as improbable as too bad. */
static void require_frequencies(const int64_t *counts, const double *p, int64_t cells, int64_t total, const char *what) {
    double sum = 0;
    for (int64_t i = 0; i < cells; i++) sum += p[i];
    ck_assert_msg(fabs(sum - 1) < 1e-9, "%s: probabilities add up to %.17g", what, sum);
    const double z = deviations(counts, p, cells, total, what);
    session_count_comparison();
    ck_assert_msg(fabs(z) < 4, "%s: chi-square of %lld draws is %.2f standard deviations from what is expected", what, (long long)total, z);
}

/* ---- rows ---- */

static const double *row_of_test; /* what every row of a run holds */

static void fill_from_test(const choice *c, int64_t row, double *x) {
    (void)row;
    memcpy(x, row_of_test, (size_t)c->layout.cols * sizeof *x);
}

typedef enum shape { UNIFORM, GEOMETRIC, PEAKED, SOME_IMPOSSIBLE, SHAPES } shape;

/* PEAKED: like a language model's logits, a few probable tokens and a long tail, in no order. */
static void make_row(shape kind, int64_t cols, double *x) {
    generator g = generator_of((uint64_t)kind + 77);
    for (int64_t j = 0; j < cols; j++) switch (kind) {
        case GEOMETRIC: x[j] = -0.25 * (double)j; break;
        case PEAKED: x[j] = -1.2 * log((double)((j * 761) % cols + 1)) + 0.3 * next_normal(&g); break;
        case SOME_IMPOSSIBLE: x[j] = j % 3 == 1 ? (double)-INFINITY : 1.5 * next_normal(&g); break;
        default: x[j] = 3.25; break;
        }
    for (int64_t j = 0; j < cols; j++) x[j] = (double)(float)x[j];
}

/* ---- a run with many draws ---- */

/* Tokens of `calls` calls, each of `rows` equal rows; the next call has the next offset. tokens: calls x rows x per_row. */
static void collect(choice_run *run, int64_t calls, int64_t *tokens) {
    for (int64_t call = 0; call < calls; call++) {
        require_success(choice_call(run), choice_name(run->spec.op));
        buffer_download(&run->indices);
        for (int64_t r = 0; r < run->rows; r++)
            for (int64_t i = 0; i < run->spec.per_row; i++) *tokens++ = choice_index(run, r, i);
        run->sample.offset++;
        run->multinomial.offset += (uint64_t)run->spec.per_row;
    }
}

typedef struct experiment {
    const char *name;
    smxOp_t op;
    shape kind;
    int64_t cols;
    int64_t divided; /* of most_draws() this part: rows that take long */
    float temperature;
    int64_t top_k;
    float top_p, min_p;
} experiment;

static const experiment experiments[] = {
    {"uniform over 7", SMX_OP_SAMPLE, UNIFORM, 7, 1, 1, 0, 1, 0},
    {"uniform over 1000", SMX_OP_MULTINOMIAL, UNIFORM, 1000, 1, 1, 0, 1, 0},
    {"uniform over 1000, sampled", SMX_OP_SAMPLE, UNIFORM, 1000, 20, 1, 0, 1, 0},
    {"geometric", SMX_OP_SAMPLE, GEOMETRIC, 40, 1, 1, 0, 1, 0},
    {"peaked", SMX_OP_MULTINOMIAL, PEAKED, 2000, 1, 1, 0, 1, 0},
    {"peaked, sampled with all filters", SMX_OP_SAMPLE, PEAKED, 2000, 50, 0.8f, 300, 0.9f, 1e-3f},
    {"top-k", SMX_OP_SAMPLE, PEAKED, 60, 1, 1, 20, 1, 0},
    {"top-p", SMX_OP_SAMPLE, PEAKED, 60, 1, 1, 0, 0.8f, 0},
    {"min-p", SMX_OP_SAMPLE, PEAKED, 60, 1, 1, 0, 1, 0.05f},
    {"temperature 0.5", SMX_OP_SAMPLE, GEOMETRIC, 30, 1, 0.5f, 0, 1, 0},
    {"temperature 2", SMX_OP_SAMPLE, GEOMETRIC, 30, 5, 2, 0, 1, 0},
    {"temperature 2, multinomial", SMX_OP_MULTINOMIAL, GEOMETRIC, 30, 1, 2, 0, 1, 0},
    {"impossible tokens", SMX_OP_SAMPLE, SOME_IMPOSSIBLE, 50, 5, 1, 0, 1, 0},
    {"impossible tokens and all filters", SMX_OP_SAMPLE, SOME_IMPOSSIBLE, 50, 1, 1.5f, 25, 0.95f, 0.02f},
};
enum { EXPERIMENTS = sizeof experiments / sizeof experiments[0] };

/* The probabilities of what the filters keep, told from sorted probabilities and not from weights. */
static void filtered_probabilities(const experiment *e, const double *x, double *p) {
    int64_t *order = some((size_t)e->cols * sizeof *order);
    double kept = 0, before = 0, sum = 0;
    const int64_t k = e->top_k > 0 && e->top_k < e->cols ? e->top_k : e->cols;

    oracle_kept_softmax(x, e->cols, (double)e->temperature, NULL, p);
    oracle_order(x, e->cols, order);
    for (int64_t i = 0; i < k; i++) kept += p[order[i]];
    const double least = (double)e->min_p * p[order[0]];
    for (int64_t i = 0; i < e->cols; i++) {
        const double own = p[order[i]];
        if (i >= k || before >= (double)e->top_p * kept || own < least) p[order[i]] = 0;
        before += own;
        sum += p[order[i]];
    }
    for (int64_t j = 0; j < e->cols; j++) p[j] /= sum;
    free(order);
}

/* `rows` equal rows of an experiment, ready to be drawn from. */
static void prepare(choice_run *run, const experiment *e, const double *x, int64_t rows, int64_t per_row) {
    choice c = choice_of(e->op, SMX_R_32F, rows, e->cols);
    row_of_test = x;
    c.fill = fill_from_test;
    c.per_row = per_row;
    c.without_log_probabilities = true;
    c.temperature = e->temperature;
    c.top_k = e->top_k;
    c.top_p = e->top_p;
    c.min_p = e->min_p;
    choice_prepare(run, &c);
}

START_TEST(frequencies) {
    experiment here = experiments[_i];
    if (session_emulated() && _i % 4 != 0) return; /* its tokens are the oracle's, which other suites see to; draws take long there */
    const experiment *const e = &here;
    if (session_small() || session_emulated()) { /* enough draws for every cell */
        here.cols = e->cols >= 1000 ? e->cols / 10 : e->cols;
        here.divided = 1;
    }
    const int64_t draws = most_draws() / e->divided, per_row = e->op == SMX_OP_MULTINOMIAL ? draws / 4 : 1;
    const int64_t most = 4000000 / e->cols; /* of so many rows the logits fill 16 MB */
    const int64_t rows = e->op == SMX_OP_MULTINOMIAL ? 4 : draws < most ? draws : most, calls = draws / (rows * per_row);
    const int64_t total = calls * rows * per_row;
    double *x = some((size_t)e->cols * sizeof *x), *p = some((size_t)e->cols * sizeof *p);
    int64_t *tokens = some((size_t)total * sizeof *tokens), *counts = some((size_t)e->cols * sizeof *counts);
    choice_run run;

    make_row(e->kind, e->cols, x);
    filtered_probabilities(e, x, p);
    prepare(&run, e, x, rows, per_row);
    collect(&run, calls, tokens);
    for (int64_t i = 0; i < total; i++) {
        ck_assert(tokens[i] >= 0 && tokens[i] < e->cols);
        counts[tokens[i]]++;
    }
    require_frequencies(counts, p, e->cols, total, e->name);
    choice_release(&run);
    free(x);
    free(p);
    free(tokens);
    free(counts);
}
END_TEST

/* ---- probabilities ---- */

enum { FEW = 6 };
static const double few[FEW] = {0.5, 3.0, 0.0, 1.25, 0.25, 2.0}; /* they add up to 7 */

START_TEST(frequencies_of_probabilities) {
    choice c = choice_of(SMX_OP_MULTINOMIAL, floating_types[_i], 4, FEW);
    int64_t counts[FEW] = {0};
    double p[FEW];
    choice_run run;

    row_of_test = few;
    c.fill = fill_from_test;
    c.from_probabilities = true;
    c.per_row = most_draws() / 4;
    choice_prepare(&run, &c);
    int64_t *tokens = some((size_t)(run.rows * c.per_row) * sizeof *tokens);
    collect(&run, 1, tokens);
    for (int64_t i = 0; i < run.rows * c.per_row; i++) counts[tokens[i]]++;
    for (int j = 0; j < FEW; j++) p[j] = few[j] / 7;
    require_frequencies(counts, p, FEW, run.rows * c.per_row, "probabilities");
    free(tokens);
    choice_release(&run);
}
END_TEST

/* Without replacement: the first as ever, the second from what is left. */
START_TEST(first_and_second_without_replacement) {
    choice c = choice_of(SMX_OP_MULTINOMIAL, SMX_R_32F, session_emulated() ? 1000 : 5000, FEW);
    const int64_t calls = most_draws() / c.layout.outer, total = calls * c.layout.outer;
    int64_t *tokens = some((size_t)total * 2 * sizeof *tokens), first[FEW] = {0}, second[FEW] = {0}, both[FEW * FEW] = {0};
    double p[FEW], q[FEW] = {0}, joint[FEW * FEW] = {0};
    choice_run run;

    row_of_test = few;
    c.fill = fill_from_test;
    c.from_probabilities = c.without_replacement = true;
    c.per_row = 2;
    choice_prepare(&run, &c);
    collect(&run, calls, tokens);
    for (int64_t i = 0; i < total; i++) {
        ck_assert(tokens[2 * i] >= 0 && tokens[2 * i + 1] >= 0);
        first[tokens[2 * i]]++;
        second[tokens[2 * i + 1]]++;
        both[tokens[2 * i] * FEW + tokens[2 * i + 1]]++;
    }
    for (int i = 0; i < FEW; i++) p[i] = few[i] / 7;
    for (int i = 0; i < FEW; i++)
        for (int j = 0; j < FEW; j++) {
            if (i != j) joint[i * FEW + j] = p[i] * p[j] / (1 - p[i]);
            q[j] += joint[i * FEW + j];
        }
    require_frequencies(first, p, FEW, total, "first draw");
    require_frequencies(second, q, FEW, total, "second draw");
    require_frequencies(both, joint, FEW * FEW, total, "first and second draw");
    free(tokens);
    choice_release(&run);
}
END_TEST

/* ---- draws know nothing of each other ---- */

/* Frequencies of pairs: what is drawn first in a pair says nothing of the second. */
static void require_independent(const int64_t *firsts, const int64_t *seconds, int64_t step, int64_t pairs, const double *p, int64_t cols,
                                const char *what) {
    int64_t *counts = some((size_t)(cols * cols) * sizeof *counts);
    double *expected = some((size_t)(cols * cols) * sizeof *expected);

    for (int64_t i = 0; i < pairs; i++) counts[firsts[i * step] * cols + seconds[i * step]]++;
    for (int64_t i = 0; i < cols * cols; i++) expected[i] = p[i / cols] * p[i % cols];
    require_frequencies(counts, expected, cols * cols, pairs, what);
    free(counts);
    free(expected);
}

static void number_rows(choice_run *run, buffer *b, int64_t call) {
    for (int64_t r = 0; r < run->rows; r++) choice_store_number64(b, r, (uint64_t)(call * run->rows + r));
    buffer_upload(b);
}

/* 0: consecutive offsets of a row; 1: consecutive rows; 2: consecutive seeds; 3: consecutive row keys; 4: consecutive offsets of rows. */
enum { WAYS = 5 };

START_TEST(pairs_of_draws) {
    static const char *const names[WAYS] = {"offsets", "rows", "seeds of rows", "keys of rows", "offsets of rows"};
    static const unsigned given[WAYS] = {0, 0, GIVEN_ROW_SEEDS, GIVEN_ROW_KEYS, GIVEN_ROW_OFFSETS};
    const experiment e = {"pairs", SMX_OP_SAMPLE, _i % 2 == 0 ? UNIFORM : GEOMETRIC, 8 + _i % 2, 1, 1, 0, 1, 0};
    const int way = _i / 2;
    const int64_t rows = session_emulated() ? 1000 : 10000, calls = most_draws() / rows / 4 * 2;
    int64_t *tokens = some((size_t)(rows * calls) * sizeof *tokens);
    double x[16], p[16];
    choice_run run;
    choice c = choice_of(SMX_OP_SAMPLE, SMX_R_32F, rows, e.cols);

    make_row(e.kind, e.cols, x);
    filtered_probabilities(&e, x, p);
    row_of_test = x;
    c.fill = fill_from_test;
    c.without_log_probabilities = true;
    c.given = given[way];
    choice_prepare(&run, &c);
    for (int64_t call = 0; call < calls; call++) {
        if (way == 2) number_rows(&run, &run.row_seeds, call);
        if (way == 3) number_rows(&run, &run.row_keys, call);
        if (way == 4) number_rows(&run, &run.row_offsets, call);
        collect(&run, 1, tokens + call * rows);
        if (way >= 2) run.sample.offset--; /* the numbers of the rows alone change */
    }
    if (way == 0) /* the same row in two calls */
        for (int64_t call = 0; call < calls; call += 2) {
            int64_t *pair = tokens + call * rows, *sorted = some((size_t)(2 * rows) * sizeof *sorted);
            for (int64_t r = 0; r < rows; r++) {
                sorted[2 * r] = pair[r];
                sorted[2 * r + 1] = pair[rows + r];
            }
            memcpy(pair, sorted, (size_t)(2 * rows) * sizeof *sorted);
            free(sorted);
        }
    require_independent(tokens, tokens + 1, 2, rows * calls / 2, p, e.cols, names[way]);
    choice_release(&run);
    free(tokens);
}
END_TEST

/* The draws of one row of a multinomial. */
START_TEST(pairs_of_one_row) {
    const experiment e = {"pairs", SMX_OP_MULTINOMIAL, GEOMETRIC, 12, 1, 1, 0, 1, 0};
    const int64_t draws = 2 * most_draws();
    int64_t *tokens = some((size_t)draws * sizeof *tokens);
    double x[12], p[12];
    choice_run run;

    make_row(e.kind, e.cols, x);
    filtered_probabilities(&e, x, p);
    prepare(&run, &e, x, 1, draws);
    collect(&run, 1, tokens);
    require_independent(tokens, tokens + 1, 2, draws / 2, p, e.cols, "draws of a row");
    choice_release(&run);
    free(tokens);
}
END_TEST

Suite *suite_distributions(void) {
    Suite *suite = suite_create("distributions");
    TCase *tcase = session_case("distributions");

    tcase_add_loop_test(tcase, frequencies, 0, EXPERIMENTS);
    tcase_add_loop_test(tcase, frequencies_of_probabilities, 0, FLOATING_TYPES);
    tcase_add_test(tcase, first_and_second_without_replacement);
    tcase_add_loop_test(tcase, pairs_of_draws, 0, 2 * WAYS);
    tcase_add_test(tcase, pairs_of_one_row);
    suite_add_tcase(suite, tcase);
    return suite;
}
