// The one way a kernel is launched, and how the CUDA runtime's refusals become statuses.
#pragma once
#include "device.cuh"
#include "internal.h"

namespace smx {

inline smxStatus_t check(const char *call, const char *what, cudaError_t error) {
    if (error == cudaSuccess) return SMX_STATUS_SUCCESS;
    cudaGetLastError(); // reported here, so it must not be found again by the caller's next check
    const smxStatus_t status = error == cudaErrorMemoryAllocation ? SMX_STATUS_ALLOC_FAILED : SMX_STATUS_EXECUTION_FAILED;
    return smx_fail(status, "%s: %s: CUDA error %d, %s", call, what, static_cast<int>(error), cudaGetErrorString(error));
}

// blocks: as many as there is work for; kernels make further turns where the grid has to be smaller.
template <class... Parameters, class... Arguments>
smxStatus_t launch(const smx_call &call, void (*kernel)(Parameters...), int64_t blocks, int threads, const Arguments &...arguments) {
    cudaLaunchConfig_t config = {};
    config.gridDim = dim3(static_cast<unsigned>(blocks < INT32_MAX ? blocks : INT32_MAX));
    config.blockDim = dim3(static_cast<unsigned>(threads));
    config.stream = call.handle->stream;
    return check(call.name, "kernel launch", cudaLaunchKernelEx(&config, kernel, arguments...));
}

inline smxStatus_t no_such_kernel(const smx_call &call) {
    const smx_plan_row &p = *call.plan.row;
    return smx_fail(SMX_STATUS_INTERNAL_ERROR,
                    "%s: plan row %d asks for %d threads per row, %d per block, %d elements per thread, which is not compiled", call.name,
                    call.plan.index, p.threads_per_row, p.threads_per_block, p.elements_per_thread);
}

} // namespace smx
