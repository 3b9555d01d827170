/* Rows of different lengths in one buffer: attention of the nodes of a graph to their neighbours, of which each node has its own number.
 * The scores of a node's edges are a row; offsets say where it begins, and a node without edges has an empty one. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "smx/smx.h"

enum { NODES = 2000, MOST_NEIGHBOURS = 97 };

static int64_t offsets[NODES + 1];

static void check(smxStatus_t status) {
    if (status == SMX_STATUS_SUCCESS) return;
    fprintf(stderr, "ragged: %s (%s)\n", smxGetLastErrorMessage(), smxGetStatusString(status));
    exit(EXIT_FAILURE);
}

static void *allocate(smxHandle_t smx, size_t bytes, const void *data) {
    void *memory;
    check(smxMalloc(smx, &memory, bytes));
    check(smxMemcpyAsync(smx, memory, data, bytes));
    check(smxSynchronize(smx));
    return memory;
}

/* Nodes whose attention is not what double precision gives. */
static int count_wrong(const float *scores, const float *attention) {
    int wrong = 0;
    for (int node = 0; node < NODES; node++) {
        double sum = 0, error = 0;
        for (int64_t k = offsets[node]; k < offsets[node + 1]; k++) sum += exp((double)scores[k]);
        for (int64_t k = offsets[node]; k < offsets[node + 1]; k++) error += fabs((double)attention[k] - exp((double)scores[k]) / sum);
        wrong += !(error <= 1e-5); /* NaN is wrong too */
    }
    return wrong;
}

int main(void) {
    smxHandle_t smx;
    check(smxCreate(&smx));
    for (int node = 0; node < NODES; node++) offsets[node + 1] = offsets[node] + node * node % (MOST_NEIGHBOURS + 1);
    const size_t bytes = (size_t)offsets[NODES] * sizeof(float);
    float *scores = malloc(bytes), *attention = malloc(bytes);
    if (scores == NULL || attention == NULL) return EXIT_FAILURE;
    for (int64_t k = 0; k < offsets[NODES]; k++) scores[k] = (float)(k * 37 % 1013 % 129) / 16.0f - 4.0f;

    void *on_device = allocate(smx, bytes, scores);
    const smxRaggedLayout_t edges = {SMX_R_32F, NODES, MOST_NEIGHBOURS, allocate(smx, sizeof offsets, offsets)};
    check(smxSoftmaxForwardRagged(smx, NULL, &edges, on_device, &edges, on_device)); /* in place */
    check(smxMemcpyAsync(smx, attention, on_device, bytes));
    check(smxSynchronize(smx));

    const int wrong = count_wrong(scores, attention);
    printf("%lld edges of %d nodes, up to %d for a node: attention of %d nodes is wrong\n%s\n", (long long)offsets[NODES], NODES,
           MOST_NEIGHBOURS, wrong, wrong == 0 ? "PASSED" : "FAILED");
    check(smxFree(smx, on_device));
    check(smxFree(smx, (void *)(uintptr_t)edges.offsets));
    check(smxDestroy(smx));
    free(scores);
    free(attention);
    return wrong == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
