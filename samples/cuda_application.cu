/* smx between the kernels of a CUDA application, all on the application's own stream: a kernel makes logits and targets, smx turns
 * the logits into the gradient of their cross-entropy, a kernel adds that up by columns (the gradient of a bias). Nothing waits
 * until the results are copied back; plain C on the host says whether they are right. */
#include <cuda_runtime.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "smx/smx.h"

static const int ROWS = 4096, COLS = 1000, BLOCK = 256, EXIT_SKIPPED = 77;

static void check(smxStatus_t status) {
    if (status == SMX_STATUS_SUCCESS) return;
    fprintf(stderr, "cuda_application: %s (%s)\n", smxGetLastErrorMessage(), smxGetStatusString(status));
    exit(EXIT_FAILURE);
}

static void check(cudaError_t error) {
    if (error == cudaSuccess) return;
    fprintf(stderr, "cuda_application: %s\n", cudaGetErrorString(error));
    exit(EXIT_FAILURE);
}

/* ---- the application's kernels ---- */

/* Something between -4 and 4 that looks irregular, and the same on the host: whole numbers, and one exact division by 16. */
static __host__ __device__ float logit_of(int row, int col) { return (float)((row * 37 + col * 101 + row * col % 61) % 129 - 64) / 16.0f; }
static __host__ __device__ int target_of(int row) { return row * 7 % COLS; }

static __global__ void make_logits(float *logits, int32_t *targets) {
    const int i = (int)(blockIdx.x * blockDim.x + threadIdx.x);
    if (i >= ROWS * COLS) return;
    logits[i] = logit_of(i / COLS, i % COLS);
    if (i < ROWS) targets[i] = target_of(i);
}

static __global__ void add_up_columns(const float *matrix, float *sums) {
    const int col = (int)(blockIdx.x * blockDim.x + threadIdx.x);
    if (col >= COLS) return;
    float sum = 0;
    for (int row = 0; row < ROWS; row++) sum += matrix[(size_t)row * COLS + col];
    sums[col] = sum;
}

static int blocks_for(int elements) { return (elements + BLOCK - 1) / BLOCK; }

/* ---- what is expected ---- */

/* Returns the mean loss; sums: of the gradient's columns. */
static double expect(double *sums) {
    double loss = 0;
    for (int col = 0; col < COLS; col++) sums[col] = 0;
    for (int row = 0; row < ROWS; row++) {
        double exponentials = 0;
        for (int col = 0; col < COLS; col++) exponentials += exp((double)logit_of(row, col));
        for (int col = 0; col < COLS; col++) sums[col] += exp((double)logit_of(row, col)) / exponentials / ROWS;
        sums[target_of(row)] -= 1.0 / ROWS;
        loss += (log(exponentials) - (double)logit_of(row, target_of(row))) / ROWS;
    }
    return loss;
}

static bool compare(const char *what, double error, double allowed) {
    const bool right = error <= allowed; /* NaN is not */
    printf("%-28s error %.2g, allowed %.2g: %s\n", what, error, allowed, right ? "ok" : "WRONG");
    return right;
}

/* ---- the application ---- */

static void compute(smxHandle_t handle, cudaStream_t stream, float *loss, float *sums) {
    float *logits, *device_loss, *device_sums;
    int32_t *targets;
    check(cudaMalloc(&logits, sizeof(float) * ROWS * COLS));
    check(cudaMalloc(&targets, sizeof(int32_t) * ROWS));
    check(cudaMalloc(&device_loss, sizeof(float)));
    check(cudaMalloc(&device_sums, sizeof(float) * COLS));

    make_logits<<<blocks_for(ROWS * COLS), BLOCK, 0, stream>>>(logits, targets);
    check(cudaGetLastError());

    const smxLayout_t layout = smxRowMajor(SMX_R_32F, ROWS, COLS);
    const smxTargets_t labels = smxIndexTargets(SMX_R_32I, targets);
    check(smxSetStream(handle, stream));
    check(smxCrossEntropyForwardBackward(handle, nullptr, &layout, logits, &labels, nullptr, device_loss, nullptr, &layout, logits));

    add_up_columns<<<blocks_for(COLS), BLOCK, 0, stream>>>(logits, device_sums);
    check(cudaGetLastError());

    check(cudaMemcpyAsync(loss, device_loss, sizeof(float), cudaMemcpyDeviceToHost, stream));
    check(cudaMemcpyAsync(sums, device_sums, sizeof(float) * COLS, cudaMemcpyDeviceToHost, stream));
    check(cudaStreamSynchronize(stream));
    check(cudaFree(logits));
    check(cudaFree(targets));
    check(cudaFree(device_loss));
    check(cudaFree(device_sums));
}

int main() {
    smxHandle_t handle;
    const smxStatus_t status = smxCreateWithBackend(&handle, SMX_BACKEND_CUDA);
    if (status == SMX_STATUS_NOT_SUPPORTED) {
        puts("skipped: needs a CUDA device, nothing done");
        return EXIT_SKIPPED;
    }
    check(status);

    static float loss, sums[COLS];
    static double expected_sums[COLS];
    cudaStream_t stream;
    check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    compute(handle, stream, &loss, sums);
    check(smxDestroy(handle)); /* before the stream, which it still knows */
    check(cudaStreamDestroy(stream));

    const double expected_loss = expect(expected_sums);
    double sums_error = 0; /* mean */
    for (int col = 0; col < COLS; col++) sums_error += fabs(sums[col] - expected_sums[col]) / COLS;
    const bool loss_right = compare("loss", fabs(loss - expected_loss), 1e-5 * expected_loss);
    const bool sums_right = compare("column sums of the gradient", sums_error, 5e-9);
    puts(loss_right && sums_right ? "PASSED" : "FAILED");
    return loss_right && sums_right ? EXIT_SUCCESS : EXIT_FAILURE;
}
