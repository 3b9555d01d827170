/* Small softmaxes and losses as one works them out in a notebook, with the answers they should have.
 * On the GPU if there is one, else on the CPU: the calls are the same. */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "smx/smx.h"

static bool all_right = true;

static void check(smxStatus_t status) {
    if (status == SMX_STATUS_SUCCESS) return;
    fprintf(stderr, "notebook: %s (%s)\n", smxGetLastErrorMessage(), smxGetStatusString(status));
    exit(EXIT_FAILURE);
}

/* `digits`: how many the expected number has after its point. */
static void compare(const char *what, float got, double expected, int digits) {
    const bool right = fabs(got - expected) <= 0.5 * pow(10, -digits) + 1e-6 * fabs(expected);
    printf("%-28s expected %.*f  got %.*f  %s\n", what, digits, expected, digits, (double)got, right ? "ok" : "WRONG");
    all_right = all_right && right;
}

/* Memory of the backend with a copy of the bytes. */
static void *to_backend(smxHandle_t handle, const void *source, size_t bytes) {
    void *memory;
    check(smxMalloc(handle, &memory, bytes));
    check(smxMemcpyAsync(handle, memory, source, bytes));
    return memory;
}

/* Copies the bytes back, waits for them, and frees the memory they were in. */
static void from_backend(smxHandle_t handle, void *destination, void *memory, size_t bytes) {
    check(smxMemcpyAsync(handle, destination, memory, bytes));
    check(smxSynchronize(handle));
    check(smxFree(handle, memory));
}

static void softmax_of_three_scores(smxHandle_t handle) {
    enum { CLASSES = 3 };
    static const float scores[CLASSES] = {2.0f, 1.0f, 0.1f};
    static const double expected[CLASSES] = {0.6590, 0.2424, 0.0986};
    float got[CLASSES];

    const smxLayout_t layout = smxRowMajor(SMX_R_32F, 1, CLASSES);
    void *row = to_backend(handle, scores, sizeof scores);
    check(smxSoftmaxForward(handle, NULL, &layout, row, &layout, row)); /* in place */
    from_backend(handle, got, row, sizeof got);
    for (int i = 0; i < CLASSES; i++) compare("softmax of 2.0, 1.0, 0.1", got[i], expected[i], 4);
}

static void cross_entropy(smxHandle_t handle, const char *what, int rows, int classes, const float *logits, const int32_t *labels,
                          double expected, int digits) {
    const smxLayout_t layout = smxRowMajor(SMX_R_32F, rows, classes);
    void *x = to_backend(handle, logits, (size_t)(rows * classes) * sizeof *logits);
    void *t = to_backend(handle, labels, (size_t)rows * sizeof *labels);
    void *loss;
    float got;

    const smxTargets_t targets = smxIndexTargets(SMX_R_32I, t);
    check(smxMalloc(handle, &loss, sizeof got));
    check(smxCrossEntropyForward(handle, NULL, &layout, x, &targets, loss, NULL)); /* the mean over the rows, as in PyTorch */
    from_backend(handle, &got, loss, sizeof got);
    check(smxFree(handle, x));
    check(smxFree(handle, t));
    compare(what, got, expected, digits);
}

static void cross_entropies(smxHandle_t handle) {
    static const float three_by_three[] = {1.0f, 2.0f, 0.1f, 1.2f, 0.5f, 0.3f, 0.4f, 1.0f, 1.5f};
    cross_entropy(handle, "cross-entropy, 3 x 3", 3, 3, three_by_three, (const int32_t[]){2, 0, 1}, 1.3743, 4);

    static const float two_by_three[] = {1.2f, 0.5f, -1.0f, 0.3f, 1.8f, -0.5f};
    cross_entropy(handle, "cross-entropy, 2 x 3", 2, 3, two_by_three, (const int32_t[]){0, 1}, 0.3774033, 7);

    static const float one_by_four[] = {1.2f, -0.5f, 0.8f, 2.1f};
    cross_entropy(handle, "cross-entropy, 1 x 4", 1, 4, one_by_four, (const int32_t[]){2}, 1.8615425, 7);

    static const float three_by_four[] = {3.2f, 1.3f, 0.2f, 0.8f, 1.2f, 4.1f, 3.8f, 0.1f, 3.3f, 2.5f, 1.9f, 5.9f};
    cross_entropy(handle, "cross-entropy, 3 x 4", 3, 4, three_by_four, (const int32_t[]){0, 2, 3}, 0.4229861, 7);
}

/* The loss of log-probabilities that are there already. */
static void nll(smxHandle_t handle) {
    enum { ROWS = 4, CLASSES = 3 };
    static const float log_probabilities[] = {-0.5f, -1.0f, -2.0f, -0.1f, -2.0f, -0.9f, -1.5f, -0.2f, -1.3f, -0.3f, -0.8f, -0.5f};
    static const int32_t labels[ROWS] = {0, 2, 1, 0};
    const smxLayout_t layout = smxRowMajor(SMX_R_32F, ROWS, CLASSES);
    void *x = to_backend(handle, log_probabilities, sizeof log_probabilities);
    void *t = to_backend(handle, labels, sizeof labels);
    void *loss;
    float got;

    const smxTargets_t targets = smxIndexTargets(SMX_R_32I, t);
    check(smxMalloc(handle, &loss, sizeof got));
    check(smxNllLossForward(handle, NULL, &layout, x, &targets, loss));
    from_backend(handle, &got, loss, sizeof got);
    check(smxFree(handle, x));
    check(smxFree(handle, t));
    compare("nll, 4 x 3", got, 0.475, 7); /* (0.5 + 0.9 + 0.2 + 0.3) / 4 */
}

int main(void) {
    smxHandle_t handle;
    smxBackend_t backend;
    check(smxCreate(&handle));
    check(smxGetBackend(handle, &backend));
    printf("backend: %s\n", backend == SMX_BACKEND_CUDA ? "CUDA" : "CPU");

    softmax_of_three_scores(handle);
    cross_entropies(handle);
    nll(handle);

    check(smxDestroy(handle));
    puts(all_right ? "PASSED" : "FAILED");
    return all_right ? EXIT_SUCCESS : EXIT_FAILURE;
}
