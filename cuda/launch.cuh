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

// Without being asked, a block gets 48 KiB of shared memory at most. What a kernel may have is set to the most there is, whatever this
// launch needs: other threads may be about to launch it, too.
template <class Kernel> smxStatus_t allow_shared_memory(const smx_call &call, Kernel kernel, size_t shared_bytes) {
    if (shared_bytes + SMX_SHARED_TABLES_BYTES <= 48 << 10) return SMX_STATUS_SUCCESS;
    const int most = static_cast<int>(call.handle->shared_bytes - SMX_SHARED_TABLES_BYTES);
    return check(call.name, "size of shared memory", cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, most));
}

// blocks: as many as there is work for; kernels make further turns where the grid has to be smaller. shared_bytes: dynamic ones.
template <class... Parameters, class... Arguments>
smxStatus_t launch_with_shared(const smx_call &call, void (*kernel)(Parameters...), int64_t blocks, int threads, size_t shared_bytes,
                               const Arguments &...arguments) {
    SMX_TRY(allow_shared_memory(call, kernel, shared_bytes));
    cudaLaunchConfig_t config = {};
    config.dynamicSmemBytes = shared_bytes;
    config.gridDim = dim3(static_cast<unsigned>(blocks < INT32_MAX ? blocks : INT32_MAX));
    config.blockDim = dim3(static_cast<unsigned>(threads));
    config.stream = call.handle->stream;
    return check(call.name, "kernel launch", cudaLaunchKernelEx(&config, kernel, arguments...));
}

template <class... Parameters, class... Arguments>
smxStatus_t launch(const smx_call &call, void (*kernel)(Parameters...), int64_t blocks, int threads, const Arguments &...arguments) {
    return launch_with_shared(call, kernel, blocks, threads, 0, arguments...);
}

inline smxStatus_t no_such_kernel(const smx_call &call) {
    const smx_plan_row &p = *call.plan.row;
    return smx_fail(SMX_STATUS_INTERNAL_ERROR,
                    "%s: plan row %d asks for %d threads per row, %d per block, %d elements per thread, which is not compiled", call.name,
                    call.plan.index, p.threads_per_row, p.threads_per_block, p.elements_per_thread);
}

} // namespace smx
