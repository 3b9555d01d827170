/* The road of every call: rules, plan, workspace, backend. What the log and profilers are told of a call is told here. */
#include "log.h"
#include "ranges.h"

smxStatus_t smx_enter(const char *call, smxHandle_t handle) {
    SMX_TRY(smx_check_handle(call, handle));
    return handle->backend->enter(call, handle);
}

smxStatus_t smx_refuse_capture(const char *call, smxHandle_t handle, const char *what) {
    if (!handle->backend->capturing(handle)) return SMX_STATUS_SUCCESS;
    return smx_fail(SMX_STATUS_INVALID_VALUE, "%s: it %s, which it cannot while the stream is being captured", call, what);
}

static smxStatus_t dispatch(const smx_call *call) {
    switch (call->op) {
    case SMX_OP_SOFTMAX_FORWARD:
    case SMX_OP_SOFTMAX_BACKWARD:
    case SMX_OP_LOG_SOFTMAX_FORWARD:
    case SMX_OP_LOG_SOFTMAX_BACKWARD:
    case SMX_OP_LOG_SUM_EXP: return call->rows == 0 ? SMX_STATUS_SUCCESS : call->handle->backend->softmax(call);
    case SMX_OP_CROSS_ENTROPY_FORWARD:
    case SMX_OP_CROSS_ENTROPY_BACKWARD:
    case SMX_OP_CROSS_ENTROPY_FORWARD_BACKWARD: return call->handle->backend->cross_entropy(call);
    case SMX_OP_NLL_LOSS_FORWARD:
    case SMX_OP_NLL_LOSS_BACKWARD: return call->handle->backend->nll(call);
    case SMX_OP_ARGMAX:
    case SMX_OP_TOP_K:
    case SMX_OP_SAMPLE:
    case SMX_OP_MULTINOMIAL: return call->rows == 0 ? SMX_STATUS_SUCCESS : call->handle->backend->choose(call);
    }
    return smx_fail(SMX_STATUS_INTERNAL_ERROR, "%s: no backend for operation %d", call->name, (int)call->op);
}

smxStatus_t smx_run_on_backend(const smx_call *call) {
    const bool in_range = smx_open_range(call);
    const smxStatus_t status = dispatch(call);
    if (in_range) smx_close_range();
    return status;
}

smxStatus_t smx_prepare_call(smx_call *call) {
    const bool logged = smx_logs(SMX_LOG_PLAN); /* the lowest level of interest here: asked once */
    if (logged && smx_logs(SMX_LOG_CALL)) smx_log_call(call);
    SMX_TRY(smx_check_call(call));
    SMX_TRY(smx_plan_call(call));
    if (logged) smx_log_plan(call);
    return SMX_STATUS_SUCCESS;
}

smxStatus_t smx_run(smx_call *call) {
    SMX_TRY(smx_prepare_call(call));
    SMX_TRY(smx_take_workspace(call->name, call->handle, smx_workspace_of_call(call), &call->workspace));
    call->handle->used = true;
    return smx_run_on_backend(call);
}

/* ---- planning without a call ---- */

static smxStatus_t plan_question(const char *name, smxHandle_t handle, smxOp_t op, const smxLayout_t *layout, smx_call *call) {
    SMX_TRY(smx_enter(name, handle));
    if ((unsigned)op > SMX_OP_MULTINOMIAL) return smx_fail(SMX_STATUS_INVALID_VALUE, "%s: operation %d is unknown", name, (int)op);
    SMX_TRY(smx_check_layout(name, "x", layout));
    static int given; /* its address: backward is planned with the forward's lse */
    *call = (smx_call){.name = name, .op = op, .handle = handle, .lse = &given, .in = {.name = "x", .layout = *layout}};
    call->rows = smx_layout_rows(layout);
    call->cols = layout->cols;
    call->strided = smx_is_strided(layout);
    return SMX_STATUS_SUCCESS;
}

smxStatus_t smxGetWorkspaceSize(smxHandle_t handle, smxOp_t op, const smxLayout_t *xLayout, size_t *bytes) {
    const char *name = "smxGetWorkspaceSize";
    smx_call call = {.name = name};
    SMX_TRY(plan_question(name, handle, op, xLayout, &call));
    if (bytes == NULL) return smx_fail(SMX_STATUS_INVALID_VALUE, "%s: bytes is NULL", name);
    *bytes = smx_workspace_bytes(op, xLayout->type, call.rows, call.cols);
    return SMX_STATUS_SUCCESS;
}

smxStatus_t smxDescribePlan(smxHandle_t handle, smxOp_t op, const smxLayout_t *xLayout, char *text, size_t capacity) {
    const char *name = "smxDescribePlan";
    smx_call call = {.name = name};
    SMX_TRY(plan_question(name, handle, op, xLayout, &call));
    if (text == NULL) return smx_fail(SMX_STATUS_INVALID_VALUE, "%s: text is NULL", name);
    if (capacity == 0) return smx_fail(SMX_STATUS_INVALID_VALUE, "%s: capacity is 0 bytes, at least 1 is needed", name);
    SMX_TRY(smx_plan_call(&call));
    handle->backend->describe(&call, text, capacity);
    return SMX_STATUS_SUCCESS;
}
