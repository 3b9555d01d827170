#include "model.h"

#include <math.h>

#include "backend.h"
#include "fail.h"

/* Greater batches bear greater steps, by the root of their size, up to a limit. */
static float greatest_rate(int batch) { return (float)fmin(0.35 * sqrt(batch / 256.0), 0.7); }

model model_create(const engine *e, int hidden, int batch, uint64_t seed) {
    const network_shape shape = {
        .inputs = CONTEXT * SYMBOLS, .hidden = hidden, .classes = SYMBOLS, .batch = batch, .input_energy = CONTEXT /* each one-hot has 1 */
    };
    return (model){.engine = e, .net = network_create(e, shape, seed)};
}

void model_free(model *m) { network_free(&m->net); }

void model_logits(const model *m, const uint8_t *text, const int32_t *positions, int rows, float *logits) {
    const network *net = &m->net;
    for (int first = 0; first < rows; first += net->shape.batch) {
        const int part = rows - first < net->shape.batch ? rows - first : net->shape.batch;
        m->engine->load_contexts(m->engine, text, positions + first, SYMBOLS, network_inputs(net, part), net->labels);
        network_forward(net, part, logits + (size_t)first * SYMBOLS);
    }
}

/* ---- a corpus in memory of the backend ---- */

static corpus upload(const engine *e, const corpus *host) {
    corpus c = *host;
    c.text = backend_memory(e, host->text, (size_t)host->length);
    c.positions = backend_memory(e, host->positions, (size_t)host->count * sizeof *host->positions);
    check(smxSynchronize(e->smx));
    return c;
}

static void release(const engine *e, corpus *c) {
    check(smxFree(e->smx, c->text));
    check(smxFree(e->smx, c->positions));
    *c = (corpus){0};
}

/* ---- test ---- */

/* The mean loss over all symbols of the corpus, which is in memory of the backend. */
static double test_loss(const model *m, const corpus *c) {
    const network *net = &m->net;
    const size_t bytes = (size_t)c->count * sizeof(float);
    float *losses = allocate_host(bytes), *backend_losses = backend_memory(m->engine, NULL, bytes);
    smxCrossEntropyOptions_t options = SMX_CROSS_ENTROPY_OPTIONS_INIT;
    options.reduction = SMX_REDUCTION_NONE;
    for (int first = 0; first < c->count; first += net->shape.batch) {
        const int rows = c->count - first < net->shape.batch ? c->count - first : net->shape.batch;
        const smxLayout_t layout = smxRowMajor(SMX_R_32F, rows, SYMBOLS);
        const smxTargets_t targets = smxIndexTargets(SMX_R_8U, net->labels);
        model_logits(m, c->text, c->positions + first, rows, net->logits);
        check(smxCrossEntropyForward(m->engine->smx, &options, &layout, net->logits, &targets, backend_losses + first, NULL));
    }
    backend_read(m->engine, losses, backend_losses, bytes);
    double sum = 0;
    for (int i = 0; i < c->count; i++) sum += (double)losses[i];
    check(smxFree(m->engine->smx, backend_losses));
    free(losses);
    return sum / c->count;
}

/* ---- training ---- */

static void load_batch(const void *data, const network *net, const int32_t *order, int rows) {
    const corpus *c = data;
    net->engine->load_contexts(net->engine, c->text, order, SYMBOLS, network_inputs(net, rows), net->labels);
}

double model_train(model *m, const corpus *train, const corpus *test, int epochs, uint64_t seed) {
    corpus backend_train = upload(m->engine, train), backend_test = upload(m->engine, test);
    training t = training_create(&m->net, train->positions, train->count, seed);
    t.greatest_rate = greatest_rate(m->net.shape.batch);
    t.load = load_batch;
    t.data = &backend_train;

    double loss = 0;
    for (int epoch = 1; epoch <= epochs; epoch++) {
        epoch_progress progress = {.epoch = epoch, .epochs = epochs, .rows = t.examples};
        training_epoch(&t, &progress);
        loss = test_loss(m, &backend_test);
        epoch_report(&progress, "held-out loss", loss);
    }
    training_free(&t);
    release(m->engine, &backend_train);
    release(m->engine, &backend_test);
    return loss;
}
