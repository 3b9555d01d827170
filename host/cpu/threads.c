#ifdef _OPENMP
#include <omp.h>
#endif

#include "threads.h"

int smx_cpu_most_threads(smxHandle_t handle) {
#ifdef _OPENMP
    if (handle->threads == 0) return omp_get_max_threads();
    if (handle->threads == 1) return 1;
    const int processors = omp_get_num_procs(); /* asks the system: as long as a row of a thousand columns takes */
    return handle->threads < processors ? handle->threads : processors;
#else
    (void)handle;
    return 1;
#endif
}

#ifdef _OPENMP
static int threads_for(const smx_call *call, int64_t work, int64_t steps) {
    const int64_t by_size = call->rows * work / SMX_CPU_ELEMENTS_PER_THREAD, wanted = by_size < steps ? by_size : steps;
    if (wanted <= 1) return 1;
    const int most = smx_cpu_most_threads(call->handle);
    return wanted < most ? (int)wanted : most;
}
#endif

void smx_cpu_in_threads(const smx_call *call, int64_t work, int64_t step, smx_cpu_part *part, const void *context) {
#ifdef _OPENMP
    const int64_t steps = call->rows == 0 ? 0 : (call->rows + step - 1) / step;
    const int threads = threads_for(call, work, steps);
    if (threads > 1) {
#pragma omp parallel num_threads(threads)
        {
            const int64_t team = omp_get_num_threads(), own = omp_get_thread_num();
            const int64_t begin = steps * own / team * step, end = steps * (own + 1) / team * step;
            part(context, begin, end < call->rows ? end : call->rows);
        }
        return;
    }
#endif
    (void)work;
    (void)step;
    part(context, 0, call->rows);
}
