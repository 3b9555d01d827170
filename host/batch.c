/* Batched calls: problems of different shapes in one call. Every problem is a call like any other, with the same rules and the same
 * plan; what they share is the workspace, and on CUDA the launches. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ranges.h"

typedef struct smx_batch {
    const char *name;
    smxHandle_t handle;
    int64_t count;
    smx_call *calls;
    const smx_call **scratch; /* three per call */
} smx_batch;

/* The handle's memory for so many calls; it grows and is kept. */
static smxStatus_t take_memory(smx_batch *b, int64_t count) {
    const size_t each = sizeof(smx_call) + 3 * sizeof(smx_call *), bytes = (size_t)count * each;
    if (bytes > b->handle->batch_memory_bytes) {
        void *grown = realloc(b->handle->batch_memory, bytes);
        if (grown == NULL) return smx_fail(SMX_STATUS_ALLOC_FAILED, "%s: no memory for %zu bytes on the host", b->name, bytes);
        b->handle->batch_memory = grown;
        b->handle->batch_memory_bytes = bytes;
    }
    b->calls = b->handle->batch_memory;
    b->scratch = (const smx_call **)(b->calls + count);
    return SMX_STATUS_SUCCESS;
}

static smxStatus_t start(smx_batch *b, const char *name, smxHandle_t handle, int64_t count) {
    SMX_TRY(smx_enter(name, handle));
    if (count < 0 || count > INT_MAX)
        return smx_fail(SMX_STATUS_INVALID_VALUE, "%s: count is %lld, it has to be in [0, %d]", name, (long long)count, INT_MAX);
    *b = (smx_batch){.name = name, .handle = handle};
    if (count > 0) SMX_TRY(take_memory(b, count));
    b->count = b->calls == NULL ? 0 : count;
    return SMX_STATUS_SUCCESS;
}

static smxStatus_t check_array(const smx_batch *b, const char *array, const void *data) {
    if (data == NULL && b->count > 0)
        return smx_fail(SMX_STATUS_INVALID_VALUE, "%s: %s is NULL, count is %lld", b->name, array, (long long)b->count);
    return SMX_STATUS_SUCCESS;
}

/* What a problem's own message says, with its number. */
static smxStatus_t fail_problem(const smx_batch *b, int64_t problem, smxStatus_t status) {
    char text[1024];
    const size_t prefix = strlen(b->name) + 2; /* "name: " */
    const char *message = smxGetLastErrorMessage();
    snprintf(text, sizeof text, "%s", strlen(message) > prefix ? message + prefix : message);
    return smx_fail(status, "%s: problem %lld of %lld: %s", b->name, (long long)problem, (long long)b->count, text);
}

static smxStatus_t prepare(smx_call *call, smxStatus_t taken) {
    SMX_TRY(taken);
    return smx_prepare_call(call);
}

/* Checks and plans one problem; `taken` is how taking its options and operands ended. */
#define TRY_PROBLEM(b, i, taken)                                               \
    do {                                                                       \
        const smxStatus_t status_ = prepare(&(b)->calls[i], taken);            \
        if (status_ != SMX_STATUS_SUCCESS) return fail_problem(b, i, status_); \
    } while (0)

static smxStatus_t run(const smx_batch *b) {
    if (b->count == 0) return SMX_STATUS_SUCCESS;
    size_t bytes = smx_align_up(SMX_BATCH_BYTES(b->count));
    for (int64_t i = 0; i < b->count; i++) bytes += smx_align_up(smx_workspace_of_call(&b->calls[i]));
    void *workspace;
    SMX_TRY(smx_take_workspace(b->name, b->handle, bytes, &workspace));
    char *own = (char *)workspace + smx_align_up(SMX_BATCH_BYTES(b->count));
    for (int64_t i = 0; i < b->count; i++) {
        b->calls[i].workspace = own;
        own += smx_align_up(smx_workspace_of_call(&b->calls[i]));
    }
    b->handle->used = true;
    const bool in_range = smx_open_range(&b->calls[0]);
    const smxStatus_t status = b->handle->backend->batch(b->calls, b->count, b->scratch, workspace, SMX_BATCH_BYTES(b->count));
    if (in_range) smx_close_range();
    return status;
}

/* ---- softmax ---- */

