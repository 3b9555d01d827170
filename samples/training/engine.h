/* The arithmetic that training needs beside smx: once for the CPU (engine_cpu.c), once for CUDA (engine_cuda.cu).
 *
 * Data pointers are memory of the smx handle's backend. Matrices are dense and row-major. On CUDA everything is enqueued on the
 * stream of the smx handle, so that smx and the engine follow each other in order and nobody waits. */
#ifndef SAMPLES_ENGINE_H
#define SAMPLES_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include "smx/smx.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct matrix {
    float *data;
    int rows, cols;
} matrix;

/* What a pixel of 0 to 255 becomes: about zero mean and unit deviation over Fashion-MNIST. */
#define PIXEL_MEAN 73.0f
#define PIXEL_DEVIATION 90.0f

typedef struct engine engine;
struct engine {
    smxHandle_t smx;
    void *own; /* the backend's own state */
    char name[128];

    /* Row i of pixels, and label i, are those of image order[i] (order NULL: of image i); one row for every row of pixels. */
    void (*load_images)(const engine *self, const uint8_t *images, const uint8_t *labels, const int32_t *order, matrix pixels,
                        uint8_t *batch_labels);
    /* Row i of one_hots is made of the symbols that come before place positions[i] of the text, oldest first: each is a 1 among
     * `kinds` columns, so there are one_hots.cols / kinds of them. Label i is the symbol at that place. */
    void (*load_contexts)(const engine *self, const uint8_t *text, const int32_t *positions, int kinds, matrix one_hots,
                          uint8_t *batch_labels);
    /* text[positions[i]] = symbols[i], for i below count. */
    void (*store_symbols)(const engine *self, const int32_t *symbols, const int32_t *positions, int count, uint8_t *text);
    /* c = a b, with a or b transposed if so said. */
    void (*multiply)(const engine *self, matrix a, bool transpose_a, matrix b, bool transpose_b, matrix c);
    /* Adds the bias to every row of x, then x = max(x, 0) if relu. */
    void (*add_bias)(const engine *self, matrix x, const float *bias, bool relu);
    /* Zeroes the gradient where the ReLU's output y is zero. */
    void (*relu_backward)(const engine *self, matrix y, matrix gradient);
    /* velocity = momentum * velocity + gradient; parameters = parameters - rate * velocity */
    void (*update)(const engine *self, float *parameters, float *velocity, const float *gradient, int count, float rate, float momentum);
    void (*close)(engine *self);
};

/* They fill an engine for a handle of their backend; close it before the handle is destroyed. */
void engine_open_cpu(engine *self, smxHandle_t smx);
#ifdef SMX_WITH_CUDA
void engine_open_cuda(engine *self, smxHandle_t smx);
#endif

#ifdef __cplusplus
}
#endif
#endif
