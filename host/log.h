/* The log (log.c) and the lines that a call gives it (log_call.c). Host code only: the device code's language has no _Atomic. */
#ifndef SMX_LOG_H
#define SMX_LOG_H

#include <stdatomic.h>

#include "internal.h"

/* The highest level that anybody listens to; above all levels until the environment has been read. */
extern atomic_int smx_log_most;
bool smx_log_wanted(smxLogLevel_t level);

/* Is anybody listening? One relaxed load where nobody is. Lines are put together only after a yes. */
static inline bool smx_logs(smxLogLevel_t level) {
    return atomic_load_explicit(&smx_log_most, memory_order_relaxed) >= (int)level && smx_log_wanted(level);
}

void smx_log(smxLogLevel_t level, const char *text);
void smx_log_call(const smx_call *call); /* before its rules are checked: any field may be wrong */
void smx_log_plan(const smx_call *call);

#endif
