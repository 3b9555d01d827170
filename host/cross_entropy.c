/* Cross-entropy: the public calls. */
#include "internal.h"

smxStatus_t smx_start_cross_entropy(smx_call *call, const char *name, smxOp_t op, smxHandle_t handle,
                                    const smxCrossEntropyOptions_t *options, const smxLayout_t *xLayout, const void *x,
                                    const smxTargets_t *targets) {
    SMX_TRY(smx_enter(name, handle));
    *call = (smx_call){.name = name, .op = op, .handle = handle};
    SMX_TRY(smx_take_loss_options(call, options));
    SMX_TRY(smx_take_operand(name, &call->in, "x", xLayout, x));
    SMX_TRY(smx_check_layout(name, "x", xLayout)); /* the rules of targets count its rows */
    return smx_take_targets(call, targets);
}

smxStatus_t smxCrossEntropyForward(smxHandle_t handle, const smxCrossEntropyOptions_t *options, const smxLayout_t *xLayout, const void *x,
                                   const smxTargets_t *targets, void *loss, void *lse) {
    smx_call call;
    SMX_TRY(smx_start_cross_entropy(&call, "smxCrossEntropyForward", SMX_OP_CROSS_ENTROPY_FORWARD, handle, options, xLayout, x, targets));
    call.loss = loss;
    call.lse = lse;
    return smx_run(&call);
}

smxStatus_t smxCrossEntropyBackward(smxHandle_t handle, const smxCrossEntropyOptions_t *options, const smxLayout_t *xLayout, const void *x,
                                    const smxTargets_t *targets, const void *lse, const void *gradLoss, const smxLayout_t *dxLayout,
                                    void *dx) {
    smx_call call;
    SMX_TRY(smx_start_cross_entropy(&call, "smxCrossEntropyBackward", SMX_OP_CROSS_ENTROPY_BACKWARD, handle, options, xLayout, x, targets));
    SMX_TRY(smx_take_operand(call.name, &call.out, "dx", dxLayout, dx));
    call.lse = (void *)lse;
    call.grad_loss = gradLoss;
    return smx_run(&call);
}

smxStatus_t smxCrossEntropyForwardBackward(smxHandle_t handle, const smxCrossEntropyOptions_t *options, const smxLayout_t *xLayout,
                                           const void *x, const smxTargets_t *targets, const void *gradLoss, void *loss, void *lse,
                                           const smxLayout_t *dxLayout, void *dx) {
    smx_call call;
    SMX_TRY(smx_start_cross_entropy(&call, "smxCrossEntropyForwardBackward", SMX_OP_CROSS_ENTROPY_FORWARD_BACKWARD, handle, options,
                                    xLayout, x, targets));
    SMX_TRY(smx_take_operand(call.name, &call.out, "dx", dxLayout, dx));
    call.loss = loss;
    call.lse = lse;
    call.grad_loss = gradLoss;
    return smx_run(&call);
}
