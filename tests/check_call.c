#include "check_call.h"

smxStatus_t make_call(const library_call *call) {
    const library_call *c = call;
    const smxSoftmaxOptions_t *softmax = (c->without & WITHOUT_OPTIONS) != 0 ? NULL : &c->softmax;
    const smxCrossEntropyOptions_t *loss = (c->without & WITHOUT_OPTIONS) != 0 ? NULL : &c->cross_entropy;
    const smxLayout_t *x = (c->without & WITHOUT_X_LAYOUT) != 0 ? NULL : &c->x_layout;
    const smxLayout_t *dy = (c->without & WITHOUT_DY_LAYOUT) != 0 ? NULL : &c->dy_layout;
    const smxLayout_t *out = (c->without & WITHOUT_OUT_LAYOUT) != 0 ? NULL : &c->out_layout;
    const smxTargets_t *targets = (c->without & WITHOUT_TARGETS) != 0 ? NULL : &c->targets;

    switch (c->op) {
    case SMX_OP_SOFTMAX_FORWARD: return smxSoftmaxForward(c->handle, softmax, x, c->x, out, c->out);
    case SMX_OP_SOFTMAX_BACKWARD: return smxSoftmaxBackward(c->handle, softmax, x, c->x, dy, c->dy, out, c->out);
    case SMX_OP_LOG_SOFTMAX_FORWARD: return smxLogSoftmaxForward(c->handle, softmax, x, c->x, out, c->out);
    case SMX_OP_LOG_SOFTMAX_BACKWARD: return smxLogSoftmaxBackward(c->handle, softmax, x, c->x, dy, c->dy, out, c->out);
    case SMX_OP_LOG_SUM_EXP: return smxLogSumExp(c->handle, softmax, x, c->x, c->lse);
    case SMX_OP_CROSS_ENTROPY_FORWARD: return smxCrossEntropyForward(c->handle, loss, x, c->x, targets, c->loss, c->lse);
    case SMX_OP_CROSS_ENTROPY_BACKWARD:
        return smxCrossEntropyBackward(c->handle, loss, x, c->x, targets, c->lse, c->grad_loss, out, c->out);
    case SMX_OP_CROSS_ENTROPY_FORWARD_BACKWARD:
        return smxCrossEntropyForwardBackward(c->handle, loss, x, c->x, targets, c->grad_loss, c->loss, c->lse, out, c->out);
    case SMX_OP_NLL_LOSS_FORWARD: return smxNllLossForward(c->handle, loss, x, c->x, targets, c->loss);
    case SMX_OP_NLL_LOSS_BACKWARD: return smxNllLossBackward(c->handle, loss, x, targets, c->grad_loss, out, c->out);
    default: return SMX_STATUS_INTERNAL_ERROR;
    }
}

const char *op_function(smxOp_t op) {
    switch (op) {
    case SMX_OP_SOFTMAX_FORWARD: return "smxSoftmaxForward";
    case SMX_OP_SOFTMAX_BACKWARD: return "smxSoftmaxBackward";
    case SMX_OP_LOG_SOFTMAX_FORWARD: return "smxLogSoftmaxForward";
    case SMX_OP_LOG_SOFTMAX_BACKWARD: return "smxLogSoftmaxBackward";
    case SMX_OP_LOG_SUM_EXP: return "smxLogSumExp";
    case SMX_OP_CROSS_ENTROPY_FORWARD: return "smxCrossEntropyForward";
    case SMX_OP_CROSS_ENTROPY_BACKWARD: return "smxCrossEntropyBackward";
    case SMX_OP_CROSS_ENTROPY_FORWARD_BACKWARD: return "smxCrossEntropyForwardBackward";
    case SMX_OP_NLL_LOSS_FORWARD: return "smxNllLossForward";
    case SMX_OP_NLL_LOSS_BACKWARD: return "smxNllLossBackward";
    default: return "unknown operation";
    }
}

static bool op_is_cross_entropy(smxOp_t op) {
    return op == SMX_OP_CROSS_ENTROPY_FORWARD || op == SMX_OP_CROSS_ENTROPY_BACKWARD || op == SMX_OP_CROSS_ENTROPY_FORWARD_BACKWARD;
}

bool op_is_nll(smxOp_t op) { return op == SMX_OP_NLL_LOSS_FORWARD || op == SMX_OP_NLL_LOSS_BACKWARD; }

bool op_is_loss(smxOp_t op) { return op_is_cross_entropy(op) || op_is_nll(op); }

bool op_reads_elements(smxOp_t op) { return op != SMX_OP_NLL_LOSS_BACKWARD; }

bool op_takes_gradient(smxOp_t op) { return op == SMX_OP_SOFTMAX_BACKWARD || op == SMX_OP_LOG_SOFTMAX_BACKWARD; }

bool op_writes_elements(smxOp_t op) {
    return op != SMX_OP_LOG_SUM_EXP && op != SMX_OP_CROSS_ENTROPY_FORWARD && op != SMX_OP_NLL_LOSS_FORWARD;
}

bool op_writes_loss(smxOp_t op) {
    return op == SMX_OP_CROSS_ENTROPY_FORWARD || op == SMX_OP_CROSS_ENTROPY_FORWARD_BACKWARD || op == SMX_OP_NLL_LOSS_FORWARD;
}

bool op_writes_lse(smxOp_t op) {
    return op == SMX_OP_LOG_SUM_EXP || op == SMX_OP_CROSS_ENTROPY_FORWARD || op == SMX_OP_CROSS_ENTROPY_FORWARD_BACKWARD;
}

bool op_takes_grad_loss(smxOp_t op) { return op_is_loss(op) && op_writes_elements(op); }

const char *op_x_name(smxOp_t op) { return op_takes_gradient(op) ? "y" : "x"; }

const char *op_out_name(smxOp_t op) { return op == SMX_OP_SOFTMAX_FORWARD || op == SMX_OP_LOG_SOFTMAX_FORWARD ? "y" : "dx"; }
