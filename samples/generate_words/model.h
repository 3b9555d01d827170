/* The network that predicts the next symbol of a word: one-hots of the last CONTEXT symbols -> hidden ReLU -> logits of SYMBOLS. */
#ifndef SAMPLES_MODEL_H
#define SAMPLES_MODEL_H

#include "corpus.h"
#include "epoch.h"

typedef struct model {
    const engine *engine;
    network net;
} model;

model model_create(const engine *e, int hidden, int batch, uint64_t seed);
void model_free(model *m);

/* The logits of the symbols at these positions of the text; all three are memory of the backend. */
void model_logits(const model *m, const uint8_t *text, const int32_t *positions, int rows, float *logits);

/* Trains for some epochs, and prints the losses as it goes: mean nats per symbol, and at the end of every epoch those of `test`. Returns
 * the last of them. */
double model_train(model *m, const corpus *train, const corpus *test, int epochs, uint64_t seed);

#endif
