/* Passes over the examples in batches, each pass in a new random order, with a learning rate that falls from step to step. */
#ifndef SAMPLES_EPOCH_H
#define SAMPLES_EPOCH_H

#include "network.h"

typedef struct epoch_progress {
    int epoch, epochs;
    int done, rows; /* of this epoch */
    double loss;    /* mean over the rows done */
    double seconds; /* for the rows done */
} epoch_progress;

typedef struct training {
    network *net;
    int examples;
    float greatest_rate; /* the first learning rate; the last is 0 */
    /* Loads inputs and labels of the examples order[0..rows), memory of the backend, into the network. */
    void (*load)(const void *data, const network *net, const int32_t *order, int rows);
    const void *data; /* handed to load */

    int32_t *order, *backend_order; /* of the examples */
    float *losses, *backend_losses; /* of the batches of an epoch */
    uint64_t random;
} training;

/* order: the numbers that stand for the examples, any order; copied. */
training training_create(network *net, const int32_t *order, int examples, uint64_t seed);
void training_free(training *t);

/* Fills in `progress`, whose epoch, epochs and rows are given, and prints it as it goes. */
void training_epoch(training *t, epoch_progress *progress);

/* Redraws the line of the epoch, on a terminal only. */
void epoch_report_progress(const epoch_progress *now);
/* The finished line of the epoch, with what the test at its end has given. */
void epoch_report(const epoch_progress *now, const char *test, double result);

#endif
