/* Cross-entropy: the public calls and the rules of their options and targets. */
#include <math.h>

#include "internal.h"

static smxStatus_t not_yet(const char *call, const char *option) {
    return smx_fail(SMX_STATUS_NOT_SUPPORTED, "%s: %s is not implemented yet; leave it at its default", call, option);
}

static smxStatus_t take_options(smx_call *call, const smxCrossEntropyOptions_t *given) {
    const char *name = call->name;
    const smxCrossEntropyOptions_t defaults = SMX_CROSS_ENTROPY_OPTIONS_INIT;
    const smxCrossEntropyOptions_t *o = given != NULL ? given : &defaults;
    if (o->size != sizeof *o)
        return smx_fail(SMX_STATUS_INVALID_VALUE, "%s: options size is %zu, this library's is %zu: use SMX_CROSS_ENTROPY_OPTIONS_INIT",
                        name, o->size, sizeof *o);
    if ((unsigned)o->reduction > SMX_REDUCTION_NONE)
        return smx_fail(SMX_STATUS_INVALID_VALUE, "%s: reduction %d is unknown", name, (int)o->reduction);
    if ((unsigned)o->emptyMean > SMX_EMPTY_MEAN_ZERO)
        return smx_fail(SMX_STATUS_INVALID_VALUE, "%s: emptyMean %d is unknown", name, (int)o->emptyMean);
    if (!(isfinite(o->logitScale) && o->logitScale > 0))
        return smx_fail(SMX_STATUS_INVALID_VALUE, "%s: logitScale is %g, it has to be finite and above 0", name, (double)o->logitScale);
    if (o->labelSmoothing != 0) return not_yet(name, "labelSmoothing");
    if (o->zLoss != 0) return not_yet(name, "zLoss");
    if (o->softcap != 0) return not_yet(name, "softcap");
    if (o->classWeights != NULL) return not_yet(name, "classWeights");
    if (o->deviceDivisor != NULL) return not_yet(name, "deviceDivisor");
    call->reduction = o->reduction;
    call->ignore_index = o->ignoreIndex;
    call->empty_mean = o->emptyMean;
    call->algorithm = o->algorithm;
    call->scale = o->logitScale;
    return SMX_STATUS_SUCCESS;
}

static smxStatus_t take_targets(smx_call *call, const smxTargets_t *targets) {
    const char *name = call->name;
    if (targets == NULL) return smx_fail(SMX_STATUS_INVALID_VALUE, "%s: targets is NULL", name);
    if (smx_type_is_floating(targets->type))
        return smx_fail(SMX_STATUS_NOT_SUPPORTED, "%s: probability targets (%s) are not implemented yet", name,
                        smx_type_name(targets->type));
    if (!smx_type_is_index(targets->type))
        return smx_fail(SMX_STATUS_INVALID_VALUE, "%s: targets type %d is unknown", name, (int)targets->type);
    if (targets->data == NULL && smx_layout_rows(&call->in.layout) > 0)
        return smx_fail(SMX_STATUS_INVALID_VALUE, "%s: targets data is NULL", name);
    const size_t bytes = smx_type_bytes(targets->type);
    if ((uintptr_t)targets->data % bytes != 0)
        return smx_fail(SMX_STATUS_INVALID_VALUE, "%s: targets data = %p is not aligned to its element size, %zu bytes (%s)", name,
                        targets->data, bytes, smx_type_name(targets->type));
    call->targets = *targets;
    return SMX_STATUS_SUCCESS;
}

static smxStatus_t start(smx_call *call, const char *name, smxOp_t op, smxHandle_t handle, const smxCrossEntropyOptions_t *options,
                         const smxLayout_t *xLayout, const void *x, const smxTargets_t *targets) {
    SMX_TRY(smx_enter(name, handle));
    *call = (smx_call){.name = name, .op = op, .handle = handle};
    SMX_TRY(take_options(call, options));
    SMX_TRY(smx_take_operand(name, &call->in, "x", xLayout, x));
    SMX_TRY(smx_check_layout(name, "x", xLayout)); /* the rules of targets count its rows */
    return take_targets(call, targets);
}

smxStatus_t smxCrossEntropyForward(smxHandle_t handle, const smxCrossEntropyOptions_t *options, const smxLayout_t *xLayout, const void *x,
                                   const smxTargets_t *targets, void *loss, void *lse) {
    smx_call call;
    SMX_TRY(start(&call, "smxCrossEntropyForward", SMX_OP_CROSS_ENTROPY_FORWARD, handle, options, xLayout, x, targets));
    call.loss = loss;
    call.lse = lse;
    return smx_run(&call);
}

smxStatus_t smxCrossEntropyBackward(smxHandle_t handle, const smxCrossEntropyOptions_t *options, const smxLayout_t *xLayout, const void *x,
                                    const smxTargets_t *targets, const void *lse, const void *gradLoss, const smxLayout_t *dxLayout,
                                    void *dx) {
    smx_call call;
    SMX_TRY(start(&call, "smxCrossEntropyBackward", SMX_OP_CROSS_ENTROPY_BACKWARD, handle, options, xLayout, x, targets));
    SMX_TRY(smx_take_operand(call.name, &call.out, "dx", dxLayout, dx));
    call.lse = (void *)lse;
    call.grad_loss = gradLoss;
    return smx_run(&call);
}

smxStatus_t smxCrossEntropyForwardBackward(smxHandle_t handle, const smxCrossEntropyOptions_t *options, const smxLayout_t *xLayout,
                                           const void *x, const smxTargets_t *targets, const void *gradLoss, void *loss, void *lse,
                                           const smxLayout_t *dxLayout, void *dx) {
    smx_call call;
    SMX_TRY(start(&call, "smxCrossEntropyForwardBackward", SMX_OP_CROSS_ENTROPY_FORWARD_BACKWARD, handle, options, xLayout, x, targets));
    SMX_TRY(smx_take_operand(call.name, &call.out, "dx", dxLayout, dx));
    call.loss = loss;
    call.lse = lse;
    call.grad_loss = gradLoss;
    return smx_run(&call);
}
