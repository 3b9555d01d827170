/* Trains a small network on Fashion-MNIST, on a GPU or on the CPU, and shows what it has learnt. */
#include <math.h>
#include <time.h>

#include "fail.h"
#include "network.h"
#include "options.h"
#include "random.h"
#include "report.h"

/* Reading a loss back waits for the GPU, so that is done this often in an epoch, not for every batch. */
enum { READINGS = 24 };

typedef struct training {
    network net;
    dataset train, test;                          /* host memory */
    dataset backend_train, backend_test;          /* the same in memory of the backend */
    int32_t *order, *backend_order;               /* of the training images */
    float *losses, *backend_losses;               /* of the batches of an epoch */
    float *probabilities, *backend_probabilities; /* of the test images */
    uint64_t random;
} training;

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* ---- backend ---- */

static void open_backend(engine *e, smxBackend_t wanted) {
    smxHandle_t handle;
    smxBackend_t backend;
    check(smxCreateWithBackend(&handle, wanted));
    check(smxGetBackend(handle, &backend));
#ifdef SMX_WITH_CUDA
    if (backend == SMX_BACKEND_CUDA) {
        engine_open_cuda(e, handle);
        return;
    }
#endif
    engine_open_cpu(e, handle);
}

static void close_backend(engine *e) {
    const smxHandle_t handle = e->smx;
    e->close(e);
    check(smxDestroy(handle));
}

static void print_plan(const engine *e, const char *title, smxOp_t op, int rows) {
    const smxLayout_t layout = smxRowMajor(SMX_R_32F, rows, CLASSES);
    char plan[256];
    check(smxDescribePlan(e->smx, op, &layout, plan, sizeof plan));
    printf("%-9s%s\n", title, plan);
}

/* ---- memory ---- */

static dataset upload(const engine *e, const dataset *host) {
    const size_t count = (size_t)host->count;
    return (dataset){
        .count = host->count, .images = backend_memory(e, host->images, count * PIXELS), .labels = backend_memory(e, host->labels, count)};
}

static training training_create(const engine *e, const options *given) {
    training t = {.train = dataset_read(given->data, "train"), .test = dataset_read(given->data, "t10k"), .random = ~given->seed};
    const int batch = given->batch < t.train.count ? given->batch : t.train.count;
    const size_t images = (size_t)t.train.count, losses = (images + (size_t)batch - 1) / (size_t)batch;
    const size_t probabilities = (size_t)t.test.count * CLASSES;

    t.net = network_create(e, batch, given->seed);
    t.backend_train = upload(e, &t.train);
    t.backend_test = upload(e, &t.test);
    t.order = allocate_host(images * sizeof *t.order);
    t.backend_order = backend_memory(e, NULL, images * sizeof *t.order);
    t.losses = allocate_host(losses * sizeof *t.losses);
    t.backend_losses = backend_memory(e, NULL, losses * sizeof *t.losses);
    t.probabilities = allocate_host(probabilities * sizeof *t.probabilities);
    t.backend_probabilities = backend_memory(e, NULL, probabilities * sizeof *t.probabilities);
    for (int i = 0; i < t.train.count; i++) t.order[i] = i;
    return t;
}

static void training_free(training *t) {
    void *const of_backend[] = {t->backend_train.images, t->backend_train.labels, t->backend_test.images,  t->backend_test.labels,
                                t->backend_order,        t->backend_losses,       t->backend_probabilities};
    for (size_t i = 0; i < sizeof of_backend / sizeof of_backend[0]; i++) check(smxFree(t->net.engine->smx, of_backend[i]));
    network_free(&t->net);
    dataset_free(&t->train);
    dataset_free(&t->test);
    free(t->order);
    free(t->losses);
    free(t->probabilities);
}

/* ---- training ---- */

/* Falls from its greatest value to 0 along half a cosine wave. Greater batches bear greater steps, by the root of their size,
 * up to a limit. */
static float learning_rate(double done, int batch) {
    const double greatest = fmin(0.05 * sqrt(batch / 128.0), 0.1);
    return (float)(0.5 * greatest * (1 + cos(3.14159265358979 * done)));
}

