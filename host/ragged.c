/* Ragged rows: the public calls. Such a call is one on rows of maxCols elements, but for where a row begins and ends. */
#include "internal.h"

typedef struct ragged {
    const char *name; /* of the operand, for messages */
    const smxRaggedLayout_t *layout;
    const void *data;
} ragged;

static smxStatus_t check_ragged(const char *call, const ragged *r) {
    const smxRaggedLayout_t *l = r->layout;
    if (l == NULL) return smx_fail(SMX_STATUS_INVALID_VALUE, "%s: %sLayout is NULL", call, r->name);
    if (l->rows < 0) return smx_fail(SMX_STATUS_INVALID_VALUE, "%s: %s rows is %lld", call, r->name, (long long)l->rows);
    if (l->maxCols < 1)
        return smx_fail(SMX_STATUS_INVALID_VALUE, "%s: %s maxCols is %lld, at least 1 is needed", call, r->name, (long long)l->maxCols);
    if (l->offsets == NULL && l->rows > 0)
        return smx_fail(SMX_STATUS_INVALID_VALUE, "%s: %s offsets is NULL for %lld rows", call, r->name, (long long)l->rows);
    if ((uintptr_t)l->offsets % sizeof(int64_t) != 0)
        return smx_fail(SMX_STATUS_INVALID_VALUE, "%s: %s offsets = %p is not aligned to its element size, 8 bytes", call, r->name,
                        (const void *)l->offsets);
    return SMX_STATUS_SUCCESS;
}

static smxLayout_t rows_of_max_cols(const smxRaggedLayout_t *l) { return smxRowMajor(l->type, l->rows, l->maxCols); }

static smxStatus_t add_operand(const char *call, smx_operand *operand, const ragged *r) {
    SMX_TRY(check_ragged(call, r));
    const smxLayout_t layout = rows_of_max_cols(r->layout);
    SMX_TRY(smx_take_operand(call, operand, r->name, &layout, r->data));
    operand->offsets = r->layout->offsets;
    return SMX_STATUS_SUCCESS;
}

/* ---- softmax, log-softmax, their gradients, logsumexp ---- */

static smxStatus_t softmax(const char *name, smxOp_t op, smxHandle_t handle, const smxSoftmaxOptions_t *options, ragged in,
                           const ragged *second, const ragged *out, void *lse) {
    smx_call call;
    SMX_TRY(smx_start_softmax(&call, name, op, handle, options));
    SMX_TRY(add_operand(name, &call.in, &in));
    if (second != NULL) SMX_TRY(add_operand(name, &call.second, second));
    if (out != NULL) SMX_TRY(add_operand(name, &call.out, out));
    call.lse = lse;
    return smx_run(&call);
}

smxStatus_t smxSoftmaxForwardRagged(smxHandle_t handle, const smxSoftmaxOptions_t *options, const smxRaggedLayout_t *xLayout, const void *x,
                                    const smxRaggedLayout_t *yLayout, void *y) {
    const ragged out = {"y", yLayout, y};
    return softmax("smxSoftmaxForwardRagged", SMX_OP_SOFTMAX_FORWARD, handle, options, (ragged){"x", xLayout, x}, NULL, &out, NULL);
}

smxStatus_t smxLogSoftmaxForwardRagged(smxHandle_t handle, const smxSoftmaxOptions_t *options, const smxRaggedLayout_t *xLayout,
                                       const void *x, const smxRaggedLayout_t *yLayout, void *y) {
    const ragged out = {"y", yLayout, y};
    return softmax("smxLogSoftmaxForwardRagged", SMX_OP_LOG_SOFTMAX_FORWARD, handle, options, (ragged){"x", xLayout, x}, NULL, &out, NULL);
}

smxStatus_t smxSoftmaxBackwardRagged(smxHandle_t handle, const smxSoftmaxOptions_t *options, const smxRaggedLayout_t *yLayout,
                                     const void *y, const smxRaggedLayout_t *dyLayout, const void *dy, const smxRaggedLayout_t *dxLayout,
                                     void *dx) {
    const ragged second = {"dy", dyLayout, dy}, out = {"dx", dxLayout, dx};
    return softmax("smxSoftmaxBackwardRagged", SMX_OP_SOFTMAX_BACKWARD, handle, options, (ragged){"y", yLayout, y}, &second, &out, NULL);
}

smxStatus_t smxLogSoftmaxBackwardRagged(smxHandle_t handle, const smxSoftmaxOptions_t *options, const smxRaggedLayout_t *yLayout,
                                        const void *y, const smxRaggedLayout_t *dyLayout, const void *dy, const smxRaggedLayout_t *dxLayout,
                                        void *dx) {
    const ragged second = {"dy", dyLayout, dy}, out = {"dx", dxLayout, dx};
    return softmax("smxLogSoftmaxBackwardRagged", SMX_OP_LOG_SOFTMAX_BACKWARD, handle, options, (ragged){"y", yLayout, y}, &second, &out,
                   NULL);
}

