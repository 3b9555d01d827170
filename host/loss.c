/* What all losses take: their options and targets, and the rules of both. */
#include <math.h>

#include "internal.h"

static smxStatus_t check_number(const char *call, const char *option, float value, bool right, const char *rule) {
    if (right) return SMX_STATUS_SUCCESS;
    return smx_fail(SMX_STATUS_INVALID_VALUE, "%s: %s is %g, it has to be %s", call, option, (double)value, rule);
}

smxStatus_t smx_take_loss_options(smx_call *call, const smxCrossEntropyOptions_t *given) {
    const char *name = call->name;
    const smxCrossEntropyOptions_t defaults = SMX_CROSS_ENTROPY_OPTIONS_INIT;
    const smxCrossEntropyOptions_t *o = given != NULL ? given : &defaults;
    SMX_TRY(smx_check_options_size(name, "options", o->size, sizeof *o, "SMX_CROSS_ENTROPY_OPTIONS_INIT"));
    if ((unsigned)o->reduction > SMX_REDUCTION_NONE)
        return smx_fail(SMX_STATUS_INVALID_VALUE, "%s: reduction %d is unknown", name, (int)o->reduction);
    if ((unsigned)o->emptyMean > SMX_EMPTY_MEAN_ZERO)
        return smx_fail(SMX_STATUS_INVALID_VALUE, "%s: emptyMean %d is unknown", name, (int)o->emptyMean);
    SMX_TRY(check_number(name, "logitScale", o->logitScale, isfinite(o->logitScale) && o->logitScale > 0, "finite and above 0"));
    SMX_TRY(check_number(name, "labelSmoothing", o->labelSmoothing, o->labelSmoothing >= 0 && o->labelSmoothing <= 1, "in [0, 1]"));
    SMX_TRY(check_number(name, "zLoss", o->zLoss, isfinite(o->zLoss) && o->zLoss >= 0, "finite and at least 0"));
    SMX_TRY(check_number(name, "softcap", o->softcap, isfinite(o->softcap) && o->softcap >= 0, "finite and at least 0 (0 = none)"));
    call->reduction = o->reduction;
    call->ignore_index = o->ignoreIndex;
    call->empty_mean = o->emptyMean;
    call->algorithm = o->algorithm;
    call->scale = o->logitScale;
    call->label_smoothing = o->labelSmoothing;
    call->z_loss = o->zLoss;
    call->softcap = o->softcap;
    call->class_weights = o->classWeights;
    call->device_divisor = o->reduction == SMX_REDUCTION_MEAN ? o->deviceDivisor : NULL;
    return SMX_STATUS_SUCCESS;
}

/* Probabilities become an operand like any other; its rules are those of rules.c. */
static void take_probabilities(smx_call *call, const smxTargets_t *targets) {
    call->second = (smx_operand){.name = "targets", .data = (void *)targets->data, .layout = call->in.layout};
    call->second.layout.type = targets->type;
    call->second.layout.outerStride = targets->outerStride;
    call->second.layout.colStride = targets->colStride;
}

smxStatus_t smx_take_targets(smx_call *call, const smxTargets_t *targets) {
    const char *name = call->name;
    if (targets == NULL) return smx_fail(SMX_STATUS_INVALID_VALUE, "%s: targets is NULL", name);
    if (smx_type_is_floating(targets->type)) {
        take_probabilities(call, targets);
        return SMX_STATUS_SUCCESS;
    }
    if (!smx_type_is_index(targets->type))
        return smx_fail(SMX_STATUS_INVALID_VALUE, "%s: targets type %d is unknown", name, (int)targets->type);
    if (targets->data == NULL && smx_layout_rows(&call->in.layout) > 0)
        return smx_fail(SMX_STATUS_INVALID_VALUE, "%s: targets data is NULL", name);
    const size_t bytes = smx_type_bytes(targets->type);
    if ((uintptr_t)targets->data % bytes != 0)
        return smx_fail(SMX_STATUS_INVALID_VALUE, "%s: targets data = %p is not aligned to its element size, %zu bytes (%s)", name,
                        targets->data, bytes, smx_type_name(targets->type));
    call->indices = *targets;
    return SMX_STATUS_SUCCESS;
}
