#include "writer.h"

#include <string.h>

#include "backend.h"
#include "fail.h"
#include "random.h"

enum { ROW = CONTEXT + STEPS }; /* symbols of a row of the text */

/* ---- memory ---- */

static int32_t *create_positions(const engine *e, int words) {
    const size_t bytes = (size_t)words * STEPS * sizeof(int32_t);
    int32_t *positions = allocate_host(bytes);
    for (int step = 0; step < STEPS; step++)
        for (int i = 0; i < words; i++) positions[step * words + i] = i * ROW + CONTEXT + step;
    int32_t *backend = backend_memory(e, positions, bytes);
    check(smxSynchronize(e->smx));
    free(positions);
    return backend;
}

writer writer_create(const model *m, int words, uint64_t seed) {
    const engine *e = m->engine;
    const size_t count = (size_t)words, draws = count * STEPS;
    writer w = {.model = m, .words = words};
    w.seeds = allocate_host(count * sizeof *w.seeds);
    for (int i = 0; i < words; i++) w.seeds[i] = random_bits(&seed);
    w.backend_seeds = backend_memory(e, w.seeds, count * sizeof *w.seeds);
    w.text = allocate_host(count * ROW);
    w.backend_text = backend_memory(e, NULL, count * ROW);
    w.backend_positions = create_positions(e, words);
    w.backend_logits = backend_memory(e, NULL, draws * SYMBOLS * sizeof *w.backend_logits);
    w.symbols = allocate_host(draws * sizeof *w.symbols);
    w.backend_symbols = backend_memory(e, NULL, draws * sizeof *w.symbols);
    w.log_probabilities = allocate_host(draws * sizeof *w.log_probabilities);
    w.backend_log_probabilities = backend_memory(e, NULL, draws * sizeof *w.log_probabilities);
    return w;
}

void writer_free(writer *w) {
    void *const of_backend[] = {w->backend_seeds,  w->backend_text,    w->backend_positions,
                                w->backend_logits, w->backend_symbols, w->backend_log_probabilities};
    for (size_t i = 0; i < sizeof of_backend / sizeof of_backend[0]; i++) check(smxFree(w->model->engine->smx, of_backend[i]));
    free(w->seeds);
    free(w->text);
    free(w->symbols);
    free(w->log_probabilities);
    *w = (writer){0};
}

/* ---- writing ---- */

smxSampleOptions_t writer_options(const setting *s, int step) {
    smxSampleOptions_t options = SMX_SAMPLE_OPTIONS_INIT;
    options.temperature = s->temperature;
    options.topK = s->top_k;
    options.topP = s->top_p;
    options.minP = s->min_p;
    options.offset = (uint64_t)step;
    return options;
}

/* Nothing but boundaries, or a letter after them. */
static void begin_words(writer *w, bool first_letters) {
    const size_t bytes = (size_t)w->words * ROW;
    memset(w->text, BOUNDARY, bytes);
    for (int i = 0; first_letters && i < w->words; i++) w->text[i * ROW + CONTEXT] = symbol_of((char)('a' + i % 26));
    w->first_step = first_letters ? 1 : 0;
    check(smxMemcpyAsync(w->model->engine->smx, w->backend_text, w->text, bytes));
}

/* The next symbol of every word. Each word has its own seed, and the step is the offset: what is drawn for a word depends neither on the
 * other words nor on its place among them. */
static void draw_step(writer *w, const setting *s, int step) {
    const engine *e = w->model->engine;
    const size_t first = (size_t)step * (size_t)w->words;
    float *logits = w->backend_logits + first * SYMBOLS;
    model_logits(w->model, w->backend_text, w->backend_positions + first, w->words, logits);

    const smxLayout_t layout = smxRowMajor(SMX_R_32F, w->words, SYMBOLS);
    smxSampleOptions_t options = writer_options(s, step);
    options.deviceRowSeeds = w->backend_seeds;
    check(smxSample(e->smx, &options, &layout, logits, SMX_R_32I, w->backend_symbols + first, w->backend_log_probabilities + first));
    e->store_symbols(e, w->backend_symbols + first, w->backend_positions + first, w->words, w->backend_text);
}

/* All steps are enqueued one after the other, and nobody waits for one: words that have ended go on being drawn, unread. */
void writer_write(writer *w, const setting *s) {
    const engine *e = w->model->engine;
    const size_t draws = (size_t)w->words * STEPS;
    begin_words(w, s->first_letters);
    for (int step = w->first_step; step < STEPS; step++) draw_step(w, s, step);
    backend_read(e, w->text, w->backend_text, (size_t)w->words * ROW);
    backend_read(e, w->symbols, w->backend_symbols, draws * sizeof *w->symbols);
    backend_read(e, w->log_probabilities, w->backend_log_probabilities, draws * sizeof *w->log_probabilities);
}

bool writer_word(const writer *w, int i, char word[MAX_LETTERS + 1]) {
    const uint8_t *symbols = w->text + (size_t)i * ROW + CONTEXT;
    for (int j = 0; j < MAX_LETTERS; j++)
        if ((word[j] = letter_of(symbols[j])) == '\0') return true;
    word[MAX_LETTERS] = '\0';
    return symbols[MAX_LETTERS] == BOUNDARY;
}
