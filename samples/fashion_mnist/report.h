/* What the program prints when it has trained: single images and the table of confusions. */
#ifndef SAMPLES_REPORT_H
#define SAMPLES_REPORT_H

#include "dataset.h"

/* An image in characters, and beside it its most probable classes. */
void report_image(const dataset *data, int index, const float *probabilities);

/* How often images of each class were taken for each class. */
void report_confusions(const dataset *data, const float *probabilities);

/* The class of the greatest of CLASSES probabilities. */
int most_probable(const float *probabilities);

#endif
