/* The loss of a segmentation: a class for every pixel of images of shape (N, C, H, W). The rows lie along the axis of the channels, and
 * nothing is transposed or copied for that. All options of the loss at once, checked with the formulas of smx.h in double precision. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "smx/smx.h"

enum { N = 2, C = 21, H = 13, W = 17, UNLABELLED = 255 };

static float x[N][C][H * W], dx[N][C][H * W], weights[C], loss;
static uint8_t labels[N][H * W];

static void check(smxStatus_t status) {
    if (status == SMX_STATUS_SUCCESS) return;
    fprintf(stderr, "segmentation: %s (%s)\n", smxGetLastErrorMessage(), smxGetStatusString(status));
    exit(EXIT_FAILURE);
}

static void make_data(void) {
    for (int n = 0; n < N; n++)
        for (int i = 0; i < H * W; i++) {
            labels[n][i] = (uint8_t)(i % 11 == 3 ? UNLABELLED : (i * 5 + n) % C);
            for (int c = 0; c < C; c++) x[n][c][i] = (float)((n * 41 + c * 37 + i * 101 + c * i % 61) % 129 - 64) / 16.0f;
        }
    for (int c = 0; c < C; c++) weights[c] = c == 0 ? 0.25f : 1.0f; /* the background is everywhere */
}

static void compute(const smxCrossEntropyOptions_t *given) {
    smxCrossEntropyOptions_t options = *given;
    const int64_t shape[] = {N, C, H, W};
    smxLayout_t layout;
    smxHandle_t handle;
    void *logits, *targets, *device_weights, *device_loss;

    check(smxCreate(&handle));
    check(smxMalloc(handle, &logits, sizeof x));
    check(smxMalloc(handle, &targets, sizeof labels));
    check(smxMalloc(handle, &device_weights, sizeof weights));
    check(smxMalloc(handle, &device_loss, sizeof loss));
    check(smxMemcpyAsync(handle, logits, x, sizeof x));
    check(smxMemcpyAsync(handle, targets, labels, sizeof labels));
    check(smxMemcpyAsync(handle, device_weights, weights, sizeof weights));

    check(smxAlongAxis(SMX_R_32F, 4, shape, 1, &layout)); /* row number (n * H + h) * W + w */
    const smxTargets_t classes = smxIndexTargets(SMX_R_8U, targets);
    options.classWeights = device_weights;
    check(smxCrossEntropyForwardBackward(handle, &options, &layout, logits, &classes, NULL, device_loss, NULL, &layout, logits));

    check(smxMemcpyAsync(handle, dx, logits, sizeof dx)); /* the gradient is where the logits were */
    check(smxMemcpyAsync(handle, &loss, device_loss, sizeof loss));
    check(smxSynchronize(handle));
    check(smxFree(handle, logits));
    check(smxFree(handle, targets));
    check(smxFree(handle, device_weights));
    check(smxFree(handle, device_loss));
    check(smxDestroy(handle));
}

/* Adds the loss of a pixel, not yet divided; returns how many numbers of its gradient are wrong. */
static int check_pixel(const smxCrossEntropyOptions_t *o, int n, int i, double divisor, double *total) {
    const double e = (double)o->labelSmoothing, z = (double)o->zLoss, cap = (double)o->softcap, s = (double)o->logitScale;
    const int target = labels[n][i];
    double u[C], a[C], sum = 0, aimed = 0;
    int wrong = 0;

    for (int c = 0; c < C; c++) {
        u[c] = cap * tanh(s * (double)x[n][c][i] / cap);
        a[c] = (double)weights[c] * (e / C + (1 - e) * (c == target));
        sum += exp(u[c]);
        aimed += a[c];
    }
    const double lse = log(sum);
    if (target != UNLABELLED) *total += z * lse * lse;
    for (int c = 0; c < C; c++) {
        const double slope = s * (1 - u[c] / cap * u[c] / cap) * (exp(u[c] - lse) * (aimed + 2 * z * lse) - a[c]) / divisor;
        wrong += !(fabs((double)dx[n][c][i] - (target == UNLABELLED ? 0 : slope)) <= 1e-8); /* NaN is wrong too */
        if (target != UNLABELLED) *total += a[c] * (lse - u[c]);
    }
    return wrong;
}

int main(void) {
    smxCrossEntropyOptions_t options = SMX_CROSS_ENTROPY_OPTIONS_INIT;
    options.reduction = SMX_REDUCTION_MEAN;
    options.ignoreIndex = UNLABELLED;
    options.labelSmoothing = 0.1f;
    options.zLoss = 1e-3f;
    options.softcap = 10.0f;
    options.logitScale = 1.5f;
    make_data();
    compute(&options);

    double divisor = 0, total = 0;
    int wrong = 0;
    for (int n = 0; n < N; n++)
        for (int i = 0; i < H * W; i++)
            if (labels[n][i] != UNLABELLED) divisor += (double)weights[labels[n][i]];
    for (int n = 0; n < N; n++)
        for (int i = 0; i < H * W; i++) wrong += check_pixel(&options, n, i, divisor, &total);
    const int right = wrong == 0 && fabs((double)loss - total / divisor) <= 1e-6 * total / divisor;
    printf("loss %.7f, expected %.7f; %d of %d numbers of the gradient are wrong\n%s\n", (double)loss, total / divisor, wrong,
           N * C * H * W, right ? "PASSED" : "FAILED");
    return right ? EXIT_SUCCESS : EXIT_FAILURE;
}
