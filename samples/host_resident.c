/* Loss and gradient of a batch that stays in host memory, with eight times as many bytes as the device memory that the call may use: as on
 * a device that is too small for the batch. The gradient takes the place of the logits.
 * On the GPU if there is one, else on the CPU, which needs no other memory and has the whole batch for its only chunk. */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "smx/smx.h"

enum { ROWS = 8192, CLASSES = 1000 };

static void check(smxStatus_t status) {
    if (status == SMX_STATUS_SUCCESS) return;
    fprintf(stderr, "host_resident: %s (%s)\n", smxGetLastErrorMessage(), smxGetStatusString(status));
    exit(EXIT_FAILURE);
}

static float logit(int row, int class) { return (float)((row * 7 + class * 13) % 101) / 20.0f; }

static int report(void *user, int64_t rows_done, int64_t rows) {
    int *calls = user;
    ++*calls;
    printf("\r%lld of %lld rows%s", (long long)rows_done, (long long)rows, rows_done == rows ? "\n" : "");
    return 0; /* go on */
}

/* The mean of the losses, worked out here. */
static double expected_loss(const int32_t *labels) {
    double sum = 0;
    for (int r = 0; r < ROWS; r++) {
        double exponentials = 0;
        for (int c = 0; c < CLASSES; c++) exponentials += exp((double)logit(r, c));
        sum += log(exponentials) - (double)logit(r, labels[r]);
    }
    return sum / ROWS;
}

/* The gradient of a row sums up to 0, and only that of its label is negative. */
static bool right_gradient(const float *dx, const int32_t *labels) {
    for (int r = 0; r < ROWS; r++) {
        double sum = 0;
        for (int c = 0; c < CLASSES; c++) {
            const float g = dx[(size_t)r * CLASSES + (size_t)c];
            if ((g < 0) != (c == labels[r])) return false;
            sum += (double)g;
        }
        if (fabs(sum) * ROWS > 1e-4) return false;
    }
    return true;
}

int main(void) {
    smxHandle_t handle;
    smxBackend_t backend;
    void *memory;
    static int32_t labels[ROWS];
    float loss;
    int calls = 0;

    check(smxCreate(&handle));
    check(smxGetBackend(handle, &backend));
    const size_t bytes = (size_t)ROWS * CLASSES * sizeof(float);
    check(smxMallocHost(handle, &memory, bytes)); /* memory from malloc would do, too: pinned is faster */
    float *x = memory;
    for (int r = 0; r < ROWS; r++) {
        labels[r] = (int32_t)(r * 31 % CLASSES);
        for (int c = 0; c < CLASSES; c++) x[(size_t)r * CLASSES + (size_t)c] = logit(r, c);
    }
    const double expected = expected_loss(labels);

    smxHostOptions_t options = SMX_HOST_OPTIONS_INIT;
    options.deviceBytes = bytes / 8;
    options.progress = report;
    options.user = &calls;
    const smxLayout_t layout = smxRowMajor(SMX_R_32F, ROWS, CLASSES);
    const smxTargets_t targets = smxIndexTargets(SMX_R_32I, labels);
    check(smxCrossEntropyForwardBackwardHost(handle, &options, NULL, &layout, x, &targets, NULL, &loss, NULL, &layout, x));

    const bool in_chunks = backend == SMX_BACKEND_CPU ? calls == 1 : calls >= 8;
    const bool right = fabs((double)loss - expected) <= 1e-5 * expected && right_gradient(x, labels) && in_chunks;
    printf("%s: %zu bytes of logits, at most %zu of device memory, loss %.6f, expected %.6f\n",
           backend == SMX_BACKEND_CUDA ? "CUDA" : "CPU", bytes, options.deviceBytes, (double)loss, expected);
    check(smxFreeHost(handle, memory));
    check(smxDestroy(handle));
    puts(right ? "PASSED" : "FAILED");
    return right ? EXIT_SUCCESS : EXIT_FAILURE;
}
