/* Names of statuses, types and operations; the message of a thread's last failure. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "log.h"

static _Thread_local char last_message[sizeof((smx_attempt *)NULL)->earlier];
static _Thread_local bool attempting;

smxStatus_t smx_fail(smxStatus_t status, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(last_message, sizeof last_message, format, arguments);
    va_end(arguments);
    if (!attempting && smx_logs(SMX_LOG_ERROR)) smx_log(SMX_LOG_ERROR, last_message);
    return status;
}

void smx_begin_attempt(smx_attempt *attempt) {
    memcpy(attempt->earlier, last_message, sizeof last_message);
    attempting = true;
}

void smx_end_attempt(const smx_attempt *attempt, bool failed) {
    attempting = false;
    if (!failed)
        memcpy(last_message, attempt->earlier, sizeof last_message);
    else if (smx_logs(SMX_LOG_ERROR))
        smx_log(SMX_LOG_ERROR, last_message);
}

const char *smxGetLastErrorMessage(void) { return last_message; }

const char *smxGetStatusString(smxStatus_t status) {
    switch (status) {
    case SMX_STATUS_SUCCESS: return "success";
    case SMX_STATUS_NOT_INITIALIZED: return "the handle is not initialized";
    case SMX_STATUS_INVALID_VALUE: return "invalid value";
    case SMX_STATUS_NOT_SUPPORTED: return "not supported";
    case SMX_STATUS_WORKSPACE_TOO_SMALL: return "workspace too small";
    case SMX_STATUS_ALLOC_FAILED: return "allocation failed";
    case SMX_STATUS_EXECUTION_FAILED: return "execution failed";
    case SMX_STATUS_INTERNAL_ERROR: return "internal error";
    case SMX_STATUS_CANCELLED: return "cancelled";
    }
    return "unknown status";
}

int smxGetVersion(void) { return SMX_VERSION; }

const char *smx_type_name(smxDataType_t type) {
    switch (type) {
    case SMX_R_32F: return "fp32";
    case SMX_R_64F: return "fp64";
    case SMX_R_16F: return "fp16";
    case SMX_R_16BF: return "bf16";
    case SMX_R_8U: return "uint8";
    case SMX_R_32I: return "int32";
    case SMX_R_64I: return "int64";
    }
    return "unknown type";
}

const char *smx_op_name(smxOp_t op) {
    switch (op) {
    case SMX_OP_SOFTMAX_FORWARD: return "softmax forward";
    case SMX_OP_SOFTMAX_BACKWARD: return "softmax backward";
    case SMX_OP_LOG_SOFTMAX_FORWARD: return "log-softmax forward";
    case SMX_OP_LOG_SOFTMAX_BACKWARD: return "log-softmax backward";
    case SMX_OP_LOG_SUM_EXP: return "logsumexp";
    case SMX_OP_CROSS_ENTROPY_FORWARD: return "cross-entropy forward";
    case SMX_OP_CROSS_ENTROPY_BACKWARD: return "cross-entropy backward";
    case SMX_OP_CROSS_ENTROPY_FORWARD_BACKWARD: return "cross-entropy forward and backward";
    case SMX_OP_NLL_LOSS_FORWARD: return "NLL loss forward";
    case SMX_OP_NLL_LOSS_BACKWARD: return "NLL loss backward";
    case SMX_OP_ARGMAX: return "argmax";
    case SMX_OP_TOP_K: return "top-k";
    case SMX_OP_SAMPLE: return "sample";
    case SMX_OP_MULTINOMIAL: return "multinomial";
    }
    return "unknown operation";
}
