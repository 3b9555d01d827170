/* Trains a small network on Fashion-MNIST, on a GPU or on the CPU, and shows what it has learnt. */
#include <math.h>

#include "backend.h"
#include "dataset.h"
#include "epoch.h"
#include "fail.h"
#include "options.h"
#include "report.h"

enum { HIDDEN = 128 };

const char program_name[] = "train_fashion_mnist";

typedef struct experiment {
    const engine *engine;
    network net;
    dataset train, test;                          /* host memory */
    dataset backend_train, backend_test;          /* the same in memory of the backend */
    float *probabilities, *backend_probabilities; /* of the test images */
} experiment;

/* ---- memory ---- */

static dataset upload(const engine *e, const dataset *host) {
    const size_t count = (size_t)host->count;
    return (dataset){
        .count = host->count, .images = backend_memory(e, host->images, count * PIXELS), .labels = backend_memory(e, host->labels, count)};
}

static experiment experiment_create(const engine *e, const options *given) {
    experiment x = {.engine = e, .train = dataset_read(given->data, "train"), .test = dataset_read(given->data, "t10k")};
    const int batch = given->batch < x.train.count ? given->batch : x.train.count;
    const size_t probabilities = (size_t)x.test.count * CLASSES;
    const network_shape shape = {.inputs = PIXELS, .hidden = HIDDEN, .classes = CLASSES, .batch = batch, .input_energy = PIXELS};

    x.net = network_create(e, shape, given->seed);
    x.backend_train = upload(e, &x.train);
    x.backend_test = upload(e, &x.test);
    x.probabilities = allocate_host(probabilities * sizeof *x.probabilities);
    x.backend_probabilities = backend_memory(e, NULL, probabilities * sizeof *x.probabilities);
    return x;
}

static void experiment_free(experiment *x) {
    void *const of_backend[] = {x->backend_train.images, x->backend_train.labels, x->backend_test.images, x->backend_test.labels,
                                x->backend_probabilities};
    for (size_t i = 0; i < sizeof of_backend / sizeof of_backend[0]; i++) check(smxFree(x->engine->smx, of_backend[i]));
    network_free(&x->net);
    dataset_free(&x->train);
    dataset_free(&x->test);
    free(x->probabilities);
}

/* ---- training and test ---- */

/* Greater batches bear greater steps, by the root of their size, up to a limit. */
static float greatest_rate(int batch) { return (float)fmin(0.05 * sqrt(batch / 128.0), 0.1); }

static void load_images(const void *data, const network *net, const int32_t *order, int rows) {
    const dataset *images = data;
    net->engine->load_images(net->engine, images->images, images->labels, order, network_inputs(net, rows), net->labels);
}

static training training_begin(experiment *x, uint64_t seed) {
    const int count = x->train.count;
    int32_t *order = allocate_host((size_t)count * sizeof *order);
    for (int i = 0; i < count; i++) order[i] = i;
    training t = training_create(&x->net, order, count, seed);
    free(order);
    t.greatest_rate = greatest_rate(x->net.shape.batch);
    t.load = load_images;
    t.data = &x->backend_train;
    return t;
}

/* The probabilities of the test images, into x->probabilities. */
static void predict(experiment *x) {
    const network *net = &x->net;
    const dataset *images = &x->backend_test;
    for (int first = 0; first < images->count; first += net->shape.batch) {
        const int rows = images->count - first < net->shape.batch ? images->count - first : net->shape.batch;
        x->engine->load_images(x->engine, images->images + (size_t)first * PIXELS, images->labels + first, NULL, network_inputs(net, rows),
                               net->labels);
        network_forward(net, rows, net->logits);
        const smxLayout_t layout = smxRowMajor(SMX_R_32F, rows, CLASSES);
        check(smxSoftmaxForward(x->engine->smx, NULL, &layout, net->logits, &layout, x->backend_probabilities + (size_t)first * CLASSES));
    }
    backend_read(x->engine, x->probabilities, x->backend_probabilities, (size_t)images->count * CLASSES * sizeof *x->probabilities);
}

static double test_accuracy(experiment *x) {
    predict(x);
    int right = 0;
    for (int i = 0; i < x->test.count; i++) right += most_probable(x->probabilities + (size_t)i * CLASSES) == x->test.labels[i];
    return (double)right / x->test.count;
}

/* ---- the program ---- */

static void report_examples(const experiment *x) {
    enum { EXAMPLES = 5 };
    for (int i = 0; i < EXAMPLES; i++) {
        const int index = (int)((int64_t)i * x->test.count / EXAMPLES);
        putchar('\n');
        report_image(&x->test, index, x->probabilities + (size_t)index * CLASSES);
    }
}

int main(int argc, char **argv) {
    const options given = options_parse(argc, argv);
    engine e;
    backend_open(&e, given.backend);
    experiment x = experiment_create(&e, &given);
    printf("%-9s%s\n", "backend", e.name);
    backend_print_plan(&e, "training", SMX_OP_CROSS_ENTROPY_FORWARD_BACKWARD, x.net.shape.batch, CLASSES);
    backend_print_plan(&e, "test", SMX_OP_SOFTMAX_FORWARD, x.net.shape.batch, CLASSES);
    fflush(stdout);

    training t = training_begin(&x, ~given.seed);
    double accuracy = 0;
    for (int epoch = 1; epoch <= given.epochs; epoch++) {
        epoch_progress progress = {.epoch = epoch, .epochs = given.epochs, .rows = t.examples};
        training_epoch(&t, &progress);
        accuracy = test_accuracy(&x);
        epoch_report(&progress, "test accuracy", accuracy);
    }
    training_free(&t);
    report_examples(&x);
    putchar('\n');
    report_confusions(&x.test, x.probabilities);
    printf("\ntest accuracy: %.4f\n", accuracy);

    experiment_free(&x);
    backend_close(&e);
    if (accuracy < given.require_accuracy) fail("test accuracy %.4f is below the required %.4f", accuracy, given.require_accuracy);
    return EXIT_SUCCESS;
}