/* Waits for the losses of the batches [first, last) and returns the sum over their rows. */
static double read_losses(training *t, int first, int last) {
    const size_t bytes = (size_t)(last - first) * sizeof *t->losses;
    check(smxMemcpyAsync(t->net.engine->smx, t->losses + first, t->backend_losses + first, bytes));
    check(smxSynchronize(t->net.engine->smx));
    double sum = 0;
    for (int b = first; b < last; b++) {
        const int rows = t->train.count - b * t->net.batch;
        sum += (double)t->losses[b] * (rows < t->net.batch ? rows : t->net.batch);
    }
    return sum;
}

static void train_epoch(training *t, epoch_progress *progress) {
    const int batch = t->net.batch, batches = (t->train.count + batch - 1) / batch;
    const double start = now();
    double loss_sum = 0;
    int read = 0;

    shuffle(t->order, t->train.count, &t->random);
    check(smxMemcpyAsync(t->net.engine->smx, t->backend_order, t->order, (size_t)t->train.count * sizeof *t->order));
    for (int b = 0; b < batches; b++) {
        const int first = b * batch, rows = t->train.count - first < batch ? t->train.count - first : batch;
        const double done = (progress->epoch - 1 + (double)b / batches) / progress->epochs;
        network_train(&t->net, &t->backend_train, t->backend_order + first, rows, learning_rate(done, batch), t->backend_losses + b);

        if ((b + 1) * READINGS / batches == b * READINGS / batches) continue;
        loss_sum += read_losses(t, read, b + 1);
        read = b + 1;
        progress->done = first + rows;
        progress->loss = loss_sum / progress->done;
        progress->seconds = now() - start;
        report_progress(progress);
    }
}

/* Leaves the probabilities of the test images in t->probabilities. */
static double test_accuracy(training *t) {
    const smxHandle_t smx = t->net.engine->smx;
    network_predict(&t->net, &t->backend_test, t->backend_probabilities);
    check(smxMemcpyAsync(smx, t->probabilities, t->backend_probabilities, (size_t)t->test.count * CLASSES * sizeof *t->probabilities));
    check(smxSynchronize(smx));
    int right = 0;
    for (int i = 0; i < t->test.count; i++) right += most_probable(t->probabilities + (size_t)i * CLASSES) == t->test.labels[i];
    return (double)right / t->test.count;
}

/* ---- the program ---- */

static void report_examples(const training *t) {
    enum { EXAMPLES = 5 };
    for (int i = 0; i < EXAMPLES; i++) {
        const int index = (int)((int64_t)i * t->test.count / EXAMPLES);
        putchar('\n');
        report_image(&t->test, index, t->probabilities + (size_t)index * CLASSES);
    }
}

int main(int argc, char **argv) {
    const options given = options_parse(argc, argv);
    engine e;
    open_backend(&e, given.backend);
    training t = training_create(&e, &given);
    printf("%-9s%s\n", "backend", e.name);
    print_plan(&e, "training", SMX_OP_CROSS_ENTROPY_FORWARD_BACKWARD, t.net.batch);
    print_plan(&e, "test", SMX_OP_SOFTMAX_FORWARD, t.net.batch);
    fflush(stdout);

    double accuracy = 0;
    for (int epoch = 1; epoch <= given.epochs; epoch++) {
        epoch_progress progress = {.epoch = epoch, .epochs = given.epochs, .rows = t.train.count};
        train_epoch(&t, &progress);
        accuracy = test_accuracy(&t);
        report_epoch(&progress, accuracy);
    }
    report_examples(&t);
    putchar('\n');
    report_confusions(&t.test, t.probabilities);
    printf("\ntest accuracy: %.4f\n", accuracy);

    training_free(&t);
    close_backend(&e);
    if (accuracy < given.require_accuracy) fail("test accuracy %.4f is below the required %.4f", accuracy, given.require_accuracy);
    return EXIT_SUCCESS;
}
