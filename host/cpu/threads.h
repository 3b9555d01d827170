/* The rows of a call, shared out to threads: the one place of this backend that starts any. */
#ifndef SMX_CPU_THREADS_H
#define SMX_CPU_THREADS_H

#include "tuning.h"

int smx_cpu_most_threads(smxHandle_t handle);

/* part(context, begin, end) for parts of [0, rows) that begin at multiples of step, each by a thread of its own; what is too small for
 * that runs as one part, without touching OpenMP. work: elements that a row is as much work as. */
typedef void smx_cpu_part(const void *context, int64_t begin, int64_t end);
void smx_cpu_in_threads(const smx_call *call, int64_t work, int64_t step, smx_cpu_part *part, const void *context);

#endif
