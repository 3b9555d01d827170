/* A network of one hidden layer: 784 pixels -> 128 ReLU -> 10 classes, trained by gradient descent with momentum. */
#ifndef SAMPLES_NETWORK_H
#define SAMPLES_NETWORK_H

#include "dataset.h"
#include "engine.h"

enum { HIDDEN = 128 };

/* The weights and biases lie one after the other, and so do their gradients: one update serves them all. */
enum { PARAMETERS = PIXELS * HIDDEN + HIDDEN + HIDDEN * CLASSES + CLASSES };

typedef struct network {
    const engine *engine;
    int batch; /* rows at most */
    float *parameters, *gradient, *velocity;

    float *pixels;   /* batch x PIXELS */
    float *hidden;   /* batch x HIDDEN, after the ReLU */
    float *dhidden;  /* batch x HIDDEN */
    float *logits;   /* batch x CLASSES, in training turned into their own gradient */
    float *ones;     /* batch: ones times a matrix are its column sums */
    uint8_t *labels; /* batch */
} network;

network network_create(const engine *e, int batch, uint64_t seed);
void network_free(network *net);

/* One step of gradient descent on the images order[0..rows). `images` and `order` are in memory of the backend, and so is the
 * mean loss of the batch, which is there once the handle's stream has come that far. */
void network_train(network *net, const dataset *images, const int32_t *order, int rows, float rate, float *loss);

/* The probabilities of the classes, count x CLASSES, for all images; both in memory of the backend. */
void network_predict(network *net, const dataset *images, float *probabilities);

/* Memory of the engine's backend, filled with a copy of the bytes (source NULL: left as it is). */
void *backend_memory(const engine *e, const void *source, size_t bytes);

#endif
