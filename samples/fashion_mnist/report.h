/* What the program prints: progress, single images, the table of confusions. */
#ifndef SAMPLES_REPORT_H
#define SAMPLES_REPORT_H

#include "dataset.h"

typedef struct epoch_progress {
    int epoch, epochs;
    int done, rows; /* of this epoch */
    double loss;    /* mean over the rows done */
    double seconds; /* for the rows done */
} epoch_progress;

/* Redraws the line of the epoch, on a terminal only. */
void report_progress(const epoch_progress *now);
/* The finished line of the epoch. */
void report_epoch(const epoch_progress *now, double test_accuracy);

/* An image in characters, and beside it its most probable classes. */
void report_image(const dataset *data, int index, const float *probabilities);

/* How often images of each class were taken for each class. */
void report_confusions(const dataset *data, const float *probabilities);

/* The class of the greatest of CLASSES probabilities. */
int most_probable(const float *probabilities);

#endif
