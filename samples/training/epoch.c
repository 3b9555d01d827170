#include "epoch.h"

#include <math.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "backend.h"
#include "fail.h"
#include "random.h"

/* Reading a loss back waits for the GPU, so that is done this often in an epoch, not for every batch. */
enum { READINGS = 24 };

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* ---- memory ---- */

static int batches_of(const training *t) { return (t->examples + t->net->shape.batch - 1) / t->net->shape.batch; }

training training_create(network *net, const int32_t *order, int examples, uint64_t seed) {
    training t = {.net = net, .examples = examples, .random = seed};
    const size_t order_bytes = (size_t)examples * sizeof *order, losses_bytes = (size_t)batches_of(&t) * sizeof *t.losses;
    t.order = allocate_host(order_bytes);
    t.backend_order = backend_memory(net->engine, NULL, order_bytes);
    t.losses = allocate_host(losses_bytes);
    t.backend_losses = backend_memory(net->engine, NULL, losses_bytes);
    memcpy(t.order, order, order_bytes);
    return t;
}

void training_free(training *t) {
    check(smxFree(t->net->engine->smx, t->backend_order));
    check(smxFree(t->net->engine->smx, t->backend_losses));
    free(t->order);
    free(t->losses);
    *t = (training){0};
}

/* ---- training ---- */

/* Falls from its greatest value to 0 along half a cosine wave; `done` goes from 0 to 1. */
static float learning_rate(const training *t, double done) {
    return (float)(0.5 * (double)t->greatest_rate * (1 + cos(3.14159265358979 * done)));
}

/* Waits for the losses of the batches [first, last) and returns the sum over their rows. */
static double read_losses(training *t, int first, int last) {
    const int batch = t->net->shape.batch;
    backend_read(t->net->engine, t->losses + first, t->backend_losses + first, (size_t)(last - first) * sizeof *t->losses);
    double sum = 0;
    for (int b = first; b < last; b++) {
        const int rows = t->examples - b * batch;
        sum += (double)t->losses[b] * (rows < batch ? rows : batch);
    }
    return sum;
}

void training_epoch(training *t, epoch_progress *progress) {
    const int batch = t->net->shape.batch, batches = batches_of(t);
    const double start = now();
    double loss_sum = 0;
    int read = 0;

    shuffle(t->order, t->examples, &t->random);
    check(smxMemcpyAsync(t->net->engine->smx, t->backend_order, t->order, (size_t)t->examples * sizeof *t->order));
    for (int b = 0; b < batches; b++) {
        const int first = b * batch, rows = t->examples - first < batch ? t->examples - first : batch;
        const double done = (progress->epoch - 1 + (double)b / batches) / progress->epochs;
        t->load(t->data, t->net, t->backend_order + first, rows);
        network_train(t->net, rows, learning_rate(t, done), t->backend_losses + b);

        if ((int64_t)(b + 1) * READINGS / batches == (int64_t)b * READINGS / batches) continue;
        loss_sum += read_losses(t, read, b + 1);
        read = b + 1;
        progress->done = first + rows;
        progress->loss = loss_sum / progress->done;
        progress->seconds = now() - start;
        epoch_report_progress(progress);
    }
}

/* ---- progress ---- */

enum { BAR = 24 };

static void print_progress(const epoch_progress *p) {
    char bar[BAR + 1] = "";
    const int filled = (int)((int64_t)BAR * p->done / p->rows);
    memset(bar, '#', (size_t)filled);
    memset(bar + filled, '.', (size_t)(BAR - filled));
    const double rows_per_second = p->seconds > 0 ? p->done / p->seconds : 0;
    const int digits = snprintf(NULL, 0, "%d", p->epochs);
    printf("epoch %*d/%d [%s] loss %.4f  %8.0f rows/s", digits, p->epoch, p->epochs, bar, p->loss, rows_per_second);
}

void epoch_report_progress(const epoch_progress *p) {
    if (!isatty(STDOUT_FILENO)) return;
    putchar('\r');
    print_progress(p);
    fflush(stdout);
}

void epoch_report(const epoch_progress *p, const char *test, double result) {
    if (isatty(STDOUT_FILENO)) putchar('\r');
    print_progress(p);
    printf("  %s %.4f\n", test, result);
    fflush(stdout);
}
