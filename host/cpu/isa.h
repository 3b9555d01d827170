/* The files that compute are compiled once per instruction set; SMX_CPU_ISA names it, SMX_CPU_NAME(f) is that version of f. */
#ifndef SMX_CPU_ISA_H
#define SMX_CPU_ISA_H

#include "../internal.h"

#define SMX_CPU_JOIN_(name, isa) smx_cpu_##name##_##isa
#define SMX_CPU_JOIN(name, isa) SMX_CPU_JOIN_(name, isa)
#define SMX_CPU_NAME(name) SMX_CPU_JOIN(name, SMX_CPU_ISA)

#define SMX_CPU_DECLARE(isa)                                       \
    smxStatus_t smx_cpu_softmax_##isa(const smx_call *call);       \
    smxStatus_t smx_cpu_cross_entropy_##isa(const smx_call *call); \
    smxStatus_t smx_cpu_nll_##isa(const smx_call *call);           \
    smxStatus_t smx_cpu_choose_##isa(const smx_call *call);
SMX_CPU_DECLARE(baseline)
SMX_CPU_DECLARE(avx2)
SMX_CPU_DECLARE(avx512)

#endif
