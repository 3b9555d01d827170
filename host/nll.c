/* Negative log-likelihood: the public calls. */
#include "internal.h"

smxStatus_t smx_start_nll(smx_call *call, const char *name, smxOp_t op, smxHandle_t handle, const smxCrossEntropyOptions_t *options,
                          const smxLayout_t *xLayout, const void *x, const smxTargets_t *targets) {
    SMX_TRY(smx_enter(name, handle));
    *call = (smx_call){.name = name, .op = op, .handle = handle};
    SMX_TRY(smx_take_loss_options(call, options));
    if (call->label_smoothing != 0 || call->z_loss != 0 || call->softcap != 0 || call->scale != 1)
        return smx_fail(SMX_STATUS_INVALID_VALUE,
                        "%s: labelSmoothing is %g, zLoss %g, softcap %g, logitScale %g: log-probabilities are taken as they are, so these "
                        "have to be 0, 0, 0 and 1",
                        name, (double)call->label_smoothing, (double)call->z_loss, (double)call->softcap, (double)call->scale);
    SMX_TRY(smx_take_operand(name, &call->in, "x", xLayout, x));
    SMX_TRY(smx_check_layout(name, "x", xLayout)); /* the rules of targets count its rows */
    if (targets != NULL && smx_type_is_floating(targets->type))
        return smx_fail(SMX_STATUS_INVALID_VALUE, "%s: targets type is %s, this loss takes indices", name, smx_type_name(targets->type));
    return smx_take_targets(call, targets);
}

smxStatus_t smxNllLossForward(smxHandle_t handle, const smxCrossEntropyOptions_t *options, const smxLayout_t *xLayout, const void *x,
                              const smxTargets_t *targets, void *loss) {
    smx_call call;
    SMX_TRY(smx_start_nll(&call, "smxNllLossForward", SMX_OP_NLL_LOSS_FORWARD, handle, options, xLayout, x, targets));
    call.loss = loss;
    return smx_run(&call);
}

smxStatus_t smxNllLossBackward(smxHandle_t handle, const smxCrossEntropyOptions_t *options, const smxLayout_t *xLayout,
                               const smxTargets_t *targets, const void *gradLoss, const smxLayout_t *dxLayout, void *dx) {
    smx_call call;
    SMX_TRY(smx_start_nll(&call, "smxNllLossBackward", SMX_OP_NLL_LOSS_BACKWARD, handle, options, xLayout, NULL, targets));
    SMX_TRY(smx_take_operand(call.name, &call.out, "dx", dxLayout, dx));
    call.grad_loss = gradLoss;
    return smx_run(&call);
}
