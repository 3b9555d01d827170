#include "writer_check.h"

#include <math.h>

#include "backend.h"
#include "fail.h"
#include "random.h"

/* Of probabilities and their logarithms. Which symbol is drawn is not subject to rounding. */
static const double ROUNDING = 1e-4;

/* ---- drawing again ----
 *
 * From the logits that the words were drawn from, which are kept. Asking the network for them again in batches of another size would
 * give sums in another order, hence now and then another last bit of a logit. */

/* Fails unless draw i of `symbols` and `log_probabilities`, both memory of the backend, is that of draw order[i] when the words were
 * written. */
static void compare(const writer *w, const setting *s, const char *how, const int32_t *order, int count, const int32_t *symbols,
                    const float *log_probabilities) {
    const size_t symbols_bytes = (size_t)count * sizeof *symbols, log_bytes = (size_t)count * sizeof *log_probabilities;
    int32_t *again = allocate_host(symbols_bytes);
    float *log_again = allocate_host(log_bytes);
    backend_read(w->model->engine, again, symbols, symbols_bytes);
    backend_read(w->model->engine, log_again, log_probabilities, log_bytes);
    for (int i = 0; i < count; i++) {
        const int draw = order[i], word = draw % w->words, step = draw / w->words;
        const double difference = fabs((double)log_again[i] - (double)w->log_probabilities[draw]);
        if (again[i] != w->symbols[draw])
            fail("%s: symbol %d of word %d is %d, and %d when drawn %s", s->name, step, word, w->symbols[draw], again[i], how);
        if (!(difference <= ROUNDING))
            fail("%s: the log-probability of symbol %d of word %d differs by %g when drawn %s", s->name, step, word, difference, how);
    }
    free(again);
    free(log_again);
}

void check_shuffled(const writer *w, const setting *s) {
    const engine *e = w->model->engine;
    const int count = (STEPS - w->first_step) * w->words;
    const size_t rows = (size_t)count, row_bytes = SYMBOLS * sizeof(float);
    int32_t *order = allocate_host(rows * sizeof *order);
    uint64_t *seeds = allocate_host(rows * sizeof *seeds), *steps = allocate_host(rows * sizeof *steps), random = 1;
    float *logits = backend_memory(e, NULL, rows * row_bytes);
    for (int i = 0; i < count; i++) order[i] = w->first_step * w->words + i;
    shuffle(order, count, &random);
    for (int i = 0; i < count; i++) {
        seeds[i] = w->seeds[order[i] % w->words];
        steps[i] = (uint64_t)(order[i] / w->words);
        check(smxMemcpyAsync(e->smx, logits + (size_t)i * SYMBOLS, w->backend_logits + (size_t)order[i] * SYMBOLS, row_bytes));
    }
    uint64_t *backend_seeds = backend_memory(e, seeds, rows * sizeof *seeds),
             *backend_steps = backend_memory(e, steps, rows * sizeof *steps);
    int32_t *symbols = backend_memory(e, NULL, rows * sizeof *symbols);
    float *log_probabilities = backend_memory(e, NULL, rows * sizeof *log_probabilities);

    const smxLayout_t layout = smxRowMajor(SMX_R_32F, count, SYMBOLS);
    smxSampleOptions_t options = writer_options(s, 0);
    options.deviceRowSeeds = backend_seeds;
    options.deviceRowOffsets = backend_steps;
    check(smxSample(e->smx, &options, &layout, logits, SMX_R_32I, symbols, log_probabilities));
    compare(w, s, "in another order", order, count, symbols, log_probabilities);

    void *const of_backend[] = {logits, backend_seeds, backend_steps, symbols, log_probabilities};
    for (size_t i = 0; i < sizeof of_backend / sizeof of_backend[0]; i++) check(smxFree(e->smx, of_backend[i]));
    free(order);
    free(seeds);
    free(steps);
}

