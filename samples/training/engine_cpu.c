/* The engine on the CPU: matrix products by CBLAS, the rest in plain loops. */
#include <cblas.h>
#include <stdio.h>
#include <string.h>

#include "engine.h"

static void load_images(const engine *self, const uint8_t *images, const uint8_t *labels, const int32_t *order, matrix pixels,
                        uint8_t *batch_labels) {
    (void)self;
    for (int i = 0; i < pixels.rows; i++) {
        const int32_t source = order != NULL ? order[i] : i;
        const uint8_t *image = images + (size_t)source * (size_t)pixels.cols;
        float *row = pixels.data + (size_t)i * (size_t)pixels.cols;
        for (int j = 0; j < pixels.cols; j++) row[j] = ((float)image[j] - PIXEL_MEAN) * (1.0f / PIXEL_DEVIATION);
        batch_labels[i] = labels[source];
    }
}

static void load_contexts(const engine *self, const uint8_t *text, const int32_t *positions, int kinds, matrix one_hots,
                          uint8_t *batch_labels) {
    (void)self;
    const int length = one_hots.cols / kinds;
    memset(one_hots.data, 0, (size_t)one_hots.rows * (size_t)one_hots.cols * sizeof(float));
    for (int i = 0; i < one_hots.rows; i++) {
        const uint8_t *symbols = text + positions[i] - length;
        float *row = one_hots.data + (size_t)i * (size_t)one_hots.cols;
        for (int j = 0; j < length; j++) row[j * kinds + symbols[j]] = 1;
        batch_labels[i] = symbols[length];
    }
}

static void store_symbols(const engine *self, const int32_t *symbols, const int32_t *positions, int count, uint8_t *text) {
    (void)self;
    for (int i = 0; i < count; i++) text[positions[i]] = (uint8_t)symbols[i];
}

static void multiply(const engine *self, matrix a, bool transpose_a, matrix b, bool transpose_b, matrix c) {
    (void)self;
    const int depth = transpose_a ? a.rows : a.cols;
    cblas_sgemm(CblasRowMajor, transpose_a ? CblasTrans : CblasNoTrans, transpose_b ? CblasTrans : CblasNoTrans, c.rows, c.cols, depth,
                1.0f, a.data, a.cols, b.data, b.cols, 0.0f, c.data, c.cols);
}

static void add_bias(const engine *self, matrix x, const float *bias, bool relu) {
    (void)self;
    for (int i = 0; i < x.rows; i++) {
        float *row = x.data + (size_t)i * (size_t)x.cols;
        for (int j = 0; j < x.cols; j++) {
            const float sum = row[j] + bias[j];
            row[j] = relu && !(sum > 0) ? 0 : sum;
        }
    }
}

static void relu_backward(const engine *self, matrix y, matrix gradient) {
    (void)self;
    const size_t count = (size_t)y.rows * (size_t)y.cols;
    for (size_t i = 0; i < count; i++) gradient.data[i] = y.data[i] > 0 ? gradient.data[i] : 0;
}

static void update(const engine *self, float *parameters, float *velocity, const float *gradient, int count, float rate, float momentum) {
    (void)self;
    for (int i = 0; i < count; i++) {
        velocity[i] = momentum * velocity[i] + gradient[i];
        parameters[i] -= rate * velocity[i];
    }
}

static void close_cpu(engine *self) { (void)self; }

void engine_open_cpu(engine *self, smxHandle_t smx) {
    *self = (engine){.smx = smx,
                     .load_images = load_images,
                     .load_contexts = load_contexts,
                     .store_symbols = store_symbols,
                     .multiply = multiply,
                     .add_bias = add_bias,
                     .relu_backward = relu_backward,
                     .update = update,
                     .close = close_cpu};
    snprintf(self->name, sizeof self->name, "CPU, matrix products by CBLAS");
}
