/* Softmax, log-softmax, their gradients and logsumexp: the public calls and the rules of their options. */
#include <math.h>

#include "internal.h"

smxStatus_t smx_start_softmax(smx_call *call, const char *name, smxOp_t op, smxHandle_t handle, const smxSoftmaxOptions_t *given) {
    SMX_TRY(smx_enter(name, handle));
    const smxSoftmaxOptions_t defaults = SMX_SOFTMAX_OPTIONS_INIT;
    const smxSoftmaxOptions_t *options = given != NULL ? given : &defaults;
    SMX_TRY(smx_check_options_size(name, "options", options->size, sizeof *options, "SMX_SOFTMAX_OPTIONS_INIT"));
    if (!(isfinite(options->scale) && options->scale > 0))
        return smx_fail(SMX_STATUS_INVALID_VALUE, "%s: scale is %g, it has to be finite and above 0", name, (double)options->scale);
    if ((unsigned)options->emptyRow > SMX_EMPTY_ROW_ZERO)
        return smx_fail(SMX_STATUS_INVALID_VALUE, "%s: emptyRow %d is unknown", name, (int)options->emptyRow);
    *call = (smx_call){.name = name,
                       .op = op,
                       .handle = handle,
                       .algorithm = options->algorithm,
                       .scale = options->scale,
                       .reduction = SMX_REDUCTION_NONE,
                       .empty_row = options->emptyRow};
    return SMX_STATUS_SUCCESS;
}

static smxStatus_t forward(const char *name, smxOp_t op, smxHandle_t handle, const smxSoftmaxOptions_t *options, const smxLayout_t *xLayout,
                           const void *x, const smxLayout_t *yLayout, void *y) {
    smx_call call;
    SMX_TRY(smx_start_softmax(&call, name, op, handle, options));
    SMX_TRY(smx_take_operand(name, &call.in, "x", xLayout, x));
    SMX_TRY(smx_take_operand(name, &call.out, "y", yLayout, y));
    return smx_run(&call);
}

static smxStatus_t backward(const char *name, smxOp_t op, smxHandle_t handle, const smxSoftmaxOptions_t *options,
                            const smxLayout_t *yLayout, const void *y, const smxLayout_t *dyLayout, const void *dy,
                            const smxLayout_t *dxLayout, void *dx) {
    smx_call call;
    SMX_TRY(smx_start_softmax(&call, name, op, handle, options));
    SMX_TRY(smx_take_operand(name, &call.in, "y", yLayout, y));
    SMX_TRY(smx_take_operand(name, &call.second, "dy", dyLayout, dy));
    SMX_TRY(smx_take_operand(name, &call.out, "dx", dxLayout, dx));
    return smx_run(&call);
}

smxStatus_t smxSoftmaxForward(smxHandle_t handle, const smxSoftmaxOptions_t *options, const smxLayout_t *xLayout, const void *x,
                              const smxLayout_t *yLayout, void *y) {
    return forward("smxSoftmaxForward", SMX_OP_SOFTMAX_FORWARD, handle, options, xLayout, x, yLayout, y);
}

smxStatus_t smxLogSoftmaxForward(smxHandle_t handle, const smxSoftmaxOptions_t *options, const smxLayout_t *xLayout, const void *x,
                                 const smxLayout_t *yLayout, void *y) {
    return forward("smxLogSoftmaxForward", SMX_OP_LOG_SOFTMAX_FORWARD, handle, options, xLayout, x, yLayout, y);
}

smxStatus_t smxSoftmaxBackward(smxHandle_t handle, const smxSoftmaxOptions_t *options, const smxLayout_t *yLayout, const void *y,
                               const smxLayout_t *dyLayout, const void *dy, const smxLayout_t *dxLayout, void *dx) {
    return backward("smxSoftmaxBackward", SMX_OP_SOFTMAX_BACKWARD, handle, options, yLayout, y, dyLayout, dy, dxLayout, dx);
}

smxStatus_t smxLogSoftmaxBackward(smxHandle_t handle, const smxSoftmaxOptions_t *options, const smxLayout_t *yLayout, const void *y,
                                  const smxLayout_t *dyLayout, const void *dy, const smxLayout_t *dxLayout, void *dx) {
    return backward("smxLogSoftmaxBackward", SMX_OP_LOG_SOFTMAX_BACKWARD, handle, options, yLayout, y, dyLayout, dy, dxLayout, dx);
}

smxStatus_t smxLogSumExp(smxHandle_t handle, const smxSoftmaxOptions_t *options, const smxLayout_t *xLayout, const void *x, void *lse) {
    const char *name = "smxLogSumExp";
    smx_call call;
    SMX_TRY(smx_start_softmax(&call, name, SMX_OP_LOG_SUM_EXP, handle, options));
    SMX_TRY(smx_take_operand(name, &call.in, "x", xLayout, x));
    call.lse = lse;
    return smx_run(&call);
}