void check_alone(const writer *w, const setting *s) {
    enum { MOST = 32 }; /* words; each of them takes a call for every step */
    const engine *e = w->model->engine;
    const int words = w->words < MOST ? w->words : MOST, count = (STEPS - w->first_step) * words;
    int32_t *order = allocate_host((size_t)count * sizeof *order);
    int32_t *symbols = backend_memory(e, NULL, (size_t)count * sizeof *symbols);
    float *log_probabilities = backend_memory(e, NULL, (size_t)count * sizeof *log_probabilities);

    const smxLayout_t layout = smxRowMajor(SMX_R_32F, 1, SYMBOLS);
    for (int i = 0; i < count; i++) {
        const int step = w->first_step + i / words, word = i % words;
        order[i] = step * w->words + word;
        smxSampleOptions_t options = writer_options(s, step);
        options.deviceRowSeeds = w->backend_seeds + word;
        check(smxSample(e->smx, &options, &layout, w->backend_logits + (size_t)order[i] * SYMBOLS, SMX_R_32I, symbols + i,
                        log_probabilities + i));
    }
    compare(w, s, "alone", order, count, symbols, log_probabilities);

    check(smxFree(e->smx, symbols));
    check(smxFree(e->smx, log_probabilities));
    free(order);
}

/* ---- probabilities ---- */

/* The log-probabilities of all draws at this temperature, no filter; host memory. */
static float *log_softmax(const writer *w, float temperature) {
    const engine *e = w->model->engine;
    const int first = w->first_step * w->words, rows = STEPS * w->words - first;
    const size_t bytes = (size_t)rows * SYMBOLS * sizeof(float);
    float *y = allocate_host(bytes), *backend_y = backend_memory(e, NULL, bytes);
    const smxLayout_t layout = smxRowMajor(SMX_R_32F, rows, SYMBOLS);
    smxSoftmaxOptions_t options = SMX_SOFTMAX_OPTIONS_INIT;
    options.scale = temperature > 0 ? 1 / temperature : 1;
    check(smxLogSoftmaxForward(e->smx, &options, &layout, w->backend_logits + (size_t)first * SYMBOLS, &layout, backend_y));
    backend_read(e, y, backend_y, bytes);
    check(smxFree(e->smx, backend_y));
    return y;
}

/* Of the symbols that are more probable than the drawn one: how many they are, the sum of their probabilities, the greatest. */
typedef struct above {
    int count;
    double sum, greatest;
} above;

static above find_above(const float *y, int drawn) {
    above a = {.greatest = exp((double)y[drawn])};
    for (int c = 0; c < SYMBOLS; c++) {
        if (!(y[c] > y[drawn])) continue;
        a.count++;
        a.sum += exp((double)y[c]);
        a.greatest = fmax(a.greatest, exp((double)y[c]));
    }
    return a;
}

static bool passes_filters(const setting *s, const float *y, int drawn) {
    const above a = find_above(y, drawn);
    if (s->temperature == 0) return a.count == 0;
    if (s->top_k > 0 && a.count >= s->top_k) return false;
    return a.sum <= (double)s->top_p + ROUNDING && exp((double)y[drawn]) >= (double)s->min_p * a.greatest - ROUNDING;
}

/* The probability with which a symbol is drawn from those that have passed is no less than among all. */
static bool log_probability_fits(const setting *s, double log_probability, double log_softmax) {
    if (s->temperature == 0) return log_probability == 0;
    const bool filtered = s->top_k > 0 || s->top_p < 1 || s->min_p > 0;
    if (filtered) return log_probability <= 0 && log_probability >= log_softmax - ROUNDING;
    return fabs(log_probability - log_softmax) <= ROUNDING;
}

void check_probabilities(const writer *w, const setting *s) {
    const int first = w->first_step * w->words, rows = STEPS * w->words - first;
    float *all = log_softmax(w, s->temperature);
    for (int i = 0; i < rows; i++) {
        const float *y = all + (size_t)i * SYMBOLS;
        const int draw = first + i, drawn = w->symbols[draw], word = draw % w->words, step = draw / w->words;
        if (drawn < 0 || drawn >= SYMBOLS) fail("%s: symbol %d of word %d is %d", s->name, step, word, drawn);
        if (!passes_filters(s, y, drawn)) fail("%s: symbol %d of word %d, %d, should not have passed", s->name, step, word, drawn);
        const double returned = (double)w->log_probabilities[draw], expected = (double)y[drawn];
        if (!log_probability_fits(s, returned, expected))
            fail("%s: symbol %d of word %d: log-probability %g, by the log-softmax %g", s->name, step, word, returned, expected);
    }
    free(all);
}
