/* Single calls of the CPU backend, for a tool that counts instructions: those of counted_call() are one call of the library.
 *     one_call CASE...      where a case is OPERATION/TYPE/ROWSxCOLS, as in softmax_forward/fp32/64x1000
 * Every case is called twice, and the second call goes through counted_call: what the first call of a process has to do is not counted.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "smx/smx.h"

typedef struct one_case {
    smxHandle_t handle;
    smxLayout_t layout;
    void *x, *y, *dx; /* y stands for the result of a forward call: any numbers cost the same */
    smxTargets_t targets;
    float loss;
} one_case;

static void fail(const char *what, const char *why) {
    fprintf(stderr, "one_call: %s: %s\n", what, why);
    exit(EXIT_FAILURE);
}

static smxStatus_t softmax_forward(one_case *c) { return smxSoftmaxForward(c->handle, NULL, &c->layout, c->x, &c->layout, c->dx); }
static smxStatus_t log_softmax_forward(one_case *c) { return smxLogSoftmaxForward(c->handle, NULL, &c->layout, c->x, &c->layout, c->dx); }
static smxStatus_t softmax_backward(one_case *c) {
    return smxSoftmaxBackward(c->handle, NULL, &c->layout, c->y, &c->layout, c->x, &c->layout, c->dx);
}
static smxStatus_t cross_entropy_forward(one_case *c) {
    return smxCrossEntropyForward(c->handle, NULL, &c->layout, c->x, &c->targets, &c->loss, NULL);
}
static smxStatus_t cross_entropy_fused(one_case *c) {
    return smxCrossEntropyForwardBackward(c->handle, NULL, &c->layout, c->x, &c->targets, NULL, &c->loss, NULL, &c->layout, c->dx);
}

typedef smxStatus_t operation(one_case *c);
static const struct {
    const char *name;
    operation *call;
} operations[] = {
    {"softmax_forward", softmax_forward},         {"log_softmax_forward", log_softmax_forward},
    {"softmax_backward", softmax_backward},       {"cross_entropy_forward", cross_entropy_forward},
    {"cross_entropy_fused", cross_entropy_fused},
};

smxStatus_t counted_call(operation *call, one_case *c);
__attribute__((noinline)) smxStatus_t counted_call(operation *call, one_case *c) { return call(c); }

static void *allocate(smxHandle_t handle, size_t bytes) {
    void *memory;
    if (smxMalloc(handle, &memory, bytes)) fail("memory", smxGetLastErrorMessage());
    return memory;
}

/* Numbers from -4 to 4. */
static void *make_logits(smxHandle_t handle, smxDataType_t type, int64_t count) {
    void *memory = allocate(handle, (size_t)count * (type == SMX_R_32F ? 4 : 2));
    for (int64_t i = 0; i < count; i++) {
        const float value = (float)(i * 37 % 1013 % 129) / 16.0f - 4.0f;
        uint32_t bits;
        memcpy(&bits, &value, sizeof bits);
        if (type == SMX_R_32F)
            ((float *)memory)[i] = value;
        else
            ((uint16_t *)memory)[i] = (uint16_t)(bits >> 16); /* exact */
    }
    return memory;
}

static const void *make_targets(smxHandle_t handle, int64_t rows, int64_t cols) {
    int64_t *targets = allocate(handle, (size_t)rows * sizeof *targets);
    for (int64_t i = 0; i < rows; i++) targets[i] = i * 7 % cols;
    return targets;
}

static void run(const char *description) {
    char name[32], type_name[8];
    int64_t rows, cols;
    size_t i = 0;
    if (sscanf(description, "%31[^/]/%7[^/]/%" SCNd64 "x%" SCNd64, name, type_name, &rows, &cols) != 4) fail(description, "not a case");
    while (i < sizeof operations / sizeof operations[0] && strcmp(name, operations[i].name) != 0) i++;
    if (i == sizeof operations / sizeof operations[0]) fail(description, "no such operation");
    if (strcmp(type_name, "fp32") != 0 && strcmp(type_name, "bf16") != 0) fail(description, "the type is neither fp32 nor bf16");
    const smxDataType_t type = strcmp(type_name, "fp32") == 0 ? SMX_R_32F : SMX_R_16BF;

    one_case c = {.layout = smxRowMajor(type, rows, cols)};
    if (smxCreateWithBackend(&c.handle, SMX_BACKEND_CPU)) fail("a handle", smxGetLastErrorMessage());
    c.x = make_logits(c.handle, type, rows * cols);
    c.y = make_logits(c.handle, type, rows * cols);
    c.dx = make_logits(c.handle, type, rows * cols);
    c.targets = smxIndexTargets(SMX_R_64I, make_targets(c.handle, rows, cols));
    if (operations[i].call(&c) || counted_call(operations[i].call, &c)) fail(description, smxGetLastErrorMessage());
    smxFree(c.handle, c.x);
    smxFree(c.handle, c.y);
    smxFree(c.handle, c.dx);
    smxFree(c.handle, (void *)(uintptr_t)c.targets.data);
    smxDestroy(c.handle);
}

int main(int argc, char **argv) {
    if (argc < 2) fail("usage", "one_call OPERATION/TYPE/ROWSxCOLS...");
    for (int i = 1; i < argc; i++) run(argv[i]);
    return EXIT_SUCCESS;
}
