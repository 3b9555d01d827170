#include "network.h"

#include <math.h>

#include "fail.h"
#include "random.h"

static const float MOMENTUM = 0.9f;

/* ---- parameters ---- */

static matrix weights1(float *all) { return (matrix){all, PIXELS, HIDDEN}; }
static matrix bias1(float *all) { return (matrix){all + PIXELS * HIDDEN, 1, HIDDEN}; }
static matrix weights2(float *all) { return (matrix){all + PIXELS * HIDDEN + HIDDEN, HIDDEN, CLASSES}; }
static matrix bias2(float *all) { return (matrix){all + PIXELS * HIDDEN + HIDDEN + HIDDEN * CLASSES, 1, CLASSES}; }

/* Uniform with the variance 2 / inputs, which keeps the size of the activations through a ReLU layer (He et al. 2015). */
static void initialise_weights(matrix weights, uint64_t *random) {
    const float bound = sqrtf(6.0f / (float)weights.rows);
    for (int i = 0; i < weights.rows * weights.cols; i++) weights.data[i] = bound * random_signed(random);
}

void *backend_memory(const engine *e, const void *source, size_t bytes) {
    void *memory;
    check(smxMalloc(e->smx, &memory, bytes));
    if (source != NULL) check(smxMemcpyAsync(e->smx, memory, source, bytes));
    return memory;
}

network network_create(const engine *e, int batch, uint64_t seed) {
    const size_t rows = (size_t)batch, bytes = PARAMETERS * sizeof(float);
    float *zeros = calloc(PARAMETERS, sizeof(float)), *initial = calloc(PARAMETERS, sizeof(float));
    float *ones = allocate_host(rows * sizeof(float));
    if (zeros == NULL || initial == NULL) fail("no host memory for %zu bytes", bytes);
    for (size_t i = 0; i < rows; i++) ones[i] = 1.0f;
    initialise_weights(weights1(initial), &seed);
    initialise_weights(weights2(initial), &seed);

    const network net = {
        .engine = e,
        .batch = batch,
        .parameters = backend_memory(e, initial, bytes),
        .gradient = backend_memory(e, NULL, bytes),
        .velocity = backend_memory(e, zeros, bytes),
        .pixels = backend_memory(e, NULL, rows * PIXELS * sizeof(float)),
        .hidden = backend_memory(e, NULL, rows * HIDDEN * sizeof(float)),
        .dhidden = backend_memory(e, NULL, rows * HIDDEN * sizeof(float)),
        .logits = backend_memory(e, NULL, rows * CLASSES * sizeof(float)),
        .ones = backend_memory(e, ones, rows * sizeof(float)),
        .labels = backend_memory(e, NULL, rows),
    };
    check(smxSynchronize(e->smx)); /* the copies have left zeros, initial and ones */
    free(zeros);
    free(initial);
    free(ones);
    return net;
}

void network_free(network *net) {
    void *const all[] = {net->parameters, net->gradient, net->velocity, net->pixels, net->hidden,
                         net->dhidden,    net->logits,   net->ones,     net->labels};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) check(smxFree(net->engine->smx, all[i]));
    *net = (network){0};
}

/* ---- from pixels to logits and back ---- */

static void forward(network *net, int rows) {
    const engine *e = net->engine;
    const matrix pixels = {net->pixels, rows, PIXELS}, hidden = {net->hidden, rows, HIDDEN}, logits = {net->logits, rows, CLASSES};
    e->multiply(e, pixels, false, weights1(net->parameters), false, hidden);
    e->add_bias(e, hidden, bias1(net->parameters).data, true);
    e->multiply(e, hidden, false, weights2(net->parameters), false, logits);
    e->add_bias(e, logits, bias2(net->parameters).data, false);
}

/* From the gradient of the loss by the logits to its gradient by all parameters. */
static void backward(network *net, int rows) {
    const engine *e = net->engine;
    const matrix pixels = {net->pixels, rows, PIXELS}, hidden = {net->hidden, rows, HIDDEN}, ones = {net->ones, 1, rows};
    const matrix dlogits = {net->logits, rows, CLASSES}, dhidden = {net->dhidden, rows, HIDDEN};
    e->multiply(e, hidden, true, dlogits, false, weights2(net->gradient));
    e->multiply(e, ones, false, dlogits, false, bias2(net->gradient));
    e->multiply(e, dlogits, false, weights2(net->parameters), true, dhidden);
    e->relu_backward(e, hidden, dhidden);
    e->multiply(e, pixels, true, dhidden, false, weights1(net->gradient));
    e->multiply(e, ones, false, dhidden, false, bias1(net->gradient));
}

void network_train(network *net, const dataset *images, const int32_t *order, int rows, float rate, float *loss) {
    const engine *e = net->engine;
    e->load_batch(e, images->images, images->labels, order, (matrix){net->pixels, rows, PIXELS}, net->labels);
    forward(net, rows);

    /* The loss, and in place of the logits its gradient, in one pass; the labels are the bytes of the label file. */
    const smxLayout_t layout = smxRowMajor(SMX_R_32F, rows, CLASSES);
    const smxTargets_t targets = smxIndexTargets(SMX_R_8U, net->labels);
    check(smxCrossEntropyForwardBackward(e->smx, NULL, &layout, net->logits, &targets, NULL, loss, NULL, &layout, net->logits));

    backward(net, rows);
    e->update(e, net->parameters, net->velocity, net->gradient, PARAMETERS, rate, MOMENTUM);
}

void network_predict(network *net, const dataset *images, float *probabilities) {
    const engine *e = net->engine;
    for (int first = 0; first < images->count; first += net->batch) {
        const int rows = images->count - first < net->batch ? images->count - first : net->batch;
        e->load_batch(e, images->images + (size_t)first * PIXELS, images->labels + first, NULL, (matrix){net->pixels, rows, PIXELS},
                      net->labels);
        forward(net, rows);
        const smxLayout_t layout = smxRowMajor(SMX_R_32F, rows, CLASSES);
        check(smxSoftmaxForward(e->smx, NULL, &layout, net->logits, &layout, probabilities + (size_t)first * CLASSES));
    }
}
