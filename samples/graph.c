/* A step of training as a CUDA graph: captured once, replayed for every batch. The graph has the pointers and the structures of the calls
 * as they were; data change under it: logits, labels, and the loss scale, which smx reads on the device. */
#include <cuda_runtime_api.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "smx/smx.h"

enum { BATCHES = 5, ROWS = 64, COLS = 1000, EXIT_SKIPPED = 77 };

/* One in pinned host memory, one on the device; one copy each way. */
typedef struct batch {
    float logits[ROWS][COLS]; /* the gradient afterwards */
    int32_t labels[ROWS];
    float loss_scale, loss;
} batch;

static void check(smxStatus_t status) {
    if (status == SMX_STATUS_SUCCESS) return;
    fprintf(stderr, "graph: %s (%s)\n", smxGetLastErrorMessage(), smxGetStatusString(status));
    exit(EXIT_FAILURE);
}

static void check_cuda(cudaError_t error) {
    if (error == cudaSuccess) return;
    fprintf(stderr, "graph: %s\n", cudaGetErrorString(error));
    exit(EXIT_FAILURE);
}

static cudaGraphExec_t capture(smxHandle_t handle, cudaStream_t stream, batch *host, batch *device) {
    const smxLayout_t layout = smxRowMajor(SMX_R_32F, ROWS, COLS);
    const smxTargets_t targets = smxIndexTargets(SMX_R_32I, device->labels);
    size_t bytes;
    cudaGraph_t graph;
    cudaGraphExec_t exec;

    /* nothing can be allocated during the capture */
    check(smxGetWorkspaceSize(handle, SMX_OP_CROSS_ENTROPY_FORWARD_BACKWARD, &layout, &bytes));
    check(smxReserveWorkspace(handle, bytes));

    check_cuda(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
    check(smxMemcpyAsync(handle, device, host, sizeof *device));
    check(smxCrossEntropyForwardBackward(handle, NULL, &layout, device->logits, &targets, &device->loss_scale, &device->loss, NULL, &layout,
                                         device->logits));
    check(smxMemcpyAsync(handle, host, device, sizeof *host));
    check_cuda(cudaStreamEndCapture(stream, &graph));
    check_cuda(cudaGraphInstantiate(&exec, graph, 0));
    check_cuda(cudaGraphDestroy(graph));
    return exec;
}

static float logit_of(int number, int row, int col) { return (float)((row * 37 + col * 101 + (row + number) * col % 61) % 129 - 64) / 16; }

static void fill(batch *b, int number) {
    for (int row = 0; row < ROWS; row++) {
        for (int col = 0; col < COLS; col++) b->logits[row][col] = logit_of(number, row, col);
        b->labels[row] = (row * 7 + number) % COLS;
    }
    b->loss_scale = (float)(1 << number);
}

/* Compares loss and gradient with double precision. */
static int is_right(const batch *b, int number) {
    double loss = 0, error = 0; /* of the gradient, mean */
    for (int row = 0; row < ROWS; row++) {
        double sum = 0;
        for (int col = 0; col < COLS; col++) sum += exp((double)logit_of(number, row, col));
        for (int col = 0; col < COLS; col++) {
            const double one = col == b->labels[row], p = exp((double)logit_of(number, row, col)) / sum;
            error += fabs((double)b->logits[row][col] - (double)b->loss_scale * (p - one) / ROWS) / ROWS / COLS;
        }
        loss += (log(sum) - (double)logit_of(number, row, b->labels[row])) / ROWS;
    }
    const int right = fabs((double)b->loss - loss) <= 1e-6 * loss && error <= 1e-9 * (double)b->loss_scale;
    printf("batch %d: loss %.6f, expected %.6f; mean error of the gradient %.2g: %s\n", number, (double)b->loss, loss, error,
           right ? "ok" : "WRONG");
    return right;
}

int main(void) {
    smxHandle_t handle;
    cudaStream_t stream;
    void *host, *device;
    int right = 0;

    const smxStatus_t status = smxCreateWithBackend(&handle, SMX_BACKEND_CUDA);
    if (status == SMX_STATUS_NOT_SUPPORTED) {
        puts("skipped: needs a CUDA device, nothing done");
        return EXIT_SKIPPED;
    }
    check(status);
    check_cuda(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking)); /* the default stream cannot be captured */
    check(smxSetStream(handle, stream));
    check(smxMallocHost(handle, &host, sizeof(batch)));
    check(smxMalloc(handle, &device, sizeof(batch)));

    const cudaGraphExec_t graph = capture(handle, stream, host, device);
    for (int number = 0; number < BATCHES; number++) {
        fill(host, number);
        check_cuda(cudaGraphLaunch(graph, stream));
        check(smxSynchronize(handle));
        right += is_right(host, number);
    }

    check_cuda(cudaGraphExecDestroy(graph)); /* before the handle, whose workspace it uses */
    check(smxFree(handle, device));
    check(smxFreeHost(handle, host));
    check(smxDestroy(handle));
    check_cuda(cudaStreamDestroy(stream));
    puts(right == BATCHES ? "PASSED" : "FAILED");
    return right == BATCHES ? EXIT_SUCCESS : EXIT_FAILURE;
}
