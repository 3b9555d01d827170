/* Copies and computation that overlap: a large matrix goes through two lanes in pieces, each lane with a handle, a stream and memory of
 * its own, so that one copies while the other computes. Within a lane the stream keeps the order, and nothing waits until the end.
 * On the CPU the same calls do one thing after the other. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "smx/smx.h"
#ifdef SAMPLE_WITH_CUDA
#include <cuda_runtime_api.h>
#endif

enum { LANES = 2, PIECES = 8, ROWS = 128, COLS = 1000 }; /* rows of a piece */
static const size_t PIECE_BYTES = sizeof(float) * ROWS * COLS;

typedef struct lane {
    smxHandle_t handle;
    cudaStream_t stream;
    void *piece; /* memory of the backend */
} lane;

static void check(smxStatus_t status) {
    if (status == SMX_STATUS_SUCCESS) return;
    fprintf(stderr, "streams: %s (%s)\n", smxGetLastErrorMessage(), smxGetStatusString(status));
    exit(EXIT_FAILURE);
}

#ifdef SAMPLE_WITH_CUDA
static void check_cuda(cudaError_t error) {
    if (error == cudaSuccess) return;
    fprintf(stderr, "streams: %s\n", cudaGetErrorString(error));
    exit(EXIT_FAILURE);
}
static cudaStream_t make_stream(smxBackend_t backend) {
    cudaStream_t stream = NULL;
    if (backend == SMX_BACKEND_CUDA) check_cuda(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    return stream;
}
static void destroy_stream(cudaStream_t stream) {
    if (stream != NULL) check_cuda(cudaStreamDestroy(stream));
}
#else /* the CPU has none: NULL does */
static cudaStream_t make_stream(smxBackend_t backend) { return (void)backend, NULL; }
static void destroy_stream(cudaStream_t stream) { (void)stream; }
#endif

static void open_lane(lane *l) {
    smxBackend_t backend;
    check(smxCreate(&l->handle));
    check(smxGetBackend(l->handle, &backend));
    l->stream = make_stream(backend);
    check(smxSetStream(l->handle, l->stream));
    check(smxMalloc(l->handle, &l->piece, PIECE_BYTES));
    printf("a lane on %s\n", backend == SMX_BACKEND_CUDA ? "CUDA" : "the CPU");
}

static void close_lane(lane *l) {
    check(smxFree(l->handle, l->piece));
    check(smxDestroy(l->handle)); /* before the stream, which it still knows */
    destroy_stream(l->stream);
}

static void log_softmax_in_pieces(lane *lanes, const float *x, float *y) {
    const smxLayout_t layout = smxRowMajor(SMX_R_32F, ROWS, COLS);

    for (size_t i = 0; i < PIECES; i++) {
        const lane *l = &lanes[i % LANES]; /* its memory is used again, but in the order of its stream */
        check(smxMemcpyAsync(l->handle, l->piece, x + i * ROWS * COLS, PIECE_BYTES));
        check(smxLogSoftmaxForward(l->handle, NULL, &layout, l->piece, &layout, l->piece));
        check(smxMemcpyAsync(l->handle, y + i * ROWS * COLS, l->piece, PIECE_BYTES));
    }
    for (int i = 0; i < LANES; i++) check(smxSynchronize(lanes[i].handle));
}

/* How many log-probabilities are not what double precision gives. */
static int count_wrong(const float *x, const float *y) {
    int wrong = 0;
    for (int row = 0; row < PIECES * ROWS; row++, x += COLS, y += COLS) {
        double sum = 0;
        for (int j = 0; j < COLS; j++) sum += exp((double)x[j]);
        for (int j = 0; j < COLS; j++) wrong += !(fabs((double)y[j] - ((double)x[j] - log(sum))) <= 4e-6); /* NaN is wrong too */
    }
    return wrong;
}

int main(void) {
    lane lanes[LANES];
    void *x, *y;
    for (int i = 0; i < LANES; i++) open_lane(&lanes[i]);
    /* pinned on CUDA: copies of other host memory would wait for each other */
    check(smxMallocHost(lanes[0].handle, &x, PIECES * PIECE_BYTES));
    check(smxMallocHost(lanes[0].handle, &y, PIECES * PIECE_BYTES));
    for (size_t i = 0; i < (size_t)PIECES * ROWS * COLS; i++) ((float *)x)[i] = (float)(i * 37 % 1013 % 129) / 16.0f - 4.0f;

    log_softmax_in_pieces(lanes, x, y);
    const int wrong = count_wrong(x, y);

    check(smxFreeHost(lanes[0].handle, x));
    check(smxFreeHost(lanes[0].handle, y));
    for (int i = 0; i < LANES; i++) close_lane(&lanes[i]);
    printf("%d of %d log-probabilities are wrong\n%s\n", wrong, PIECES * ROWS * COLS, wrong == 0 ? "PASSED" : "FAILED");
    return wrong == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
