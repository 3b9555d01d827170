/* Softmax, log-softmax, their gradients and logsumexp on the CPU; compiled once per instruction set. */
#include "isa.h"

#define REAL float
#include "softmax_rows.h"
#undef REAL
#define REAL double
#include "softmax_rows.h"

smxStatus_t SMX_CPU_NAME(softmax)(const smx_call *call) {
    (call->in.layout.type == SMX_R_64F ? softmax_double : softmax_float)(call);
    return SMX_STATUS_SUCCESS;
}
