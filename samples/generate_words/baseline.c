#include "baseline.h"

#include <math.h>

double unigram_loss(const corpus *train, const corpus *test) {
    int count[SYMBOLS] = {0};
    for (int i = 0; i < train->count; i++) count[train->text[train->positions[i]]]++;
    double loss = 0;
    for (int i = 0; i < test->count; i++) loss -= log((count[test->text[test->positions[i]]] + 1.0) / (train->count + SYMBOLS));
    return loss / test->count;
}

double bigram_loss(const corpus *train, const corpus *test) {
    int count[SYMBOLS][SYMBOLS] = {{0}}, total[SYMBOLS] = {0};
    for (int i = 0; i < train->count; i++) {
        const uint8_t *symbol = train->text + train->positions[i];
        count[symbol[-1]][symbol[0]]++;
        total[symbol[-1]]++;
    }
    double loss = 0;
    for (int i = 0; i < test->count; i++) {
        const uint8_t *symbol = test->text + test->positions[i];
        loss -= log((count[symbol[-1]][symbol[0]] + 1.0) / (total[symbol[-1]] + SYMBOLS));
    }
    return loss / test->count;
}
