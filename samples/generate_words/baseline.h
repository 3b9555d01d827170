/* What counting alone gives: models without parameters to train, for the network to beat. */
#ifndef SAMPLES_BASELINE_H
#define SAMPLES_BASELINE_H

#include "corpus.h"

/* The mean loss of a symbol of `test`, in nats, when its probability is its share among the symbols of `train`: among all of them
 * (unigram), or among those that follow the same symbol (bigram). Every count is one greater than it is (Laplace). */
double unigram_loss(const corpus *train, const corpus *test);
double bigram_loss(const corpus *train, const corpus *test);

#endif