smxStatus_t smxLogSumExpRagged(smxHandle_t handle, const smxSoftmaxOptions_t *options, const smxRaggedLayout_t *xLayout, const void *x,
                               void *lse) {
    return softmax("smxLogSumExpRagged", SMX_OP_LOG_SUM_EXP, handle, options, (ragged){"x", xLayout, x}, NULL, NULL, lse);
}

/* ---- losses ---- */

typedef smxStatus_t start_function(smx_call *call, const char *name, smxOp_t op, smxHandle_t handle,
                                   const smxCrossEntropyOptions_t *options, const smxLayout_t *xLayout, const void *x,
                                   const smxTargets_t *targets);

/* Probabilities have the offsets of x: their strides have nothing to say. */
static smxStatus_t start_loss(smx_call *call, start_function *start, const char *name, smxOp_t op, smxHandle_t handle,
                              const smxCrossEntropyOptions_t *options, const smxRaggedLayout_t *xLayout, const void *x,
                              const smxTargets_t *targets) {
    const ragged in = {"x", xLayout, x};
    SMX_TRY(smx_enter(name, handle));
    SMX_TRY(check_ragged(name, &in));
    const smxLayout_t layout = rows_of_max_cols(xLayout);
    smxTargets_t packed = targets != NULL ? *targets : (smxTargets_t){.data = NULL};
    packed.outerStride = layout.outerStride;
    packed.colStride = layout.colStride;
    SMX_TRY(start(call, name, op, handle, options, &layout, x, targets != NULL ? &packed : NULL));
    call->in.offsets = xLayout->offsets;
    if (call->second.name != NULL) call->second.offsets = xLayout->offsets;
    return SMX_STATUS_SUCCESS;
}

smxStatus_t smxCrossEntropyForwardRagged(smxHandle_t handle, const smxCrossEntropyOptions_t *options, const smxRaggedLayout_t *xLayout,
                                         const void *x, const smxTargets_t *targets, void *loss, void *lse) {
    smx_call call;
    SMX_TRY(start_loss(&call, smx_start_cross_entropy, "smxCrossEntropyForwardRagged", SMX_OP_CROSS_ENTROPY_FORWARD, handle, options,
                       xLayout, x, targets));
    call.loss = loss;
    call.lse = lse;
    return smx_run(&call);
}

static smxStatus_t run_gradient(smx_call *call, const void *gradLoss, const smxRaggedLayout_t *dxLayout, void *dx) {
    SMX_TRY(add_operand(call->name, &call->out, &(ragged){"dx", dxLayout, dx}));
    call->grad_loss = gradLoss;
    return smx_run(call);
}

smxStatus_t smxCrossEntropyBackwardRagged(smxHandle_t handle, const smxCrossEntropyOptions_t *options, const smxRaggedLayout_t *xLayout,
                                          const void *x, const smxTargets_t *targets, const void *lse, const void *gradLoss,
                                          const smxRaggedLayout_t *dxLayout, void *dx) {
    smx_call call;
    SMX_TRY(start_loss(&call, smx_start_cross_entropy, "smxCrossEntropyBackwardRagged", SMX_OP_CROSS_ENTROPY_BACKWARD, handle, options,
                       xLayout, x, targets));
    call.lse = (void *)lse;
    return run_gradient(&call, gradLoss, dxLayout, dx);
}

smxStatus_t smxCrossEntropyForwardBackwardRagged(smxHandle_t handle, const smxCrossEntropyOptions_t *options,
                                                 const smxRaggedLayout_t *xLayout, const void *x, const smxTargets_t *targets,
                                                 const void *gradLoss, void *loss, void *lse, const smxRaggedLayout_t *dxLayout, void *dx) {
    smx_call call;
    SMX_TRY(start_loss(&call, smx_start_cross_entropy, "smxCrossEntropyForwardBackwardRagged", SMX_OP_CROSS_ENTROPY_FORWARD_BACKWARD,
                       handle, options, xLayout, x, targets));
    call.loss = loss;
    call.lse = lse;
    return run_gradient(&call, gradLoss, dxLayout, dx);
}

smxStatus_t smxNllLossForwardRagged(smxHandle_t handle, const smxCrossEntropyOptions_t *options, const smxRaggedLayout_t *xLayout,
                                    const void *x, const smxTargets_t *targets, void *loss) {
    smx_call call;
    SMX_TRY(start_loss(&call, smx_start_nll, "smxNllLossForwardRagged", SMX_OP_NLL_LOSS_FORWARD, handle, options, xLayout, x, targets));
    call.loss = loss;
    return smx_run(&call);
}

smxStatus_t smxNllLossBackwardRagged(smxHandle_t handle, const smxCrossEntropyOptions_t *options, const smxRaggedLayout_t *xLayout,
                                     const smxTargets_t *targets, const void *gradLoss, const smxRaggedLayout_t *dxLayout, void *dx) {
    smx_call call;
    SMX_TRY(
        start_loss(&call, smx_start_nll, "smxNllLossBackwardRagged", SMX_OP_NLL_LOSS_BACKWARD, handle, options, xLayout, NULL, targets));
    return run_gradient(&call, gradLoss, dxLayout, dx);
}
