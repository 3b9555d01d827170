/* Calls on batches in host memory: the public ones. */
#include "host_batch.h"

static smxStatus_t softmax(const char *name, smxOp_t op, smxHandle_t handle, const smxHostOptions_t *hostOptions,
                           const smxSoftmaxOptions_t *options, const smxLayout_t *xLayout, const void *x, const smxLayout_t *yLayout,
                           void *y) {
    smx_call call;
    SMX_TRY(smx_start_softmax(&call, name, op, handle, options));
    SMX_TRY(smx_take_operand(name, &call.in, "x", xLayout, x));
    SMX_TRY(smx_take_operand(name, &call.out, "y", yLayout, y));
    return smx_run_host_batch(&call, hostOptions);
}

smxStatus_t smxSoftmaxForwardHost(smxHandle_t handle, const smxHostOptions_t *hostOptions, const smxSoftmaxOptions_t *options,
                                  const smxLayout_t *xLayout, const void *x, const smxLayout_t *yLayout, void *y) {
    return softmax("smxSoftmaxForwardHost", SMX_OP_SOFTMAX_FORWARD, handle, hostOptions, options, xLayout, x, yLayout, y);
}

smxStatus_t smxLogSoftmaxForwardHost(smxHandle_t handle, const smxHostOptions_t *hostOptions, const smxSoftmaxOptions_t *options,
                                     const smxLayout_t *xLayout, const void *x, const smxLayout_t *yLayout, void *y) {
    return softmax("smxLogSoftmaxForwardHost", SMX_OP_LOG_SOFTMAX_FORWARD, handle, hostOptions, options, xLayout, x, yLayout, y);
}

smxStatus_t smxLogSumExpHost(smxHandle_t handle, const smxHostOptions_t *hostOptions, const smxSoftmaxOptions_t *options,
                             const smxLayout_t *xLayout, const void *x, void *lse) {
    smx_call call;
    SMX_TRY(smx_start_softmax(&call, "smxLogSumExpHost", SMX_OP_LOG_SUM_EXP, handle, options));
    SMX_TRY(smx_take_operand(call.name, &call.in, "x", xLayout, x));
    call.lse = lse;
    return smx_run_host_batch(&call, hostOptions);
}

smxStatus_t smxCrossEntropyForwardHost(smxHandle_t handle, const smxHostOptions_t *hostOptions, const smxCrossEntropyOptions_t *options,
                                       const smxLayout_t *xLayout, const void *x, const smxTargets_t *targets, void *loss, void *lse) {
    smx_call call;
    SMX_TRY(
        smx_start_cross_entropy(&call, "smxCrossEntropyForwardHost", SMX_OP_CROSS_ENTROPY_FORWARD, handle, options, xLayout, x, targets));
    call.loss = loss;
    call.lse = lse;
    return smx_run_host_batch(&call, hostOptions);
}

smxStatus_t smxCrossEntropyForwardBackwardHost(smxHandle_t handle, const smxHostOptions_t *hostOptions,
                                               const smxCrossEntropyOptions_t *options, const smxLayout_t *xLayout, const void *x,
                                               const smxTargets_t *targets, const void *gradLoss, void *loss, void *lse,
                                               const smxLayout_t *dxLayout, void *dx) {
    smx_call call;
    SMX_TRY(smx_start_cross_entropy(&call, "smxCrossEntropyForwardBackwardHost", SMX_OP_CROSS_ENTROPY_FORWARD_BACKWARD, handle, options,
                                    xLayout, x, targets));
    SMX_TRY(smx_take_operand(call.name, &call.out, "dx", dxLayout, dx));
    call.loss = loss;
    call.lse = lse;
    call.grad_loss = gradLoss;
    return smx_run_host_batch(&call, hostOptions);
}

smxStatus_t smxNllLossForwardHost(smxHandle_t handle, const smxHostOptions_t *hostOptions, const smxCrossEntropyOptions_t *options,
                                  const smxLayout_t *xLayout, const void *x, const smxTargets_t *targets, void *loss) {
    smx_call call;
    SMX_TRY(smx_start_nll(&call, "smxNllLossForwardHost", SMX_OP_NLL_LOSS_FORWARD, handle, options, xLayout, x, targets));
    call.loss = loss;
    return smx_run_host_batch(&call, hostOptions);
}
