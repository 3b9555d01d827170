/* Fashion-MNIST: grey pictures of clothes, 28 x 28 pixels, ten classes (Xiao, Rasul, Vollgraf 2017). */
#ifndef SAMPLES_DATASET_H
#define SAMPLES_DATASET_H

#include <stdint.h>

enum { IMAGE_SIDE = 28, PIXELS = IMAGE_SIDE * IMAGE_SIDE, CLASSES = 10 };

/* Where Debian's package dataset-fashion-mnist puts the files. */
#define DEFAULT_DATA_DIRECTORY "/usr/share/datasets/fashion-mnist"

typedef struct dataset {
    int count;
    uint8_t *images; /* count x PIXELS, 0 is background */
    uint8_t *labels; /* count, each below CLASSES */
} dataset;

extern const char *const class_names[CLASSES];

/* Reads PART-images-idx3-ubyte.gz and PART-labels-idx1-ubyte.gz; PART is "train" or "t10k". */
dataset dataset_read(const char *directory, const char *part);
void dataset_free(dataset *data);

#endif
