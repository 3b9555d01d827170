/* Negative log-likelihood on the CPU; compiled once per instruction set. */
#include "isa.h"

#define REAL float
#include "nll_rows.h"
#undef REAL
#define REAL double
#include "nll_rows.h"

smxStatus_t SMX_CPU_NAME(nll)(const smx_call *call) {
    (call->in.layout.type == SMX_R_64F ? nll_double : nll_float)(call);
    return SMX_STATUS_SUCCESS;
}
