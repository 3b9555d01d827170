/* Any operation of the library as data: arguments that a test can change one by one, and one function that makes the call. */
#ifndef CHECK_CALL_H
#define CHECK_CALL_H

#include <stdbool.h>

#include "smx/smx.h"

enum { OPERATIONS = SMX_OP_NLL_LOSS_BACKWARD + 1 };

enum { /* structures to leave out; data pointers can simply be set to NULL */
       WITHOUT_OPTIONS = 1,
       WITHOUT_X_LAYOUT = 2,
       WITHOUT_DY_LAYOUT = 4,
       WITHOUT_OUT_LAYOUT = 8,
       WITHOUT_TARGETS = 16
};

typedef struct library_call {
    smxOp_t op;
    smxHandle_t handle;
    unsigned without;
    smxSoftmaxOptions_t softmax;
    smxCrossEntropyOptions_t cross_entropy;
    smxLayout_t x_layout, dy_layout, out_layout; /* x is y of the softmax backward calls */
    const void *x, *dy;                          /* smxNllLossBackward takes the layout of x only */
    void *out, *loss, *lse;                      /* lse is an input of smxCrossEntropyBackward */
    smxTargets_t targets;
    const void *grad_loss;
} library_call;

smxStatus_t make_call(const library_call *call);

const char *op_function(smxOp_t op); /* the public name */
bool op_is_loss(smxOp_t op);
bool op_is_nll(smxOp_t op);
bool op_reads_elements(smxOp_t op);  /* x: all but the backward call of nll */
bool op_takes_gradient(smxOp_t op);  /* dy */
bool op_writes_elements(smxOp_t op); /* y or dx */
bool op_writes_loss(smxOp_t op);
bool op_writes_lse(smxOp_t op);
bool op_takes_grad_loss(smxOp_t op);
const char *op_x_name(smxOp_t op); /* what the first operand is called in smx.h */
const char *op_out_name(smxOp_t op);

#endif