static smxStatus_t forward(const char *name, smxOp_t op, smxHandle_t handle, const smxSoftmaxOptions_t *options, int64_t count,
                           const smxLayout_t *xLayouts, const void *const *x, const smxLayout_t *yLayouts, void *const *y) {
    smx_batch b = {.count = 0};
    SMX_TRY(start(&b, name, handle, count));
    SMX_TRY(check_array(&b, "xLayouts", xLayouts));
    SMX_TRY(check_array(&b, "x", x));
    SMX_TRY(check_array(&b, "yLayouts", yLayouts));
    SMX_TRY(check_array(&b, "y", y));
    smx_call shared;
    SMX_TRY(smx_start_softmax(&shared, name, op, handle, options));
    for (int64_t i = 0; i < b.count; i++) {
        b.calls[i] = shared;
        SMX_TRY(smx_take_operand(name, &b.calls[i].in, "x", &xLayouts[i], x[i]));
        TRY_PROBLEM(&b, i, smx_take_operand(name, &b.calls[i].out, "y", &yLayouts[i], y[i]));
    }
    return run(&b);
}

smxStatus_t smxSoftmaxForwardBatched(smxHandle_t handle, const smxSoftmaxOptions_t *options, int64_t count, const smxLayout_t *xLayouts,
                                     const void *const *x, const smxLayout_t *yLayouts, void *const *y) {
    return forward("smxSoftmaxForwardBatched", SMX_OP_SOFTMAX_FORWARD, handle, options, count, xLayouts, x, yLayouts, y);
}

smxStatus_t smxLogSoftmaxForwardBatched(smxHandle_t handle, const smxSoftmaxOptions_t *options, int64_t count, const smxLayout_t *xLayouts,
                                        const void *const *x, const smxLayout_t *yLayouts, void *const *y) {
    return forward("smxLogSoftmaxForwardBatched", SMX_OP_LOG_SOFTMAX_FORWARD, handle, options, count, xLayouts, x, yLayouts, y);
}

/* ---- cross-entropy ---- */

static smxStatus_t start_losses(smx_batch *b, const char *name, smxHandle_t handle, int64_t count, const smxLayout_t *xLayouts,
                                const void *const *x, const smxTargets_t *targets) {
    SMX_TRY(start(b, name, handle, count));
    SMX_TRY(check_array(b, "xLayouts", xLayouts));
    SMX_TRY(check_array(b, "x", x));
    return check_array(b, "targets", targets);
}

smxStatus_t smxCrossEntropyForwardBatched(smxHandle_t handle, const smxCrossEntropyOptions_t *options, int64_t count,
                                          const smxLayout_t *xLayouts, const void *const *x, const smxTargets_t *targets, void *const *loss,
                                          void *const *lse) {
    const char *name = "smxCrossEntropyForwardBatched";
    smx_batch b = {.count = 0};
    SMX_TRY(start_losses(&b, name, handle, count, xLayouts, x, targets));
    SMX_TRY(check_array(&b, "loss", loss));
    for (int64_t i = 0; i < b.count; i++) {
        smx_call *call = &b.calls[i];
        const smxStatus_t taken =
            smx_start_cross_entropy(call, name, SMX_OP_CROSS_ENTROPY_FORWARD, handle, options, &xLayouts[i], x[i], &targets[i]);
        call->loss = loss[i];
        call->lse = lse == NULL ? NULL : lse[i];
        TRY_PROBLEM(&b, i, taken);
    }
    return run(&b);
}

smxStatus_t smxCrossEntropyForwardBackwardBatched(smxHandle_t handle, const smxCrossEntropyOptions_t *options, int64_t count,
                                                  const smxLayout_t *xLayouts, const void *const *x, const smxTargets_t *targets,
                                                  const void *const *gradLoss, void *const *loss, void *const *lse,
                                                  const smxLayout_t *dxLayouts, void *const *dx) {
    const char *name = "smxCrossEntropyForwardBackwardBatched";
    smx_batch b = {.count = 0};
    SMX_TRY(start_losses(&b, name, handle, count, xLayouts, x, targets));
    SMX_TRY(check_array(&b, "dxLayouts", dxLayouts));
    SMX_TRY(check_array(&b, "dx", dx));
    for (int64_t i = 0; i < b.count; i++) {
        smx_call *call = &b.calls[i];
        smxStatus_t taken =
            smx_start_cross_entropy(call, name, SMX_OP_CROSS_ENTROPY_FORWARD_BACKWARD, handle, options, &xLayouts[i], x[i], &targets[i]);
        if (taken == SMX_STATUS_SUCCESS) taken = smx_take_operand(name, &call->out, "dx", &dxLayouts[i], dx[i]);
        call->grad_loss = gradLoss == NULL ? NULL : gradLoss[i];
        call->loss = loss == NULL ? NULL : loss[i];
        call->lse = lse == NULL ? NULL : lse[i];
        TRY_PROBLEM(&b, i, taken);
    }
    return run(&b);
}
