/* Argmax, top-k, sampling and multinomial draws: the public calls and the rules of their options. */
#include <math.h>

#include "internal.h"

static smxStatus_t start(smx_call *call, const char *name, smxOp_t op, smxHandle_t handle) {
    SMX_TRY(smx_enter(name, handle));
    *call = (smx_call){.name = name, .op = op, .handle = handle, .scale = 1, .reduction = SMX_REDUCTION_NONE};
    return SMX_STATUS_SUCCESS;
}

static smxStatus_t take_choice(smx_call *call, const smxLayout_t *xLayout, const void *x, smxDataType_t index_type, void *indices,
                               int64_t per_row) {
    call->choice = (smx_choice){.index_type = index_type, .indices = indices, .per_row = per_row, .temperature = 1, .top_p = 1};
    SMX_TRY(smx_take_operand(call->name, &call->in, "x", xLayout, x));
    return smx_check_layout(call->name, "x", xLayout); /* the rules of options count its columns */
}

smxStatus_t smxArgmax(smxHandle_t handle, const smxLayout_t *xLayout, const void *x, smxDataType_t indexType, void *indices) {
    smx_call call;
    SMX_TRY(start(&call, "smxArgmax", SMX_OP_ARGMAX, handle));
    SMX_TRY(take_choice(&call, xLayout, x, indexType, indices, 1));
    return smx_run(&call);
}

static smxStatus_t check_count(const smx_call *call, const char *name, int64_t count, bool any_number) {
    const int64_t cols = call->in.layout.cols, rows = smx_layout_rows(&call->in.layout);
    if (count < 1 || (count > cols && !any_number))
        return smx_fail(SMX_STATUS_INVALID_VALUE, "%s: %s is %lld, it has to be at least 1%s (%lld)", call->name, name, (long long)count,
                        any_number ? "" : " and at most the number of columns", (long long)cols);
    if (rows > 0 && count > INT64_MAX / 8 / rows)
        return smx_fail(SMX_STATUS_INVALID_VALUE, "%s: %s is %lld: so many for each of %lld rows are more bytes than there can be",
                        call->name, name, (long long)count, (long long)rows);
    return SMX_STATUS_SUCCESS;
}

smxStatus_t smxTopK(smxHandle_t handle, const smxSoftmaxOptions_t *options, const smxLayout_t *xLayout, const void *x, int64_t k,
                    float *probabilities, smxDataType_t indexType, void *indices) {
    smx_call call;
    SMX_TRY(smx_start_softmax(&call, "smxTopK", SMX_OP_TOP_K, handle, options));
    SMX_TRY(take_choice(&call, xLayout, x, indexType, indices, k));
    call.choice.probabilities = probabilities;
    SMX_TRY(check_count(&call, "k", k, false));
    return smx_run(&call);
}

static smxStatus_t check_sample_options(const char *name, const smxSampleOptions_t *options) {
    SMX_TRY(smx_check_options_size(name, "options", options->size, sizeof *options, "SMX_SAMPLE_OPTIONS_INIT"));
    if (!(isfinite(options->temperature) && options->temperature >= 0))
        return smx_fail(SMX_STATUS_INVALID_VALUE, "%s: temperature is %g, it has to be finite and at least 0", name,
                        (double)options->temperature);
    if (options->topK < 0)
        return smx_fail(SMX_STATUS_INVALID_VALUE, "%s: topK is %lld, it has to be at least 0, which keeps all tokens", name,
                        (long long)options->topK);
    if (!(options->topP > 0 && options->topP <= 1))
        return smx_fail(SMX_STATUS_INVALID_VALUE, "%s: topP is %g, it has to be above 0 and at most 1", name, (double)options->topP);
    if (!(options->minP >= 0 && options->minP <= 1))
        return smx_fail(SMX_STATUS_INVALID_VALUE, "%s: minP is %g, it has to be between 0 and 1", name, (double)options->minP);
    return SMX_STATUS_SUCCESS;
}

smxStatus_t smxSample(smxHandle_t handle, const smxSampleOptions_t *options, const smxLayout_t *xLayout, const void *x,
                      smxDataType_t indexType, void *indices, float *logProbabilities) {
    const char *name = "smxSample";
    const smxSampleOptions_t defaults = SMX_SAMPLE_OPTIONS_INIT, *o = options != NULL ? options : &defaults;
    smx_call call;
    SMX_TRY(start(&call, name, SMX_OP_SAMPLE, handle));
    SMX_TRY(take_choice(&call, xLayout, x, indexType, indices, 1));
    SMX_TRY(check_sample_options(name, o));
    smx_choice *c = &call.choice;
    c->log_probabilities = logProbabilities;
    c->temperature = o->temperature;
    c->temperatures = o->deviceTemperature;
    c->top_k = o->topK < xLayout->cols ? o->topK : 0;
    c->top_p = o->topP;
    c->min_p = o->minP;
    c->random = (smx_random){o->seed, o->offset, o->deviceSeedOffset, o->deviceRowSeeds, o->deviceRowOffsets, o->deviceRowKeys};
    return smx_run(&call);
}

static smxStatus_t check_multinomial_options(const char *name, const smxMultinomialOptions_t *options) {
    SMX_TRY(smx_check_options_size(name, "options", options->size, sizeof *options, "SMX_MULTINOMIAL_OPTIONS_INIT"));
    if ((unsigned)options->input > SMX_MULTINOMIAL_PROBABILITIES)
        return smx_fail(SMX_STATUS_INVALID_VALUE, "%s: input %d is unknown", name, (int)options->input);
    if (!(isfinite(options->temperature) && options->temperature > 0))
        return smx_fail(SMX_STATUS_INVALID_VALUE, "%s: temperature is %g, it has to be finite and above 0", name,
                        (double)options->temperature);
    if (options->input == SMX_MULTINOMIAL_PROBABILITIES && options->temperature != 1)
        return smx_fail(SMX_STATUS_INVALID_VALUE, "%s: temperature is %g: probabilities are taken as they are, so it has to be 1", name,
                        (double)options->temperature);
    return SMX_STATUS_SUCCESS;
}

smxStatus_t smxMultinomial(smxHandle_t handle, const smxMultinomialOptions_t *options, const smxLayout_t *xLayout, const void *x,
                           int64_t draws, smxDataType_t indexType, void *indices) {
    const char *name = "smxMultinomial";
    const smxMultinomialOptions_t defaults = SMX_MULTINOMIAL_OPTIONS_INIT, *o = options != NULL ? options : &defaults;
    smx_call call;
    SMX_TRY(start(&call, name, SMX_OP_MULTINOMIAL, handle));
    SMX_TRY(take_choice(&call, xLayout, x, indexType, indices, draws));
    SMX_TRY(check_multinomial_options(name, o));
    SMX_TRY(check_count(&call, "draws", draws, o->withReplacement != 0));
    smx_choice *c = &call.choice;
    c->temperature = o->temperature;
    c->from_probabilities = o->input == SMX_MULTINOMIAL_PROBABILITIES;
    c->with_replacement = o->withReplacement != 0;
    c->random = (smx_random){o->seed, o->offset, o->deviceSeedOffset, o->deviceRowSeeds, o->deviceRowOffsets, o->deviceRowKeys};
    return smx_run(&call);
}
