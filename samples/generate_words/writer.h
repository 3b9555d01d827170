/* Writes new words: the model gives the logits of the next symbol of every word, smxSample draws the symbols, all words at once. */
#ifndef SAMPLES_WRITER_H
#define SAMPLES_WRITER_H

#include "model.h"

/* A word has MAX_LETTERS symbols at most, and in the last step its end may be drawn. */
enum { MAX_LETTERS = 24, STEPS = MAX_LETTERS + 1 };

/* How symbols are drawn. */
typedef struct setting {
    const char *name;
    float temperature;
    int64_t top_k;
    float top_p, min_p;
    bool first_letters; /* word i begins with letter i of the alphabet, from which on it is drawn */
} setting;

/* The draws of all steps lie one after the other: draw step * words + i is that of word i. */
typedef struct writer {
    const model *model;
    int words;
    int first_step;                                       /* of the last words written; the draws of the steps before are void */
    uint64_t *seeds, *backend_seeds;                      /* of the words */
    uint8_t *text, *backend_text;                         /* of the words, each of them a row: CONTEXT boundaries, then its symbols */
    int32_t *backend_positions;                           /* STEPS x words: where in the text a draw belongs */
    float *backend_logits;                                /* STEPS x words x SYMBOLS: what was drawn from */
    int32_t *symbols, *backend_symbols;                   /* STEPS x words: what was drawn */
    float *log_probabilities, *backend_log_probabilities; /* STEPS x words: of what was drawn */
} writer;

writer writer_create(const model *m, int words, uint64_t seed);
void writer_free(writer *w);

/* The options of a draw in this step, but for the seeds. */
smxSampleOptions_t writer_options(const setting *s, int step);

/* Writes all words anew; they are in host memory when it returns. */
void writer_write(writer *w, const setting *s);

/* Word i as a string; false if it does not end within MAX_LETTERS. */
bool writer_word(const writer *w, int i, char word[MAX_LETTERS + 1]);

#endif
