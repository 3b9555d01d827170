/* Argmax, top-k, sampling and multinomial draws on the CPU; compiled once per instruction set. */
#include "isa.h"

#define REAL float
#include "choose_rows.h"
#undef REAL
#define REAL double
#include "choose_rows.h"

smxStatus_t SMX_CPU_NAME(choose)(const smx_call *call) {
    (call->in.layout.type == SMX_R_64F ? choose_double : choose_float)(call);
    return SMX_STATUS_SUCCESS;
}
