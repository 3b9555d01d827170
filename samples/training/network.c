#include "network.h"

#include <math.h>

#include "backend.h"
#include "fail.h"
#include "random.h"

static const float MOMENTUM = 0.9f;

/* ---- parameters ---- */

static int parameter_count(network_shape s) { return s.inputs * s.hidden + s.hidden + s.hidden * s.classes + s.classes; }

static matrix weights1(network_shape s, float *all) { return (matrix){all, s.inputs, s.hidden}; }
static matrix bias1(network_shape s, float *all) { return (matrix){all + s.inputs * s.hidden, 1, s.hidden}; }
static matrix weights2(network_shape s, float *all) { return (matrix){bias1(s, all).data + s.hidden, s.hidden, s.classes}; }
static matrix bias2(network_shape s, float *all) { return (matrix){weights2(s, all).data + s.hidden * s.classes, 1, s.classes}; }

/* Uniform with the variance 2 / energy of the inputs, which keeps the size of the activations through a ReLU layer (He et al. 2015). */
static void initialise_weights(matrix weights, int energy, uint64_t *random) {
    const float bound = sqrtf(6.0f / (float)energy);
    for (int i = 0; i < weights.rows * weights.cols; i++) weights.data[i] = bound * random_signed(random);
}

network network_create(const engine *e, network_shape s, uint64_t seed) {
    const size_t rows = (size_t)s.batch, parameters = (size_t)parameter_count(s), bytes = parameters * sizeof(float);
    float *zeros = calloc(parameters, sizeof(float)), *initial = calloc(parameters, sizeof(float));
    float *ones = allocate_host(rows * sizeof(float));
    if (zeros == NULL || initial == NULL) fail("no host memory for %zu bytes", bytes);
    for (size_t i = 0; i < rows; i++) ones[i] = 1.0f;
    initialise_weights(weights1(s, initial), s.input_energy, &seed);
    initialise_weights(weights2(s, initial), s.hidden, &seed);

    const network net = {
        .engine = e,
        .shape = s,
        .parameters = backend_memory(e, initial, bytes),
        .gradient = backend_memory(e, NULL, bytes),
        .velocity = backend_memory(e, zeros, bytes),
        .inputs = backend_memory(e, NULL, rows * (size_t)s.inputs * sizeof(float)),
        .hidden = backend_memory(e, NULL, rows * (size_t)s.hidden * sizeof(float)),
        .dhidden = backend_memory(e, NULL, rows * (size_t)s.hidden * sizeof(float)),
        .logits = backend_memory(e, NULL, rows * (size_t)s.classes * sizeof(float)),
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
    void *const all[] = {net->parameters, net->gradient, net->velocity, net->inputs, net->hidden,
                         net->dhidden,    net->logits,   net->ones,     net->labels};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) check(smxFree(net->engine->smx, all[i]));
    *net = (network){0};
}

/* ---- from inputs to logits and back ---- */

matrix network_inputs(const network *net, int rows) { return (matrix){net->inputs, rows, net->shape.inputs}; }

void network_forward(const network *net, int rows, float *to) {
    const engine *e = net->engine;
    const network_shape s = net->shape;
    const matrix hidden = {net->hidden, rows, s.hidden}, logits = {to, rows, s.classes};
    e->multiply(e, network_inputs(net, rows), false, weights1(s, net->parameters), false, hidden);
    e->add_bias(e, hidden, bias1(s, net->parameters).data, true);
    e->multiply(e, hidden, false, weights2(s, net->parameters), false, logits);
    e->add_bias(e, logits, bias2(s, net->parameters).data, false);
}

/* From the gradient of the loss by the logits to its gradient by all parameters. */
static void backward(network *net, int rows) {
    const engine *e = net->engine;
    const network_shape s = net->shape;
    const matrix hidden = {net->hidden, rows, s.hidden}, ones = {net->ones, 1, rows};
    const matrix dlogits = {net->logits, rows, s.classes}, dhidden = {net->dhidden, rows, s.hidden};
    e->multiply(e, hidden, true, dlogits, false, weights2(s, net->gradient));
    e->multiply(e, ones, false, dlogits, false, bias2(s, net->gradient));
    e->multiply(e, dlogits, false, weights2(s, net->parameters), true, dhidden);
    e->relu_backward(e, hidden, dhidden);
    e->multiply(e, network_inputs(net, rows), true, dhidden, false, weights1(s, net->gradient));
    e->multiply(e, ones, false, dhidden, false, bias1(s, net->gradient));
}

void network_train(network *net, int rows, float rate, float *loss) {
    const engine *e = net->engine;
    network_forward(net, rows, net->logits);

    /* The loss, and in place of the logits its gradient, in one pass; the labels are bytes. */
    const smxLayout_t layout = smxRowMajor(SMX_R_32F, rows, net->shape.classes);
    const smxTargets_t targets = smxIndexTargets(SMX_R_8U, net->labels);
    check(smxCrossEntropyForwardBackward(e->smx, NULL, &layout, net->logits, &targets, NULL, loss, NULL, &layout, net->logits));

    backward(net, rows);
    e->update(e, net->parameters, net->velocity, net->gradient, parameter_count(net->shape), rate, MOMENTUM);
}
