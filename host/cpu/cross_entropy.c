/* Cross-entropy on the CPU; compiled once per instruction set. */
#include "isa.h"

#define REAL float
#include "cross_entropy_groups.h"
#undef REAL
#define REAL double
#include "cross_entropy_groups.h"

smxStatus_t SMX_CPU_NAME(cross_entropy)(const smx_call *call) {
    (call->in.layout.type == SMX_R_64F ? cross_entropy_double : cross_entropy_float)(call);
    return SMX_STATUS_SUCCESS;
}
