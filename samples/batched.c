/* Many problems of different shapes in one call: the losses and gradients of a thousand classifiers, each with classes of its own. The
 * numbers are, bit by bit, those of a thousand single calls; on a GPU there are a few launches instead of thousands. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "smx/smx.h"

enum { PROBLEMS = 1000, ROWS = 64, LEAST_CLASSES = 10, MOST_CLASSES = 1000, ROUNDS = 5 };

typedef struct batch { /* what the batched call takes: arrays with an entry for each problem */
    smxLayout_t layouts[PROBLEMS];
    const void *x[PROBLEMS];
    smxTargets_t targets[PROBLEMS];
    void *losses[PROBLEMS], *dx[PROBLEMS];
    size_t elements; /* of all problems together */
} batch;

static void check(smxStatus_t status) {
    if (status == SMX_STATUS_SUCCESS) return;
    fprintf(stderr, "batched: %s (%s)\n", smxGetLastErrorMessage(), smxGetStatusString(status));
    exit(EXIT_FAILURE);
}

static void *allocate(size_t bytes) {
    void *memory = malloc(bytes);
    if (memory == NULL) {
        fprintf(stderr, "batched: no memory for %zu bytes\n", bytes);
        exit(EXIT_FAILURE);
    }
    return memory;
}

static void *upload(smxHandle_t smx, const void *data, size_t bytes) {
    void *memory;
    check(smxMalloc(smx, &memory, bytes));
    check(smxMemcpyAsync(smx, memory, data, bytes));
    check(smxSynchronize(smx));
    return memory;
}

static int64_t classes_of(int problem) { return LEAST_CLASSES + (int64_t)problem * (MOST_CLASSES - LEAST_CLASSES) / (PROBLEMS - 1); }

static void make(batch *b, smxHandle_t smx) {
    b->elements = 0;
    for (int i = 0; i < PROBLEMS; i++) b->elements += (size_t)(ROWS * classes_of(i));
    float *logits = allocate(b->elements * sizeof *logits);
    int32_t *labels = allocate(sizeof *labels * PROBLEMS * ROWS);
    for (size_t k = 0; k < b->elements; k++) logits[k] = (float)(k * 37 % 1013 % 129) / 16.0f - 4.0f;
    for (int i = 0; i < PROBLEMS * ROWS; i++) labels[i] = (int32_t)(i * 31 % classes_of(i / ROWS));

    const float *x = upload(smx, logits, b->elements * sizeof *logits);
    const int32_t *y = upload(smx, labels, sizeof *labels * PROBLEMS * ROWS);
    float *dx, *losses;
    check(smxMalloc(smx, (void **)&dx, b->elements * sizeof *dx));
    check(smxMalloc(smx, (void **)&losses, PROBLEMS * sizeof *losses));
    size_t first = 0;
    for (int i = 0; i < PROBLEMS; i++) {
        b->layouts[i] = smxRowMajor(SMX_R_32F, ROWS, classes_of(i));
        b->targets[i] = smxIndexTargets(SMX_R_32I, y + (ptrdiff_t)i * ROWS);
        b->x[i] = x + first;
        b->dx[i] = dx + first;
        b->losses[i] = losses + i;
        first += (size_t)(ROWS * classes_of(i));
    }
    free(logits);
    free(labels);
}

static void call_batched(smxHandle_t smx, const batch *b) {
    check(
        smxCrossEntropyForwardBackwardBatched(smx, NULL, PROBLEMS, b->layouts, b->x, b->targets, NULL, b->losses, NULL, b->layouts, b->dx));
}

static void call_singly(smxHandle_t smx, const batch *b) {
    for (int i = 0; i < PROBLEMS; i++)
        check(smxCrossEntropyForwardBackward(smx, NULL, &b->layouts[i], b->x[i], &b->targets[i], NULL, b->losses[i], NULL, &b->layouts[i],
                                             b->dx[i]));
}

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* The shortest of some rounds. */
static double time_of(smxHandle_t smx, const batch *b, void (*call)(smxHandle_t, const batch *)) {
    double best = 1e9;
    for (int round = 0; round < ROUNDS; round++) {
        const double before = seconds();
        call(smx, b);
        check(smxSynchronize(smx));
        const double took = seconds() - before;
        if (took < best) best = took;
    }
    return best;
}

/* Losses and gradients, on the host. */
static float *results(smxHandle_t smx, const batch *b) {
    float *all = allocate((PROBLEMS + b->elements) * sizeof *all);
    check(smxMemcpyAsync(smx, all, b->losses[0], PROBLEMS * sizeof *all));
    check(smxMemcpyAsync(smx, all + PROBLEMS, b->dx[0], b->elements * sizeof *all));
    check(smxSynchronize(smx));
    return all;
}

int main(void) {
    static batch b;
    smxHandle_t smx;
    smxBackend_t backend;
    check(smxCreate(&smx));
    check(smxGetBackend(smx, &backend));
    make(&b, smx);

    const double singly = time_of(smx, &b, call_singly);
    float *expected = results(smx, &b);
    const double batched = time_of(smx, &b, call_batched);
    float *got = results(smx, &b);
    const int same = memcmp(expected, got, (PROBLEMS + b.elements) * sizeof *got) == 0;
    printf("%d problems of %d x %d to %d x %d on %s: one call %.3f ms, single calls %.3f ms (%.2f times as long)\n", PROBLEMS, ROWS,
           LEAST_CLASSES, ROWS, MOST_CLASSES, backend == SMX_BACKEND_CUDA ? "CUDA" : "the CPU", 1e3 * batched, 1e3 * singly,
           singly / batched);
    printf("mean loss of the last problem %.6f; losses and gradients are %sthe same bits\n%s\n", (double)got[PROBLEMS - 1],
           same ? "" : "NOT ", same ? "PASSED" : "FAILED");

    free(expected);
    free(got);
    check(smxFree(smx, (void *)(uintptr_t)b.x[0]));
    check(smxFree(smx, (void *)(uintptr_t)b.targets[0].data));
    check(smxFree(smx, b.dx[0]));
    check(smxFree(smx, b.losses[0]));
    check(smxDestroy(smx));
    return same ? EXIT_SUCCESS : EXIT_FAILURE;
}
