/* A network of one hidden layer: inputs -> hidden ReLU -> logits of classes, trained by gradient descent with momentum. */
#ifndef SAMPLES_NETWORK_H
#define SAMPLES_NETWORK_H

#include "engine.h"

typedef struct network_shape {
    int inputs, hidden, classes;
    int batch;        /* rows at most */
    int input_energy; /* about how large the sum of the squares of a row's inputs is; the first weights begin accordingly */
} network_shape;

typedef struct network {
    const engine *engine;
    network_shape shape;
    /* The weights and biases lie one after the other, and so do their gradients: one update serves them all. */
    float *parameters, *gradient, *velocity;

    float *inputs;   /* batch x inputs; load them before the calls below */
    float *hidden;   /* batch x hidden, after the ReLU */
    float *dhidden;  /* batch x hidden */
    float *logits;   /* batch x classes, in training turned into their own gradient */
    float *ones;     /* batch: ones times a matrix are its column sums */
    uint8_t *labels; /* batch; load them before network_train */
} network;

network network_create(const engine *e, network_shape shape, uint64_t seed);
void network_free(network *net);

/* The inputs of the first rows as a matrix, for the engine to load. */
matrix network_inputs(const network *net, int rows);

/* The logits of the loaded inputs; `logits` is memory of the backend, rows x classes. */
void network_forward(const network *net, int rows, float *logits);

/* One step of gradient descent on the loaded inputs and labels. The mean loss of the batch is memory of the backend, and there once the
 * handle's stream has come that far. */
void network_train(network *net, int rows, float rate, float *loss);

#endif
